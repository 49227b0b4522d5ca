"""Receipts: for one call, the proof that its draw is in the ledger (C2SP tlog-proof).

Whoever has a call's id may have its receipt once the hour's seed is public: before,
the draw itself would be told. To find the leaf the tag keys are needed, so a call older
than the inspection window cannot be found any more, by anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from proxy.errors import NoteError, PonctuelError, UnknownCallError
from proxy.intake.store import QUERIES as CALL_QUERIES
from proxy.intake.store import DrawnCall, find_drawn
from proxy.ledger.checkpoint import OpenedCheckpoint
from proxy.ledger.entry import Value, decode
from proxy.ledger.publisher import CorruptTreeError
from proxy.ledger.receipt import Receipt
from proxy.ledger.transaction import QUERIES
from proxy.site import Site
from sampling.draw import call_tag
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


class LegError(PonctuelError):
    """This is a leg of another call, and only root calls are in the ledger."""

    status = 404
    error_id = "leg-of-a-call"


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


async def call_receipt(site: Site, connection: str, call_id: str) -> CallReceipt:
    """Prove where the draw of a call is, to its own caller or agent.

    Raises UnknownCallError, LegError for the id of a leg, and DrawNotPublicError, which
    says when to come back. Nothing about the question is kept.
    """
    call = await _find(site, connection, call_id)
    await _check_public(site, call)
    size = await _size_to_show(site, call.draw_seq)
    note = (await site.cosignatures.notes(size))[size]
    async with site.database.connection() as borrowed:
        [row] = await borrowed.fetch(
            QUERIES["read_entries"], site.name, call.draw_seq, 1
        )
    witnesses = [each.key for each in site.config.witnesses]
    try:
        proof = await site.publisher.prove_leaf(call.draw_seq, size)
        receipt = Receipt(call.draw_seq, tuple(proof), note, row["body"])
        opened = receipt.verify(receipt.extra, site.signer.key, witnesses)
    except NoteError as error:
        raise CorruptTreeError(error.detail) from error
    return CallReceipt(receipt, opened)


async def _find(site: Site, connection: str, call_id: str) -> DrawnCall:
    tag_keys = await site.tag_keys.living()
    names = [call_tag(key, connection, call_id) for key in tag_keys.values()]
    async with site.database.connection() as borrowed:
        found = await find_drawn(borrowed, site.name, names)
    if not found:
        raise UnknownCallError(
            "the ledger has no draw of it",
            fix="compare id and connection with the platform's call list; a call may "
            "also be older than the inspection window, or could not be drawn at all",
        )
    own = [call for name, call in found.items() if name == call.call_key]
    if not own:
        raise LegError(fix="ask with the id of its root call, from the platform's list")
    return _newest(own)


def _newest(calls: Iterable[DrawnCall]) -> DrawnCall:
    """A platform may use an id again after weeks: the last call that had it."""
    return max(calls, key=lambda call: call.draw_seq)


async def _check_public(site: Site, call: DrawnCall) -> None:
    async with site.database.connection() as borrowed:
        row = await borrowed.fetchrow(
            CALL_QUERIES["find_drawn_epoch"], site.name, call.call_key
        )
    if row is None:
        raise UnknownCallError("it has just been forgotten")
    if not row["is_closed"]:
        due = public_from(row["epoch"], site.config.epoch_seconds)
        raise DrawNotPublicError(
            "its draw is told when the seed of its hour is public",
            fix=f"come back a few minutes after {due:%Y-%m-%d %H:%M} UTC",
        )


def public_from(epoch: int, epoch_seconds: int) -> datetime:
    """When an epoch's seed is published at the earliest."""
    return epoch_start(epoch + 1, epoch_seconds) + 2 * CLOCK_TOLERANCE


async def _size_to_show(site: Site, seq: int) -> int:
    """The newest head with a quorum that has the leaf, or else the newest head."""
    witnessed = await site.cosignatures.newest_witnessed()
    if witnessed is not None and witnessed > seq:
        return witnessed
    return (await site.publisher.publish()).size
