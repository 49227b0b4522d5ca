"""What reaches somebody's phone, taken off the loopback interface."""

import asyncio
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tests.acceptance.telephony.audio import PCMU, Samples, decoded

ETHERNET_AND_IP = 14 + 20
IPV4, UDP = b"\x08\x00", 17
EVERY_PROTOCOL = 3
RECEIVE_BUFFER_FORCE = 33  # SO_RCVBUFFORCE: a busy machine reads late
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


@dataclass
class Traffic:
    """Every RTP packet that reaches a phone: when, and its place in its stream."""

    ports: range
    packets: dict[tuple[int, int], list[tuple[float, int]]] = field(
        default_factory=dict
    )

    def take(self, frame: bytes) -> None:
        if frame[12:14] != IPV4 or frame[23] != UDP:
            return
        _, port = struct.unpack_from("!HH", frame, ETHERNET_AND_IP)
        rtp = frame[ETHERNET_AND_IP + 8 :]
        if port not in self.ports or port % 2 or len(rtp) < 12:
            return
        sequence, _, ssrc = struct.unpack_from("!HII", rtp, 2)
        seen = self.packets.setdefault((port, ssrc), [])
        seen.append((time.monotonic(), sequence))

    def stream(self, ssrc: int, ports: range) -> list[tuple[float, int]]:
        """One stream's packets to one of the ports."""
        [found] = [
            packets
            for (port, source), packets in self.packets.items()
            if source == ssrc and port in ports
        ]
        return found


@contextmanager
def listening(port: int) -> Iterator[Ear]:
    ear = Ear(port)
    with _on_the_wire(ear.take):
        yield ear


@contextmanager
def watching(ports: range) -> Iterator[Traffic]:
    traffic = Traffic(ports)
    with _on_the_wire(traffic.take):
        yield traffic


@contextmanager
def _on_the_wire(take: Callable[[bytes], None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.setsockopt(socket.SOL_SOCKET, RECEIVE_BUFFER_FORCE, 64 << 20)
        wire.bind(("lo", EVERY_PROTOCOL))
        wire.setblocking(False)

        def receive() -> None:
            frame, (_, _, kind, *_) = wire.recvfrom(65_535)
            if kind == OUTGOING and len(frame) > ETHERNET_AND_IP + 8:
                take(frame)

        loop.add_reader(wire, receive)
        try:
            yield
        finally:
            loop.remove_reader(wire)
