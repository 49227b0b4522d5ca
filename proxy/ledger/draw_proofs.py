"""Proof, for whoever was drawn, of where their draw stands (C2SP tlog-proof).

By the draw's place in the ledger alone: what a call or a recording is called, and who
may ask for it, is known elsewhere. Before the hour's seed is public nothing is shown,
as the draw itself would be told.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import NoteError, PonctuelError
from proxy.ledger.checkpoint import OpenedCheckpoint
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.entry import Value, decode
from proxy.ledger.note import VerifierKey
from proxy.ledger.publisher import CorruptTreeError, Publisher
from proxy.ledger.receipt import Receipt
from proxy.ledger.transaction import QUERIES, Ledger
from sampling.seed import CLOCK_TOLERANCE, epoch_start

_WORDS = """\
This call is leaf {index} of the ledger {origin}. It was drawn {decision}.

What the receipt proves, to anybody and offline: this very leaf is in the ledger whose
head the log signed at size {size}; {witnesses} of our witnesses cosigned that head. The
leaf can no longer be changed or removed without contradicting your file, so keep it.

What it does not prove: that the leaf's name {tag} is your call's.
Only a holder of that week's tag key can compute a name from a call's id: ask the DPO,
or an inspector. Nor does it say what became of a recording; later leaves do.

How to check it, on your own machine: python verify.py --receipt FILE --policy YOURS,
with your own copy of audit/verify.py. YOURS has two lines, which you have compared by
telephone: "origin {origin}", and "log " with the log's key below.
Any program for C2SP tlog-proof files will do as well, and the leaf stands at this place
in every later bundle.

log   {vkey}
leaf  {leaf}
"""


class DrawNotPublicError(PonctuelError):
    """The draw of this call is not public yet."""

    status = 409
    error_id = "draw-not-public"


@dataclass(frozen=True, slots=True)
class CallReceipt:
    """A call's receipt, verified: the leaf's bytes are the receipt's `extra`."""

    receipt: Receipt
    opened: OpenedCheckpoint

    @property
    def leaf(self) -> dict[str, Value]:
        return decode(self.receipt.extra)

    @property
    def in_words(self) -> str:
        """For whoever asked: what it says, what it proves, and how to check that."""
        head, leaf = self.opened.checkpoint, self.leaf
        return _WORDS.format(
            index=self.receipt.index,
            origin=head.origin,
            decision="to be recorded" if leaf["d"] else "not to be recorded",
            tag=leaf["c"],
            size=head.size,
            witnesses=len(self.opened.cosignatures),
            vkey=self.opened.log_signature.key.encode(),
            leaf=self.receipt.extra.decode(),
        )


class DrawProofs:
    """One site's draws, proved one at a time."""

    def __init__(
        self,
        ledger: Ledger,
        publisher: Publisher,
        cosignatures: Cosignatures,
        witnesses: Sequence[VerifierKey],
        epoch_seconds: int,
    ) -> None:
        self._ledger = ledger
        self._publisher = publisher
        self._cosignatures = cosignatures
        self._witnesses = witnesses
        self._epoch_seconds = epoch_seconds

    @property
    def policy(self) -> str:
        """Whose signature counts, as audit/verify.py reads it."""
        key = self._publisher.key
        return f"origin {key.name}\nlog {key.encode()}\n"

    async def prove(self, seq: int) -> CallReceipt:
        """Prove the draw at this place, whose leaf there must be.

        Raises DrawNotPublicError, which says when to come back; CorruptTreeError.
        """
        async with self._ledger.database.connection() as connection:
            [row] = await connection.fetch(
                QUERIES["read_entries"], self._ledger.site, seq, 1
            )
        await self._check_public(decode(row["body"]))
        size = await self._size_to_show(seq)
        note = (await self._cosignatures.notes(size))[size]
        try:
            proof = await self._publisher.prove_leaf(seq, size)
            receipt = Receipt(seq, tuple(proof), note, row["body"])
            opened = receipt.verify(receipt.extra, self._publisher.key, self._witnesses)
        except NoteError as error:
            raise CorruptTreeError(error.detail) from error
        return CallReceipt(receipt, opened)

    async def _check_public(self, leaf: dict[str, Value]) -> None:
        epoch = int(str(leaf["e"]))
        async with self._ledger.database.connection() as connection:
            is_closed = await connection.fetchval(
                QUERIES["is_epoch_closed"], self._ledger.site, epoch
            )
        if not is_closed:
            due = public_from(epoch, self._epoch_seconds)
            raise DrawNotPublicError(
                "its draw is told when the seed of its hour is public",
                fix=f"come back a few minutes after {due:%Y-%m-%d %H:%M} UTC",
            )

    async def _size_to_show(self, seq: int) -> int:
        """The newest head with a quorum that has the leaf, or else the newest head."""
        witnessed = await self._cosignatures.newest_witnessed()
        if witnessed is not None and witnessed > seq:
            return witnessed
        return (await self._publisher.publish()).size


def public_from(epoch: int, epoch_seconds: int) -> datetime:
    """When an epoch's seed is published at the earliest."""
    return epoch_start(epoch + 1, epoch_seconds) + 2 * CLOCK_TOLERANCE
