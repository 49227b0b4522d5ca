"""Where the keys lie that wrap other keys: never beside what they open.

The guarantees every key store gives are written at each method; one behavioural suite
in `tests/contracts/` holds all of them to it.
"""

from collections.abc import Sequence
from typing import Protocol

from proxy.errors import StorageError

KEY_SIZE = 32


class UndestroyableKeysError(StorageError):
    """The key store cannot destroy keys, so nothing under them could be forgotten."""

    error_id = "undestroyable-keys"


class KeyStore(Protocol):
    """One site's keys, by names of lower-case letters, digits and inner hyphens.

    Names of keys and notes have 1 to 64 of these; three names are for standing secrets
    alone (`key_rules.STANDING`), of which `service` may be used as a key, too.
    Every method raises StorageError when the store cannot be asked, or gives an answer
    that is none: what was asked for may then have happened all the same.
    """

    async def open(self) -> None:
        """Raise StorageError unless keys can be made, used and destroyed here now."""
        ...

    async def close(self) -> None: ...

    async def exists(self, name: str) -> bool:
        """Whether what was wrapped under `name` could still be opened."""
        ...

    async def names(self) -> list[str]:
        """The names of all keys of which anything is left, sorted.

        Not of standing secrets.
        """
        ...

    async def make(self, name: str) -> None:
        """Make a random key unless it exists; two that make it at once make one."""
        ...

    async def wrap(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        """Each secret (1 to 1024 bytes) under the key `name`, which this never makes.

        What comes back is longer, by how much is the store's own business. Raises
        KeyMissingError.
        """
        ...

    async def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        """Raises KeyMissingError, or TamperedError for what was not wrapped by it."""
        ...

    async def destroy(self, name: str) -> None:
        """Destroy a key; one that is missing counts as destroyed. Durable on return.

        Raises StorageError for a standing secret.
        """
        ...

    async def secret(self, name: str) -> bytes:
        """A standing secret of 32 random bytes, made when first asked for.

        Two replicas that ask at once get the same.
        """
        ...

    async def has_secret(self, name: str) -> bool: ...

    async def write_note(self, name: str, content: bytes) -> None:
        """Keep a few bytes (at most 64 KiB) that no restore may bring an older copy of.

        They replace what stood under the name. Durable on return.
        """
        ...

    async def read_note(self, name: str) -> bytes | None: ...

    async def note_names(self, prefix: str) -> list[str]:
        """The names of notes that begin with `prefix`, sorted."""
        ...

    async def remove_note(self, name: str) -> None:
        """A missing note counts as removed."""
        ...
