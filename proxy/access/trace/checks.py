"""How far the regular looks at the trace have come, and what the last one found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self

import asyncpg

from proxy.access.trace.trace import QUERIES
from proxy.database.pool import Connection


class Look(StrEnum):
    """What is done again and again."""

    ANCHOR = "anchor"
    VERIFY = "verify"
    MINUTE = "minute"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Looked:
    """When it was last done, over how many entries, and how many faults it found."""

    at: datetime
    size: int
    faults: int = 0

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(row["at"], row["size"], row["faults"])


async def last_look(connection: Connection, site: str, look: Look) -> Looked | None:
    row = await connection.fetchrow(QUERIES["read_check"], site, look.value)
    return None if row is None else Looked.read(row)


async def keep_look(
    connection: Connection, site: str, look: Look, looked: Looked
) -> None:
    await connection.execute(
        QUERIES["keep_check"], site, look.value, looked.at, looked.size, looked.faults
    )
