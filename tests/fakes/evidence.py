"""What a service has kept: in its database, on its disk, in its ledger."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from proxy.ledger.entry import decode
from proxy.vault.filesystem import MARKER
from tests.fakes.clinic import SITE

# Other locks of the kind are held for moments, and in other databases.
_LEADERS = """
SELECT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (classid::bigint << 32) + objid::bigint
  = hashtextextended('ponctuel-draws-' || $1, 0)
"""


async def until(
    is_so: Callable[[], Any], what: str = "condition", seconds: float = 30
) -> Any:
    """Ask again and again, without a fixed sleep; `is_so` may be a coroutine function.

    Returns the first answer that is true.
    """
    deadline = time.monotonic() + seconds
    while True:
        answer = is_so()
        answer = await answer if asyncio.iscoroutine(answer) else answer
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Call:
    """A call of the platform and what Ponctuel decided about it."""

    call_id: str
    decision: str
    decision_id: str

    @property
    def is_record(self) -> bool:
        return self.decision == "record"


@dataclass
class Evidence:
    """Looks past the service, and past every fault between it and its data."""

    folder: Path
    dsn: str
    _connection: asyncpg.Connection | None = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def data_dir(self) -> Path:
        return self.folder / "var"

    async def rows(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        async with self._turn:
            if self._connection is None:
                self._connection = await asyncpg.connect(self.dsn)
            return list(await self._connection.fetch(query, *arguments))

    async def stop_looking(self) -> None:
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def value(self, query: str, *arguments: object) -> Any:
        rows = await self.rows(query, *arguments)
        return rows[0][0] if rows else None

    async def sizes(self) -> dict[str, int]:
        """How many rows every table has, the job queue's included."""
        tables = await self.rows(
            "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
            " WHERE schemaname IN ('public', 'jobs')"
            " AND tablename !~ 'statistics|log|schedules'"
        )
        counted = " UNION ALL ".join(
            f"SELECT '{row['name']}', count(*) FROM {row['name']}"  # noqa: S608  # ours
            for row in tables
        )
        return dict(await self.rows(counted))

    async def leaders(self) -> list[int]:
        """The server's processes that hold what only one replica can: at most one."""
        return [row["pid"] for row in await self.rows(_LEADERS, SITE)]

    async def all_leaves(self) -> list[dict[str, Any]]:
        rows = await self.rows("SELECT body FROM ledger_entries ORDER BY seq")
        return [decode(row["body"]) for row in rows]

    async def leaves(self, kind: str) -> list[dict[str, Any]]:
        return [leaf for leaf in await self.all_leaves() if leaf["leaf"] == kind]

    async def notes(self) -> list[str]:
        """What was noted, but for what each start notes of its settings."""
        texts = [str(leaf["text"]) for leaf in await self.leaves("NOTE")]
        of_settings = ("settings changed: ", "above 5 % in the settings, ")
        return [text for text in texts if not text.startswith(of_settings)]

    async def counts(self) -> Counter[tuple[str, str]]:
        """The aggregates behind the metrics."""
        rows = await self.rows("SELECT metric, label, value FROM counts")
        return Counter({(row["metric"], row["label"]): row["value"] for row in rows})

    async def outcome(self, call: Call) -> tuple[str | None, str | None]:
        rows = await self.rows(
            "SELECT outcome, outcome_code FROM calls WHERE decision_id = $1",
            uuid.UUID(call.decision_id),
        )
        return rows[0]["outcome"], rows[0]["outcome_code"]

    async def outcome_leaves(self, call: Call) -> list[dict[str, Any]]:
        place = await self.value(
            "SELECT draw_seq FROM calls WHERE decision_id = $1",
            uuid.UUID(call.decision_id),
        )
        return [leaf for leaf in await self.leaves("OUT") if leaf["draw"] == place]

    def objects(self) -> list[Path]:
        """Every file of the object store, unfinished ones included."""
        folder = self.data_dir / "objects"
        return [
            file for file in folder.rglob("*") if file.is_file() and file.name != MARKER
        ]

    def holds_clear(self, audio: bytes) -> bool:
        """Whether any file holds a piece of this audio in clear."""
        step = max(1000, len(audio) // 8)
        pieces = [audio[at : at + 64] for at in range(100, len(audio) - 64, step)]
        return any(
            piece in content
            for file in self.folder.rglob("*")
            if file.is_file()
            for content in [file.read_bytes()]
            for piece in pieces
        )

    async def kept(self) -> list[str]:
        """The ids of all recordings there are."""
        rows = await self.rows("SELECT recording_id FROM recordings ORDER BY 1")
        return [str(row["recording_id"]) for row in rows]
