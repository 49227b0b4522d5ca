"""What somebody holds who copied every sealed object and every wrapped key, always.

That is each backup of objects and database that could ever have been made. The key
store is not copied: it is asked as it is now.
"""

import base64
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from proxy.errors import KeyMissingError, TamperedError
from proxy.site import Site
from proxy.vault.day_keys import key_of
from proxy.vault.objects import ObjectStore
from proxy.vault.sealing import SealedLayout, open_range

Opened = tuple[UUID, bytes]
DataKeys = set[tuple[str, bytes]]


class Hoard:
    """Kept in a file, so that it outlives whoever is killed."""

    def __init__(self, file: Path, site: Site, objects: ObjectStore) -> None:
        self._file = file
        self._site = site
        self._objects = objects

    def watch(self) -> None:
        """Copy from here on whatever is stored or wrapped."""
        self._put, self._wrap = self._objects.put, self._site.keys.store.wrap
        own: dict[str, Any] = {"put": self._copy_object}
        vars(self._objects).update(own)
        vars(self._site.keys.store).update(wrap=self._copy_key)

    async def _copy_object(self, object_id: UUID, sealed: AsyncIterator[bytes]) -> None:
        async def copied() -> AsyncIterator[bytes]:
            pieces = [piece async for piece in sealed]
            self._note("object", object_id.hex, b"".join(pieces))
            for piece in pieces:
                yield piece

        await self._put(object_id, copied())

    async def _copy_key(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        wrapped = await self._wrap(name, secrets)
        for each in wrapped:
            self._note("key", name, each)
        return wrapped

    def _note(self, kind: str, name: str, content: bytes) -> None:
        line = f"{kind} {name} {base64.b64encode(content).decode()}\n"
        with self._file.open("a") as file:
            file.write(line)

    def _noted(self, kind: str) -> Iterator[tuple[str, bytes]]:
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        for line in lines:
            found, name, content = line.split()
            if found == kind:
                yield name, base64.b64decode(content)

    async def opened(self) -> list[Opened]:
        """Every audio that opens, with the keys there are now, from any copy."""
        objects = {UUID(name): sealed for name, sealed in self._noted("object")}
        return await opened_with(self._site, objects, set(self._noted("key")))

    async def opened_as_it_is(self) -> list[Opened]:
        """What opens with the objects, the rows and the keys there are now."""
        objects = {}
        async for object_id in self._objects.list():
            size = await self._objects.size(object_id) or 0
            objects[object_id] = await self._objects.read(object_id, 0, size)
        return await opened_with(self._site, objects, await _rows(self._site))


async def _rows(site: Site) -> DataKeys:
    async with site.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT key_day, kind, generation, wrapped_key FROM recording_keys"
        )
    return {(key_of(row).name, row["wrapped_key"]) for row in rows}


async def opened_with(
    site: Site, objects: dict[UUID, bytes], wrapped: DataKeys
) -> list[Opened]:
    """Try each data key that unwraps on each object."""
    living = set(await site.keys.store.names())
    under = {
        key: [each for name, each in wrapped if name == key]
        for key in living & {name for name, _ in wrapped}
    }
    data_keys = {
        data_key
        for name, each in under.items()
        for data_key in await _unwrapped(site, name, each)
    }
    return [
        (object_id, audio)
        for object_id, sealed in objects.items()
        for data_key in data_keys
        for audio in await _audio(object_id, sealed, data_key)
    ]


async def _unwrapped(site: Site, name: str, wrapped: list[bytes]) -> list[bytes]:
    """What opens, of what was wrapped under a key of this name, or an earlier one."""
    try:
        return await site.keys.store.unwrap(name, wrapped)
    except KeyMissingError:
        return []
    except TamperedError:
        if len(wrapped) == 1:
            return []
        return [one for each in wrapped for one in await _unwrapped(site, name, [each])]


async def _audio(object_id: UUID, sealed: bytes, key: bytes) -> list[bytes]:
    async def read(start: int, stop: int) -> bytes:
        return sealed[start:stop]

    try:
        size = SealedLayout(len(sealed)).clear_size
        pieces = open_range(read, len(sealed), key, object_id.bytes, 0, size)
        return [b"".join([piece async for piece in pieces])]
    except TamperedError:
        return []
