"""What an operator asks about the day keys, and the one thing they may ask for.

Nobody is shown a key: there is no way to export one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from proxy.database.named_queries import queries_beside
from proxy.errors import PonctuelError
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger
from proxy.vault.day_keys import DayKeys, key_of
from retention.keys import DayKey, KeyClass
from retention.periods import LARGEST_LAG, LOOKED_BACK

QUERIES = queries_beside(__file__)


class NoKeyError(PonctuelError):
    """There is no living key of that day."""

    status = 404
    error_id = "no-key"


class DayOverError(PonctuelError):
    """The day is over: its keys die, and none is made for it any more."""

    status = 409
    error_id = "day-over"


@dataclass(frozen=True, slots=True)
class KeysChecked:
    """Where key store and ledger disagree."""

    living: int
    missing: list[DayKey]
    back: list[DayKey]

    @property
    def is_sound(self) -> bool:
        return not self.missing and not self.back


class KeyInspection:
    """One site's day keys, as people look after them."""

    def __init__(
        self, ledger: Ledger, keys: DayKeys, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock

    async def list(self) -> list[dict[str, Any]]:
        """Each living key, what dies first first, with what hangs under it.

        `dies_after` is the end of its day; a key `is_overdue` 24 hours later.
        """
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_living_keys"], self._site)
        now = self._clock()
        return [
            {
                "kind": row["kind"],
                "day": row["key_day"],
                "generation": row["generation"],
                "hanging": row["hanging"],
                "dies_after": (end := _end_of(row["key_day"])),
                "is_overdue": now - LARGEST_LAG > end,
                "is_to_be_renewed": row["stale_since"] is not None,
            }
            for row in rows
        ]

    async def rotate(self, kind: KeyClass, day: date) -> DayKey:
        """Have a day's key renewed next night, as after an early death.

        The ledger says that it was asked for. Raises NoKeyError, DayOverError.
        """
        async with self._ledger.transaction() as change:
            key = await self._keys.find_living(change.connection, kind, day)
            if key is None:
                raise NoKeyError(
                    f"no {kind} key of {day} lives", fix="see `ponctuel keys list`"
                )
            if key.is_over(self._clock()):
                raise DayOverError(
                    f"{day} is over: {key.name} dies with the next sweep",
                    fix="run `ponctuel retention sweep`",
                )
            change.append(Kind.NOTE, {"text": f"key to be renewed: {key.name}"})
            await self._keys.mark_stale(change.connection, {key})
        return key

    async def check(self) -> KeysChecked:
        """Hold ledger and key store against each other. Raises StorageError.

        That keys can be made, used and destroyed was tried when the store was opened.
        """
        since = (self._clock() - LOOKED_BACK).date()
        async with self._ledger.database.connection() as connection:
            living = await connection.fetch(QUERIES["find_living_keys"], self._site)
            destroyed = await connection.fetch(
                QUERIES["find_destroyed_keys"], self._site, since
            )
        ring = self._keys.ring
        stored = set(await ring.day_keys())
        missing = [
            key
            for key in sorted(map(key_of, living))
            if not await ring.store.exists(key.name)
        ]
        return KeysChecked(
            len(living), missing, sorted(stored & set(map(key_of, destroyed)))
        )


def _end_of(day: date) -> datetime:
    """The first moment after a day."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)
