"""Witnesses: what they are asked and what of their answers holds (C2SP tlog-witness).

A witness signs that it saw a checkpoint of ours, when, and that it only adds to the one
it signed before. What it answers is verified like everything from outside: a line that
its configured key did not sign, over this very checkpoint and at a possible time, is
refused, so that nothing false gets into evidence.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.errors import NoteError, PonctuelError
from proxy.ledger.note import (
    Note,
    SignatureLine,
    Verified,
    VerifierKey,
    decode_decimal,
    encode_base64,
    open_note,
)

CLOCK_SLACK = timedelta(minutes=5)  # between our clock and a witness's


class WitnessError(PonctuelError):
    """A witness did not cosign the newest checkpoint."""

    error_id = "witness"


class OtherHistoryError(WitnessError):
    """A witness says that this is not the ledger it cosigned before."""

    error_id = "other-history"


@dataclass(frozen=True, slots=True)
class Witness:
    """Whom a witness is known by, where it is asked, and for whom it speaks."""

    key: VerifierKey
    url: str
    role: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A checkpoint's note as the log signed it."""

    size: int
    note: bytes
    signed_at: datetime

    @property
    def text(self) -> str:
        return Note.parse(self.note).text


def add_checkpoint(old_size: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """The body of `POST add-checkpoint`; `proof` leads from `old_size` to the note."""
    lines = [f"old {old_size}", *map(encode_base64, proof)]
    return "\n".join(lines).encode() + b"\n\n" + note


def told_size(answer: bytes) -> int:
    """The size in an answer 409: what the witness cosigned last."""
    return decode_decimal(answer.decode("ascii", "replace").removesuffix("\n"))


def cosignature_in(
    answer: bytes, head: SignedHead, key: VerifierKey, now: datetime
) -> Verified:
    """The witness's own line in an answer 200. Raises NoteError unless it holds.

    Lines of other keys are ignored, as the specification demands.
    """
    text = head.text
    opened = open_note(f"{text}\n".encode() + answer, [key])
    if opened.text != text:  # an empty line in the answer would move the text's end
        raise NoteError(f"{key.name} signed another text")
    (cosignature,) = opened.verified
    _check_time(cosignature, head.signed_at, now)
    return cosignature


def _check_time(cosignature: Verified, signed_at: datetime, now: datetime) -> None:
    """Nobody saw a checkpoint before it was signed, nor sees it in the future."""
    time = cosignature.time
    earliest, latest = signed_at - CLOCK_SLACK, now + CLOCK_SLACK
    if time is None or not earliest.timestamp() <= time <= latest.timestamp():
        raise NoteError(f"the clock of {cosignature.key.name}, or ours, is wrong")


def with_lines(note: bytes, raw_lines: Iterable[str]) -> bytes:
    """The same note with cosignature lines, spelled with their newlines, under it."""
    signed = Note.parse(note)
    lines = [SignatureLine.parse(raw.removesuffix("\n")) for raw in raw_lines]
    return Note(signed.text, (*signed.signatures, *lines)).encode()
