"""Those the settings name, who show who they are by a token.

Each has a token of 32 random bytes; only its SHA-256 is kept, which
is enough for a secret nobody can guess.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from proxy.access.permissions import Actor
from proxy.errors import UnauthorizedError


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the settings list them; `token_sha256` in lower-case hex."""

    actor: Actor
    token_sha256: str


class People:
    """Everybody a service knows."""

    def __init__(self, people: Iterable[Person]) -> None:
        self._people = tuple(people)

    def identify(self, token: str) -> Actor:
        """Whose token this is. Raises UnauthorizedError for one that is nobody's.

        Everybody is compared, in constant time each: how long it takes says nothing.
        """
        shown = token_digest(token)
        found = [
            person.actor
            for person in self._people
            if hmac.compare_digest(person.token_sha256, shown)
        ]
        if len(found) != 1:
            raise UnauthorizedError(
                "this token is nobody's", fix="ponctuel access token makes a new one"
            )
        return found[0]


def token_digest(token: str) -> str:
    """What is kept of a token: its SHA-256 (FIPS 180-4), in lower-case hex."""
    return sha256(token.encode()).hexdigest()
