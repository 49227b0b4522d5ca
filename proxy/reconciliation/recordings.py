"""What a platform holds, settled: taken over if it was drawn, purged unheard if not.

Everything goes through the take-overs, so that it is durable before it is done and goes
on after a crash. A purge is also run here and now, and waited for, because the report
must say what is gone and what is not.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

import asyncpg

from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import ForbiddenSourceError, PonctuelError, SourceUnavailableError
from proxy.incidents.opening import Incident, open_incident
from proxy.intake.store import DrawnCall
from proxy.intake.takeovers import Takeovers, TryAgainError
from proxy.ledger.transaction import add_counts
from proxy.platforms.base import ListedRecording, RecordingSource
from proxy.reconciliation.comparing import Facts, Verdict, judge
from proxy.reconciliation.reports import RecordingCounts
from proxy.reconciliation.results import QUERIES
from proxy.reconciliation.runs import Run

_AT_ONCE = 4  # a pool's connections are for calls first, and platforms are not hurried

_Given = TypeVar("_Given")
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A listed recording, and the drawn call it belongs to, if there is one.

    `reference` names it opaquely, for an incident. A `source_ref` that is empty: the
    platform says that it recorded, and not where that is.
    """

    recording: ListedRecording
    call: DrawnCall | None
    reference: str

    @property
    def decision_id(self) -> UUID | None:
        return self.call.decision_id if self.call else None

    @property
    def is_drawn(self) -> bool:
        return self.call is not None and self.call.is_record


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one recording is waited for, and all of them together."""

    for_one: timedelta = timedelta(seconds=30)
    for_all: timedelta = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class Recordings:
    """One site's recordings at its platforms."""

    database: SiteDatabase
    takeovers: Takeovers
    sources: Mapping[str, RecordingSource]
    clock: Callable[[], datetime]
    patience: Patience

    async def settle(
        self, connection: str, listed: Sequence[Found], run: Run, *, is_first_look: bool
    ) -> RecordingCounts:
        """Bring every listed recording to where it belongs, and say what was done.

        What nobody drew is counted with the run; how many are new is known at its end.
        """
        listed = sorted(listed, key=lambda found: found.recording.started_at)
        settling = _Settling(self, connection, run, is_first_look=is_first_look)
        await settling.look_up(listed)
        are_there = await _each(settling.is_there, listed)
        verdicts = [
            (found, settling.judge(found, is_there=is_there))
            for found, is_there in zip(listed, are_there, strict=True)
        ]
        done = sum(await _each(settling.act, verdicts), Counter[str]())
        named = [found for found in listed if found.recording.source_ref]
        return RecordingCounts(listed=len(named), **done)


class _Settling:
    """One connection's recordings, once."""

    def __init__(
        self, parts: Recordings, connection: str, run: Run, *, is_first_look: bool
    ) -> None:
        self._parts = parts
        self._count = run.count
        self._site = parts.database.site
        self._connection = connection
        self._source = parts.sources[connection]
        self._is_first_look = is_first_look
        self._end = _now() + parts.patience.for_all.total_seconds()
        self._takeovers: dict[str, asyncpg.Record] = {}
        self._served: set[UUID] = set()

    async def look_up(self, listed: Sequence[Found]) -> None:
        self._takeovers, self._served = await self._known(listed)

    async def _known(
        self, listed: Sequence[Found]
    ) -> tuple[dict[str, asyncpg.Record], set[UUID]]:
        """Which of them, and of which calls, there are take-overs already."""
        references = [found.recording.source_ref for found in listed]
        decisions = [found.decision_id for found in listed if found.decision_id]
        async with self._parts.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_takeovers_of"], self._site, self._connection, references
            )
            taken = await connection.fetch(
                QUERIES["find_taken_over"], self._site, decisions
            )
        served = {row["decision_id"] for row in taken}
        served |= {
            found.call.decision_id
            for found in listed
            if found.call and found.call.outcome == "recorded"
        }
        return {row["source_ref"]: row for row in rows}, served

    async def is_there(self, found: Found) -> bool:
        """Ask the platform again: lists may be older than what we deleted since."""
        recording = found.recording
        if not recording.is_held or recording.is_running:
            return recording.is_held
        try:
            return not await self._source.is_gone(recording.source_ref)
        except (SourceUnavailableError, ForbiddenSourceError):
            return True  # it is listed, and nobody says that it is gone

    def judge(self, found: Found, *, is_there: bool) -> Verdict:
        """In the order of time: of a call's recordings the first is taken over."""
        takeover = self._takeovers.get(found.recording.source_ref)
        is_served = found.decision_id in self._served
        verdict = judge(
            Facts(
                recording=found.recording,
                step=takeover["step"] if takeover else None,
                is_there=is_there,
                is_drawn=found.is_drawn,
                has_another=is_served,
                is_first_look=self._is_first_look,
            )
        )
        if verdict is Verdict.TAKE_OVER and found.decision_id:
            self._served.add(found.decision_id)
        return verdict

    async def act(self, judged: tuple[Found, Verdict]) -> Counter[str]:
        """Do what the verdict says; return what of it counts as what."""
        found, verdict = judged
        match verdict:
            case Verdict.NOTHING:
                return Counter()
            case Verdict.GO_ON:
                pass
            case Verdict.TAKE_OVER:
                await self._parts.takeovers.begin(
                    self._connection, found.recording.source_ref, found.call
                )
            case Verdict.PURGE:
                await self._purge(found)
            case Verdict.RETURNED:
                await self._reopen(found)
            case Verdict.WAS_MADE:
                await self._note_made(found)
                return Counter()
        return await self._wait(found)

    async def _purge(self, found: Found) -> None:
        """Durable on return. One too many of a drawn call is nobody's: it has one."""
        if found.recording.is_running:
            await self._stop(found.recording.call_id)
        call = None if found.is_drawn else found.call
        await self._parts.takeovers.begin(
            self._connection, found.recording.source_ref, call, self._count
        )

    async def _stop(self, call_id: str) -> None:
        try:
            await self._source.stop(call_id)
        except PonctuelError:
            return  # deleting fails as well then, and is tried until it succeeds

    async def _reopen(self, found: Found) -> None:
        """Of two who find it returned, the first opens it again and counts it."""
        takeover = self._takeovers[found.recording.source_ref]["takeover_id"]
        async with self._parts.database.transaction() as connection:
            reopened = await connection.execute(
                QUERIES["reopen_takeover"], self._site, takeover
            )
            if reopened == "UPDATE 1":
                await self._note(connection, f"returned {takeover}")
                await self._count(connection)

    async def _note_made(self, found: Found) -> None:
        """Unless it was one of us who deleted it, after it was looked up here."""
        takeovers, served = await self._known([found])
        if takeovers if found.recording.source_ref else found.decision_id in served:
            return
        async with self._parts.database.transaction() as connection:
            if await self._note(connection, found.reference):
                await self._count(connection)

    async def _note(self, connection: Connection, reference: str) -> bool:
        """What nobody drew is an incident and is counted, once; False if it was."""
        kind, now = Incident.UNSOLICITED, self._parts.clock()
        is_new = await open_incident(connection, self._site, kind, reference, now)
        if is_new:
            counted = {("unsolicited_recordings", ""): 1}
            await add_counts(connection, self._site, counted)
        return is_new

    async def _wait(self, found: Found) -> Counter[str]:
        """Run a purge to its end, as far as patience goes; leave a fetch to its job."""
        async with self._parts.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_takeovers_of"],
                self._site,
                self._connection,
                [found.recording.source_ref],
            )
        if row is None:
            return Counter(still_there=1)
        if row["step"] == "fetching":
            return Counter(taken_over=1)
        is_gone = await self._run(row["takeover_id"])
        return Counter(purged=1) if is_gone else Counter(still_there=1)

    async def _run(self, takeover_id: UUID) -> bool:
        """False when it is still there: its durable job goes on trying."""
        until = min(_now() + self._parts.patience.for_one.total_seconds(), self._end)
        try:
            async with asyncio.timeout_at(until):
                while True:
                    try:
                        await self._parts.takeovers.run(takeover_id)
                    except TryAgainError as error:
                        await asyncio.sleep(error.delay.total_seconds())
                    else:
                        return True
        except TimeoutError:
            return False


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _each(
    act: Callable[[_Given], Awaitable[_Made]], given: Sequence[_Given]
) -> list[_Made]:
    """A few at a time, in order; the first fault ends all."""
    made: dict[int, _Made] = {}
    waiting = iter(enumerate(given))

    async def work() -> None:
        for place, item in waiting:
            made[place] = await act(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(work())
    except ExceptionGroup as faults:
        raise faults.exceptions[0] from None
    return [made[place] for place in range(len(given))]
