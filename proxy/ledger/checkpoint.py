"""Checkpoints: what a log signs of its tree (C2SP tlog-checkpoint v1.0.0)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from proxy.errors import NoteError
from proxy.ledger.note import (
    LARGEST_NUMBER,
    KeyKind,
    Note,
    Signer,
    Verified,
    VerifierKey,
    check_characters,
    decode_base64,
    decode_decimal,
    encode_base64,
    open_note,
)
from proxy.ledger.tree import EMPTY_ROOT, HASH_SIZE

LONGEST_ORIGIN = 255  # bytes of UTF-8: what an ML-DSA-44 cosignature can name


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The root over the first `size` leaves of the log named `origin`.

    There are no extension lines: the specification advises against them, because nobody
    who watches a log can judge them. One that has any is refused.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        check_characters(self.origin)
        if not 1 <= len(self.origin.encode()) <= LONGEST_ORIGIN or "\n" in self.origin:
            raise NoteError(f"an origin is one line of up to {LONGEST_ORIGIN} bytes")
        if not 0 <= self.size <= LARGEST_NUMBER:
            raise NoteError(f"a tree cannot have {self.size} leaves")
        if len(self.root) != HASH_SIZE or (not self.size and self.root != EMPTY_ROOT):
            raise NoteError(f"this is no root of a tree of {self.size} leaves")

    @property
    def text(self) -> str:
        """The note text: origin, decimal size and base64 root, a line each."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @classmethod
    def parse(cls, raw_text: str) -> Self:
        """Read a note text; it would be written the very same way."""
        try:
            origin, raw_size, raw_root, rest = raw_text.split("\n")
        except ValueError:
            raise NoteError("a checkpoint has three lines") from None
        if rest:
            raise NoteError("the checkpoint's last line does not end")
        return cls(origin, decode_decimal(raw_size), decode_base64(raw_root))

    def signed_by(self, signer: Signer) -> Note:
        """Sign as the log; its key bears the log's name."""
        if signer.key.name != self.origin:
            raise ValueError(f"{signer.key.name} does not sign for {self.origin}")
        return Note(self.text, (signer.sign(self.text),))


@dataclass(frozen=True, slots=True)
class OpenedCheckpoint:
    """A checkpoint its log signed, and the cosignatures of known witnesses on it."""

    checkpoint: Checkpoint
    log_signature: Verified
    cosignatures: tuple[Verified, ...]


def open_checkpoint(
    raw_note: bytes, log_key: VerifierKey, witness_keys: Iterable[VerifierKey] = ()
) -> OpenedCheckpoint:
    """Verify a checkpoint of the log that `log_key` belongs to and names.

    A witness's word alone is not enough: raises NoteError unless the log itself signed,
    or if any signature of a key given here does not hold.
    """
    witnesses = list(witness_keys)
    if log_key.kind is not KeyKind.LOG:
        raise ValueError(f"{log_key.name} is no log's key")
    if any(key.kind is not KeyKind.WITNESS for key in witnesses):
        raise ValueError("a witness is known by a key for cosignatures")
    opened = open_note(raw_note, [log_key, *witnesses])
    by_log = [one for one in opened.verified if one.key == log_key]
    if not by_log:
        raise NoteError(f"{log_key.name} did not sign the checkpoint")
    checkpoint = Checkpoint.parse(opened.text)
    if checkpoint.origin != log_key.name:
        raise NoteError(f"the checkpoint is not one of {log_key.name}")
    by_witnesses = tuple(one for one in opened.verified if one.key != log_key)
    return OpenedCheckpoint(checkpoint, by_log[0], by_witnesses)
