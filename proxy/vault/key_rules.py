"""What all key stores check alike: names, and whether destroying works."""

import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from proxy.errors import KeyMissingError, StorageError
from proxy.vault.key_store import KEY_SIZE, KeyStore, UndestroyableKeysError

# The secrets that stay for as long as the site does.
STANDING = frozenset({"service", "log", "callers"})
MAX_NOTE_BYTES = 64 << 10
# Nothing of this leads out of a directory, or into another part of an address.
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


def is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text))


def checked(name: str) -> str:
    """Give the name of a key or note back, or raise StorageError."""
    if not is_name(name):
        raise StorageError(f"{name[:64]!r} cannot name a key or a note")
    return name


def checked_standing(name: str) -> str:
    if name not in STANDING:
        raise StorageError(f"{name[:64]!r} is no standing secret")
    return name


def checked_mortal(name: str) -> str:
    """Refuse to destroy what the whole site hangs on."""
    if name in STANDING:
        raise StorageError(f"{name} is a standing secret: it is never destroyed")
    return checked(name)


def checked_note(content: bytes) -> bytes:
    if len(content) > MAX_NOTE_BYTES:
        raise StorageError(f"a note of {len(content)} bytes is too long to be kept")
    return content


async def prove(store: KeyStore) -> None:
    """Raise StorageError unless keys and notes come and go here as they must.

    The probe has a name of its own, so that replicas that start together do not meet.
    """
    name, secret = f"probe-{secrets.token_hex(8)}", secrets.token_bytes(KEY_SIZE)
    async with _left_clean(lambda: store.destroy(name)):
        await store.make(name)
        wrapped = await store.wrap(name, [secret])
        if await store.unwrap(name, wrapped) != [secret]:
            raise StorageError("the key store gives back other bytes than it was given")
    if await store.exists(name):
        raise UndestroyableKeysError("a key that was destroyed is still there")
    with suppress(KeyMissingError):
        await store.unwrap(name, wrapped)
        raise UndestroyableKeysError("a key that was destroyed still opens things")
    async with _left_clean(lambda: store.remove_note(name)):
        await store.write_note(name, b"older")
        await store.write_note(name, secret)
        if await store.read_note(name) != secret:
            raise StorageError("the key store gives back another note than was written")


@asynccontextmanager
async def _left_clean(clean: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Of two errors the first says what is wrong."""
    try:
        yield
    except StorageError:
        with suppress(StorageError):
            await clean()
        raise
    await clean()
