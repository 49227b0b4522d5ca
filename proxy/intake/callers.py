"""Who calls, for the cap: under names that nobody else can make, and not for long.

A caller is one number. Its names are keyed by the month, with keys of their own: the
same caller in two months has names nobody can link once the older key is destroyed,
which happens with the last recording of its month.
"""

import hmac
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError
from proxy.intake.numbers import number_outside
from proxy.intake.store import QUERIES
from proxy.platforms.base import CallStarted
from proxy.vault.key_store import KEY_SIZE
from proxy.vault.keys import NAME_SIZE, KeyRing, month_name

_LABEL = b"ponctuel/caller/v1\0"
# A month's key is made a day before it begins: replicas' clocks differ, and each must
# know a caller whom another one names already. A draw is recorded within a day, too.
_OVERLAP = timedelta(days=1)
_FRESH = timedelta(minutes=10)
# With and without its country a number ends alike: +33 6 12 34 56 78, 06 12 34 56 78.
_SAME_DIGITS = 9


class CallerNames:
    """One site's names for callers."""

    def __init__(
        self, database: SiteDatabase, keys: KeyRing, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._clock = clock
        self._by_month: dict[str, bytes] = {}
        self._read_at: datetime | None = None

    def of(self, event: CallStarted) -> tuple[bytes, ...]:
        """All names there may be a recording under, this month's first.

        Raises StorageError when there is no key to name by: such a call is not drawn.
        """
        number = number_outside(event)
        if number is None:
            return ()
        if _month(self._clock()) not in self._by_month:
            raise StorageError("there is no key to name callers by")
        message = _LABEL + number[-_SAME_DIGITS:].encode()
        return tuple(
            hmac.digest(key, message, "sha256")[:NAME_SIZE]
            for key in self._by_month.values()
        )

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

    async def forget(self) -> None:
        """Destroy the keys of months of which no recording is left."""
        async with self._database.connection() as connection:
            first = await connection.fetchval(QUERIES["find_first_capture"], self._site)
        now = self._clock()
        oldest = _month(min(now, first or now) - _OVERLAP)
        living = {*await self._keys.caller_months(), *await self._wrapped()}
        for month in sorted(month for month in living if month < oldest):
            await self._forget(month)

    async def _forget(self, month: str) -> None:
        self._read_at = None
        await self._keys.destroy(month_name(month))
        if not await self._keys.has(month_name(month)):
            async with self._database.connection() as connection:
                await connection.execute(
                    QUERIES["delete_caller_key"], self._site, month
                )


def _month(day: datetime) -> str:
    return f"{day.astimezone(UTC):%Y-%m}"
