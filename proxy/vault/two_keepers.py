"""Keys in two hands: the operator's and the custodian's, who is the controller's DPO.

Everything is wrapped twice, first by the operator's key, so that the custodian's store
never sees a clear data key. What either destroys is dead; nobody counts it as destroyed
before both have.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from proxy.vault.key_store import KeyStore


class TwoKeepers:
    """A KeyStore over two.

    Standing secrets and notes are the operator's alone. They sign, name and remember,
    and open no recording: a second hand would add nothing but a second way to stop. And
    a note must be as new as the keys it speaks of: whoever sets the operator's store
    back finds the custodian's keys dead all the same.
    """

    def __init__(self, operator: KeyStore, custodian: KeyStore) -> None:
        self._operator = operator
        self._custodian = custodian

    async def open(self) -> None:
        await _both(self._operator.open(), self._custodian.open())

    async def close(self) -> None:
        await _both(self._operator.close(), self._custodian.close())

    async def exists(self, name: str) -> bool:
        """Whether both have it: with one alone nothing opens."""
        return await self._operator.exists(name) and await self._custodian.exists(name)

    async def names(self) -> list[str]:
        """All that either still has: what one alone has destroyed is not done with."""
        found = {*await self._operator.names(), *await self._custodian.names()}
        return sorted(found)

    async def make(self, name: str) -> None:
        await _both(self._operator.make(name), self._custodian.make(name))

    async def wrap(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        inner = await self._operator.wrap(name, secrets)
        return await self._custodian.wrap(name, inner)

    async def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        inner = await self._custodian.unwrap(name, wrapped)
        return await self._operator.unwrap(name, inner)

    async def destroy(self, name: str) -> None:
        """Ask both, whatever one says; raise unless both have done it."""
        await _both(self._operator.destroy(name), self._custodian.destroy(name))

    async def secret(self, name: str) -> bytes:
        return await self._operator.secret(name)

    async def has_secret(self, name: str) -> bool:
        return await self._operator.has_secret(name)

    async def write_note(self, name: str, content: bytes) -> None:
        await self._operator.write_note(name, content)

    async def read_note(self, name: str) -> bytes | None:
        return await self._operator.read_note(name)

    async def note_names(self, prefix: str) -> list[str]:
        return await self._operator.note_names(prefix)

    async def remove_note(self, name: str) -> None:
        await self._operator.remove_note(name)


async def _both(*asked: Awaitable[None]) -> None:
    """Wait for both; raise what the first of them raised that did not succeed."""
    results = await asyncio.gather(*asked, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
