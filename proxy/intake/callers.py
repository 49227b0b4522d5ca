"""Who calls: under names that nobody else can make, and not for long.

A caller is one number. Its names are keyed by the month, with keys of their own: the
same caller in two months has names nobody can link once the older key is destroyed,
which happens with the last recording of its month.

The cap's name is of the number's last digits, so that no spelling is missed; one may be
two people's. The other is of the whole number, and by it a recording is found for the
person it is of, and for nobody else.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError
from proxy.intake.numbers import (
    HOME_COUNTRY,
    all_spellings,
    ending,
    in_full,
    number_outside,
)
from proxy.intake.store import QUERIES
from proxy.platforms.base import CallStarted
from proxy.vault.key_store import KEY_SIZE
from proxy.vault.keys import NAME_SIZE, KeyRing, month_name

_LABEL = b"ponctuel/caller/v1\0"
_NUMBER_LABEL = b"ponctuel/number/v1\0"
# A month's key is made a day before it begins: replicas' clocks differ, and each must
# know a caller whom another one names already. A draw is recorded within a day, too.
_OVERLAP = timedelta(days=1)
_FRESH = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class SoughtNames:
    """All names one number may have had in the months of which there are recordings."""

    numbers: tuple[bytes, ...]
    endings: tuple[bytes, ...]


class CallerNames:
    """One site's names for callers."""

    def __init__(
        self,
        database: SiteDatabase,
        keys: KeyRing,
        clock: Callable[[], datetime],
        country: str = HOME_COUNTRY,
    ) -> None:
        """`country`: whose plan numbers without one are read by (ISO 3166-1)."""
        self._database = database
        self._site = database.site
        self._keys = keys
        self._clock = clock
        self._country = country
        self._by_month: dict[str, bytes] = {}
        self._read_at: datetime | None = None

    def of(self, event: CallStarted) -> tuple[bytes, ...]:
        """All names there may be a recording under, this month's first.

        Raises StorageError when there is no key to name by: such a call is not drawn.
        """
        number = number_outside(event)
        if number is None:
            return ()
        self._this_month()  # or no draw
        return self._names(_LABEL, ending(number))

    def number_of(self, event: CallStarted) -> bytes | None:
        """This month's name of the whole number; None where the platform tells none.

        Costs tens of microseconds: not for every call. Raises StorageError.
        """
        number = number_outside(event)
        if number is None:
            return None
        return _name(self._this_month(), _NUMBER_LABEL, in_full(number, self._country))

    async def sought(self, spelling: str) -> SoughtNames:
        """What a number may be found by, as `one_spelling` has it. Raises StorageError.

        Keys that came since they were last read name nobody yet: a month's is made a
        day ahead.
        """
        if not self.is_fresh:
            await self.refresh()
        endings = {ending(each) for each in all_spellings(spelling, self._country)}
        return SoughtNames(
            self._names(_NUMBER_LABEL, in_full(spelling, self._country)),
            tuple(name for each in endings for name in self._names(_LABEL, each)),
        )

    def _this_month(self) -> bytes:
        key = self._by_month.get(_month(self._clock()))
        if key is None:
            raise StorageError("there is no key to name callers by")
        return key

    def _names(self, label: bytes, number: str) -> tuple[bytes, ...]:
        return tuple(_name(key, label, number) for key in self._by_month.values())

    @property
    def is_fresh(self) -> bool:
        """Whether the keys were read in the last minutes."""
        if self._read_at is None:
            return False
        return timedelta() <= self._clock() - self._read_at < _FRESH

    async def refresh(self) -> None:
        """Read the keys there are, and make those of this month and the next."""
        now = self._clock()
        needed = dict.fromkeys([_month(now), _month(now + _OVERLAP)])
        for month in needed.keys() - (await self._wrapped()).keys():
            await self._make(month)
        wrapped = await self._wrapped()
        months = [*needed, *(month for month in wrapped if month not in needed)]
        self._by_month = {m: await self._unwrap(m, wrapped[m]) for m in months}
        self._read_at = now

    async def _wrapped(self) -> dict[str, bytes]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["find_caller_keys"], self._site)
        return {row["month"]: row["wrapped_key"] for row in rows}

    async def _make(self, month: str) -> None:
        """Of two replicas that make one, the first wins."""
        await self._keys.make(month_name(month))
        fresh = secrets.token_bytes(KEY_SIZE)
        [wrapped] = await self._keys.wrap(month_name(month), [fresh])
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["insert_caller_key"], self._site, month, wrapped
            )

    async def _unwrap(self, month: str, wrapped: bytes) -> bytes:
        [key] = await self._keys.unwrap(month_name(month), [wrapped])
        return key

    async def forget(self, now: datetime) -> None:
        """Destroy the keys of months before `now`'s of which no recording is left."""
        async with self._database.connection() as connection:
            first = await connection.fetchval(QUERIES["find_first_capture"], self._site)
        oldest = _month(min(now, first or now) - _OVERLAP)
        living = {*await self._keys.caller_months(), *await self._wrapped()}
        for month in sorted(month for month in living if month < oldest):
            await self._forget(month)

    async def _forget(self, month: str) -> None:
        self._read_at = None
        if not await self._keys.destroy(month_name(month)):
            raise StorageError("a key that names callers could not be destroyed")
        async with self._database.connection() as connection:
            await connection.execute(QUERIES["delete_caller_key"], self._site, month)


def _name(key: bytes, label: bytes, number: str) -> bytes:
    return hmac.digest(key, label + number.encode(), "sha256")[:NAME_SIZE]


def _month(day: datetime) -> str:
    return f"{day.astimezone(UTC):%Y-%m}"
