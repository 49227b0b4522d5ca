"""Binds on their way to the leader, and draws on their way back.

A replica that does not lead puts its callers' binds into a table and tells the leader;
the leader draws them with its own, marks them as settled in the same commit, and tells
the replicas. Rows, not messages, carry what matters: a leader that dies leaves them to
the next one, and a replica that missed a message finds its answers at the next look.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

import asyncpg

from proxy.database.pool import Connection
from proxy.errors import NoOutsideValueError, PonctuelError
from proxy.intake.binds import (
    Bind,
    Caller,
    ClockFaultError,
    OverloadError,
    StalePolicyError,
)
from proxy.intake.documents import UnreadablePolicyError
from proxy.intake.epochs import NoSeedError, Tags
from proxy.intake.store import QUERIES, DrawnCall, read_call
from proxy.ledger.transaction import LedgerWentBackError
from proxy.vault.keys import NAME_SIZE
from sampling.legal import Expiry

# The leader's reasons, in the words of its errors.
_REFUSALS: Mapping[str, type[PonctuelError]] = {
    error.error_id: error
    for error in (
        ClockFaultError,
        LedgerWentBackError,
        NoOutsideValueError,
        NoSeedError,
        OverloadError,
        StalePolicyError,
        UnreadablePolicyError,
    )
}

# A leader that read a bind in time may still be at it when its caller has given up.
_TAKEN_BACK_SECONDS = 5.0
# A database that was restored forgets binds without an answer.
_LOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the leader made of a caller's bind.

    `is_fresh`: the draw was made for this very bind, so nobody else has heard of it.
    """

    caller: Caller
    call: DrawnCall | None
    is_fresh: bool
    refusal: PonctuelError | None


class Relay:
    """One replica's way to the leader of a site.

    `forwarded` are its callers whose bind is in the table, by the row's id.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self.forwarded: dict[UUID, Caller] = {}

    async def forward(self, connection: Connection, callers: Iterable[Caller]) -> None:
        """Hand binds over to the leader. Known as forwarded before they can be lost."""
        rows = {uuid4(): caller for caller in callers}
        self.forwarded |= rows
        binds = [caller.bind for caller in rows.values()]
        now = asyncio.get_running_loop().time()
        await connection.execute(
            QUERIES["forward_binds"],
            self._site,
            list(rows),
            [bind.policy_version for bind in binds],
            [bind.tags.week for bind in binds],
            [bind.tags.this_week for bind in binds],
            [bind.tags.last_week for bind in binds],
            [bind.tags.next_week for bind in binds],
            [bind.leg_key for bind in binds],
            [bind.connection for bind in binds],
            [bind.stratum for bind in binds],
            [bind.gate_code for bind in binds],
            [bind.agent_key for bind in binds],
            [bind.expiry.day if bind.expiry else None for bind in binds],
            [bind.expiry.code if bind.expiry else None for bind in binds],
            [max(0.0, caller.deadline - now) for caller in rows.values()],
            [bind.agent_name for bind in binds],
            [b"".join(bind.caller_names) for bind in binds],
        )

    async def collect(self, connection: Connection) -> list[Answer]:
        """Take the answers that are there."""
        rows = await connection.fetch(
            QUERIES["collect_draws"], self._site, list(self.forwarded)
        )
        return [
            _answer(self.forwarded.pop(row["bind_id"]), row)
            for row in rows
            if row["bind_id"] in self.forwarded
        ]

    async def withdraw(self, connection: Connection) -> list[Caller]:
        """Take back what no leader has drawn; those callers are forwarded no more."""
        return await self._withdraw(connection, self.forwarded)

    def forget(self) -> list[Caller]:
        """Callers of whose binds there is no more news to come."""
        left, self.forwarded = list(self.forwarded.values()), {}
        return left

    async def give_up(
        self, connection: Connection
    ) -> tuple[list[Caller], list[Caller]]:
        """Callers whose binds were taken back undrawn, long after their deadline.

        And those whose binds are neither there nor answered: nobody knows of them.
        """
        now = asyncio.get_running_loop().time()
        late = {
            bind_id: now - caller.deadline
            for bind_id, caller in self.forwarded.items()
            if now - caller.deadline > _TAKEN_BACK_SECONDS
        }
        if not late:
            return [], []
        taken_back = await self._withdraw(connection, late)
        lost = [
            self.forwarded.pop(bind_id)
            for bind_id, seconds in late.items()
            if seconds > _LOST_SECONDS and bind_id in self.forwarded
        ]
        return taken_back, lost

    async def _withdraw(
        self, connection: Connection, bind_ids: Iterable[UUID]
    ) -> list[Caller]:
        rows = await connection.fetch(
            QUERIES["withdraw_binds"], self._site, list(bind_ids)
        )
        return [self.forwarded.pop(row["bind_id"]) for row in rows]


def _answer(caller: Caller, row: asyncpg.Record) -> Answer:
    if row["refusal"] is not None:
        error = _REFUSALS.get(row["refusal"], PonctuelError)
        return Answer(caller, None, is_fresh=False, refusal=error())
    return Answer(caller, read_call(row), is_fresh=row["is_fresh"], refusal=None)


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Another replica's bind, as the leader finds it."""

    bind_id: UUID
    bind: Bind


async def waiting_binds(
    connection: Connection, site: str, limit: int
) -> list[Forwarded]:
    """What waits for the leader, the most urgent first."""
    rows = await connection.fetch(QUERIES["find_waiting_binds"], site, limit)
    return [Forwarded(row["bind_id"], _bind(row)) for row in rows]


def _bind(row: asyncpg.Record) -> Bind:
    tags = Tags(row["week"], row["this_week"], row["last_week"], row["next_week"])
    ends_on, code = row["gate_ends_on"], row["gate_end_code"]
    expiry = Expiry(ends_on, code) if ends_on and code else None
    names = row["caller_names"] or b""
    return Bind(
        tags=tags,
        leg_key=row["leg_key"],
        connection=row["connection"],
        stratum=row["stratum"],
        gate_code=row["gate_code"],
        agent_key=row["agent_key"],
        expiry=expiry,
        agent_name=row["agent_name"],
        caller_names=tuple(
            names[at : at + NAME_SIZE] for at in range(0, len(names), NAME_SIZE)
        ),
        policy_version=row["policy_version"],
    )
