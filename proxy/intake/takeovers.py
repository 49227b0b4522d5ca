"""Recordings the platform holds: fetched if drawn, deleted there in every case.

A take-over is a row and a durable job. Its steps, each safe to repeat after a crash:
`fetching` (fetch, seal, keep) → `deleting` (delete at the source) → `confirming` (ask
the source again) → `done`. One nobody asked for begins at `deleting`: it is never read.

Fetching is given up after a while, loudly. Deleting at the source never is: it opens an
incident and goes on.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from proxy.database.pool import Connection, SiteDatabase
from proxy.database.queue import make_due, queue_in
from proxy.errors import (
    BadAudioError,
    DatabaseUnavailableError,
    ForbiddenSourceError,
    NotAnnouncedError,
    OutcomeClosedError,
    PonctuelError,
    SourceMissingError,
    SourceUnavailableError,
    StorageError,
)
from proxy.incidents.opening import Incident, open_incident, settle_incident
from proxy.intake.outcomes import Failure, Outcomes
from proxy.intake.store import QUERIES, DrawnCall
from proxy.intake.taking import Intake
from proxy.ledger.transaction import add_counts
from proxy.platforms.base import RecordingSource

JOB = "take_over"
PURGED = ("_purged_at_source", "")  # not a series of the metrics contract
FETCH_ATTEMPTS = 10
LOUD_AFTER_ATTEMPTS = 5
LONGEST_DELAY = timedelta(hours=1)
# The call has its outcome, or gets none: what is left to do is to delete at the source.
REFUSED = (BadAudioError, NotAnnouncedError, OutcomeClosedError)


class TryAgainError(PonctuelError):
    """A step of a take-over did not succeed and is due again later."""

    error_id = "try-again"

    def __init__(self, delay: timedelta, cause: PonctuelError) -> None:
        super().__init__(f"{cause.error_id}, again in {delay}")
        self.delay = delay


class StillThereError(PonctuelError):
    """The platform still has a recording it said it deleted."""

    status = 502
    error_id = "still-there"


@dataclass(frozen=True, slots=True)
class Takeover:
    """One recording at its source and how far it has come."""

    takeover_id: UUID
    connection: str
    source_ref: str
    decision_id: UUID | None
    step: str
    attempts: int


class Takeovers:
    """One site's take-overs."""

    def __init__(
        self,
        database: SiteDatabase,
        intake: Intake,
        outcomes: Outcomes,
        sources: Mapping[str, RecordingSource],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._intake = intake
        self._outcomes = outcomes
        self._sources = sources
        self._clock = clock

    async def begin(
        self,
        connection_name: str,
        source_ref: str,
        call: DrawnCall | None,
        on_new: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        """Take over or purge a recording the platform reports; durable on return.

        `on_new` is what else is written in the same transaction, if it is new.
        """
        step = "deleting"
        if call is not None and call.is_record:
            step = await self._first_step(call)
        is_unsolicited = call is None or not call.is_record
        decision_id = None if call is None else call.decision_id
        async with self._database.transaction() as connection:
            row = await connection.fetchrow(
                QUERIES["insert_takeover"],
                self._site,
                uuid4(),
                connection_name,
                source_ref,
                decision_id,
                step,
                self._clock(),
            )
            if row is None:  # a duplicate event: its job is on the way or done
                return
            if is_unsolicited:
                await self._note_unsolicited(connection, row["takeover_id"])
            await self._enqueue(connection, row["takeover_id"])
            if on_new is not None:
                await on_new(connection)

    async def _first_step(self, call: DrawnCall) -> str:
        try:
            await self._intake.admit(call.decision_id, call.connection)
        except (NotAnnouncedError, OutcomeClosedError):
            return "deleting"
        return "fetching"

    async def note_refused_upload(self, decision_id: UUID) -> None:
        """Audio was offered for a call that was not drawn: refused, but it exists."""
        async with self._database.transaction() as connection:
            await self._note_unsolicited(connection, decision_id)

    async def _note_unsolicited(self, connection: Connection, reference: UUID) -> None:
        """Each refusal counts; the same recording opens one incident only."""
        is_new = await open_incident(
            connection, self._site, Incident.UNSOLICITED, str(reference), self._clock()
        )
        counted = {("media_refused", "not_drawn"): 1}
        if is_new:
            counted["unsolicited_recordings", ""] = 1
        await add_counts(connection, self._site, counted)

    async def _enqueue(self, connection: Connection, takeover_id: UUID) -> None:
        payload = {"site": self._site, "takeover": str(takeover_id)}
        await queue_in(connection).enqueue(
            JOB,
            json.dumps(payload).encode(),
            dedupe_key=_job_key(takeover_id),
            on_conflict="skip",
        )

    async def hurry(self, decision_id: UUID) -> None:
        """Do now what waits to be tried again, for the call's recording must go.

        A fetch that failed may be due in an hour only; an objection has a minute.
        """
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                QUERIES["find_takeovers_of"], self._site, decision_id
            )
            for row in rows:
                await make_due(connection, _job_key(row["takeover_id"]))

    async def requeue_unfinished(self) -> int:
        """Put every unfinished take-over in the queue that is not there (recovery)."""
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                QUERIES["find_unfinished_takeovers"], self._site
            )
            for row in rows:
                await self._enqueue(connection, row["takeover_id"])
        return len(rows)

    async def run(self, takeover_id: UUID) -> None:
        """Go on from wherever it is until done. Raises TryAgainError.

        DatabaseUnavailableError passes through: it is not the platform's failure.
        """
        steps = {
            "fetching": self._fetch,
            "deleting": self._delete,
            "confirming": self._confirm,
        }
        while takeover := await self._find_unfinished(takeover_id):
            try:
                next_step = await steps[takeover.step](takeover)
            except DatabaseUnavailableError:
                raise
            except PonctuelError as error:
                next_step = await self._after_failure(takeover, error)
            await self._move(takeover, next_step)

    async def _find_unfinished(self, takeover_id: UUID) -> Takeover | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_takeover"], self._site, takeover_id
            )
        if row is None or row["step"] == "done":
            return None
        return Takeover(**dict(row))

    async def _fetch(self, takeover: Takeover) -> str:
        if takeover.decision_id is None:
            return "deleting"
        call = await self._intake.admit(takeover.decision_id, takeover.connection)
        source = self._source_of(takeover)
        async with source.fetch(takeover.source_ref) as clear_audio:
            await self._intake.take(call, clear_audio)
        return "deleting"

    async def _delete(self, takeover: Takeover) -> str:
        await self._source_of(takeover).delete(takeover.source_ref)
        return "confirming"

    async def _confirm(self, takeover: Takeover) -> str:
        """A platform that said "deleted" is asked again; if it lied, told again."""
        source = self._source_of(takeover)
        if await source.is_gone(takeover.source_ref):
            return "done"
        await source.delete(takeover.source_ref)
        raise StillThereError

    def _source_of(self, takeover: Takeover) -> RecordingSource:
        source = self._sources.get(takeover.connection)
        if source is None:
            raise SourceUnavailableError(
                "its connection is no longer in the settings",
                fix="put it back until its recordings are deleted there",
            )
        return source

    async def _after_failure(self, takeover: Takeover, error: PonctuelError) -> str:
        """Give a fetch up and go on to deleting, or raise TryAgainError."""
        if isinstance(error, REFUSED):
            return "deleting"
        attempts = await self._count_attempt(takeover)
        if takeover.step == "fetching" and takeover.decision_id:
            code = _reason_to_give_up(error, attempts)
            if code:
                await self._outcomes.fail(takeover.decision_id, code)
                return "deleting"
        if attempts >= LOUD_AFTER_ATTEMPTS:
            await self._open_incident(takeover)
        raise TryAgainError(_delay(attempts), error)

    async def _count_attempt(self, takeover: Takeover) -> int:
        async with self._database.connection() as connection:
            attempts: int = await connection.fetchval(
                QUERIES["count_attempt"], self._site, takeover.takeover_id
            )
        return attempts

    async def _open_incident(self, takeover: Takeover) -> None:
        async with self._database.connection() as connection:
            await open_incident(
                connection,
                self._site,
                Incident.SOURCE_FAILS,
                str(takeover.takeover_id),
                self._clock(),
            )

    async def _move(self, takeover: Takeover, step: str) -> None:
        async with self._database.transaction() as connection:
            moved = await connection.execute(
                QUERIES["move_takeover"],
                self._site,
                takeover.takeover_id,
                takeover.step,
                step,
                self._clock(),
            )
            if moved == "UPDATE 1" and step == "done":
                await add_counts(connection, self._site, {PURGED: 1})
                await settle_incident(
                    connection,
                    self._site,
                    Incident.SOURCE_FAILS,
                    str(takeover.takeover_id),
                    self._clock(),
                )


def _job_key(takeover_id: UUID) -> str:
    return f"{JOB}:{takeover_id}"


def _reason_to_give_up(error: PonctuelError, attempts: int) -> Failure | None:
    """What no later try will mend, or has been tried long enough."""
    if isinstance(error, SourceMissingError | ForbiddenSourceError):
        return Failure.PLATFORM
    if attempts < FETCH_ATTEMPTS:
        return None
    return Failure.STORAGE if isinstance(error, StorageError) else Failure.PLATFORM


def _delay(attempts: int) -> timedelta:
    """2, 4, 8 … seconds, at most an hour."""
    return min(timedelta(seconds=2 ** min(attempts, 12)), LONGEST_DELAY)
