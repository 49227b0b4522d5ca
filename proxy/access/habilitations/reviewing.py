"""The quarterly review of who may what: read whole, signed, and in the ledger.

The leaf has a salted digest of what was signed, so nobody can try codes on it; who is
shown the text and the salt later can tell that it was this one. CNIL deliberation on
patient files: habilitations are looked at regularly, and that must be shown.
"""

import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

import asyncpg

from proxy.access.habilitations.standing import Standing
from proxy.access.permissions import Actor
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.named_queries import queries_beside
from proxy.errors import PonctuelError
from proxy.ledger.entry import LARGEST_INTEGER, Kind, Leaf
from proxy.ledger.transaction import Ledger

QUERIES = queries_beside(__file__)
QUARTER = timedelta(days=92)
_SALT_SIZE = 16  # bytes
_ABOUT = "habilitations"


class StaleReviewError(PonctuelError):
    """Who may what has changed since you read it."""

    status = 409
    error_id = "stale-review"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A review that was signed; `seq` is its place in the ledger."""

    seq: int
    signed_at: datetime
    signed_by: str
    document: Leaf
    salt: str
    digest: str

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(
            seq=row["seq"],
            signed_at=row["signed_at"],
            signed_by=row["signed_by"],
            document=json.loads(row["document"]),
            salt=row["salt"].hex(),
            digest=row["digest"].hex(),
        )


class Habilitations:
    """One site's reviews. `look` reads who may what at this moment."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Callable[[], datetime],
        trace: Trace,
        look: Callable[[], Awaitable[Standing]],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._clock = clock
        self._trace = trace
        self.look = look

    async def sign(self, by: Actor, digest: str) -> Review:
        """Sign what was read, named by its digest. Raises StaleReviewError."""
        found = await self.look()
        if found.digest != digest:
            raise StaleReviewError(field="digest", fix="read it again, then sign that")
        salt = secrets.token_bytes(_SALT_SIZE)
        salted = sha256(salt + found.text).digest()
        async with self._ledger.transaction() as change:
            text = f"habilitations reviewed: {salted.hex()}"
            seq = change.append(Kind.NOTE, {"text": text})
            await change.connection.execute(
                QUERIES["insert_review"],
                self._site,
                seq,
                self._clock(),
                by.code,
                found.text.decode(),
                salt,
                salted,
            )
            entry = Entry(Act.REVIEW_SIGNED, by.code, by.role, about=_ABOUT)
            await self._trace.note_in(change.connection, entry)
        [signed] = await self.list(seq + 1, 1)
        return signed

    async def list(
        self, before: int = LARGEST_INTEGER, limit: int | None = None
    ) -> list[Review]:
        """Those signed, the newest first, before a place in the ledger."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_reviews"], self._site, before, limit
            )
        return [Review.read(row) for row in rows]

    async def overdue(self) -> int:
        """1 where nobody has looked for more than a quarter, else 0.

        It counts from the last review, or from what has let somebody in the longest.
        """
        last = await self.list(limit=1)
        since = last[0].signed_at if last else (await self.look()).since
        return int(since is not None and self._clock() - since > QUARTER)
