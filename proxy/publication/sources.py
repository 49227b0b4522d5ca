"""Where each figure comes from. Each source is asked for itself: none hides another."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from proxy.governance import gates
from proxy.intake.outcomes import OUTCOME_DEADLINE
from proxy.intake.store import QUERIES
from proxy.metrics_contract import OTHER_FINDING, Key
from proxy.site import Site
from sampling.seed import CLOCK_TOLERANCE, epoch_at

# A seed is published two tolerances after its epoch, by a job that runs every minute.
_REVEALED_WITHIN = 2 * CLOCK_TOLERANCE + timedelta(minutes=5)
Figures = dict[Key, float]
Source = Callable[[datetime], Awaitable[Figures]]


class Sources:
    """Everything of one site that has figures, but its counts and its budget."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def all(self) -> Sequence[Source]:
        return (
            self._retention,
            self._holds,
            self._drills,
            self._incidents,
            self._gates,
            self._outcomes,
            self._epochs,
            self._site.standing.figures,
            self._self_check,
            self._site.monitors.figures,
            self._reconciliation,
            self._site.access.figures,
            self._site.rights.figures,
        )

    async def _retention(self, now: datetime) -> Figures:
        told = await self._site.shelf.figures(now)
        audio = told.pop("expired_undeleted")
        analyses = await self._site.parts.documents.figures(now)
        told["deletions_overdue"] += analyses["overdue"]
        return _plain(told) | {
            ("expired_undeleted", "audio"): audio,
            ("expired_undeleted", "analysis"): analyses["expired"],
        }

    async def _holds(self, now: datetime) -> Figures:
        told = await self._site.parts.holds.figures(now)
        return {
            ("holds", "legal"): told["legal"],
            ("holds", "request"): told["request"],
            ("holds_expired",): told["expired"],
        }

    async def _drills(self, _: datetime) -> Figures:
        last = await self._site.parts.canaries.last_drill()
        return {
            ("restore_drill_timestamp_seconds",): last["at"].timestamp() if last else 0
        }

    async def _incidents(self, now: datetime) -> Figures:
        return _plain(await self._site.incidents.figures(now))

    async def _gates(self, now: datetime) -> Figures:
        return _plain(gates.figures(self._site.config.lines.values(), now.date()))

    async def _outcomes(self, now: datetime) -> Figures:
        async with self._site.database.connection() as connection:
            overdue = await connection.fetchval(
                QUERIES["count_overdue"], self._site.name, now - OUTCOME_DEADLINE
            )
        return {("outcomes_overdue",): overdue}

    async def _epochs(self, now: datetime) -> Figures:
        """Of epochs whose seed could have been public for a while."""
        seconds = self._site.config.epoch_seconds
        last = epoch_at(now - _REVEALED_WITHIN, seconds) - 1
        async with self._site.database.connection() as connection:
            overdue = await connection.fetchval(
                QUERIES["count_unrevealed"], self._site.name, last
            )
        return {("reveal_overdue",): overdue}

    async def _self_check(self, _: datetime) -> Figures:
        """What the daily checks found in the ledger, and in the trace."""
        told = await self._site.self_check.figures()
        in_trace = await self._site.access.oversight.verifying.faults()
        told["verify_findings", OTHER_FINDING] += in_trace
        return told

    async def _reconciliation(self, _: datetime) -> Figures:
        told = await self._site.reconciliation.figures()
        return {tuple(part for part in key if part): v for key, v in told.items()}


def _plain(told: dict[str, float]) -> Figures:
    """Figures without a label, by their names."""
    return {(name,): value for name, value in told.items()}
