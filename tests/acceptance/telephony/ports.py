"""Ports for one lab, its own while it runs."""

import socket
from dataclasses import dataclass

LOCALHOST = "127.0.0.1"
BLOCKS, BLOCK = (12_000, 32_000), 4_000


@dataclass(frozen=True)
class Ports:
    """A block of ports below the ephemeral ones, so that nobody is given one by chance.

    A block belongs to whoever holds its first port: several labs may run at once.
    """

    lock: socket.socket
    first: int

    @classmethod
    def claim(cls) -> "Ports":
        for first in range(*BLOCKS, BLOCK):
            lock = socket.socket(type=socket.SOCK_DGRAM)
            try:
                lock.bind((LOCALHOST, first))
            except OSError:
                lock.close()
            else:
                return cls(lock, first)
        raise AssertionError("every block of ports is taken")

    def give_back(self) -> None:
        self.lock.close()

    @property
    def sip(self) -> int:
        return self.first + 1

    @property
    def keys(self) -> int:
        return self.first + 2

    @property
    def rtpengine(self) -> int:
        return self.first + 3

    @property
    def callee(self) -> "Phone":
        return Phone(self.first + 10, self.first + 11, self.first + 100)

    @property
    def caller(self) -> "Phone":
        return Phone(self.first + 20, self.first + 21, self.first + 1000)

    def another_caller(self, number: int) -> "Phone":
        """For single calls, each with a phone of its own beside `caller`."""
        assert 0 < number < 20
        first, shift = self.caller, 2 * number
        return Phone(
            first.sip + shift, first.control + shift, first.media + 50 * number
        )

    @property
    def relay(self) -> range:
        """Four a call, and always even ones first."""
        return range(self.first + 2000, self.first + BLOCK)


@dataclass(frozen=True)
class Phone:
    """One end of the calls. Media: four ports a call, from the given one on."""

    sip: int
    control: int
    media: int
