"""The story, in numbered steps. Time passes by moving a late clock, never by waiting.

On new ground:
1. A month ago: half of the calls.
2. Thirty days later: the sweep forgets what was recorded then.
3. Two hours ago: the other half.
4. Now: the epochs of all these calls are over, so their seeds are revealed and every
   draw can be recomputed; the key of the day that is over is destroyed.

On ground where a demo has been before, the draw must not go back in time (the seeds of
that time may be public): all calls are placed now, and their epoch stays secret until
it is over.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from uuid import uuid4

from proxy.app import Service
from proxy.demo.accounts import Accounts, Beginning, read_accounts, read_beginning
from proxy.demo.clock import NOW, LateClock
from proxy.demo.database import QUERIES
from proxy.demo.ground import CONNECTION, SITE
from proxy.demo.simulator import Simulator
from proxy.errors import PonctuelError
from proxy.site import Site

A_MONTH_AGO = timedelta(days=31)
ONE_DAY_AGO = timedelta(days=1)
TWO_HOURS_AGO = timedelta(hours=2)

_SETTLED_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.05


class Chapter(Enum):
    """Where the story is."""

    A_MONTH_AGO = "a month ago"
    FORGETTING = "thirty days later"
    TODAY = "today"
    REVEALING = "now"


class UnsettledError(PonctuelError):
    """Some of the demo's calls came to no end in time."""

    error_id = "demo-unsettled"


@dataclass(slots=True, kw_only=True)
class Story:
    """One run. `on_chapter` hears what begins, `on_progress` the calls done so far."""

    service: Service
    simulator: Simulator
    clock: LateClock
    calls: int
    on_chapter: Callable[[Chapter], None]
    on_progress: Callable[[int], None]
    run: str = field(default_factory=lambda: uuid4().hex)
    _placed: int = 0
    _beginning: Beginning = field(default_factory=lambda: Beginning(0, {}))

    async def tell(self) -> None:
        """Start to finish. The service is ready, and the clock set to the beginning."""
        self._beginning = await read_beginning(self._site)
        if self.clock.late_by > NOW:
            await self._tell_from_a_month_ago()
        else:
            await self._tell_today()
        await self.service.publish()

    @property
    def _site(self) -> Site:
        return self.service.sites[SITE]

    async def _tell_from_a_month_ago(self) -> None:
        self.on_chapter(Chapter.A_MONTH_AGO)
        await self._place(self.calls // 2)
        self.on_chapter(Chapter.FORGETTING)
        await self._catch_up(ONE_DAY_AGO)
        await self._site.sweep()
        self.on_chapter(Chapter.TODAY)
        await self._catch_up(TWO_HOURS_AGO)
        await self._place(self.calls - self._placed)
        self.on_chapter(Chapter.REVEALING)
        await self._catch_up(NOW)
        await self._site.sweep()

    async def _tell_today(self) -> None:
        self.on_chapter(Chapter.FORGETTING)
        await self._catch_up(NOW)
        await self._site.sweep()
        self.on_chapter(Chapter.TODAY)
        await self._place(self.calls)

    async def place_one_more(self) -> None:
        """One call of an ordinary day, for a demo that goes on."""
        await self._place(1, misbehaves=False)

    async def accounts(self) -> Accounts:
        """What it all came to, as of now."""
        return await read_accounts(
            self._site, self._beginning, await self.simulator.report()
        )

    async def _catch_up(self, late_by: timedelta) -> None:
        """Let time pass, then do what would have been done every minute of it."""
        self.clock.catch_up(late_by)
        await self._site.tend()

    async def _place(self, count: int, *, misbehaves: bool = True) -> None:
        if not count:
            return
        before = self._placed
        order = {
            "place": count,
            "first": before,
            "run": self.run,
            "webhook": f"{self.service.address}/webhooks/{CONNECTION}",
            "clock_offset_seconds": -self.clock.late_by.total_seconds(),
            "misbehaves": misbehaves,
        }
        await self.simulator.ask(order, lambda done: self.on_progress(before + done))
        self._placed += count
        await self._settle()

    async def _settle(self) -> None:
        """Wait until every draw has its outcome and the platform keeps nothing."""
        deadline = asyncio.get_running_loop().time() + _SETTLED_WITHIN_SECONDS
        while unsettled := await self._count_unsettled():
            if asyncio.get_running_loop().time() > deadline:
                raise UnsettledError(f"{unsettled} left")
            await asyncio.sleep(_POLL_SECONDS)

    async def _count_unsettled(self) -> int:
        async with self._site.database.connection() as connection:
            unsettled: int = await connection.fetchval(
                QUERIES["count_unsettled"],
                SITE,
                self._beginning.size,
                self.simulator.recordings,
            )
        return unsettled
