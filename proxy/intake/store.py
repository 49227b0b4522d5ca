"""Calls as rows: what intake reads and the few marks it makes on them."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from uuid import UUID

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from sampling.policy import Consent

QUERIES = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class DrawnCall:
    """A root call whose draw is in the ledger."""

    call_key: bytes
    decision_id: UUID
    connection: str
    stratum: str
    draw_seq: int
    is_record: bool
    kept_days: int
    max_seconds: int
    purpose: str
    announced_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    consent: str
    opted_in_at: datetime | None

    @property
    def may_be_recorded(self) -> bool:
        """Drawn RECORD, and nothing has ended that since."""
        return self.is_record and self.outcome is None

    @property
    def may_begin(self) -> bool:
        """Whether a recording may run: the caller knows, and agreed if asked."""
        is_told = self.announced_at is not None and not self.lacks_opt_in
        return self.may_be_recorded and is_told

    @property
    def lacks_opt_in(self) -> bool:
        """The caller was to say yes, and has not: silence is no consent."""
        return self.consent == Consent.OPT_IN and self.opted_in_at is None


_NAMES = tuple(field.name for field in fields(DrawnCall))


def read_call(row: asyncpg.Record) -> DrawnCall:
    return DrawnCall(*(row[name] for name in _NAMES))


def _read(row: asyncpg.Record | None) -> DrawnCall | None:
    return None if row is None else read_call(row)


async def find_drawn(
    connection: Connection, site: str, names: Sequence[bytes]
) -> dict[bytes, DrawnCall]:
    """The calls already bound under any of `names`; a leg's name leads to its root."""
    rows = await connection.fetch(QUERIES["find_calls"], site, names)
    return {row["name"]: read_call(row) for row in rows}


async def find_call(
    connection: Connection, site: str, keys: Sequence[bytes]
) -> DrawnCall | None:
    """The root call of a call or leg with one of these tags, locked."""
    return _read(await connection.fetchrow(QUERIES["find_call_by_any_key"], site, keys))


async def find_decision(
    connection: Connection, site: str, decision_id: UUID
) -> DrawnCall | None:
    """The call of a decision, locked."""
    return _read(
        await connection.fetchrow(QUERIES["find_call_by_decision"], site, decision_id)
    )
