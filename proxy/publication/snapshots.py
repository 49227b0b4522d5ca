"""The figures that move with calls, as one snapshot that all replicas serve alike."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.metrics_contract import Key

QUERIES = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was published, when, and for which strata."""

    published_at: datetime
    strata: tuple[str, ...]
    figures: Mapping[Key, float]

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        figures = json.loads(row["figures"])
        return cls(
            row["published_at"],
            tuple(row["strata"]),
            {tuple(key.split(" ")): float(text) for key, text in figures.items()},
        )

    def written_figures(self) -> str:
        """As JSON, numbers as text: it has no infinity. No label holds a space."""
        return json.dumps({" ".join(key): str(v) for key, v in self.figures.items()})


class Snapshots:
    """One site's snapshots: the newest is the only one kept."""

    def __init__(self, database: SiteDatabase, interval_seconds: int) -> None:
        self._database = database
        self._interval = timedelta(seconds=interval_seconds)

    async def newest(self) -> Snapshot | None:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["read_snapshot"], self._database.site
            )
        return None if row is None else Snapshot.read(row)

    def is_due(self, newest: Snapshot, fresh: Snapshot) -> bool:
        """Also when it is dated far ahead: a clock that was wrong would block us."""
        return abs(fresh.published_at - newest.published_at) >= self._interval

    async def replace(self, newest: Snapshot | None, snapshot: Snapshot) -> Snapshot:
        """Publish, unless another replica was faster; return what holds now."""
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["replace_snapshot"],
                self._database.site,
                newest and newest.published_at,
                snapshot.published_at,
                list(snapshot.strata),
                snapshot.written_figures(),
            )
        return await self.newest() or snapshot
