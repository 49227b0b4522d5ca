"""RTP packets out of an rtpengine capture (a pcap file).

The capture holds whatever reached rtpengine, from any phone, so nothing in it is
believed: every length is checked, and a cut end is the end. What is no RTP is passed
over, RTCP included.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from proxy.errors import BadAudioError

FILE_HEADER_BYTES: Final = 24
_MAGICS: Final = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">"}  # microseconds
# Bytes before the IP header, by link type: rtpengine's --recording-format eth and raw.
_LINK_HEADERS: Final = {1: 14, 101: 0}
_LARGEST_PACKET: Final = 65_535
_IPV4, _IPV6 = 4, 6
_IPV4_HEADER_BYTES: Final = 20
_IPV6_HEADER_BYTES: Final = 40
_UDP: Final = 17
_UDP_HEADER_BYTES: Final = 8
_RTP_VERSION: Final = 2
_RTP_HEADER_BYTES: Final = 12
_RTCP_TYPES: Final = range(192, 224)  # RFC 5761, section 4


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """A piece of one stream, and when and where it reached rtpengine."""

    arrived_at: float  # seconds since 1970, by rtpengine's clock
    port: int  # rtpengine's own, which tells the two sides apart
    payload_type: int
    timestamp: int
    ssrc: int
    payload: bytes


def rtp_packets(raw_capture: BinaryIO) -> Iterator[RtpPacket]:
    """In order of arrival. Raises `BadAudioError` when this is no such capture."""
    order, link_header = _file_header(raw_capture)
    for arrived_at, frame in _frames(raw_capture, order):
        datagram = _udp(frame[link_header:])
        packet = datagram and _rtp(arrived_at, *datagram)
        if packet:
            yield packet


def _file_header(raw_capture: BinaryIO) -> tuple[str, int]:
    raw_header = raw_capture.read(FILE_HEADER_BYTES)
    order = _MAGICS.get(raw_header[:4])
    if order is None or len(raw_header) < FILE_HEADER_BYTES:
        raise BadAudioError("the capture is not a pcap file")
    (link,) = struct.unpack_from(order + "I", raw_header, 20)
    if link not in _LINK_HEADERS:
        raise BadAudioError("the capture has an unknown link type")
    return order, _LINK_HEADERS[link]


def _frames(raw_capture: BinaryIO, order: str) -> Iterator[tuple[float, bytes]]:
    """Ends at the first record that is cut or absurd: nothing after it has a place."""
    record = struct.Struct(order + "IIII")
    while len(raw_record := raw_capture.read(record.size)) == record.size:
        seconds, microseconds, length, _ = record.unpack(raw_record)
        if length > _LARGEST_PACKET or len(frame := raw_capture.read(length)) < length:
            return
        yield seconds + microseconds / 1e6, frame


def _udp(packet: bytes) -> tuple[int, bytes] | None:
    """The destination port and the payload of an IPv4 or IPv6 packet."""
    begin = _ip_header_bytes(packet)
    if begin is None or len(packet) < begin + _UDP_HEADER_BYTES:
        return None
    _, port, length, _ = struct.unpack_from("!HHHH", packet, begin)
    return port, packet[begin + _UDP_HEADER_BYTES : begin + length]


def _ip_header_bytes(packet: bytes) -> int | None:
    version = packet[0] >> 4 if packet else 0
    if version == _IPV4 and len(packet) >= _IPV4_HEADER_BYTES:
        return (packet[0] & 0x0F) * 4 if packet[9] == _UDP else None
    if version == _IPV6 and len(packet) >= _IPV6_HEADER_BYTES:
        return _IPV6_HEADER_BYTES if packet[6] == _UDP else None
    return None


def _rtp(arrived_at: float, port: int, raw: bytes) -> RtpPacket | None:
    """RFC 3550, section 5.1. None for anything else."""
    if len(raw) < _RTP_HEADER_BYTES or raw[0] >> 6 != _RTP_VERSION:
        return None
    if raw[1] in _RTCP_TYPES:
        return None
    timestamp, ssrc = struct.unpack_from("!II", raw, 4)
    payload = raw[_payload_begin(raw) : len(raw) - _padding_bytes(raw)]
    return RtpPacket(arrived_at, port, raw[1] & 0x7F, timestamp, ssrc, payload)


def _payload_begin(raw: bytes) -> int:
    begin = _RTP_HEADER_BYTES + 4 * (raw[0] & 0x0F)  # contributing sources
    if raw[0] & 0x10 and len(raw) >= begin + 4:  # header extension
        (words,) = struct.unpack_from("!H", raw, begin + 2)
        begin += 4 + 4 * int(words)
    return begin


def _padding_bytes(raw: bytes) -> int:
    return min(raw[-1], len(raw)) if raw[0] & 0x20 else 0
