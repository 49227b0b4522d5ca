"""The day before, the keys that what is kept tomorrow will die with are made.

So the first recording of a day asks the key store for one thing less, and a key store
that makes no keys for some hours stops nothing. A key that nobody used dies on its day
like any other.
"""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

from proxy.intake.policy_book import PolicyBook
from proxy.vault.assembling import VaultParts
from retention.keys import KeyClass, days_ahead, is_time_to_look_ahead
from sampling.seed import epoch_at


class KeysAhead:
    """One site's keys of tomorrow, and the canaries under all it has."""

    def __init__(
        self,
        policies: PolicyBook,
        parts: VaultParts,
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = policies
        self._terms = parts.terms
        self._keys = parts.keys
        self._canaries = parts.canaries
        self._clock = clock

    async def make(self) -> None:
        """Make what is not there yet; safe to repeat. A canary needs no waiting for."""
        now = self._clock()
        if is_time_to_look_ahead(now):
            await self._make_tomorrows(now)
        await self._canaries.keep_up()

    async def _make_tomorrows(self, now: datetime) -> None:
        for day in days_ahead(now, self._kept_days(now + timedelta(days=1))):
            await self._keys.make_ahead(KeyClass.AUDIO, day)
        if await self._keys.are_analyses_written():
            for day in days_ahead(now, [self._terms.kept.days]):
                await self._keys.make_ahead(KeyClass.ANALYSIS, day)

    def _kept_days(self, at: datetime) -> frozenset[int]:
        """Of everything that may be drawn on that day, as it is decided now."""
        seconds = self._policies.epoch_seconds
        day = at.astimezone(UTC).date()
        begins = datetime.combine(day, time(), UTC)
        last = begins + timedelta(days=1, seconds=-1)
        epochs = range(epoch_at(begins, seconds), epoch_at(last, seconds) + 1)
        return self._policies.schedule.kept_days(day, epochs)
