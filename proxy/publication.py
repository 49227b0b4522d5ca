"""From the database's aggregates to the metrics page, at the published interval.

What moves with calls is published in batches, so that two scrapes around one call do
not differ by that call. Compliance figures describe the system and are shown at once.
"""

import time
from collections import Counter
from collections.abc import Awaitable, Callable

import structlog

from proxy.errors import PonctuelError
from proxy.intake.outcomes import OUTCOME_DEADLINE
from proxy.intake.store import QUERIES
from proxy.ledger.transaction import add_counts
from proxy.metrics import SiteMetrics
from proxy.metrics_contract import CONTRACT, Key, Publication, keys_of_site
from proxy.site import Site
from sampling.budget import MICRO, SITE_BUCKET, threshold
from sampling.policy import HARD_CEILING_PPM

log = structlog.get_logger()

_PUBLICATION = {metric.name: metric.publication for metric in CONTRACT}


class SitePublication:
    """One site's figures."""

    def __init__(self, site: Site, metrics: SiteMetrics, interval_seconds: int) -> None:
        self._site = site
        self._metrics = metrics
        self._interval = interval_seconds
        self._known = set(keys_of_site(site.config.strata))
        metrics.declare(site.name, site.config.strata)
        metrics.set_now(site.name, self._limits())

    async def publish_batch(self) -> None:
        """Publish everything that moves with calls, as one snapshot."""
        await self.flush_void()
        size, tokens, counts = await self._site.ledger.figures()
        values = self._of(Publication.BATCH, counts)
        values |= self._budget_figures(tokens)
        values["ledger_size", ""] = size
        self._metrics.publish(self._site.name, values)
        self._metrics.set_now(
            self._site.name, {("publication_timestamp_seconds", ""): time.time()}
        )

    async def publish_now(self) -> None:
        """Publish the compliance figures as they stand."""
        site, now = self._site, self._site.clock()
        _, _, counts = await site.ledger.figures()
        values = self._of(Publication.NOW, counts)
        retention = await site.shelf.figures(now)
        values |= {
            ("expired_undeleted", "audio")
            if name == "expired_undeleted"
            else (name, ""): v
            for name, v in retention.items()
        }
        async with site.database.connection() as connection:
            values["incidents_open", ""] = await connection.fetchval(
                QUERIES["count_incidents"], site.name
            )
            values["outcomes_overdue", ""] = await connection.fetchval(
                QUERIES["count_overdue"], site.name, now - OUTCOME_DEADLINE
            )
        self._metrics.set_now(site.name, values | self._limits())

    def _limits(self) -> dict[Key, float]:
        """What holds whether or not the database answers."""
        policy = self._site.calls.policy
        return {
            ("policy_rate", ""): policy.rate_ppm / MICRO,
            ("rate_ceiling", ""): policy.budget.ceiling_ppm / MICRO,
            ("hard_ceiling", ""): HARD_CEILING_PPM / MICRO,
            ("publication_interval_seconds", ""): self._interval,
        }

    async def flush_void(self) -> None:
        """Calls that could not be drawn are counted when the database is back."""
        void = self._site.voids.counted
        taken = dict(void)
        if not taken:
            return
        async with self._site.database.transaction() as connection:
            counted: Counter[Key] = Counter()
            for (code, stratum), number in taken.items():
                counted["void", code] += number
                counted["calls", stratum] += number
            await add_counts(connection, self._site.name, counted)
        void.subtract(taken)
        for key in [key for key, number in void.items() if not number]:
            del void[key]

    def _of(self, publication: Publication, counts: dict[Key, int]) -> dict[Key, float]:
        """The counted series of the contract; other aggregates are not for the page."""
        named = {(f"{name}_total", label): v for (name, label), v in counts.items()}
        return {
            key: value
            for key, value in named.items()
            if key in self._known and _PUBLICATION[key[0]] is publication
        }

    def _budget_figures(self, tokens: dict[str, int]) -> dict[Key, float]:
        policy = self._site.calls.policy
        full = policy.budget.full()
        strata = [label for name, label in self._known if name == "probability_ppm"]
        held = {name: tokens.get(name, full) for name in (*strata, SITE_BUCKET)}
        figures: dict[Key, float] = {
            ("tokens", name): micro // MICRO for name, micro in held.items()
        }
        for stratum in strata:
            limit = threshold(policy.budget, held, stratum, policy.rate_ppm)
            # Rounded: T is floored, and 40000 reads better than 39999.
            figures["probability_ppm", stratum] = (limit * MICRO + 2**63) >> 64
        return figures


async def try_to(publish: Callable[[], Awaitable[None]]) -> bool:
    """Publish; while the database is away the last figures stand and grow old."""
    try:
        await publish()
    except PonctuelError as error:
        log.warning("figures grow old", problem=error.error_id)
        return False
    return True
