"""A site's monitors at work: they judge, alarm, open the breaker, and give figures."""

import asyncio
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from proxy.errors import PonctuelError
from proxy.incidents.opening import Incident, open_incident
from proxy.incidents.words import required
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger
from proxy.monitoring.breaker import BLIND, Breaker
from proxy.monitoring.keeping import Keeping, NewerMonitorsError
from proxy.monitoring.reading import QUERIES
from proxy.monitoring.walking import Walk
from sampling.monitoring.live import BINOMIAL, SR, Live
from sampling.monitoring.monitors import Figures, Monitors
from sampling.monitoring.observations import Monitor

log = structlog.get_logger()

_NO_CALLS = Monitors().figures(Live())
_CAUSES = (SR, BINOMIAL, BLIND)
# Rolling a version out, or back, takes minutes. What blinds for longer does not pass by
# itself; and these are 250 calls already, at a thousand an hour.
PATIENCE = timedelta(minutes=15)
_TRIES = 3
# After a long walk comes a rest, so that calls keep the machine: reading a leaf takes
# some 20 microseconds, a fiftieth of what it may.
_LONG_WALK = 5_000
_LEAVES_A_SECOND = 1_000


class NoAlarmError(PonctuelError):
    """There is no alarm of this monitor to decide about."""

    status = 409
    error_id = "no-alarm"


class SiteMonitors:
    """The monitors of one site, on one replica."""

    def __init__(self, ledger: Ledger, clock: Callable[[], datetime]) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._clock = clock
        self._breaker = Breaker(ledger, clock)
        self._turn = asyncio.Lock()
        self._asked = self._answered = 0
        self._rests_until = 0.0
        self._overdue = 0

    async def keep_up(self) -> None:
        """Judge what is new; every few seconds, on every replica."""
        if time.monotonic() >= self._rests_until:
            await self.watch()

    async def react(self, *, is_drawn: bool) -> None:
        """Judge at once, because a recording was seen; above all one nobody drew."""
        try:
            await (self.keep_up() if is_drawn else self.watch(is_urgent=True))
        except (
            PonctuelError
        ) as error:  # the sighting is kept, and judged when it can be
            log.warning("monitors must wait", problem=error.error_id)

    async def watch(self, *, is_urgent: bool = False) -> None:
        """Judge what is new. Who asks while it is done already asks for one more."""
        self._asked += 1
        mine = self._asked
        async with self._turn:
            if self._answered >= mine:
                return
            answered = self._asked
            await self._watch_or_say_so(is_urgent=is_urgent)
            self._answered = answered

    async def _watch_or_say_so(self, *, is_urgent: bool) -> None:
        try:
            for _ in range(_TRIES):
                if await self._walk(is_urgent=is_urgent):
                    break
        except NewerMonitorsError as error:
            await self._be_blind(error.error_id)
        except PonctuelError:
            await self._stop_if_long_blind()
            raise
        except Exception as error:  # noqa: BLE001  # a bug here must not pass for silence
            await self._be_blind(type(error).__name__)

    async def _walk(self, *, is_urgent: bool) -> bool:
        """Judge once; False if that is out of date already."""
        async with self._ledger.database.transaction() as connection:
            keeping = Keeping(connection, self._site, self._clock())
            kept = await keeping.take(is_urgent=is_urgent)
            if kept is None:
                return True
            walk = Walk(keeping, kept, self._overdue)
            await walk.go()
            if walk.length > _LONG_WALK:
                rest = walk.length / _LEAVES_A_SECOND
                self._rests_until = time.monotonic() + rest
            if walk.is_changed:
                await keeping.save(kept, walk.flags)
            await keeping.publish(kept, walk.ahead)
            await keeping.note_judged(walk.end)
        self._overdue = walk.overdue
        tripped = walk.ahead.tripped
        return not tripped or await self._breaker.open(tripped, walk.end)

    async def _be_blind(self, why: str) -> None:
        log.critical("monitors are blind", site=self._site, why=why)
        await self._stop_if_long_blind()
        async with self._ledger.database.connection() as connection:
            await open_incident(
                connection,
                self._site,
                Incident.MONITOR_ALARM,
                # By day: once closed, it is opened anew while it lasts.
                f"blind-{why}-{self._clock().date()}",
                self._clock(),
            )

    async def _stop_if_long_blind(self) -> None:
        """Draw nothing once no replica has judged the draws for `PATIENCE`."""
        async with self._ledger.database.connection() as connection:
            is_blind = await connection.fetchval(
                QUERIES["note_unjudged"], self._site, PATIENCE
            )
        if is_blind:
            await self._breaker.open_blind()

    # --- For people -------------------------------------------------------------------

    async def decide(self, actor: str, monitor: Monitor, decision: str) -> None:
        """Write down what the DPO decided about an alarm; that monitor begins anew.

        Raises NoAlarmError. The ceiling is not decided about: it opens the breaker.
        """
        text = required("decision", decision)
        async with self._ledger.database.connection() as connection:
            alarms = await connection.fetchval(QUERIES["find_alarms"], self._site)
        if monitor.value not in json.loads(alarms or "{}"):
            raise NoAlarmError(monitor.value)
        async with self._ledger.transaction() as change:
            note = {"text": f"alarm of monitor {monitor} decided"}
            await change.connection.execute(
                QUERIES["insert_decision"],
                self._site,
                change.append(Kind.NOTE, note),
                monitor.value,
                actor,
                text,
                self._clock(),
            )
        await self.watch(is_urgent=True)

    async def figures(self, _: datetime) -> Figures:
        """By metric and label values; one row is read, whatever the site's size."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(QUERIES["read_figures"], self._site)
        if row is None:
            return _NO_CALLS | _breaker_figures(())
        kept = json.loads(row["figures"] or "[]")
        figures = {tuple(key): float(value) for *key, value in kept}
        # A breaker that is open for no reason we know is open all the same.
        causes = row["causes"] or (SR, BINOMIAL)
        return _NO_CALLS | figures | _breaker_figures(causes if row["is_open"] else ())


def _breaker_figures(causes: tuple[str, ...] | list[str]) -> Figures:
    return {("breaker_open", cause): float(cause in causes) for cause in _CAUSES}
