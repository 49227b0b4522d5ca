"""Canaries: known bytes under every day key of recordings, which must die with it.

A canary is wrapped as the data keys of that day's recordings are, and lies in the
database: it is in every backup that they are in. The drill tries to open those of dead
days, with the key store as it is and with a restored copy of it. That they stay shut
says something only where one of a living day opens.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from hashlib import sha256

import asyncpg
import structlog

from proxy.database.named_queries import queries_beside
from proxy.errors import KeyMissingError, TamperedError
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.key_store import KeyStore
from retention.keys import DayKey
from retention.periods import GRACE, LARGEST_LAG

QUERIES = queries_beside(__file__)
log = structlog.get_logger()

# A year's drills find the days of all recordings in it.
CANARY_KEPT = timedelta(days=400)


class _Answer(Enum):
    """What a key store makes of a canary."""

    NO_KEY = auto()
    OPENED = auto()
    ANOTHER_KEY = auto()


@dataclass(frozen=True, slots=True)
class _Canary:
    """Known bytes as they lie in the database."""

    key: DayKey
    wrapped: bytes
    is_destroyed: bool


@dataclass(slots=True)
class Trial:
    """What one key store opened. A dead day that has any key left counts as open."""

    shut: int = 0
    opened: list[DayKey] = field(default_factory=list)
    living: int = 0

    @property
    def fault(self) -> str:
        """Why it is no proof; empty if it is one."""
        if self.opened:
            return "a dead day has a key"
        if not self.shut:
            return "proves nothing: no day with a canary is dead long enough yet"
        if not self.living:
            return "proves nothing: no living day opens; are these the site's keys?"
        return ""


class Canaries:
    """One site's canaries."""

    def __init__(
        self, ledger: Ledger, keys: DayKeys, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock

    async def keep_up(self) -> None:
        """Put one under each key that has none, and forget those of long ago."""
        today = self._clock().date()
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_keys_without_canary"], self._site, today
            )
        for row in rows:
            await self._place(key_of(row))
        await self._forget(self._clock() - CANARY_KEPT)

    async def _place(self, key: DayKey) -> None:
        try:
            [wrapped] = await self._keys.ring.wrap(key.name, [self._song(key)])
        except KeyMissingError:  # destroyed since, or lost: the next start says so
            log.warning("no canary: the key is missing", key=key.name)
            return
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["insert_canary"], self._site, key.day, key.generation, wrapped
            )

    async def _forget(self, before: datetime) -> None:
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["forget_canaries"], self._site, before.date()
            )
            await connection.execute(QUERIES["forget_drills"], self._site, before)

    def _song(self, key: DayKey) -> bytes:
        """As long as a data key, and of no use to anybody."""
        return sha256(f"ponctuel/canary/v1\0{self._site}\0{key.name}".encode()).digest()

    # --- The drill --------------------------------------------------------------------

    async def try_now(self) -> Trial:
        """With the key store as it is: what the ledger calls destroyed is dead."""
        before = (self._clock() - LARGEST_LAG).date()
        return await self._try(
            self._keys.ring.store,
            lambda canary: canary.is_destroyed or canary.key.day < before,
        )

    async def try_copy(self, store: KeyStore) -> Trial:
        """With a restored copy, which may be as old as the grace. `store` is open."""
        before = (self._clock() - GRACE).date()
        return await self._try(store, lambda canary: canary.key.day < before)

    async def _try(self, store: KeyStore, is_dead: Callable[[_Canary], bool]) -> Trial:
        """Raises StorageError when the store cannot be asked: that is no answer."""
        trial, now = Trial(), self._clock()
        for canary in await self._all():
            answer = await self._ask(store, canary)
            if not is_dead(canary):
                may_open = not canary.is_destroyed and not canary.key.is_over(now)
                trial.living += may_open and answer is _Answer.OPENED
            elif answer is _Answer.NO_KEY:
                trial.shut += 1
            else:
                trial.opened.append(canary.key)
        return trial

    async def _all(self) -> list[_Canary]:
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_canaries"], self._site)
        return [
            _Canary(key_of(row), row["wrapped"], row["is_destroyed"]) for row in rows
        ]

    async def _ask(self, store: KeyStore, canary: _Canary) -> _Answer:
        try:
            [found] = await store.unwrap(canary.key.name, [canary.wrapped])
        except KeyMissingError:
            return _Answer.NO_KEY
        except TamperedError:
            return _Answer.ANOTHER_KEY
        is_known = found == self._song(canary.key)
        return _Answer.OPENED if is_known else _Answer.ANOTHER_KEY

    async def note_drill(self, now: Trial, copy: Trial | None) -> bool:
        """Write down what a drill found, passed or not; return whether it passed."""
        trials = [now, copy] if copy else [now]
        shut = min(trial.shut for trial in trials)
        opened = len({key for trial in trials for key in trial.opened})
        has_passed = not any(trial.fault for trial in trials)
        what = "passed" if has_passed else "failed"
        async with self._ledger.transaction() as change:
            text = f"restore drill {what}: {shut} dead day keys shut, {opened} open"
            change.append(Kind.NOTE, {"text": text})
            await change.connection.execute(
                QUERIES["insert_drill"],
                self._site,
                self._clock(),
                has_passed,
                copy is not None,
                shut,
                opened,
            )
        return has_passed

    async def last_drill(self) -> asyncpg.Record | None:
        """When one last passed (`at`), and whether a copy was tried (`had_copy`)."""
        async with self._ledger.database.connection() as connection:
            return await connection.fetchrow(QUERIES["find_last_drill"], self._site)
