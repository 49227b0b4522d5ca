"""Hashing passwords: argon2id (RFC 9106), in threads, two at once in the whole process.

One hash takes 64 MiB and a tenth of a second by design; without a limit, a crowd of
strangers at the sign-in page would take all the memory there is.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proxy.errors import PonctuelError

_T = TypeVar("_T")

# The second recommended option of RFC 9106 (September 2021), section 4: t=3, p=4,
# 64 MiB. Looked at last in November 2026. Changed here, every hash is made anew when
# its owner signs in next.
OF_2026 = PasswordHasher(
    time_cost=3, memory_cost=64 * 1024, parallelism=4, hash_len=32, salt_len=16
)
AT_ONCE = 2
LONGEST_QUEUE = 64
_THREADS = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")


class BusyError(PonctuelError):
    """Too many are signing in at this moment; try again."""

    status = 503
    error_id = "too-many-signing-in"


class PasswordHashing:
    """Makes and checks hashes. `hasher` says what one costs."""

    def __init__(self, hasher: PasswordHasher = OF_2026) -> None:
        self._hasher = hasher
        self._nobodys = _hash_of_nothing(hasher)
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """Raises BusyError."""
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether this is the password. Costs the same where there is none.

        Raises BusyError.
        """
        return await self._in_turn(lambda: self._fits(stored, password))

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _fits(self, stored: str | None, password: str) -> bool:
        try:
            return self._hasher.verify(stored or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_turn(self, work: Callable[[], _T]) -> _T:
        """`work`, in a thread, unless too many wait for one."""
        if self._waiting >= LONGEST_QUEUE:
            raise BusyError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
        finally:
            self._waiting -= 1


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """Written like a hash, and no password's: as slow to check as any other."""
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    salt, made = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19${cost}${salt}${made}"
