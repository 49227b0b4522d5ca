"""Receipts: the proof that one leaf is in the ledger (C2SP tlog-proof v1).

Whoever holds the leaf's bytes and knows the log's key can check a receipt alone and
offline. It is kept in a file that ends in `.tlog-proof`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from proxy.errors import NoteError
from proxy.ledger.checkpoint import OpenedCheckpoint, open_checkpoint
from proxy.ledger.note import (
    LARGEST_NUMBER,
    VerifierKey,
    decode_base64,
    decode_decimal,
    encode_base64,
)
from proxy.ledger.tree import HASH_SIZE, leaf_hash, verify_inclusion

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "


@dataclass(frozen=True, slots=True)
class Receipt:
    """Leaf `index`, from 0, with its inclusion proof in the checkpoint of `note`.

    `note` is the signed checkpoint as it was published. `extra` is whatever helps to
    find the leaf again; nothing vouches for it.
    """

    index: int
    proof: tuple[bytes, ...]
    note: bytes
    extra: bytes = b""

    def __post_init__(self) -> None:
        if not 0 <= self.index <= LARGEST_NUMBER:
            raise NoteError(f"there is no leaf {self.index}")
        if any(len(one) != HASH_SIZE for one in self.proof):
            raise NoteError(f"a hash has {HASH_SIZE} bytes")

    def encode(self) -> bytes:
        extra = [_EXTRA + encode_base64(self.extra)] if self.extra else []
        hashes = map(encode_base64, self.proof)
        lines = [_HEADER, *extra, f"{_INDEX}{self.index}", *hashes]
        return "\n".join(lines).encode() + b"\n\n" + self.note

    @classmethod
    def parse(cls, raw_receipt: bytes) -> Self:
        """Read a receipt in its one spelling; its note is left for `verify`."""
        raw_head, separator, note = raw_receipt.partition(b"\n\n")
        header, *lines = raw_head.decode("ascii", "replace").split("\n")
        if header != _HEADER or not separator:
            raise NoteError("this is no receipt")
        extra = b""
        if lines and lines[0].startswith(_EXTRA):
            extra = decode_base64(lines.pop(0).removeprefix(_EXTRA))
        if not lines or not lines[0].startswith(_INDEX):
            raise NoteError("the receipt does not say which leaf it is for")
        index = decode_decimal(lines.pop(0).removeprefix(_INDEX))
        receipt = cls(index, tuple(map(decode_base64, lines)), note, extra)
        if receipt.encode() != raw_receipt:
            raise NoteError("this receipt has another spelling")
        return receipt

    def verify(
        self,
        leaf: bytes,
        log_key: VerifierKey,
        witness_keys: Iterable[VerifierKey] = (),
    ) -> OpenedCheckpoint:
        """Raise NoteError unless the log of `log_key` holds these bytes at `index`.

        How many of the witnesses are enough, and when they must have looked, is for the
        caller to judge from what is returned.
        """
        opened = open_checkpoint(self.note, log_key, witness_keys)
        size, root = opened.checkpoint.size, opened.checkpoint.root
        verify_inclusion(self.proof, leaf_hash(leaf), self.index, size, root)
        return opened
