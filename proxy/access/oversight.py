"""What watches over those who listen, joined: trace, checks, alerts, reviews."""

from datetime import datetime
from uuid import UUID

from proxy.access.break_glass.breaking import BreakGlass, GlassParts
from proxy.access.reviews.reviewing import Reviews
from proxy.access.surroundings import Surroundings
from proxy.access.trace.anchoring import Anchoring
from proxy.access.trace.reading import TraceReading
from proxy.access.trace.trace import Trace
from proxy.access.trace.verifying import Verifying
from proxy.access.watch.alerts import ABUSE, Alerts, UnknownAlertError
from proxy.access.watch.watching import Watch
from proxy.upkeep import each_in_turn

INTEGRITY = "integrity"
"""The kind of incident a changed trace is."""


class Oversight:
    """One site's."""

    def __init__(self, given: Surroundings, trace: Trace) -> None:
        ledger, clock, config = given.ledger, given.clock, given.config
        self._database = ledger.database
        self._open_incident = given.open_incident
        self.reading = TraceReading(self._database, trace)
        self.anchoring = Anchoring(ledger, trace, clock)
        self.verifying = Verifying(self._database, trace, self.anchoring, clock)
        self.alerts = Alerts(self._database, trace, given.open_incident, clock)
        self.watch = Watch(self._database, trace, self.alerts, config.hours, clock)
        self.reviews = Reviews(
            ledger, trace, self.alerts, config.hours, clock, config.review_sample
        )
        glass = GlassParts(
            ledger=ledger,
            trace=trace,
            alerts=self.alerts,
            seal=given.seal,
            hours=config.hours,
            is_on=config.has_break_glass,
        )
        self.break_glass = BreakGlass(glass, clock)

    async def tend(self) -> None:
        """Each minute: look at what is new, tie the trace to the ledger, check it."""
        await each_in_turn(self.watch.look, self.anchoring.anchor_if_due, self._verify)

    async def figures(self, now: datetime) -> dict[tuple[str, ...], float]:
        """What is open, by the names of the metrics."""
        return {
            ("access_alerts_open",): await self.alerts.count_open(),
            ("break_glass_unreviewed",): await self.break_glass.count_unreviewed(),
            ("reviews_overdue", "abuse"): len(await self.reviews.overdue(now)),
        }

    async def about_whom(self, kind: str, reference: str) -> str | None:
        """Whose doing an incident of ours is about, by their code; None of another."""
        if kind != ABUSE:
            return None
        try:
            return (await self.alerts.find(UUID(reference))).actor
        except (ValueError, UnknownAlertError):  # by hand, or forgotten since
            return None

    async def _verify(self) -> None:
        """A trace that is not what was written opens an incident, once for what it is.

        Nobody can mend it: one for each day would never end.
        """
        verified = await self.verifying.verify_if_due()
        if verified is None or not verified.count:
            return
        reference = f"trace-{verified.faults[0].place}-{verified.count}"
        async with self._database.connection() as connection:
            await self._open_incident(connection, INTEGRITY, reference)
