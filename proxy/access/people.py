"""Who somebody is, and what they may do. Whatever is not allowed here is refused.

People show who they are by a token of 32 random bytes; only its SHA-256 is kept, which
is enough for a secret nobody can guess.
"""

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from proxy.errors import UnauthorizedError


class Role(StrEnum):
    """What somebody is at a site. The settings know the same words."""

    OPERATOR = "operator"
    DPO = "dpo"


class Permission(StrEnum):
    """Everything that can be allowed."""

    POLICY_READ = "policy:read"
    POLICY_DRAFT = "policy:draft"
    POLICY_PROPOSE = "policy:propose"
    POLICY_APPROVE = "policy:approve"
    POLICY_STOP = "policy:stop"
    POLICY_RESUME = "policy:resume"
    BREAKER_CLOSE = "breaker:close"
    GATES_READ = "gates:read"
    MONITORS_READ = "monitors:read"
    MONITORS_DECIDE = "monitors:decide"
    INCIDENTS_READ = "incidents:read"
    INCIDENTS_WRITE = "incidents:write"
    OPT_OUTS_WRITE = "opt-outs:write"
    HOLDS_WRITE = "holds:write"
    RECONCILIATION_RUN = "reconciliation:run"
    SIMULATION_RUN = "simulation:run"


_READ = frozenset(
    {
        Permission.POLICY_READ,
        Permission.GATES_READ,
        Permission.MONITORS_READ,
        Permission.INCIDENTS_READ,
        Permission.SIMULATION_RUN,
    }
)
# An operator may approve what lowers something; four eyes are for all the rest, and
# who may see what a version changes, so that is decided with it (sampling.lifecycle).
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OPERATOR: _READ
    | {
        Permission.POLICY_DRAFT,
        Permission.POLICY_PROPOSE,
        Permission.POLICY_APPROVE,
        Permission.POLICY_STOP,
        Permission.POLICY_RESUME,
        Permission.BREAKER_CLOSE,
        Permission.INCIDENTS_WRITE,
        Permission.OPT_OUTS_WRITE,
        Permission.RECONCILIATION_RUN,
    },
    Role.DPO: _READ
    | {
        Permission.POLICY_APPROVE,
        Permission.POLICY_STOP,
        Permission.POLICY_RESUME,
        Permission.BREAKER_CLOSE,
        Permission.MONITORS_DECIDE,
        Permission.INCIDENTS_WRITE,
        Permission.OPT_OUTS_WRITE,
        Permission.HOLDS_WRITE,
        Permission.RECONCILIATION_RUN,
    },
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is known: a code, what they are, and at which site."""

    code: str
    role: Role
    site: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the settings list them; `token_sha256` in lower-case hex."""

    actor: Actor
    token_sha256: str


def permits(actor: Actor | None, permission: Permission, site: str) -> bool:
    """Whether somebody may do this at this site. Nobody in particular may nothing."""
    if actor is None or actor.site != site:
        return False
    return permission in PERMISSIONS.get(actor.role, frozenset())


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
