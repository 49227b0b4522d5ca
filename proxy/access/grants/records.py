"""A grant as it was given, and what became of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

import asyncpg


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenGrant:
    """One line of the register of grants; people are codes."""

    grant_id: UUID
    code: str
    practice: str | None
    campaign: str | None
    until: datetime
    given_by: str
    given_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    reviewed_at: datetime | None
    reviewed_by: str | None

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(**dict(row))

    def holds_at(self, moment: datetime) -> bool:
        return self.ended_at is None and self.given_at <= moment < self.until
