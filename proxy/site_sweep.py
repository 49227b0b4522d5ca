"""Everything a site forgets, in one sweep: recordings, names of calls, all the rest."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from proxy.database.forgetting import Forgetting
from proxy.intake.shortening import Shortening
from proxy.intake.tag_keys import TagKeys
from proxy.vault.assembling import VaultParts
from retention.sweep import Pace, SweepReport, quietly, sweep


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSweep:
    """One site's sweep, safe to repeat and to run twice at once.

    `agree_on_time` raises where clocks do not agree: then nothing is forgotten for its
    age. What they agreed on is the time for the whole sweep: a clock that jumps then
    makes nothing older. `freeze` puts under a hold what persons asked for and a crash,
    or long absence, left without one: the key of its day dies here.
    """

    freeze: Callable[[], Awaitable[None]]
    parts: VaultParts
    shortening: Shortening
    tag_keys: TagKeys
    forgetting: Forgetting
    agree_on_time: Callable[[], Awaitable[None]]
    clock: Callable[[], datetime]

    async def run(self, on_progress: Callable[[int], None] = quietly) -> SweepReport:
        """Forget what is due; everything else also when one of the others raises."""
        await self.agree_on_time()
        await self.freeze()  # may take long
        now = await self._agreed()
        shortened = await self.shortening.apply()
        try:
            report = await sweep(
                self.parts.holds,
                self.parts.shelf,
                self.parts.documents,
                self.parts.destroying,
                now,
                Pace(on_progress),
            )
            ended = await self.tag_keys.end_due(now)
        finally:
            others = await self.forgetting.sweep(now)
        return replace(
            report,
            shortened=shortened.recordings,
            weeks_ended=ended.destroyed,
            weeks_failed=ended.failed,
            calls_forgotten=ended.calls,
            rows_forgotten=others.rows,
            kinds_failed=len(others.failed) + shortened.has_failed,
        )

    async def _agreed(self) -> datetime:
        """Read before it is agreed on: what was read after a jump is refused."""
        now = self.clock()
        await self.agree_on_time()
        return now
