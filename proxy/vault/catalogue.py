"""What there is to listen to, as far as somebody reaches, and whose it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.vault.reach import Reach, columns_of_reach

QUERIES = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Filed:
    """Whose a recording is, also one that is due or held; nothing of what was said."""

    recording_id: UUID
    practice: str
    campaign: str
    agent_key: bytes | None
    purpose: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A recording as it is offered. Days, not hours: an hour may say who called."""

    recording_id: UUID
    day: date
    seconds: int
    practice: str
    campaign: str
    purpose: str
    stratum: str
    until: date
    is_held: bool


Place = tuple[date, UUID]
"""Behind which recording a page begins: its day, and its id."""
NEWEST: Place = (date.max, UUID(int=0))


class Catalogue:
    """One site's recordings, seen from outside."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock

    async def find(self, recording_id: UUID) -> Filed | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_filed"], self._site, recording_id
            )
        return None if row is None else Filed(**row)

    async def list(
        self, reach: Reach, limit: int, behind: Place = NEWEST
    ) -> Sequence[Listed]:
        """At most `limit` that can be reached, the newest day first."""
        if not reach:
            return []
        day, after = behind
        days_back = (date.max - day).days
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_within_reach"],
                *(self._site, self._clock(), limit, days_back, after),
                *columns_of_reach(reach),
            )
        return [Listed(**row) for row in rows]
