"""The first writing of an analysis: facts of the call, a data key, an end."""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import ObjectMissingError, RestrictedError, StorageError
from proxy.ledger.transaction import Ledger, NothingToRecordError, lock_head
from proxy.vault.analysis_form import AnalysisForm
from proxy.vault.day_keys import DayKeys, KeyMovedError, columns
from proxy.vault.documents import seal_document
from proxy.vault.key_store import KEY_SIZE
from proxy.vault.reach import Reach, columns_of_reach
from retention.keys import DayKey, KeyClass
from retention.periods import AnalysisTerms, key_day

QUERIES = queries_beside(__file__)


@dataclass(frozen=True, slots=True)
class _Written:
    """An analysis that is nowhere yet."""

    analysis_id: UUID
    recording_id: UUID
    assessor: str
    sealed: bytes
    made_at: datetime
    expires_at: datetime
    whose: Sequence[object]
    """Practice, campaign and agent: as the recording's, which it outlives."""


class NewAnalyses:
    """How one site's analyses begin."""

    def __init__(
        self,
        ledger: Ledger,
        keys: DayKeys,
        terms: AnalysisTerms,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._terms = terms
        self._clock = clock

    async def begin(
        self, recording_id: UUID, form: AnalysisForm, assessor: str, reach: Reach
    ) -> UUID:
        """Raises ObjectMissingError; RestrictedError while the recording is held."""
        row = await self._find(recording_id, reach)
        content = content_of(_facts(row), form)
        analysis_id, data_key = uuid4(), secrets.token_bytes(KEY_SIZE)
        sealed = seal_document(content, data_key, self._site, analysis_id)
        now = self._clock()
        written = _Written(
            *(analysis_id, recording_id, assessor),
            *(sealed, now, self._terms.expires_at(now)),
            (row["practice"], row["campaign"], row["agent_key"]),
        )
        try:
            await self._enclose(written, data_key)
        except KeyMovedError:  # renewed in between, which happens once a night
            await self._enclose(written, data_key)
        return analysis_id

    async def _find(self, recording_id: UUID, reach: Reach) -> asyncpg.Record:
        """A recording that may be analysed; out of reach, it is not there."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_to_analyse"],
                self._site,
                recording_id,
                self._clock(),
                *columns_of_reach(reach),
            )
        if row is None:
            raise ObjectMissingError
        if row["is_held"]:
            raise RestrictedError
        return row

    async def _enclose(self, written: _Written, data_key: bytes) -> None:
        """Keep it with its key, under a day key that is announced and still in use.

        The ledger's head is locked meanwhile, and with it whoever would renew the key.
        """
        day = key_day(written.expires_at)
        wrapped = await self._keys.wrap(KeyClass.ANALYSIS, day, data_key)
        await self._announce(wrapped.key)
        async with self._ledger.database.transaction() as connection:
            await lock_head(connection, self._site)
            living = await self._keys.find_living(connection, KeyClass.ANALYSIS, day)
            if living != wrapped.key:
                raise KeyMovedError
            await self._insert(connection, written)
            await connection.execute(
                QUERIES["insert_data_key"],
                self._site,
                written.analysis_id,
                *columns(wrapped.key),
                wrapped.wrapped,
            )

    async def _announce(self, key: DayKey) -> None:
        try:
            async with self._ledger.transaction() as change:
                await self._keys.announce(change, key)
        except NothingToRecordError:  # it is in use already
            pass

    async def _insert(self, connection: Connection, written: _Written) -> None:
        try:
            written_down = await connection.execute(
                QUERIES["insert_analysis"],
                self._site,
                written.analysis_id,
                written.recording_id,
                written.assessor,
                written.sealed,
                written.made_at,
                written.expires_at,
                *written.whose,
            )
        except asyncpg.UniqueViolationError:
            raise StorageError("one was written just now", fix="try again") from None
        if written_down != "INSERT 0 1":
            raise ObjectMissingError


def _facts(row: asyncpg.Record) -> dict[str, object]:
    """The technical data of a call that an analysis may hold."""
    return {
        "day": row["captured_at"].date().isoformat(),
        "seconds": round(row["seconds"]),
        "purpose": row["purpose"],
        "stratum": row["stratum"] or "",
    }


def content_of(call: dict[str, object], form: AnalysisForm) -> bytes:
    """What is sealed: the call's facts as they were, and the form."""
    document = {"call": call, **form.model_dump(mode="json")}
    return json.dumps(document, ensure_ascii=False).encode()
