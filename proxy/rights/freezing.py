"""Recordings of open requests are frozen: kept, unheard, until they are answered.

A recording has one hold at a time. While any open request wants it, that hold is there
for one of them; when a request lets it go and another still wants it, the hold passes
to that one. `settle` looks at one recording and brings its hold in line with who wants
it. Everything here comes down to it, when a request comes in, when it is over, and each
minute for whatever was left undone: so it may be repeated, and run twice at once.

What keeps a recording between the commit that notes it and its hold is its end, put off
in that same commit (`add_request_items`).
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from proxy.access.trace.acts import SERVICE
from proxy.database.pool import SiteDatabase
from proxy.errors import KeyMissingError, ObjectMissingError, PonctuelError
from proxy.rights.faults import StillFrozenError
from proxy.rights.records import ItemState
from proxy.rights.requests import QUERIES
from proxy.vault.holding import HeldAlreadyError, Holds, NoHoldError
from retention.holds import LONGEST_FREEZE, Authority, Hold

log = structlog.get_logger()

WHY = "a person's request is being answered (GDPR Art. 12)"
# A package may be fetched for some days after the answer, which may come on the last.
_AFTER_DUE = timedelta(days=8)
# A service that was away for a week still finds what it holds held.
_LEAST = timedelta(days=14)
_RENEWED_BEFORE = timedelta(days=7)
_SOON = timedelta(hours=1)
_AT_ONCE = 50  # of one request, while somebody waits for its receipt
_PER_ROUND = 500
# Beyond another right's hold, so that nothing sweeps it before it is taken over.
BEYOND = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Running:
    """A recording's running hold; `request_id` where it is one of ours."""

    hold_id: UUID
    until: datetime
    request_id: UUID | None
    held_until: datetime | None


@dataclass(frozen=True, slots=True)
class _Wanting:
    """An open request that wants the recording."""

    request_id: UUID
    reference: str
    due_on: date


class Freezing:
    """One site's frozen recordings."""

    def __init__(
        self,
        database: SiteDatabase,
        holds: Holds,
        clock: Callable[[], datetime],
        zone: str,
    ) -> None:
        self._database = database
        self._site = database.site
        self._holds = holds
        self._clock = clock
        self._zone = ZoneInfo(zone)
        self._turn = asyncio.Lock()

    async def freeze(self, request_id: UUID, actor: str) -> None:
        """Freeze what a new request found, those that end first before the others.

        What ends within the hour is frozen now, and of the rest as many as somebody can
        wait for; `tend` goes on with them. What cannot be frozen now is tried again.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_to_freeze"], self._site, request_id
            )
        soon = self._clock() + _SOON
        for place, row in enumerate(rows):
            if place < _AT_ONCE or row["expires_at"] <= soon:
                await self._try(row["recording_id"], actor)

    async def let_go(
        self, request_id: UUID, recordings: Collection[UUID] | None, actor: str
    ) -> None:
        """Give recordings of a request back to their own end; None: all of them.

        Decided durably first. Raises StillFrozenError when some could not be yet: they
        are tried again each minute.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["let_items_go"],
                self._site,
                request_id,
                None if recordings is None else list(recordings),
            )
        left = 0
        for row in rows:
            left += not await self._try(row["recording_id"], actor)
        if left:
            raise StillFrozenError(
                f"{left} of {len(rows)}", fix="it is tried again each minute"
            )

    async def is_free(self, request_id: UUID) -> bool:
        """Whether a request holds nothing any more."""
        async with self._database.connection() as connection:
            left = await connection.fetchval(
                QUERIES["count_unreleased"], self._site, request_id
            )
        return bool(left == 0)

    async def tend(self) -> None:
        """Bring in line what is not, as much as a minute has room for."""
        await self._try_all(await self._unsettled(()))

    async def tend_all(self) -> None:
        """The same with all there is, before keys die.

        Where a round gets nowhere, or is broken off, no other is begun.
        """
        tried: list[UUID] = []
        while recordings := await self._unsettled(tried):
            if not await self._try_all(recordings):
                return
            tried += recordings

    async def _unsettled(self, tried: Sequence[UUID]) -> Sequence[UUID]:
        now = self._clock()
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_unsettled"],
                *(self._site, now, now + _RENEWED_BEFORE, BEYOND / 2, tried),
                _PER_ROUND,
            )
        return [row["recording_id"] for row in rows]

    async def _try_all(self, recordings: Sequence[UUID]) -> bool:
        """Whether one at least is in line now, and it is worth going on.

        A key store that is away takes its time to say so, for each of them.
        """
        settled = 0
        for each in recordings:
            if await self._try(each, SERVICE):
                settled += 1
            elif not await self._holds.can_be_asked():
                return False
        return settled > 0

    async def _try(self, recording_id: UUID, actor: str) -> bool:
        """What fails is tried again each minute, and keeps no other from its turn."""
        try:
            await self.settle(recording_id, actor)
        except PonctuelError as error:
            log.warning("recording not frozen or not let go", problem=error.error_id)
        except Exception as error:  # noqa: BLE001  # a bug must not cost the others
            log.critical("unforeseen while freezing", error=type(error).__name__)
        else:
            return True
        return False

    async def settle(self, recording_id: UUID, actor: str) -> None:
        """Have the hold that those who want a recording need, or none.

        Raises StorageError, DatabaseUnavailableError: then it is as it was.
        """
        async with self._turn:
            await self._settle(recording_id, actor)

    async def _settle(self, recording_id: UUID, actor: str) -> None:
        is_there, running, wanting = await self._look(recording_id)
        if not wanting:
            await self._give_back(recording_id, running, actor)
        elif not is_there:
            await self._mark(recording_id, ItemState.GONE)
        elif running is not None and running.request_id is None:
            await self._wait_for(recording_id, running)
        elif running is not None and self._is_good(running, wanting):
            await self._mark(recording_id, ItemState.FROZEN)
        else:
            await self._place(recording_id, wanting[0], actor)
            await self._look_again(recording_id, actor)
        await self._mark_released(recording_id)

    async def _look_again(self, recording_id: UUID, actor: str) -> None:
        """Whoever wanted it may have let it go while the hold was being placed."""
        _, running, wanting = await self._look(recording_id)
        if not wanting:
            await self._give_back(recording_id, running, actor)

    async def _look(
        self, recording_id: UUID
    ) -> tuple[bool, _Running | None, Sequence[_Wanting]]:
        """Who wants it is asked first: whoever comes in later finds this hold."""
        which = (self._site, recording_id)
        async with self._database.connection() as connection:
            wanting = await connection.fetch(QUERIES["find_wanting"], *which)
            hold = await connection.fetchrow(QUERIES["find_hold_on"], *which)
            is_there = await connection.fetchval(
                QUERIES["is_recording_there"], *which, self._clock()
            )
        running = None if hold is None else _Running(**dict(hold))
        return bool(is_there), running, [_Wanting(**dict(row)) for row in wanting]

    def _is_good(self, running: _Running, wanting: Sequence[_Wanting]) -> bool:
        """A request that came in since has put the end off: then its hold is renewed.

        So whoever is about to end the old one finds it ended, and ends nothing.
        """
        is_ours = running.request_id in {each.request_id for each in wanting}
        is_whole = running.held_until == running.until
        is_long = running.until > self._clock() + _RENEWED_BEFORE
        return is_ours and is_whole and is_long

    async def _place(self, recording_id: UUID, by: _Wanting, actor: str) -> None:
        hold = Hold(Authority.REQUEST, by.reference, WHY, self._until(by.due_on))
        try:
            await self._holds.place(recording_id, hold, actor)
        except HeldAlreadyError:
            return  # another right was faster; seen the next time
        except (ObjectMissingError, KeyMissingError):
            await self._mark(recording_id, ItemState.GONE)
            await self._give_back(recording_id, None, actor)
            log.critical("a recording of a request ended before it could be frozen")
            return
        await self._mark(recording_id, ItemState.FROZEN)

    def _until(self, due_on: date) -> datetime:
        """Some days after the answer is due; always some days from now."""
        now = self._clock()
        due = datetime.combine(due_on, time(), self._zone) + _AFTER_DUE
        return min(max(due, now + _LEAST), now + LONGEST_FREEZE)

    async def _wait_for(self, recording_id: UUID, running: _Running) -> None:
        """Note that another right holds it; keep it until that is taken over."""
        await self._mark(recording_id, ItemState.HELD)
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["keep_beyond"],
                self._site,
                recording_id,
                running.until + BEYOND,
            )

    async def _give_back(
        self, recording_id: UUID, running: _Running | None, actor: str
    ) -> None:
        if running is not None and running.request_id is not None:
            try:
                await self._holds.release(running.hold_id, actor)
            except NoHoldError:
                log.info("a hold was ended by another")
        async with self._database.transaction() as connection:
            which = (self._site, recording_id)
            await connection.execute(QUERIES["lock_recording"], *which)
            await connection.execute(QUERIES["restore_end"], *which)

    async def _mark(self, recording_id: UUID, state: ItemState) -> None:
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["mark_items"], self._site, recording_id, state.value
            )

    async def _mark_released(self, recording_id: UUID) -> None:
        """Whoever let it go has nothing of it now; unless a hold is still for them."""
        async with self._database.connection() as connection:
            await connection.execute(QUERIES["mark_released"], self._site, recording_id)
