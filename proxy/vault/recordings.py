"""The vault: recordings in, and any part of one out. How they end is in `shelf.py`.

Order of keeping: intent row → sealed object, durable → data key wrapped by the key
store → one transaction with index, wrapped key and ledger leaf. A crash before the
transaction leaves an object nobody can open, listed in `object_writes`, which
`Shelf.remove_unfinished` deletes.
"""

import secrets
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Sequence,
)
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from proxy.database.named_queries import queries_beside
from proxy.errors import (
    ObjectMissingError,
    RestrictedError,
    StorageError,
    TamperedError,
)
from proxy.ledger.entry import Kind, Leaf, Value, salted
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.vault.day_keys import DayKeys, Wrapped, columns, key_of
from proxy.vault.key_store import KEY_SIZE
from proxy.vault.objects import ObjectStore
from proxy.vault.sealing import Sealer, open_range, seal
from retention.holds import Authority
from retention.keys import DayKey, KeyClass
from retention.periods import expires_at, key_day

QUERIES = queries_beside(__file__)

# How often it is looked up, while somebody listens, whether they still may.
LOOKED_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class SealedObject:
    """A sealed, durable object that is not yet anybody's recording."""

    recording_id: UUID
    data_key: bytes
    sha256: bytes
    sealed_size: int
    clear_size: int


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A sealed object whose end is fixed: its data key is wrapped by that day's key."""

    sealed: SealedObject
    captured_at: datetime
    expires_at: datetime
    wrapped: Wrapped


@dataclass(frozen=True, slots=True)
class Captured:
    """What is known of a recording when it is kept."""

    decision_id: UUID
    draw_seq: int
    media_type: str
    seconds: float
    channels: int
    purpose: str


@dataclass(frozen=True, slots=True)
class Recording:
    """One kept recording, as needed to read it."""

    recording_id: UUID
    media_type: str
    seconds: float
    channels: int
    clear_size: int
    sealed_size: int
    due_at: datetime
    key: DayKey
    wrapped_key: bytes
    despite: frozenset[Authority]
    """Holds that do not keep whoever found it from reading it."""


class Vault:
    """One site's recordings."""

    def __init__(
        self,
        ledger: Ledger,
        objects: ObjectStore,
        keys: DayKeys,
        clock: Callable[[], datetime],
        on_tampered: Callable[[UUID], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._database = ledger.database
        self._site = ledger.site
        self._objects = objects
        self._keys = keys
        self._clock = clock
        self._on_tampered = on_tampered

    async def seal(self, clear_audio: AsyncIterator[bytes]) -> SealedObject:
        """Seal and store a stream. On any error nothing of it is kept."""
        recording_id = uuid4()
        data_key = secrets.token_bytes(KEY_SIZE)
        sealer = Sealer(data_key, recording_id.bytes)
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["begin_object"], self._site, recording_id, self._clock()
            )
        try:
            await self._objects.put(recording_id, seal(clear_audio, sealer))
        except BaseException:
            await self.discard(recording_id)
            raise
        return SealedObject(
            recording_id,
            data_key,
            sealer.sealed_sha256,
            sealer.sealed_size,
            sealer.clear_size,
        )

    async def discard(self, recording_id: UUID) -> None:
        """Remove an object that became nobody's recording.

        Where the store cannot now, `Shelf.remove_unfinished` does as soon as it can.
        """
        try:
            await self._objects.delete(recording_id)
        except StorageError:
            await self._note_object("abandon_object", recording_id)
            raise
        await self._note_object("finish_object", recording_id)

    async def _note_object(self, query: str, object_id: UUID) -> None:
        async with self._database.connection() as connection:
            await connection.execute(QUERIES[query], self._site, object_id)

    async def enclose(self, sealed: SealedObject, kept_days: int) -> Enclosed:
        """Fix when a sealed object must be gone, and wrap its key accordingly."""
        now = self._clock()
        expiry = expires_at(now, kept_days)
        wrapped = await self._keys.wrap(
            KeyClass.AUDIO, key_day(expiry), sealed.data_key
        )
        return Enclosed(sealed, now, expiry, wrapped)

    async def keep(
        self, change: LedgerTransaction, enclosed: Enclosed, captured: Captured
    ) -> None:
        """Make an enclosed object a recording, in `change`.

        Raises KeyMovedError when the day's key was renewed since it was enclosed.
        """
        sealed = enclosed.sealed
        key = enclosed.wrapped.key
        await self._keys.announce(change, key)
        await change.connection.execute(
            QUERIES["insert_recording"],
            self._site,
            sealed.recording_id,
            captured.decision_id,
            captured.draw_seq,
            sealed.sha256,
            sealed.sealed_size,
            sealed.clear_size,
            captured.media_type,
            captured.seconds,
            captured.channels,
            captured.purpose,
            enclosed.captured_at,
            enclosed.expires_at,
        )
        await change.connection.execute(
            QUERIES["insert_data_key"],
            self._site,
            sealed.recording_id,
            *columns(key),
            enclosed.wrapped.wrapped,
        )
        finished = await change.connection.execute(
            QUERIES["finish_object"], self._site, sealed.recording_id
        )
        if finished != "DELETE 1":  # taken for abandoned, and being deleted
            raise StorageError("it was removed while it was taken over")
        change.append(Kind.OUTCOME, _kept_leaf(sealed, captured.draw_seq, key.day))

    async def find(
        self, recording_id: UUID, despite: Collection[Authority] = ()
    ) -> Recording:
        """Raises ObjectMissingError when it does not exist or is being destroyed.

        RestrictedError while it is held: then nobody reads it, but for what it is held
        for. Who that is the caller knows, and says by what right (`despite`).
        """
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_recording"], self._site, recording_id, self._clock()
            )
        if row is None:
            raise ObjectMissingError
        if row["is_held"] and row["authority"] not in despite:
            raise RestrictedError
        names = Recording.__dataclass_fields__.keys() - {"key", "despite"}
        return Recording(
            **{name: row[name] for name in names},
            key=key_of(row),
            despite=frozenset(despite),
        )

    async def open(
        self, recording: Recording, start: int = 0, stop: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Clear bytes [start, stop) of a recording, without opening the rest.

        What was not sealed here is noted before TamperedError is raised. Whoever is
        listening when it ends is cut off: the stream then raises what `find` does.
        """
        async with self._noting_tampered(recording.recording_id):
            stored = await self._objects.size(recording.recording_id)
            if stored is None:
                raise ObjectMissingError
            if stored != recording.sealed_size:
                raise TamperedError(
                    f"{stored} bytes stored, {recording.sealed_size} sealed"
                )
            [data_key] = await self._keys.ring.unwrap(
                recording.key.name, [recording.wrapped_key]
            )

        async def read_sealed(first: int, last: int) -> bytes:
            return await self._objects.read(recording.recording_id, first, last)

        clear_audio = open_range(
            read_sealed,
            recording.sealed_size,
            data_key,
            recording.recording_id.bytes,
            start,
            recording.clear_size if stop is None else stop,
        )
        return self._watched(recording, clear_audio)

    async def _watched(
        self, recording: Recording, clear_audio: AsyncGenerator[bytes, None]
    ) -> AsyncGenerator[bytes, None]:
        looked_at: datetime | None = None
        async with (
            self._noting_tampered(recording.recording_id),
            aclosing(clear_audio),
        ):
            async for piece in clear_audio:
                looked_at = await self._look_again(recording, looked_at)
                yield piece

    async def _look_again(
        self, recording: Recording, looked_at: datetime | None
    ) -> datetime:
        """Return when it was last seen that it may be heard; raises what `find` does.

        Its end is kept to exactly; an erasure or a hold cuts off within LOOKED_AGAIN.
        """
        now = self._clock()
        if now >= recording.due_at:
            raise ObjectMissingError
        if looked_at and timedelta() <= now - looked_at < LOOKED_AGAIN:
            return looked_at
        await self.find(recording.recording_id, recording.despite)
        return now

    @asynccontextmanager
    async def _noting_tampered(self, recording_id: UUID) -> AsyncIterator[None]:
        try:
            yield
        except TamperedError:
            await self._on_tampered(recording_id)
            raise

    async def list(self, limit: int = 1000) -> Sequence[dict[str, object]]:
        """The index: what is kept and until when. No audio, no person."""
        async with self._database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_recordings"], self._site, limit)
        return [dict(row) for row in rows]


def _kept_leaf(sealed: SealedObject, draw_seq: int, day: date) -> Leaf:
    kept: dict[str, Value] = {
        "bytes": sealed.sealed_size,
        "day": day.isoformat(),
        "sha256": sealed.sha256.hex(),
    }
    return salted({"draw": draw_seq, "rec": kept})
