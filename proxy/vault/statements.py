"""Statements: what a person says of their own recording, beside it (GDPR Art. 16).

The audio stays as it was. A statement is sealed under a key derived from the
recording's data key: it moves with it under holds and renewals, and when that dies
nobody reads the statement either, in whatever older copy it lies.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import ObjectMissingError, PonctuelError
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.documents import open_document, seal_document
from proxy.vault.key_store import KEY_SIZE

QUERIES = queries_beside(__file__)
LONGEST = 2000  # characters
_LABEL = b"ponctuel/statement/v1"


class StatementError(PonctuelError):
    """This statement cannot be attached."""

    status = 422
    error_id = "bad-statement"


@dataclass(frozen=True, slots=True)
class Statement:
    """What was said, when, and with which request."""

    request_id: UUID
    made_at: datetime
    text: str


class Statements:
    """One site's statements."""

    def __init__(
        self, database: SiteDatabase, keys: DayKeys, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._clock = clock

    async def attach(self, recording_id: UUID, request_id: UUID, text: str) -> None:
        """Attach a person's words, or put others in their place.

        Raises StatementError, and ObjectMissingError for what is gone or going.
        """
        content = _checked(text).encode()
        key = await self._key(recording_id)
        sealed = seal_document(content, key, self._site, request_id)
        async with self._database.connection() as connection:
            kept = await connection.execute(
                QUERIES["keep_statement"],
                *(self._site, recording_id, request_id, sealed, self._clock()),
            )
        if kept != "INSERT 0 1":
            raise ObjectMissingError

    async def of(self, recording_id: UUID) -> Sequence[Statement]:
        """What was said of a recording, the oldest first.

        Raises TamperedError, ObjectMissingError. Without a statement no key is asked.
        """
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["list_statements"], self._site, recording_id
            )
        if not rows:
            return ()
        key = await self._key(recording_id)
        return [self._opened(row, key) for row in rows]

    def _opened(self, row: asyncpg.Record, key: bytes) -> Statement:
        request_id = row["request_id"]
        said = open_document(row["sealed"], key, self._site, request_id)
        return Statement(request_id, row["made_at"], said.decode())

    async def _key(self, recording_id: UUID) -> bytes:
        """Not the data key itself, whose nonces count the chunks of the audio."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_to_state"], self._site, recording_id, self._clock()
            )
        if row is None:
            raise ObjectMissingError
        [data_key] = await self._keys.ring.unwrap(
            key_of(row).name, [row["wrapped_key"]]
        )
        return HKDF(SHA256(), KEY_SIZE, recording_id.bytes, _LABEL).derive(data_key)


def _checked(text: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= LONGEST:
        raise StatementError(
            f"{len(text)} characters", field="statement", fix=f"1 to {LONGEST}"
        )
    return text
