"""Holds at work: one recording moves under a key of its own and back again.

While it is held its data key is wrapped by the hold key of the day the hold ends, so
that the key of its own day dies on time with everything else. When the hold is over it
moves back, or, if its own time is over as well, it is due at once.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from proxy.database.named_queries import queries_beside
from proxy.errors import ObjectMissingError, PonctuelError, StorageError
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.vault.day_keys import DayKeys, Wrapped, columns, key_of
from proxy.vault.notes import Notes
from retention.holds import Authority, Hold
from retention.keys import KeyClass
from retention.periods import LARGEST_LAG, key_day

QUERIES = queries_beside(__file__)
KeyEnd = tuple[KeyClass, datetime]
log = structlog.get_logger()

_KEPT_FOR = timedelta(days=1)  # whoever wants it holds it anew within minutes


class BadHoldError(PonctuelError):
    """This hold cannot be placed."""

    status = 422
    error_id = "bad-hold"


class HeldAlreadyError(PonctuelError):
    """The recording is held by another right; one at a time."""

    status = 409
    error_id = "held-already"


class NoHoldError(PonctuelError):
    """There is no such running hold."""

    status = 404
    error_id = "no-hold"


@dataclass(frozen=True, slots=True)
class Running:
    """The hold a recording is under."""

    hold_id: UUID
    authority: Authority
    reference: str
    until: datetime


@dataclass(frozen=True, slots=True)
class _Held:
    """A recording with its data key, as it stands before a move."""

    recording_id: UUID
    draw_seq: int
    expires_at: datetime
    held_until: datetime | None
    wrapped: Wrapped

    def goes_on_until(
        self, ended: datetime, now: datetime, kept_until: datetime | None
    ) -> KeyEnd | None:
        """Where its key moves when a hold is over; None: it is due, and stays.

        Back to its own day; or on, because somebody wants it: a request that waited
        for it has put its end off beyond the hold's, others have it `kept_until`.
        """
        if self.expires_at > now:
            return KeyClass.AUDIO, self.expires_at
        if self.held_until is not None and self.held_until > max(ended, now):
            return KeyClass.HOLD, self.held_until
        return (KeyClass.HOLD, kept_until) if kept_until else None


class Holds:
    """One site's holds; `retention.ports.Holds`."""

    def __init__(
        self,
        ledger: Ledger,
        keys: DayKeys,
        notes: Notes,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._notes = notes
        self._clock = clock

    async def place(
        self,
        recording_id: UUID,
        hold: Hold,
        actor: str,
        instead_of: Authority | None = None,
    ) -> UUID:
        """Hold one recording, or renew its hold by the same right; return the hold.

        A hold by the right `instead_of` gives way to it, with no moment in between.
        Raises BadHoldError, HeldAlreadyError, ObjectMissingError.
        """
        for field, fix in hold.faults(self._clock()).items():
            raise BadHoldError(field=field, fix=fix)
        found = await self._find(recording_id)
        moved = await self._wrapped_for(found, KeyClass.HOLD, hold.until)
        async with self._ledger.transaction() as change:
            ending = {hold.authority, instead_of or hold.authority}
            await self._end_same(change, recording_id, ending, actor)
            hold_id = await self._insert(change, found, hold, actor)
            await self._move(change, found, moved)
            await self._put_off(change, recording_id, hold.until)
        return hold_id

    async def release(
        self, hold_id: UUID, actor: str, *, is_doomed: bool = False
    ) -> None:
        """End a hold before its time. Raises NoHoldError.

        What an open request wants, or a restriction, is kept until it is held for that.
        With `is_doomed` the recording is marked for destruction in the same moment:
        nobody listens to it in between.
        """
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_running_hold"], self._site, hold_id
            )
        if row is None:
            raise NoHoldError
        await self._end(row, actor, self._clock(), is_doomed=is_doomed)

    async def running(self, recording_id: UUID) -> Running | None:
        """The hold a recording is under, if it is; also one whose time is just over."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_hold_of"], self._site, recording_id
            )
        if row is None:
            return None
        authority = Authority(row["authority"])
        return Running(row["hold_id"], authority, row["reference"], row["until"])

    async def can_be_asked(self) -> bool:
        """Whether the key store answers at all; asked after a fault."""
        try:
            await self._keys.ring.store.names()
        except StorageError:
            return False
        return True

    async def end_due(self, now: datetime) -> int:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_holds_over"], self._site, now)
        ended = 0
        for row in rows:
            try:
                await self._end(row, "service", now)
                ended += 1
            except PonctuelError as error:  # tried again with the next sweep
                log.warning("hold not ended", problem=error.error_id)
                if isinstance(error, StorageError) and not await self.can_be_asked():
                    break
        return ended

    async def list(self) -> Sequence[dict[str, Any]]:
        """Running holds, the first to end first."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_holds"], self._site)
        return [dict(row) for row in rows]

    async def figures(self, now: datetime) -> dict[str, int]:
        """How many hold by law, how many for a request, and how many are long over."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["count_holds"], self._site, now - LARGEST_LAG
            )
        return dict(row or {})

    async def _find(self, recording_id: UUID) -> _Held:
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_to_hold"], self._site, recording_id, self._clock()
            )
        if row is None:
            raise ObjectMissingError
        wrapped = Wrapped(key_of(row), row["wrapped_key"])
        ends = row["expires_at"], row["held_until"]
        return _Held(recording_id, row["draw_seq"], *ends, wrapped)

    async def _wrapped_for(
        self, found: _Held, kind: KeyClass, until: datetime
    ) -> Wrapped:
        """Its data key for another day; what an older copy has of it is told there."""
        old = found.wrapped
        [data_key] = await self._keys.ring.unwrap(old.key.name, [old.wrapped])
        moved = await self._keys.wrap(kind, key_day(until), data_key)
        if moved.key != old.key and not old.key.is_over(self._clock()):
            try:
                await self._notes.note_left(old.key, found.recording_id, moved)
            except StorageError as error:  # after a restore it would be a riddle
                log.warning("a move is not noted", problem=error.error_id)
        return moved

    async def _insert(
        self, change: LedgerTransaction, found: _Held, hold: Hold, actor: str
    ) -> UUID:
        hold_id = uuid4()
        leaf = {
            "authority": hold.authority.value,
            "draw": found.draw_seq,
            "until": key_day(hold.until).isoformat(),
        }
        try:
            await change.connection.execute(
                QUERIES["insert_hold"],
                self._site,
                hold_id,
                found.recording_id,
                found.draw_seq,
                hold.authority.value,
                hold.reference.strip(),
                hold.reason.strip(),
                actor,
                self._clock(),
                hold.until,
                change.append(Kind.HOLD, leaf),
            )
        except asyncpg.UniqueViolationError:
            raise HeldAlreadyError(fix="release that hold first") from None
        return hold_id

    async def _end_same(
        self,
        change: LedgerTransaction,
        recording_id: UUID,
        ending: Collection[Authority],
        actor: str,
    ) -> None:
        await change.connection.execute(
            QUERIES["end_same_hold"],
            self._site,
            recording_id,
            [authority.value for authority in ending],
            self._clock(),
            actor,
        )

    async def _end(
        self,
        row: asyncpg.Record,
        actor: str,
        now: datetime,
        *,
        is_doomed: bool = False,
    ) -> None:
        found = await self._find_ending(row["recording_id"])
        is_kept = not is_doomed and await self._is_wanted(row["recording_id"])
        kept_until = now + _KEPT_FOR if is_kept else None
        moved = None
        # What dies in the same moment moves nowhere: its key may be lost.
        goes_on = found and found.goes_on_until(row["until"], now, kept_until)
        if found and goes_on and not is_doomed:
            moved = await self._wrapped_for(found, *goes_on)
        async with self._ledger.transaction() as change:
            change.append(Kind.NOTE, {"text": "hold ended"})
            ended = await change.connection.execute(
                QUERIES["end_hold"], self._site, row["hold_id"], now, actor
            )
            if ended != "UPDATE 1":  # somebody was faster; another may be running
                raise NoHoldError
            if found and moved:
                await self._move(change, found, moved)
            await change.connection.execute(
                QUERIES["give_back"],
                *(self._site, row["recording_id"], row["until"], kept_until),
            )
            if is_doomed:
                await change.connection.execute(
                    QUERIES["doom_one"], self._site, row["recording_id"], now
                )

    async def _is_wanted(self, recording_id: UUID) -> bool:
        """A hold that ends early, or was not renewed, takes nothing from a person."""
        async with self._ledger.database.connection() as connection:
            return bool(
                await connection.fetchval(
                    QUERIES["is_wanted"], self._site, recording_id
                )
            )

    async def _find_ending(self, recording_id: UUID) -> _Held | None:
        try:
            return await self._find(recording_id)
        except ObjectMissingError:
            return None

    async def _put_off(
        self, change: LedgerTransaction, recording_id: UUID, until: datetime
    ) -> None:
        """What the sweep has marked since it was looked at is not held any more."""
        done = await change.connection.execute(
            QUERIES["put_off"], self._site, recording_id, until
        )
        if done != "UPDATE 1":
            raise ObjectMissingError

    async def _move(
        self, change: LedgerTransaction, found: _Held, moved: Wrapped
    ) -> None:
        """Under another key; what is left behind must die early."""
        await self._keys.announce(change, moved.key)
        done = await change.connection.execute(
            QUERIES["move_one_key"],
            self._site,
            found.recording_id,
            found.wrapped.wrapped,
            *columns(moved.key),
            moved.wrapped,
        )
        if done != "UPDATE 1":
            raise StorageError("its key was moved in the meantime", fix="try again")
        if moved.key.day < found.wrapped.key.day:
            await self._keys.mark_stale(change.connection, {found.wrapped.key})
