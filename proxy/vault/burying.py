"""Making sure now, not next night, that no older copy opens what a person had erased.

Copies of a wrapped data key lie in data files, in logs of changes, in backups. They are
worthless once the day keys they hang under are destroyed; `renewing` moves the others.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from uuid import UUID

from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError
from proxy.vault.day_keys import DayKeys, key_of
from proxy.vault.renewing import Destroying
from retention.keys import DayKey

QUERIES = queries_beside(__file__)


class Burying:
    """One site's keys that must not wait for the night."""

    def __init__(
        self,
        database: SiteDatabase,
        keys: DayKeys,
        destroying: Destroying,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._keys = keys
        self._destroying = destroying
        self._clock = clock

    async def keys_of(self, items: Iterable[UUID]) -> Sequence[str]:
        """Names of the living keys under which these hang, or did, in any copy."""
        names: set[str] = set()
        async with self._database.connection() as connection:
            for item in items:
                rows = await connection.fetch(
                    QUERIES["find_keys_of_copies"], self._site, item
                )
                names |= {key_of(row).name for row in rows}
        return sorted(names)

    async def bury(self, names: Iterable[str]) -> set[str]:
        """Renew and destroy these keys; return those that still exist.

        That is asked of the key store: what is written of a key may be wrong. A key
        whose day is over is left to the sweep, which asks what time it is.
        """
        wanted = set(names)
        try:
            there = map(DayKey.named, wanted & await self._there())
            for key in sorted(filter(None, there)):
                if not key.is_over(self._clock()):
                    await self._destroying.renew(key)
            return wanted & await self._there()
        except StorageError:
            return wanted

    async def _there(self) -> set[str]:
        return set(await self._keys.ring.store.names())
