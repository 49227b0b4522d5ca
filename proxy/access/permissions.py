"""Who may do what: one table, one function. Whatever is not allowed here is refused.

Three things are asked. What somebody's role may do at all; how they showed who they
are; and, where one recording or what is written about it is touched, whether it is
within their reach. CNIL deliberation SAN-2024-014's sisters on patient files ask for
the last: a role alone is no need to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Role(StrEnum):
    """What somebody is at a site. The settings know the same words."""

    OPERATOR = "operator"
    DPO = "dpo"
    TRAINER = "trainer"
    RIGHTS_OFFICER = "rights_officer"
    AUDITOR = "auditor"
    AGENT = "agent"
    ADMINISTRATOR = "administrator"


class Permission(StrEnum):
    """Everything that can be allowed."""

    ACCOUNT_OWN = "account:own"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    ALERTS_DECIDE = "alerts:decide"
    ANALYSES_READ = "analyses:read"
    ANALYSES_WRITE = "analyses:write"
    BREAK_GLASS_REVIEW = "break-glass:review"
    BREAK_GLASS_USE = "break-glass:use"
    BREAKER_CLOSE = "breaker:close"
    EVIDENCE_EXPORT = "evidence:export"
    GATES_READ = "gates:read"
    GRANTS_READ = "grants:read"
    GRANTS_WRITE = "grants:write"
    HOLDS_WRITE = "holds:write"
    INCIDENTS_READ = "incidents:read"
    INCIDENTS_WRITE = "incidents:write"
    KEYS_READ = "keys:read"
    KEYS_ROTATE = "keys:rotate"
    MONITORS_DECIDE = "monitors:decide"
    MONITORS_READ = "monitors:read"
    OPT_OUTS_WRITE = "opt-outs:write"
    POLICY_APPROVE = "policy:approve"
    POLICY_DRAFT = "policy:draft"
    POLICY_PROPOSE = "policy:propose"
    POLICY_READ = "policy:read"
    POLICY_RESUME = "policy:resume"
    POLICY_STOP = "policy:stop"
    RECONCILIATION_RUN = "reconciliation:run"
    RECORDINGS_LIST = "recordings:list"
    RECORDINGS_PLAY = "recordings:play"
    REQUESTS_HAND_OVER = "requests:hand-over"
    REQUESTS_HANDLE = "requests:handle"
    REQUESTS_READ = "requests:read"
    REVIEWS_SIGN = "reviews:sign"
    SIMULATION_RUN = "simulation:run"
    TRACE_READ = "trace:read"


_EVERYBODY = frozenset({Permission.ACCOUNT_OWN})
_LOOKING_ON = frozenset(
    {
        Permission.GATES_READ,
        Permission.INCIDENTS_READ,
        Permission.KEYS_READ,
        Permission.MONITORS_READ,
        Permission.POLICY_READ,
    }
)
_GOVERNING = _LOOKING_ON | {
    Permission.BREAKER_CLOSE,
    Permission.EVIDENCE_EXPORT,
    Permission.INCIDENTS_WRITE,
    Permission.KEYS_ROTATE,
    Permission.OPT_OUTS_WRITE,
    Permission.POLICY_APPROVE,
    Permission.POLICY_RESUME,
    Permission.POLICY_STOP,
    Permission.RECONCILIATION_RUN,
    Permission.SIMULATION_RUN,
}
# An operator may approve what lowers something; four eyes are for all the rest, and
# who may see what a version changes, so that is decided with it (sampling.lifecycle).
# Nobody both makes accounts and says what they reach: the administrator invites, the
# DPO grants. A DPO and a rights officer hear only what they opened for one case.
PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.OPERATOR: _EVERYBODY
    | _GOVERNING
    | {Permission.POLICY_DRAFT, Permission.POLICY_PROPOSE},
    Role.DPO: _EVERYBODY
    | _GOVERNING
    | {
        Permission.ACCOUNTS_READ,
        Permission.ALERTS_DECIDE,
        Permission.ANALYSES_READ,
        Permission.BREAK_GLASS_REVIEW,
        Permission.BREAK_GLASS_USE,
        Permission.GRANTS_READ,
        Permission.GRANTS_WRITE,
        Permission.HOLDS_WRITE,
        Permission.MONITORS_DECIDE,
        Permission.RECORDINGS_LIST,
        Permission.RECORDINGS_PLAY,
        Permission.REQUESTS_HAND_OVER,
        Permission.REQUESTS_HANDLE,
        Permission.REQUESTS_READ,
        Permission.REVIEWS_SIGN,
        Permission.TRACE_READ,
    },
    Role.TRAINER: _EVERYBODY
    | {
        Permission.ANALYSES_READ,
        Permission.ANALYSES_WRITE,
        Permission.BREAK_GLASS_USE,
        Permission.RECORDINGS_LIST,
        Permission.RECORDINGS_PLAY,
    },
    Role.RIGHTS_OFFICER: _EVERYBODY
    | {
        Permission.BREAK_GLASS_USE,
        Permission.RECORDINGS_PLAY,
        Permission.REQUESTS_HAND_OVER,
        Permission.REQUESTS_HANDLE,
        Permission.REQUESTS_READ,
    },
    Role.AUDITOR: _EVERYBODY | _LOOKING_ON | {Permission.EVIDENCE_EXPORT},
    Role.AGENT: _EVERYBODY
    | {
        Permission.ANALYSES_READ,
        Permission.RECORDINGS_LIST,
        Permission.RECORDINGS_PLAY,
    },
    Role.ADMINISTRATOR: _EVERYBODY
    | {
        Permission.ACCOUNTS_READ,
        Permission.ACCOUNTS_WRITE,
        Permission.GRANTS_READ,
    },
}

# A token or an API key can be copied from where it lies; a voice is heard only by
# somebody who signed in with a second factor, and handed to somebody else by such.
IN_PERSON = frozenset(
    {
        Permission.ACCOUNT_OWN,
        Permission.BREAK_GLASS_USE,
        Permission.RECORDINGS_PLAY,
        Permission.REQUESTS_HAND_OVER,
    }
)
# Allowed within somebody's reach only, recording by recording.
WITHIN_REACH = frozenset(
    {
        Permission.ANALYSES_READ,
        Permission.ANALYSES_WRITE,
        Permission.RECORDINGS_LIST,
        Permission.RECORDINGS_PLAY,
    }
)


class ShownBy(StrEnum):
    """How somebody showed who they are."""

    TOKEN = "token"  # noqa: S105  # a word for one, in the settings
    KEY = "key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Item:
    """One recording, as far as it matters who may hear it."""

    recording_id: UUID
    practice: str = ""
    campaign: str = ""
    agent_key: bytes | None = None
    """The keyed name of the agent who took the call, where that is known."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What something is done to: a site, or one recording of it."""

    site: str
    item: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Recordings somebody may reach until then; what is None is not looked at."""

    until: datetime
    practice: str | None = None
    campaign: str | None = None
    recording_id: UUID | None = None
    """Set where one recording alone was opened, by breaking the glass."""

    def covers(self, item: Item) -> bool:
        return (
            self.practice in (None, item.practice)
            and self.campaign in (None, item.campaign)
            and self.recording_id in (None, item.recording_id)
        )

    def counts_for(self, permission: Permission) -> bool:
        """What was broken open is heard, and nothing else is done with it."""
        return self.recording_id is None or permission is Permission.RECORDINGS_PLAY


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who is known: a code, what they are, at which site, and how so.

    `grants` are those that hold at this moment.
    """

    code: str
    role: Role
    site: str
    shown_by: ShownBy = ShownBy.TOKEN
    grants: tuple[Grant, ...] = ()
    scopes: frozenset[Permission] | None = None
    """What an API key is limited to; None: all that the role may."""
    agent_key: bytes | None = None
    """The keyed name of the agent they are, if they are one."""


def permits(actor: Actor | None, permission: Permission, subject: Subject) -> bool:
    """Whether somebody may do this to that. Nobody in particular may nothing.

    For a subject without an item: whether they may do it at all, to some item.
    """
    if actor is None or actor.site != subject.site:
        return False
    if permission not in PERMISSIONS.get(actor.role, frozenset()):
        return False
    if actor.scopes is not None and permission not in actor.scopes:
        return False
    if permission in IN_PERSON and actor.shown_by is not ShownBy.SESSION:
        return False
    if permission not in WITHIN_REACH or subject.item is None:
        return True
    return _reaches(actor, permission, subject.item)


def _reaches(actor: Actor, permission: Permission, item: Item) -> bool:
    if any(g.covers(item) and g.counts_for(permission) for g in actor.grants):
        return True
    match actor.role:
        case Role.AGENT:
            return actor.agent_key is not None and actor.agent_key == item.agent_key
        case Role.DPO:
            return permission is not Permission.RECORDINGS_PLAY
        case _:
            return False
