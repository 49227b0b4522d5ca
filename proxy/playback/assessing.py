"""Analyses, for those who reach them: what is done to them is in the trace first."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from proxy.access.permissions import Actor, Permission
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.errors import ObjectMissingError
from proxy.playback.reaching import reach_of
from proxy.vault.analyses import MOST_LISTED, OLDEST, Analyses, NoAnalysisError, Place
from proxy.vault.analysis_form import AnalysisForm


class Assessing:
    """One site's analyses, asked for by somebody. Out of reach, they are not there."""

    def __init__(self, analyses: Analyses, trace: Trace) -> None:
        self._analyses = analyses
        self._trace = trace

    async def list(
        self, actor: Actor, limit: int = MOST_LISTED, behind: Place = OLDEST
    ) -> Sequence[dict[str, Any]]:
        """Which there are, the oldest first, and nothing of what they say."""
        await self._trace.note(
            Entry(Act.LISTED, actor.code, actor.role, about="analyses")
        )
        reach = reach_of(actor, Permission.ANALYSES_READ)
        return await self._analyses.list(reach, limit, behind)

    async def show(self, actor: Actor, analysis_id: UUID) -> dict[str, Any]:
        """Raises NoAnalysisError, TamperedError."""
        await self._trace.note(
            Entry(Act.VIEWED, actor.code, actor.role, analysis_id, about="analysis")
        )
        async with self._noting_refusals(actor, analysis_id):
            reach = reach_of(actor, Permission.ANALYSES_READ)
            return await self._analyses.show(analysis_id, reach)

    async def own(self, actor: Actor, recording_id: UUID) -> dict[str, Any] | None:
        """What the actor wrote about a recording, if they did. Raises TamperedError."""
        reach = reach_of(actor, Permission.ANALYSES_READ)
        written = await self._analyses.find_by(recording_id, actor.code, reach)
        return None if written is None else await self.show(actor, written)

    async def write(self, actor: Actor, recording_id: UUID, form: AnalysisForm) -> UUID:
        """Raises ObjectMissingError, RestrictedError, FinalAnalysisError."""
        await self._trace.note(
            Entry(Act.ANALYSIS_WRITTEN, actor.code, actor.role, recording_id)
        )
        async with self._noting_refusals(actor, recording_id):
            reach = reach_of(actor, Permission.ANALYSES_WRITE)
            return await self._analyses.write(recording_id, form, actor.code, reach)

    async def close(self, actor: Actor, analysis_id: UUID) -> datetime | None:
        """When its recording ends. Raises NoAnalysisError, FinalAnalysisError."""
        await self._trace.note(
            Entry(
                *(Act.ANALYSIS_CLOSED, actor.code, actor.role, analysis_id),
                about="analysis",
            )
        )
        async with self._noting_refusals(actor, analysis_id):
            reach = reach_of(actor, Permission.ANALYSES_WRITE)
            return await self._analyses.close(analysis_id, actor.code, reach)

    @asynccontextmanager
    async def _noting_refusals(self, actor: Actor, item: UUID) -> AsyncIterator[None]:
        """Who looks for what is not theirs is written down, before they hear of it."""
        try:
            yield
        except (NoAnalysisError, ObjectMissingError) as error:
            entry = Entry(
                *(Act.REFUSED, actor.code, actor.role, item), about=error.error_id
            )
            await self._trace.note(entry)
            raise
