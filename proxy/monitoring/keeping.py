"""Where the monitors' state is kept: one row that moves, and one a day to go back to.

Whoever has locked the row is the only one to judge calls of the site, and position and
state are saved with what was done, in one transaction. So no call is counted twice, by
two replicas or after a crash. Everything in the state follows from the ledger, the
calls' rows and the sightings: what is lost is made again from them, and that is said.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg
import structlog

from proxy.database.pool import Connection
from proxy.errors import PonctuelError
from proxy.incidents.opening import Incident, open_incident
from proxy.ledger.transaction import add_counts
from proxy.monitoring.reading import QUERIES, read_adopted
from retention.schedule import FLAGS_KEPT
from sampling.monitoring.live import Live
from sampling.monitoring.monitors import STATE_VERSION, Monitors
from sampling.monitoring.observations import Monitor

log = structlog.get_logger()

SNAPSHOTS_KEPT = (
    8  # days a recording may come to light late and still be judged in place
)
_BEGUN = ("_monitors_begun", "")  # not series of the metrics contract
_REBUILT = ("_monitors_rebuilt", "")
_END = 2**63 - 1


class NewerMonitorsError(PonctuelError):
    """The monitors' state is a newer version's, which must judge the calls."""

    status = 503
    error_id = "newer-monitors"


@dataclass(slots=True)
class Kept:
    """The monitors up to a place in the ledger: the next leaf to be judged.

    `is_new` is one that was not read from the row that moves.
    """

    position: int
    monitors: Monitors
    is_new: bool = False


class Keeping:
    """The rows of one site, inside one transaction."""

    def __init__(self, connection: Connection, site: str, now: datetime) -> None:
        self.connection = connection
        self.site = site
        self.now = now

    async def take(self, *, is_urgent: bool) -> Kept | None:
        """Lock the state and read it. None if another replica has it in hand.

        With `is_urgent` that replica is waited for: it may have looked too early.
        Raises NewerMonitorsError.
        """
        await self._run("begin_monitors", STATE_VERSION)
        query = "wait_for_monitors" if is_urgent else "take_monitors"
        row = await self.connection.fetchrow(QUERIES[query], self.site)
        if row is None:
            return None
        if row["version"] > STATE_VERSION:
            raise NewerMonitorsError
        kept = _read(row) or await self._rebuild(row)
        await self._keep_snapshot(kept)
        return await self._go_back(kept)

    # --- What was lost ----------------------------------------------------------------

    async def _rebuild(self, row: asyncpg.Record) -> Kept:
        """Begin again from the newest snapshot, or from the first call still known."""
        has_begun = await self.connection.fetchval(QUERIES["have_begun"], self.site)
        is_older = row["version"] < STATE_VERSION
        snapshot = await self._snapshot_before(_END)
        kept = snapshot or await self._anew()
        await self._run("uncount_flags", kept.position)
        if not has_begun:
            await add_counts(self.connection, self.site, {_BEGUN: 1})
            log.info("monitors begin", site=self.site, position=kept.position)
            return kept
        await add_counts(self.connection, self.site, {_REBUILT: 1})
        log.warning(
            "monitors begin again",
            site=self.site,
            position=kept.position,
            why="older version" if is_older else "state lost",
        )
        if not is_older:
            await self.open_incident(f"state-lost-{kept.position}")
        return kept

    async def _anew(self) -> Kept:
        # In this order: a call that is drawn in between comes after the size.
        size = await self.connection.fetchval(QUERIES["find_size"], self.site)
        first = await self.connection.fetchval(
            QUERIES["find_first_kept_call"], self.site, self.now - FLAGS_KEPT
        )
        position = size if first is None else first
        monitors = Monitors()
        monitors.feed(await read_adopted(self.connection, self.site, position))
        return Kept(position, monitors, is_new=True)

    # --- What came to light late ------------------------------------------------------

    async def _go_back(self, kept: Kept) -> Kept:
        """To before the first call that turns out to have been recorded, if any."""
        late = await self.connection.fetchval(
            QUERIES["find_late_flag"], self.site, kept.position
        )
        if late is None:
            return kept
        snapshot = await self._snapshot_before(late)
        if snapshot is None:
            await self._run("set_flags_adrift", late, kept.position)
            return await self._go_back(kept)
        await self._run("uncount_flags", snapshot.position)
        await self._run("forget_snapshots_after", snapshot.position)
        log.info("monitors go back", site=self.site, position=snapshot.position)
        return snapshot

    async def _snapshot_before(self, position: int) -> Kept | None:
        row = await self.connection.fetchrow(
            QUERIES["find_snapshot"], self.site, position, STATE_VERSION
        )
        kept = None if row is None else _read(row)
        return kept and replace(kept, is_new=True)

    async def _keep_snapshot(self, kept: Kept) -> None:
        """Once a day."""
        today = self.now.date().isoformat()
        newest = await self.connection.fetchval(
            QUERIES["find_newest_snapshot"], self.site
        )
        if newest is not None and newest >= today:
            return
        state = _written(kept.monitors)
        await self._run("save_snapshot", today, kept.position, STATE_VERSION, state)
        await self._run("forget_snapshots", SNAPSHOTS_KEPT)

    # --- What was done ----------------------------------------------------------------

    async def save(self, kept: Kept, flags: list[bytes]) -> None:
        """The state as it is now; `flags` are the sightings it has counted."""
        await self._run(
            "save_monitors", kept.position, STATE_VERSION, _written(kept.monitors)
        )
        if flags:
            await self._run("count_flags", flags)

    async def publish(self, kept: Kept, ahead: Live) -> None:
        """Figures for everyone, and an incident for each alarm; both only once."""
        alarms = kept.monitors.alarms(ahead)
        figures = [[*key, value] for key, value in kept.monitors.figures(ahead).items()]
        await self._run(
            "save_figures",
            json.dumps(figures, allow_nan=False),
            json.dumps({monitor.value: seq for monitor, seq in alarms.items()}),
        )
        for monitor in alarms:
            await self._report(monitor)

    async def note_judged(self, end: int) -> None:
        """That somebody has seen the ledger, up to this leaf: nobody is blind."""
        await self._run("note_judged", end)

    async def _report(self, monitor: Monitor) -> None:
        rows = await self.connection.fetch(QUERIES["find_last_decisions"], self.site)
        decided = {row["monitor"]: row["seq"] for row in rows}
        await self.open_incident(f"{monitor}-{decided.get(monitor, 0)}")

    async def open_incident(self, reference: str) -> None:
        if await open_incident(
            self.connection, self.site, Incident.MONITOR_ALARM, reference, self.now
        ):
            log.warning("monitor alarm", site=self.site, reference=reference)

    async def _run(self, query: str, *arguments: object) -> None:
        await self.connection.execute(QUERIES[query], self.site, *arguments)


def _read(row: asyncpg.Record) -> Kept | None:
    """None for a state that is still to be made, or cannot be read."""
    if row["version"] != STATE_VERSION:
        return None
    try:
        return Kept(row["position"], Monitors.from_dict(json.loads(row["state"])))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _written(monitors: Monitors) -> str:
    return json.dumps(monitors.to_dict(), allow_nan=False)
