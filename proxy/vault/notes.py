"""What the key store is given to remember, so that no restore can set it back.

Keys are the one thing of which an older copy must never return; whatever has to outlive
a restore of database and objects is kept with them: which recordings died before their
day, the data keys of the others, wrapped anew, and those that a hold moved to another
day. All are sealed under a key that only the database has: key store and objects alone
open nothing.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError, TamperedError
from proxy.vault.day_keys import Wrapped
from proxy.vault.key_store import KEY_SIZE, KeyStore
from retention.keys import DayKey

QUERIES = queries_beside(__file__)
log = structlog.get_logger()
_NONCE_SIZE = 12
_ID_SIZE = 16
_AT_ONCE = 250  # wrapped keys a note: below 64 KiB, also as a key service writes them
_DEAD = re.compile(r"dead-(?P<key>.+)-(?P<id>[0-9a-f]{32})")
_MOVED = re.compile(r"moved-(?P<key>.+)-g(?P<source>\d+)-p(?P<page>\d+)")
_LEFT = re.compile(r"left-(?P<key>.+)-(?P<id>[0-9a-f]{32})")
_NOTE = re.compile(r"(dead|moved|left)-(?P<key>.+)-(g\d+-p\d+|[0-9a-f]{32})")

DataKeys = list[tuple[UUID, bytes]]
"""Of what, and its data key under a day key."""


class Notes:
    """One site's notes in its key store."""

    def __init__(self, database: SiteDatabase, store: KeyStore) -> None:
        self._database = database
        self._site = database.site
        self._store = store
        self._cipher: AESGCM | None = None

    async def note_early(
        self, dying: Iterable[tuple[DayKey, UUID]], today: date
    ) -> set[UUID]:
        """Remember what dies before the day of its key; return of what that failed.

        After one failure nothing more is written: a store that is away takes its time
        to say so, and what need not be noted waits.
        """
        early = [(key, item) for key, item in dying if key.day > today]
        for place, (key, item) in enumerate(early):
            try:
                await self.note_dead(key, item)
            except StorageError as error:
                log.warning("early deaths not noted", problem=error.error_id)
                return {each for _, each in early[place:]}
        return set()

    async def note_dead(self, key: DayKey, item: UUID) -> None:
        """Remember that `item` is dead while `key`, which wraps its data key, lives."""
        await self._write(f"dead-{key.name}-{item.hex}", b"")

    async def dead(self) -> list[UUID]:
        """Everything that died early, on days of which a key still lives."""
        names = await self._store.note_names("dead-")
        found = filter(None, map(_DEAD.fullmatch, names))
        return sorted({UUID(match["id"]) for match in found})

    async def note_left(self, old: DayKey, item: UUID, moved: Wrapped) -> None:
        """Remember that `item` hangs under another day's key, and no more under `old`.

        Whoever renews `old` finds nothing of it there.
        """
        content = b" ".join([moved.key.name.encode(), moved.wrapped])
        await self._write(f"left-{old.name}-{item.hex}", content)

    async def left(self, item: UUID) -> list[Wrapped]:
        """Under which keys `item` came to hang as it left others; in no order."""
        found = map(_LEFT.fullmatch, await self._store.note_names("left-"))
        names = [match[0] for match in found if match and match["id"] == item.hex]
        read = [(await self._read(name)).partition(b" ") for name in names]
        keys = [(DayKey.named(key.decode()), wrapped) for key, _, wrapped in read]
        return [Wrapped(key, wrapped) for key, wrapped in keys if key]

    async def keys(self) -> set[DayKey]:
        """The keys of which anything is noted."""
        found = (_NOTE.fullmatch(name) for name in await self._store.note_names(""))
        keys = (DayKey.named(match["key"]) for match in found if match)
        return {key for key in keys if key}

    async def note_moved(self, old: DayKey, key: DayKey, data_keys: DataKeys) -> None:
        """Remember what hangs under `key`, now that nothing does under `old`.

        The same is then true of what was moved to `old` before.
        """
        pages = range(0, max(len(data_keys), 1), _AT_ONCE)
        for place in reversed(pages):  # the first goes last: it says all are there
            content = _packed(data_keys[place : place + _AT_ONCE])
            name = _moved_name(key, old.generation, place // _AT_ONCE)
            await self._write(name, content)
        further = await self.emptied_into(old) - await self.emptied_into(key)
        for source in sorted(further):
            await self._write(_moved_name(key, source, 0), b"")

    async def emptied_into(self, key: DayKey) -> set[int]:
        """The generations of which all that lives has come to hang under `key`."""
        names = await self._names_of(key, _MOVED)
        found = filter(None, map(_MOVED.fullmatch, names))
        return {int(match["source"]) for match in found if match["page"] == "0"}

    async def moved(self, key: DayKey) -> DataKeys:
        """What was wrapped anew under `key`, whichever generation it came from."""
        found: DataKeys = []
        for name in await self._names_of(key, _MOVED):
            found += _unpacked(await self._read(name))
        return found

    async def forget_ended(
        self, ended: Iterable[DayKey], living: Collection[DayKey]
    ) -> None:
        """Remove what was noted of keys that are destroyed.

        What was moved, not while an earlier generation of the same day lives: in older
        copies the same things hang under that one. What died or left, not while any
        does: what is missing among what was moved would be a riddle.
        """
        for key in ended:
            if not any(map(key.is_or_follows, living)):
                await self._forget(key, _MOVED)
            if not any(map(key.is_of_the_day_of, living)):
                await self._forget(key, _DEAD)
                await self._forget(key, _LEFT)

    async def _forget(self, key: DayKey, pattern: re.Pattern[str]) -> None:
        for name in await self._names_of(key, pattern):
            await self._store.remove_note(name)

    async def _names_of(self, key: DayKey, pattern: re.Pattern[str]) -> list[str]:
        prefix = f"{pattern.pattern.partition('-')[0]}-{key.name}-"
        found = map(pattern.fullmatch, await self._store.note_names(prefix))
        return [match[0] for match in found if match and match["key"] == key.name]

    async def _write(self, name: str, content: bytes) -> None:
        cipher = await self._opened()
        nonce = secrets.token_bytes(_NONCE_SIZE)
        sealed = nonce + cipher.encrypt(nonce, content, name.encode())
        await self._store.write_note(name, sealed)
        if await self._store.read_note(name) != sealed:
            raise StorageError("the key store did not keep what it was given")

    async def _read(self, name: str) -> bytes:
        cipher, sealed = await self._opened(), await self._store.read_note(name)
        nonce, rest = (sealed or b"")[:_NONCE_SIZE], (sealed or b"")[_NONCE_SIZE:]
        try:
            return cipher.decrypt(nonce, rest, name.encode())
        except (InvalidTag, ValueError):
            raise TamperedError("a note in the key store is not ours") from None

    async def open(self) -> None:
        """Have a key to seal by from the start: every backup must have it."""
        await self._opened()

    async def _opened(self) -> AESGCM:
        if self._cipher is None:
            fresh = secrets.token_bytes(KEY_SIZE)
            async with self._database.connection() as connection:
                await connection.execute(QUERIES["make_notes_key"], self._site, fresh)
                key = await connection.fetchval(QUERIES["find_notes_key"], self._site)
            self._cipher = AESGCM(key)
        return self._cipher


def _moved_name(key: DayKey, source: int, page: int) -> str:
    return f"moved-{key.name}-g{source}-p{page}"


def _packed(data_keys: Iterable[tuple[UUID, bytes]]) -> bytes:
    return b"".join(
        item.bytes + len(wrapped).to_bytes(2, "big") + wrapped
        for item, wrapped in data_keys
    )


def _unpacked(content: bytes) -> Iterator[tuple[UUID, bytes]]:
    place = 0
    while place < len(content):
        start = place + _ID_SIZE + 2
        size = int.from_bytes(content[start - 2 : start], "big")
        yield UUID(bytes=content[place : start - 2]), content[start : start + size]
        place = start + size
