"""Stopping all draws of a site at once, and letting them go on.

The leaf moves the head, and a batch is committed only on the head it was computed on:
after the leaf no draw is made that does not know of it.
"""

from enum import StrEnum

from proxy.ledger.entry import Kind
from proxy.ledger.transaction import QUERIES, LedgerTransaction


class Party(StrEnum):
    """Who may stop the draws. Each only takes back its own stop."""

    OPERATOR = "operator"
    BREAKER = "breaker"


# What a call is excluded for while a party's stop is on; the breaker's word goes first.
STOP_CODES = {Party.BREAKER: "breaker", Party.OPERATOR: "stopped"}


def stop_code(stops: frozenset[str]) -> str | None:
    """Why nothing may be drawn, if something stops it."""
    return next((code for party, code in STOP_CODES.items() if party in stops), None)


async def set_stop(change: LedgerTransaction, party: Party, *, is_on: bool) -> bool:
    """Stop the draws for `party`, or take its stop back; False if it is so already."""
    if (party in change.stops) == is_on:
        return False
    change.append(Kind.STOP, {"by": party.value, "on": int(is_on)})
    change.stops = change.stops | {party} if is_on else change.stops - {party}
    await change.connection.execute(
        QUERIES["set_stops"], change.site, sorted(change.stops)
    )
    return True


async def stay_stopped(change: LedgerTransaction, party: Party) -> bool:
    """Take back what was said about the party's stop ending; whether anything was."""
    taken: bool = await change.connection.fetchval(
        QUERIES["take_back_going_on"], change.site, party.value
    )
    return taken
