"""One-time codes to the number of a request: who reads one out has that telephone.

Six digits, good for ten minutes and five tries, one at a time. In the database there is
a keyed hash, whose key is wrapped outside it. A code is noted before it is sent: one
that was sent and not noted would prove nothing, and one that was noted and not sent is
harmless. A line stays for two hours, whatever closes, so that nobody is sent more than
three in one by asking again. Anybody can set a caller's number, so being called from it
proves nothing.
"""

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from proxy.access.surroundings import Seal
from proxy.database.pool import Connection
from proxy.rights.faults import TooManyCodesError
from proxy.rights.requests import QUERIES

GOOD_FOR = timedelta(minutes=10)
TRIES = 5
MOST_AN_HOUR = 3  # for a request, and to a number whatever asks for it
_HOUR = timedelta(hours=1)
_DIGITS = 6
_KEY_SIZE = 32
_LABEL = b"ponctuel/request-code/v1\0"


class IdentityCodes:
    """One site's codes; everything happens in the caller's transaction.

    `name_number` gives a number a keyed name, the same each time.
    """

    def __init__(
        self,
        site: str,
        seal: Seal,
        name_number: Callable[[str], bytes],
        clock: Callable[[], datetime],
    ) -> None:
        self._site = site
        self._seal = seal
        self._name_number = name_number
        self._clock = clock

    async def make(
        self, connection: Connection, request_id: UUID, number: str
    ) -> tuple[str, datetime]:
        """A new code, and until when it is good; the one before is void.

        Under the request's lock. Raises TooManyCodesError.
        """
        now, name = self._clock(), await self._counted(connection, request_id, number)
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        key = secrets.token_bytes(_KEY_SIZE)
        await self.end(connection, request_id)
        await connection.execute(
            QUERIES["insert_code"],
            self._site,
            uuid4(),
            request_id,
            name,
            self._seal.wrap_service(key),
            _digest(key, code),
            now,
        )
        return code, now + GOOD_FOR

    async def count(
        self, connection: Connection, request_id: UUID, number: str
    ) -> None:
        """A code of another kind goes to this number: it counts with those from here.

        Under the request's lock. Raises TooManyCodesError.
        """
        name = await self._counted(connection, request_id, number)
        await connection.execute(
            QUERIES["count_code"],
            self._site,
            uuid4(),
            request_id,
            name,
            self._clock(),
        )

    async def _counted(
        self, connection: Connection, request_id: UUID, number: str
    ) -> bytes:
        """The number's keyed name, locked. Raises TooManyCodesError."""
        name, since = self._name_number(number), self._clock() - _HOUR
        await connection.execute(QUERIES["lock_number"], self._site, name)
        sent = await connection.fetchval(
            QUERIES["count_codes"], self._site, request_id, name, since
        )
        if sent >= MOST_AN_HOUR:
            raise TooManyCodesError(
                f"{MOST_AN_HOUR} in an hour", fix="wait, or use another proof"
            )
        return name

    async def is_right(
        self, connection: Connection, request_id: UUID, typed: str
    ) -> bool:
        """Whether this is the living code; right once, and each other try is counted.

        Under the request's lock; counts only if the caller's transaction commits.
        """
        row = await connection.fetchrow(
            QUERIES["find_living_code"],
            self._site,
            request_id,
            self._clock() - GOOD_FOR,
            TRIES,
        )
        if row is None:
            return False
        key = self._seal.unwrap_service(row["wrapped_key"])
        plain = "".join(typed.split())
        is_right = hmac.compare_digest(_digest(key, plain), row["digest"])
        await connection.execute(
            QUERIES["count_try"], self._site, row["code_id"], is_right, self._clock()
        )
        return is_right

    async def end(self, connection: Connection, request_id: UUID) -> None:
        """No code of this request is good any more."""
        await connection.execute(
            QUERIES["end_codes"], self._site, request_id, self._clock()
        )


def _digest(key: bytes, code: str) -> bytes:
    return hmac.digest(key, _LABEL + code.encode("utf-8", "replace"), "sha256")
