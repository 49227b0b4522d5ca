"""Slows down whoever guesses at one account, on every replica and over restarts.

After five failures a minute passes between two attempts, from the tenth on a quarter
of an hour, twice as long each time, at most eight hours: never more than 25 a day
(CNIL deliberation 2017-012 named that number; 2022-100 leaves it to us). What is right
counts as little as what is wrong while it lasts; only a password together with a
recovery code, which is not to be guessed, still lets its owner in.

An attempt is counted as failed before it is looked at, so that a hundred at once are a
hundred; whoever succeeds is forgiven. Codes nobody has are counted like all others.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from retention.schedule_people import SIGNED_IN_FOR

QUERIES = queries_beside(__file__)
DELAYED_FROM = 5
LOCKED_FROM = 10
DELAY = timedelta(minutes=1)
LOCK = timedelta(minutes=15)
_DOUBLINGS = 5  # eight hours
_LABEL = "sign-in\0"  # no agent's code has a NUL in it


def wait_after(failures: int) -> timedelta:
    """How long the next attempt has to wait after that many failures in a row."""
    if failures < DELAYED_FROM:
        return timedelta()
    if failures < LOCKED_FROM:
        return DELAY
    return LOCK * (1 << min(failures - LOCKED_FROM, _DOUBLINGS))


_WAITS = [wait_after(failures) for failures in range(1, LOCKED_FROM + _DOUBLINGS + 1)]


class Attempts:
    """One site's attempts, by code."""

    def __init__(
        self,
        database: SiteDatabase,
        name: Callable[[str], bytes],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._site = database.site
        self._name = name
        self._clock = clock

    async def claim(self, code: str) -> bool:
        """Count an attempt as failed, and say whether it may be looked at."""
        now = self._clock()
        async with self._database.connection() as connection:
            failures = await connection.fetchval(
                QUERIES["claim_attempt"],
                self._site,
                self._key(code),
                now,
                _WAITS,
                now - SIGNED_IN_FOR,
            )
        return failures is not None

    async def take_back(self, connection: Connection, code: str) -> None:
        """What was shown is right, but is not all: as if it had not been claimed."""
        await connection.execute(
            QUERIES["take_back_attempt"], self._site, self._key(code), self._clock()
        )

    async def forgive(self, connection: Connection, code: str) -> None:
        """Everything was right: the count begins anew."""
        await connection.execute(
            QUERIES["forgive_attempts"], self._site, self._key(code)
        )

    def _key(self, code: str) -> bytes:
        """What was typed may be a name or a password; nobody is to read it here."""
        return self._name(_LABEL + code)
