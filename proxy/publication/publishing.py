"""One site's figures, published: compliance at once, calls at the interval."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog

from proxy.errors import PonctuelError
from proxy.ledger.transaction import add_counts
from proxy.metrics import SiteMetrics
from proxy.metrics_contract import (
    CONTRACT,
    Key,
    Kind,
    Publication,
    SiteLabels,
    keys_of_site,
)
from proxy.publication.limits import budgets, limits
from proxy.publication.snapshots import Snapshot, Snapshots
from proxy.publication.sources import Figures, Sources
from proxy.publication.strata import Counts, folded, named_strata
from proxy.site import Site

log = structlog.get_logger()

_COUNTERS = {
    metric.name.removesuffix("_total"): metric
    for metric in CONTRACT
    if metric.kind is Kind.COUNTER
}


class SitePublication:
    """What one site tells, and when."""

    def __init__(self, site: Site, metrics: SiteMetrics, interval_seconds: int) -> None:
        self._site = site
        self._metrics = metrics
        self._interval = interval_seconds
        self._snapshots = Snapshots(site.database, interval_seconds)
        self._sources = Sources(site)
        # Of two at once, the slower would show figures older than those shown already.
        self._turn = asyncio.Lock()
        roles = [witness.role for witness in site.config.witnesses]
        metrics.declare(site.name, site.config.strata, roles)
        metrics.set_now(site.name, self._settings())

    async def publish(self, *, at_once: bool = False) -> None:
        """Show the compliance figures, and a new snapshot of the others when it is due.

        `at_once` for a demo or a test that cannot wait. Raises the first fault of a
        source, when what the others say is shown; the snapshot is not renewed then, and
        its age tells that something is no longer known.
        """
        async with self._turn:
            await self._publish(at_once=at_once)

    async def _publish(self, *, at_once: bool) -> None:
        await self.flush_void()
        now = self._site.clock()
        figures, strata = await self._counted(now)
        faults = await self._ask_sources(figures, now)
        self._metrics.set_now(
            self._site.name, self._part(figures, Publication.NOW, strata)
        )
        if faults:
            raise faults[0]
        batch = self._part(figures, Publication.BATCH, strata)
        await self._show_newest(Snapshot(now, strata, batch), at_once=at_once)

    async def flush_void(self) -> None:
        """Calls that could not be drawn are counted when the database is back."""
        with self._site.voids.taken() as taken:
            counted: Counter[tuple[str, str]] = Counter()
            for (code, stratum), number in taken.items():
                counted["void", code] += number
                counted["calls", stratum] += number
            if counted:
                async with self._site.database.connection() as connection:
                    await add_counts(connection, self._site.name, counted)

    async def _counted(self, now: datetime) -> tuple[Figures, tuple[str, ...]]:
        """What the ledger counts and the budget leaves, and the strata named."""
        site, policy = self._site, self._site.calls.policy
        size, tokens, counts = await site.ledger.figures()
        strata = named_strata(site.config.strata, policy, counts)
        figures = self._settings() | _counters(folded(counts, strata))
        figures |= budgets(policy, tokens, strata, now.date())
        figures["ledger_size",] = size
        return figures, strata

    async def _ask_sources(
        self, figures: Figures, now: datetime
    ) -> list[PonctuelError]:
        faults: list[PonctuelError] = []
        for source in self._sources.all():
            try:
                figures |= await source(now)
            except PonctuelError as error:
                faults.append(error)
        return faults

    def _part(
        self, figures: Figures, published: Publication, strata: tuple[str, ...]
    ) -> Figures:
        labels = SiteLabels(strata, self._metrics.witnesses(self._site.name))
        known = keys_of_site(labels, published)
        return {key: figures[key] for key in known if key in figures}

    async def _show_newest(self, fresh: Snapshot, *, at_once: bool) -> None:
        """Also when it is not due: another replica may have published."""
        newest = await self._snapshots.newest()
        if newest is None or at_once or self._snapshots.is_due(newest, fresh):
            newest = await self._snapshots.replace(newest, fresh)
        site = self._site.name
        self._metrics.set_strata(site, newest.strata)
        batch = dict(newest.figures)
        self._metrics.publish(site, self._part(batch, Publication.BATCH, newest.strata))
        published_at = newest.published_at.timestamp()
        self._metrics.set_now(site, {("publication_timestamp_seconds",): published_at})

    def _settings(self) -> Figures:
        """What holds whether or not the database answers."""
        interval: Figures = {("publication_interval_seconds",): self._interval}
        return limits(self._site.calls.policy) | interval


def _counters(counts: Counts) -> Figures:
    """The counted series of the contract; other aggregates are not for the page.

    Where a series has two labels, what is counted has their values in their order.
    """
    found: Counter[Key] = Counter()
    for (name, label), number in counts.items():
        if metric := _COUNTERS.get(name):
            values = label.split(" ", len(metric.labels) - 1) if metric.labels else ()
            found[metric.name, *values] += number
    return dict(found)


async def try_to(publish: Callable[[], Awaitable[None]]) -> bool:
    """Publish; while the database is away the last figures stand and grow old."""
    try:
        await publish()
    except PonctuelError as error:
        log.warning("figures grow old", problem=error.error_id)
        return False
    except Exception as error:  # noqa: BLE001  # one bug must not end all keeping up
        log.critical("figures grow old", error=type(error).__name__)
        return False
    return True
