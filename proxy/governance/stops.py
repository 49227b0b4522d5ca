"""Stops of all draws, and how they end: by whom, and not before the next epoch.

Whoever knows the running epoch's seed could otherwise choose the calls that are drawn
by choosing the moment. A stop works at once.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from proxy.access.permissions import Actor, Role
from proxy.database.pool import Connection
from proxy.errors import ForbiddenRoleError, WrongStateError
from proxy.governance.refusals import CLOSE_BREAKER, RESUME, STOP
from proxy.governance.store import QUERIES, SERVICE, By, Event, Store
from proxy.governance.versions import BreakerClosing, PolicyEvent, Stop
from proxy.ledger.entry import Kind
from proxy.ledger.stopping import Party, set_stop, stay_stopped
from proxy.ledger.transaction import Head, Ledger, NothingToRecordError, lock_head
from retention.schedule import CONFIRMED_FOR
from sampling.seed import epoch_at

_GO_ON = "go_on"
_CLOSED_BY = (Role.OPERATOR, Role.DPO)


class DrawStops:
    """One site's stops."""

    def __init__(
        self, ledger: Ledger, epoch_seconds: int, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._epoch_seconds = epoch_seconds
        self._clock = clock

    @property
    def _epoch(self) -> int:
        return epoch_at(self._clock(), self._epoch_seconds)

    async def stop(self, by: By, reason: str) -> None:
        """Stop at once; one that was to end soon goes on."""
        async with self._ledger.transaction() as change:
            await stay_stopped(change, Party.OPERATOR)
            event = Event(by, STOP, self._clock(), None, {"reason": reason})
            await Store(change.connection, self._site).note(event)
            if not await set_stop(change, Party.OPERATOR, is_on=True):
                change.append(Kind.NOTE, {"text": "stopped draws stay stopped"})

    async def resume(self, by: By) -> None:
        """Let the draws go on in the next epoch.

        A stop is taken back by the role that asked for it; a DPO's by a DPO.
        """
        async with self._ledger.database.transaction() as connection:
            await self._check_is_on(connection, Party.OPERATOR)
            events = await self._stop_events(connection)
            if any(event.role == Role.DPO for event in events) and by.role != Role.DPO:
                raise ForbiddenRoleError("a dpo has stopped the draws: ask one")
            await self._ask_to_resume(connection, Party.OPERATOR, by.code)
            await Store(connection, self._site).note(Event(by, RESUME, self._clock()))

    async def close_breaker(self, actor: Actor) -> BreakerClosing:
        """Confirm that it may close; with both confirmations it will, next epoch.

        Both count only for the causes there were: one more takes them back. While the
        monitors cannot judge it stays open, whoever confirms.
        """
        now = self._clock()
        async with self._ledger.database.transaction() as connection:
            await self._check_is_on(connection, Party.BREAKER)
            await self._check_is_watched(connection)
            await connection.execute(
                QUERIES["confirm_breaker"],
                self._site,
                actor.role.value,
                actor.code,
                now,
            )
            event = Event(By.of(actor), CLOSE_BREAKER, now)
            await Store(connection, self._site).note(event)
            missing = await self._missing(connection, actor)
            if not missing:
                await self._ask_to_resume(connection, Party.BREAKER, actor.code)
                await connection.execute(QUERIES["forget_confirmations"], self._site)
        return BreakerClosing(
            missing=missing, from_epoch=None if missing else self._epoch + 1
        )

    async def go_on(self) -> None:
        """Write that draws go on, for whom asked so in an epoch that is over."""
        async with self._ledger.database.connection() as connection:
            asked = await connection.fetch(QUERIES["find_resumptions"], self._site)
        if not any(row["asked_epoch"] < self._epoch for row in asked):
            return
        with suppress(NothingToRecordError):  # another replica did it
            async with self._ledger.transaction() as change:
                rows = await change.connection.fetch(
                    QUERIES["take_due_resumptions"], self._site, self._epoch
                )
                for row in rows:
                    party = Party(row["party"])
                    await set_stop(change, party, is_on=False)
                    detail = {"party": party.value, "asked_by": row["asked_by"]}
                    event = Event(SERVICE, _GO_ON, self._clock(), None, detail)
                    await Store(change.connection, self._site).note(event)

    async def current(self) -> Sequence[Stop]:
        """Who keeps all draws stopped, since when, and until when."""
        async with self._ledger.database.transaction() as connection:
            stops = await connection.fetchval(QUERIES["read_stops"], self._site)
            asked = await connection.fetch(QUERIES["find_resumptions"], self._site)
            events = await self._stop_events(connection)
        resumes = {row["party"]: row["asked_epoch"] + 1 for row in asked}
        return [
            _stop(party, events if party == Party.OPERATOR else [], resumes.get(party))
            for party in sorted(stops or [])
        ]

    async def _check_is_on(self, connection: Connection, party: Party) -> Head:
        """Raise WrongStateError unless the party has stopped the draws. Locks."""
        head = await lock_head(connection, self._site)
        if party not in head.stops:
            raise WrongStateError(f"no stop of the {party} is on")
        return head

    async def _check_is_watched(self, connection: Connection) -> None:
        if await connection.fetchval(QUERIES["are_monitors_blind"], self._site):
            raise WrongStateError(
                "the monitors cannot judge",
                fix="the log and the newest incidents say why; mend or update the "
                "service, then confirm",
            )

    async def _missing(self, connection: Connection, actor: Actor) -> tuple[Role, ...]:
        """Whose confirmation is not there. One person never counts for two."""
        rows = await connection.fetch(
            QUERIES["find_confirmations"], self._site, self._clock() - CONFIRMED_FOR
        )
        confirmed = {
            row["role"]
            for row in rows
            if row["actor"] != actor.code or row["role"] == actor.role
        }
        return tuple(role for role in _CLOSED_BY if role not in confirmed)

    async def _ask_to_resume(
        self, connection: Connection, party: Party, code: str
    ) -> None:
        await connection.execute(
            QUERIES["ask_to_resume"],
            self._site,
            party,
            self._epoch,
            code,
            self._clock(),
        )

    async def _stop_events(self, connection: Connection) -> list[PolicyEvent]:
        """Who has stopped the draws since they last went on, the last first."""
        rows = await connection.fetch(QUERIES["find_stop_events"], self._site)
        return [PolicyEvent.read(row) for row in rows]


def _stop(party: str, events: Sequence[PolicyEvent], resumes: int | None) -> Stop:
    first, last = (events[-1], events[0]) if events else (None, None)
    return Stop(
        party=party,
        actor=last.actor if last else None,
        reason=str(last.detail.get("reason", "")) if last else "",
        since=first.at if first else None,
        resumes_from_epoch=resumes,
    )
