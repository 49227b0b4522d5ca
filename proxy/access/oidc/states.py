"""Sign-ins under way at the provider: finished once, by the browser they began in.

The browser keeps one secret. State, nonce and PKCE's verifier follow from it and from a
key that is not in the database, so there is nothing to steal here but a SHA-256.
"""

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proxy.access.accounts.tokens import digest, new_secret
from proxy.access.oidc.refusals import SingleSignOnRefusedError, Why
from proxy.access.surroundings import Seal
from proxy.database.named_queries import queries_beside
from proxy.database.pool import SiteDatabase

QUERIES = queries_beside(__file__)
OPEN_FOR = timedelta(minutes=10)
"""Time to sign in at the provider."""
MOST_STATES = 10_000
"""At once, at a site: the oldest make room."""
_KEY = b"ponctuel/oidc/v1" * 2


class Purpose(StrEnum):
    """What somebody went to the provider for."""

    SIGN_IN = "sign-in"
    LINK = "link"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class State:
    """One that was begun."""

    purpose: Purpose
    session_id: UUID | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the provider and the browser are told, all of it from one secret."""

    state: str
    nonce: str
    verifier: str


class Keyed:
    """Names and secrets that nobody can compute without the site's key ring."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def secrets(self, secret: str) -> Secrets:
        """43 characters each: what RFC 7636 asks of a verifier."""
        state, nonce, verifier = (
            urlsafe_b64encode(self._digest(label, secret)).rstrip(b"=").decode()
            for label in ("state", "nonce", "verifier")
        )
        return Secrets(state, nonce, verifier)

    def subject(self, issuer: str, subject: str) -> bytes:
        """What is kept of the name a provider has for somebody."""
        return self._digest("subject", f"{issuer}\0{subject}")

    def _digest(self, label: str, text: str) -> bytes:
        # RFC 3394 is deterministic: a wrapped constant is a key only the ring can make.
        key = self._seal.wrap_service(_KEY)
        return hmac.digest(key, f"{label}\0{text}".encode(), "sha256")


class States:
    """One site's."""

    def __init__(self, database: SiteDatabase, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._site = database.site
        self._clock = clock

    async def begin(self, purpose: Purpose, session_id: UUID | None) -> str:
        """The secret of the browser that begins."""
        secret, now = new_secret(self._site), self._clock()
        async with self._database.transaction() as connection:
            await connection.execute(
                QUERIES["delete_old_states"], self._site, now - OPEN_FOR, MOST_STATES
            )
            await connection.execute(
                QUERIES["insert_state"],
                self._site,
                digest(secret),
                purpose,
                session_id,
                now,
            )
        return secret

    async def use(self, secret: str) -> State:
        """Once. Raises SingleSignOnRefusedError."""
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["use_state"],
                self._site,
                digest(secret),
                self._clock() - OPEN_FOR,
            )
        if row is None:
            raise SingleSignOnRefusedError(Why.STATE)
        return State(Purpose(row["purpose"]), row["session_id"], row["made_at"])
