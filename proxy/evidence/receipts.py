"""Receipts: for one call, the proof that its draw is in the ledger (C2SP tlog-proof).

Whoever has a call's id may have its receipt once the hour's seed is public. To find the
leaf the tag keys are needed, so a call older than the inspection window cannot be found
any more, by anybody.
"""

from collections.abc import Iterable

from proxy.errors import PonctuelError, UnknownCallError
from proxy.intake.store import DrawnCall, find_drawn
from proxy.ledger.draw_proofs import CallReceipt
from proxy.site import Site
from sampling.draw import call_tag


class LegError(PonctuelError):
    """This is a leg of another call, and only root calls are in the ledger."""

    status = 404
    error_id = "leg-of-a-call"


async def call_receipt(site: Site, connection: str, call_id: str) -> CallReceipt:
    """Prove where the draw of a call is, to its own caller or agent.

    Raises UnknownCallError, LegError for the id of a leg, and DrawNotPublicError, which
    says when to come back. Nothing about the question is kept.
    """
    call = await _find(site, connection, call_id)
    return await site.draw_proofs.prove(call.draw_seq)


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
