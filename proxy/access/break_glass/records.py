"""A use of emergency access as it was written down, and how its reason is sealed."""

import struct
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

import asyncpg

from proxy.access.break_glass.faults import GlassReasonError
from proxy.access.surroundings import Seal
from proxy.access.words import checked

SHORTEST_REASON = 20  # characters
FEWEST_WORDS = 3
_LENGTH = struct.Struct(">I")
_BLOCK = 8  # RFC 3394
_LEAST = 16


class Outcome(StrEnum):
    """What a review of a use came to."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not-justified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Who opened which recording, until when, and what became of it.

    `reason` is sealed here; `opened` tells it to whoever reviews.
    """

    use_id: UUID
    alert_id: UUID
    actor: str
    role: str
    recording_id: UUID
    reason: bytes
    used_at: datetime
    until: datetime
    reviewed_at: datetime | None
    reviewed_by: str | None
    outcome: Outcome | None

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        fields = dict(row)
        outcome = fields.pop("outcome")
        return cls(**fields, outcome=outcome and Outcome(outcome))


def checked_reason(text: str) -> str:
    """The reason, if it is one. Raises GlassReasonError, WordsError."""
    reason = checked("reason", text)
    if len(reason) < SHORTEST_REASON or len(reason.split()) < FEWEST_WORDS:
        raise GlassReasonError(
            f"at least {SHORTEST_REASON} characters, {FEWEST_WORDS} words",
            field="reason",
            fix="say which case asks for it, without a name or a number",
        )
    return reason


def sealed(seal: Seal, reason: str) -> bytes:
    told = reason.encode()
    framed = _LENGTH.pack(len(told)) + told
    size = max(_LEAST, -(-len(framed) // _BLOCK) * _BLOCK)
    return seal.wrap_service(framed.ljust(size, b"\0"))


def unsealed(seal: Seal, reason: bytes) -> str:
    framed = seal.unwrap_service(reason)
    (size,) = _LENGTH.unpack_from(framed)
    return framed[_LENGTH.size : _LENGTH.size + size].decode()
