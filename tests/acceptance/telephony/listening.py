"""What reaches somebody's phone, taken off the loopback interface."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tests.acceptance.telephony.audio import PCMU, Samples, decoded

ETHERNET_AND_IP = 14 + 20
IPV4, UDP = b"\x08\x00", 17
EVERY_PROTOCOL = 3
OUTGOING = 4  # on loopback each packet is seen again, coming in


@dataclass
class Ear:
    """The audio sent to one port: samples by the stream they came in."""

    port: int
    streams: dict[int, list[bytes]] = field(default_factory=dict)

    def take(self, frame: bytes) -> None:
        if frame[12:14] != IPV4 or frame[23] != UDP:
            return
        _, port = struct.unpack_from("!HH", frame, ETHERNET_AND_IP)
        rtp = frame[ETHERNET_AND_IP + 8 :]
        if port == self.port and len(rtp) > 12 and rtp[1] & 0x7F == PCMU:
            (ssrc,) = struct.unpack_from("!I", rtp, 8)
            self.streams.setdefault(ssrc, []).append(rtp[12:])

    def heard(self) -> list[Samples]:
        """One array a stream, in the order in which they began."""
        return [
            decoded(np.frombuffer(b"".join(packets), np.uint8))
            for packets in self.streams.values()
        ]


@contextmanager
def listening(port: int) -> Iterator[Ear]:
    ear, loop = Ear(port), asyncio.get_running_loop()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("lo", EVERY_PROTOCOL))
        wire.setblocking(False)

        def receive() -> None:
            frame, (_, _, kind, *_) = wire.recvfrom(65_535)
            if kind == OUTGOING and len(frame) > ETHERNET_AND_IP + 8:
                ear.take(frame)

        loop.add_reader(wire, receive)
        try:
            yield ear
        finally:
            loop.remove_reader(wire)
