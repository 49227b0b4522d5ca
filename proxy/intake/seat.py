"""A replica's own connection for draws; whoever holds the site's lock on it leads.

The lock ends with the session, so a leader that dies, or that the server gives up
after some seconds of silence, leaves its place at once, and what it then writes cannot
arrive. Even two who both took themselves for the leader could not fork the ledger:
every batch moves the head from the size it was computed on, or does not happen.
"""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import asyncpg

from proxy.database.pool import UNAVAILABLE, SiteDatabase
from proxy.errors import DatabaseUnavailableError, PonctuelError
from proxy.intake.binds import Bind
from proxy.intake.drawing import Batch, Past
from proxy.intake.store import QUERIES, DrawnCall, read_call
from proxy.ledger.transaction import (
    Head,
    StaleHeadError,
    columns_of_counts,
    lock_head,
)
from sampling.caps import AgentDays
from sampling.coverage import AgentCalls

_SETTINGS = {
    # Plans are made once: every look-up goes by primary key, however full a table is.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",  # the price put on other plans would look like heavy work
    # A leader that was stopped or cut off must not keep its place.
    "idle_session_timeout": "10s",
    "idle_in_transaction_session_timeout": "5s",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
# A process that stops between preparing a statement and running it is not idle to the
# server, which would hold its place for as long as it is stopped. PostgreSQL 17 and
# later end that too; an older one waits, and until then nothing is drawn.
_LIMITS_TRANSACTIONS = 17
_LIMIT = "SET transaction_timeout = '15s'"


@dataclass(frozen=True, slots=True)
class Settled:
    """The call of another replica's bind; `is_fresh` if its draw is news to all."""

    call_key: bytes
    is_fresh: bool


class Seat:
    """One session with the database, for one site."""

    def __init__(self, connection: asyncpg.Connection, site: str) -> None:
        self.connection = connection
        self.site = site
        self.is_leader = False

    async def listen(
        self, on_binds: Callable[[], None], on_draws: Callable[[], None]
    ) -> None:
        """Hear of binds that wait for the leader, and of draws the leader made."""
        for kind, call in (("binds", on_binds), ("draws", on_draws)):
            await self.connection.add_listener(
                f"{kind} {self.site}", lambda *_, call=call: call()
            )

    async def try_to_lead(self) -> bool:
        self.is_leader = await self.connection.fetchval(
            QUERIES["try_to_lead"], self.site
        )
        return self.is_leader

    async def step_down(self) -> None:
        self.is_leader = False
        await self._run("stop_leading")

    async def check(self) -> None:
        """Show the server that this session is alive."""
        await self.connection.execute("SELECT")

    async def look(
        self, binds: Iterable[Bind], *, is_locked: bool
    ) -> tuple[Head, dict[bytes, DrawnCall], Past]:
        """The head as it stands, which of `binds` are bound already, and their past."""
        if is_locked:
            await lock_head(self.connection, self.site)
        rows = await self.connection.fetch(
            QUERIES["read_head_and_calls"],
            self.site,
            [name for bind in binds for name in bind.names],
            list({bind.agent_name for bind in binds if bind.agent_name}),
            [name for bind in binds for name in bind.caller_names],
        )
        if not rows:
            raise StaleHeadError(f"site {self.site} has no ledger")
        known = {row["name"]: read_call(row) for row in rows if row["name"]}
        return Head.read(rows[0]), known, _past(rows[0])

    async def heard(self, campaigns: Mapping[bytes, date]) -> dict[bytes, AgentCalls]:
        """What these agents' campaigns, by their first day, have had of them.

        Nothing of an agent not seen yet.
        """
        rows = await self.connection.fetch(
            QUERIES["find_agent_calls"],
            self.site,
            list(campaigns.values()),
            list(campaigns),
        )
        return {row["agent_key"]: AgentCalls(row["seen"], row["drawn"]) for row in rows}

    async def commit(
        self,
        batch: Batch | None,
        legs: Mapping[bytes, bytes],
        settled: Mapping[UUID, Settled],
    ) -> bool:
        """Make the draws true, all at once; False when the head has moved since.

        `legs` lead to calls. `settled` are binds of other replicas, by their row's id,
        which get their answers with it.
        """
        answers = (
            list(settled),
            [each.call_key for each in settled.values()],
            [each.is_fresh for each in settled.values()],
        )
        if batch is not None:
            return await self._commit_draws(batch, legs, answers)
        if legs:
            await self._run("insert_legs", list(legs), list(legs.values()))
        if settled:
            await self._run("settle_binds", *answers[:2])
        return True

    async def _commit_draws(
        self, batch: Batch, legs: Mapping[bytes, bytes], answers: tuple[object, ...]
    ) -> bool:
        terms, calls = batch.terms, batch.calls
        row = await self.connection.fetchrow(
            QUERIES["commit_batch"],
            self.site,
            batch.head.size,
            batch.bodies,
            json.dumps(batch.tokens, sort_keys=True),
            terms.epoch,
            [call.call_key for call in calls],
            [call.decision_id for call in calls],
            [call.connection for call in calls],
            [call.stratum for call in calls],
            [call.is_record for call in calls],
            [call.kept_days for call in calls],
            [call.max_seconds for call in calls],
            [call.purpose for call in calls],
            terms.now,
            *columns_of_counts(batch.counted),
            list(legs),
            list(legs.values()),
            *answers,
            list(batch.heard),
            [agent.calls.seen for agent in batch.heard.values()],
            [agent.calls.drawn for agent in batch.heard.values()],
            [agent.campaign.starts_on for agent in batch.heard.values()],
            [agent.campaign.ends_on for agent in batch.heard.values()],
            [call.consent for call in calls],
            list(batch.agents),
            [days.day for days in batch.agents.values()],
            [_array(days.seen) for days in batch.agents.values()],
            list(batch.agent_draws.values()),
            list(batch.agent_draws),
            [batch.agents[name].day for name in batch.agent_draws.values()],
            list(batch.callers),
            list(batch.callers.values()),
        )
        return row is not None

    async def refuse(self, bind_ids: Iterable[UUID], error: PonctuelError) -> None:
        """Let other replicas tell their callers why there is no draw."""
        if ids := list(bind_ids):
            await self._run("refuse_binds", ids, error.error_id)

    async def _run(self, query: str, *arguments: object) -> None:
        await self.connection.execute(QUERIES[query], self.site, *arguments)


def _past(row: asyncpg.Record) -> Past:
    agents = {}
    for name, day, seen, drawn_on in row["agents"]:
        drawn = _numbers(drawn_on)
        if day or drawn:  # calls may reach an agent after their draw only
            agents[name] = AgentDays(day or drawn[-1], _numbers(seen or "{}"), drawn)
    return Past(agents, frozenset(row["callers"]))


def _array(numbers: Iterable[int]) -> str:
    """As PostgreSQL writes it.

    Arrays of different lengths cannot go to it side by side, nor come from it within a
    row that has no type of its own.
    """
    return f"{{{','.join(map(str, numbers))}}}"


def _numbers(array: str) -> tuple[int, ...]:
    return tuple(map(int, array[1:-1].split(","))) if array != "{}" else ()


@asynccontextmanager
async def take_seat(database: SiteDatabase) -> AsyncIterator[Seat]:
    """Open a seat. Whatever the server does raises DatabaseUnavailableError."""
    try:
        connection = await database.connect(_SETTINGS)
        try:
            if connection.get_server_version().major >= _LIMITS_TRANSACTIONS:
                await connection.execute(_LIMIT)
            yield Seat(connection, database.site)
        finally:
            connection.terminate()
    except UNAVAILABLE as error:
        raise DatabaseUnavailableError(type(error).__name__) from error
