"""Holds at work: one recording moves under a key of its own and back again.

While it is held its data key is wrapped by the hold key of the day the hold ends, so
that the key of its own day dies on time with everything else. When the hold is over it
moves back, or, if its own time is over as well, it is due at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import structlog

from proxy.database.named_queries import queries_beside
from proxy.errors import ObjectMissingError, PonctuelError, StorageError
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.vault.day_keys import DayKeys, Wrapped, columns, key_of
from retention.holds import Hold
from retention.keys import KeyClass
from retention.periods import LARGEST_LAG, key_day

QUERIES = queries_beside(__file__)
log = structlog.get_logger()


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
class _Held:
    """A recording with its data key, as it stands before a move."""

    recording_id: UUID
    draw_seq: int
    expires_at: datetime
    wrapped: Wrapped


class Holds:
    """One site's holds; `retention.ports.Holds`."""

    def __init__(
        self, ledger: Ledger, keys: DayKeys, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock

    async def place(self, recording_id: UUID, hold: Hold, actor: str) -> UUID:
        """Hold one recording, or renew its hold by the same right; return the hold.

        Raises BadHoldError, HeldAlreadyError, ObjectMissingError.
        """
        for field, fix in hold.faults(self._clock()).items():
            raise BadHoldError(field=field, fix=fix)
        found = await self._find(recording_id)
        moved = await self._wrapped_for(found, KeyClass.HOLD, hold.until)
        async with self._ledger.transaction() as change:
            await self._end_same(change, recording_id, hold, actor)
            hold_id = await self._insert(change, found, hold, actor)
            await self._move(change, found, moved, hold.until)
        return hold_id

    async def release(self, hold_id: UUID, actor: str) -> None:
        """End a hold before its time. Raises NoHoldError."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_running_hold"], self._site, hold_id
            )
        if row is None:
            raise NoHoldError
        await self._end(row, actor)

    async def end_due(self, now: datetime) -> int:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_holds_over"], self._site, now)
        ended = 0
        for row in rows:
            try:
                await self._end(row, "service")
                ended += 1
            except PonctuelError as error:  # tried again with the next sweep
                log.warning("hold not ended", problem=error.error_id)
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
        return _Held(recording_id, row["draw_seq"], row["expires_at"], wrapped)

    async def _wrapped_for(
        self, found: _Held, kind: KeyClass, until: datetime
    ) -> Wrapped:
        old = found.wrapped
        [data_key] = await self._keys.ring.unwrap(old.key.name, [old.wrapped])
        return await self._keys.wrap(kind, key_day(until), data_key)

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
        self, change: LedgerTransaction, recording_id: UUID, hold: Hold, actor: str
    ) -> None:
        await change.connection.execute(
            QUERIES["end_same_hold"],
            self._site,
            recording_id,
            hold.authority.value,
            self._clock(),
            actor,
        )

    async def _end(self, row: asyncpg.Record, actor: str) -> None:
        found = await self._find_ending(row["recording_id"])
        now = self._clock()
        moved = None
        if found and found.expires_at > now:
            moved = await self._wrapped_for(found, KeyClass.AUDIO, found.expires_at)
        async with self._ledger.transaction() as change:
            change.append(Kind.NOTE, {"text": "hold ended"})
            await change.connection.execute(
                QUERIES["end_hold"], self._site, row["hold_id"], now, actor
            )
            if found and moved:
                await self._move(change, found, moved, None)
            else:
                await change.connection.execute(
                    QUERIES["set_held"], self._site, row["recording_id"], None
                )

    async def _find_ending(self, recording_id: UUID) -> _Held | None:
        try:
            return await self._find(recording_id)
        except ObjectMissingError:
            return None

    async def _move(
        self,
        change: LedgerTransaction,
        found: _Held,
        moved: Wrapped,
        until: datetime | None,
    ) -> None:
        """Under another key, with another end; what is left behind must die early."""
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
        await change.connection.execute(
            QUERIES["set_held"], self._site, found.recording_id, until
        )
