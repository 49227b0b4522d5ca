"""What is seen of calls besides their draws, for the monitors to judge the draws by.

That a platform records is believed from its own words and from audio that comes, never
from what we asked for. Who took a call is noted once the call is answered, in memory
first: the draw does not wait for it, and what a crash loses is only not judged.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.intake.store import QUERIES, DrawnCall

MOST_AGENTS_NOTED = 100_000
_AGENTS_NAMED = 10_000


class Source(StrEnum):
    """Who says that a call was recorded."""

    STARTED = "started"
    AVAILABLE = "available"
    UPLOAD = "upload"
    CDR = "cdr"
    INVENTORY = "inventory"


class Watcher(Protocol):
    """Who is told at once that a recording was seen."""

    async def __call__(self, *, is_drawn: bool) -> None: ...


async def _nobody_watches(*, is_drawn: bool) -> None:
    """Until monitors are joined."""


class Sightings:
    """One site's sightings. `on_recording` is told once one is written down."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        name_agent: Callable[[str], bytes],
    ) -> None:
        self._database = database
        self._clock = clock
        self._name_agent = lru_cache(maxsize=_AGENTS_NAMED)(name_agent)
        self._agents: dict[int, bytes] = {}
        self.on_recording: Watcher = _nobody_watches

    # --- Recordings -------------------------------------------------------------------

    async def note(self, name: bytes, source: Source) -> None:
        """A recording exists of the call bound under `name`, or of no call we know.

        Durable on return; the same call counts once.
        """
        await self._execute("note_recording", name, source.value, self._clock())

    async def note_refused_upload(self, decision_id: UUID) -> None:
        """Audio was offered for a call that was not drawn."""
        await self._execute(
            "note_refused_upload", decision_id, Source.UPLOAD.value, self._clock()
        )
        await self.on_recording(is_drawn=False)

    async def observe(self, call_keys: Iterable[bytes], source: Source) -> int:
        """Recordings that a list of a past day shows; how many were not known of yet.

        `call_keys` are names of calls in the ledger. Others are left to whoever has the
        list: nothing can be drawn for them any more.
        """
        async with self._database.connection() as connection:
            new = await connection.fetch(
                QUERIES["note_recordings_of_calls"],
                self._database.site,
                list(call_keys),
                source.value,
                self._clock(),
            )
        return len(new)

    async def react(self, call: DrawnCall | None) -> None:
        """Have what was noted judged."""
        await self.on_recording(is_drawn=call is not None and call.is_record)

    # --- Agents -----------------------------------------------------------------------

    def note_agent(self, call: DrawnCall, agent: str | None) -> None:
        """Who took a call; kept in memory until `flush`."""
        if agent and len(self._agents) < MOST_AGENTS_NOTED:
            self._agents.setdefault(call.draw_seq, self._name_agent(agent))

    async def flush(self) -> None:
        """Write down what was noted. While the database is away it stays noted."""
        taken = dict(self._agents)
        if not taken:
            return
        await self._execute(
            "note_agents", list(taken), list(taken.values()), self._clock()
        )
        for draw_seq in taken:
            self._agents.pop(draw_seq, None)

    async def _execute(self, query: str, *arguments: object) -> None:
        async with self._database.connection() as connection:
            await connection.execute(QUERIES[query], self._database.site, *arguments)
