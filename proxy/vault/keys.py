"""The key ring: what each key is for, on top of the store that keeps them.

There is a wrapping key per deletion day and class, one per week whose tag key must die,
and one per month in which callers are named. Those must die: they are random, never
derived from a longer-lived one, and destroying one destroys everything it wraps,
wherever copies lie. Three secrets stand as long as the site: for seeds and agents'
names, for the ledger's signature, and for the names of callers who objected. These are
read once, when the ring is opened.
"""

import hmac
import re
from collections.abc import Sequence

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from proxy.errors import StorageError, TamperedError
from proxy.vault.key_store import KeyStore
from retention.keys import DayKey

NAME_SIZE = 16
LOG_KEY = "log"
_SERVICE_KEY = "service"
_CALLERS_KEY = "callers"
_WEEK = re.compile(r"tag-(\d{1,6})")
_MONTH = re.compile(r"caller-(\d{4}-\d{2})")


class KeyRing:
    """The keys of one site. `open` before use; methods raise StorageError."""

    def __init__(self, store: KeyStore) -> None:
        self.store = store
        self._standing: dict[str, bytes] = {}

    async def exists(self) -> bool:
        """Whether this site has ever had keys here."""
        return await self.store.has_secret(LOG_KEY)

    async def open(self) -> None:
        """Find the store fit for use, and read what stands, made if needed."""
        await self.store.open()
        for name in (_SERVICE_KEY, LOG_KEY):
            self._standing[name] = await self.store.secret(name)

    async def open_callers(self) -> None:
        """Read what names callers who objected too: only where they are kept."""
        self._standing[_CALLERS_KEY] = await self.store.secret(_CALLERS_KEY)

    async def close(self) -> None:
        self._standing.clear()
        await self.store.close()

    def _secret(self, name: str) -> bytes:
        if name not in self._standing:
            raise StorageError("the key ring is not open")
        return self._standing[name]

    # --- What stands ------------------------------------------------------------------

    def wrap_service(self, secret: bytes) -> bytes:
        """Wrap a seed (RFC 3394)."""
        return aes_key_wrap(self._secret(_SERVICE_KEY), secret)

    def unwrap_service(self, wrapped: bytes) -> bytes:
        try:
            return aes_key_unwrap(self._secret(_SERVICE_KEY), wrapped)
        except (InvalidUnwrap, ValueError) as error:
            raise TamperedError(
                "the wrapped key is not the one that was wrapped"
            ) from error

    def name_agent(self, code: str) -> bytes:
        """An agent's name in the database: keyed, so that it is none without us."""
        return self._name(_SERVICE_KEY, b"ponctuel/agent/v1\0", code)

    def name_caller(self, number: str) -> bytes:
        """A caller's name among those who objected, by a key for this alone."""
        return self._name(_CALLERS_KEY, b"ponctuel/caller/v1\0", number)

    def _name(self, secret: str, label: bytes, text: str) -> bytes:
        message = label + text.encode()
        return hmac.digest(self._secret(secret), message, "sha256")[:NAME_SIZE]

    def log_key(self) -> bytes:
        """The Ed25519 key (RFC 8032, 32 bytes) that signs the site's ledger."""
        return self._secret(LOG_KEY)

    # --- What must die ----------------------------------------------------------------

    async def make(self, name: str) -> None:
        await self.store.make(name)

    async def destroy(self, name: str) -> bool:
        """Destroy a key and read that back; False while anything of it may be there.

        Both questions: with two keepers a key exists where both have it, and is named
        where one still does.
        """
        try:
            await self.store.destroy(name)
            if await self.store.exists(name):
                return False
            return name not in await self.store.names()
        except StorageError:
            return False

    async def wrap(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        """Raises KeyMissingError."""
        return await self.store.wrap(name, secrets)

    async def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyMissingError when the key is destroyed, or TamperedError."""
        return await self.store.unwrap(name, wrapped)

    async def day_keys(self) -> list[DayKey]:
        """The day keys that exist, oldest first."""
        found = map(DayKey.named, await self.store.names())
        return sorted(key for key in found if key)

    async def weeks(self) -> list[int]:
        """The weeks whose keys still exist, oldest first."""
        return sorted(map(int, await self._matching(_WEEK)))

    async def caller_months(self) -> list[str]:
        """The months whose keys still exist, oldest first."""
        return sorted(await self._matching(_MONTH))

    async def _matching(self, pattern: re.Pattern[str]) -> list[str]:
        found = map(pattern.fullmatch, await self.store.names())
        return [match[1] for match in found if match]


def week_name(week: int) -> str:
    """The name of the key that wraps a week's tag key."""
    return f"tag-{week}"


def month_name(month: str) -> str:
    """The name of the key that wraps what names callers in a month ("2026-11")."""
    return f"caller-{month}"
