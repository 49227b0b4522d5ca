"""Who may do what, how far, and through what: read from the code that decides it.

Nothing here is written down a second time. What a role may comes from `permits`, which
every door asks; the routes and commands come from the tables the doors are made of.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from proxy.access.grants.rules import RECEIVERS
from proxy.access.permissions import (
    IN_PERSON,
    Actor,
    Grant,
    Item,
    Permission,
    Role,
    ShownBy,
    Subject,
    permits,
)
from proxy.api import listening
from proxy.api.application import DOCUMENT, ROOT
from proxy.api.route import PUBLIC
from proxy.api.table import ROUTES
from proxy.commands.guarding import Command
from proxy.console.table import ROUTES as PAGES
from proxy.console.visit import ROOT as CONSOLE

_SITE = "any"
_AGENT = b"an agent"
_ITEM = Item(UUID(int=1), "a-practice", "a-campaign", _AGENT)
_ONE_ITEM = Grant(until=datetime.max.replace(tzinfo=UTC), recording_id=UUID(int=1))
_REACH = Grant(until=datetime.max.replace(tzinfo=UTC), practice="a-practice")
_WHOLE, _OWN, _CASE, _NOTHING = "site", "own reach", "one item", "nothing"


class Row(NamedTuple):
    """What one role may with one permission, and where that is asked."""

    role: str
    permission: str
    allowed: bool
    scope: str
    """The site; what they were granted or is about them; one opened recording.

    "nothing": they may ask, and there is nothing they could be shown.
    """
    in_person: bool
    """Asked of somebody signed in with a second factor only."""
    routes: Sequence[str]
    commands: Sequence[str]


def matrix(commands: Iterable[Command]) -> list[Row]:
    """Every role with every permission; what is not listed is refused."""
    named = list(commands)
    return [
        Row(
            role=role.value,
            permission=permission.value,
            allowed=permits(_somebody(role), permission, Subject(_SITE)),
            scope=scope_of(role, permission),
            in_person=permission in IN_PERSON,
            routes=routes_of(permission),
            commands=[each.name for each in named if each.may is permission],
        )
        for role in Role
        for permission in Permission
    ]


def public() -> list[str]:
    """Where nobody is asked who they are."""
    pages = _paths(PAGES, CONSOLE, PUBLIC)
    return [f"GET {ROOT}{DOCUMENT}", *pages]


def routes_of(permission: Permission) -> list[str]:
    """Of the API, of listening, of the console."""
    heard = permission is listening.PERMISSION
    return [
        *_paths(ROUTES, ROOT, permission),
        *([f"GET {listening.ROOT}{listening.PATH}"] if heard else []),
        *_paths(PAGES, CONSOLE, permission),
    ]


def _paths(table: Iterable[Any], root: str, permission: object) -> list[str]:
    return [
        f"{each.method} {root}{each.path}"
        for each in table
        if each.permission is permission
    ]


def scope_of(role: Role, permission: Permission) -> str:
    """How far it goes for them: tried out on a recording. Empty where it is refused."""
    if not permits(_somebody(role), permission, Subject(_SITE)):
        return ""
    if permission is Permission.ACCOUNT_OWN:
        return _OWN
    reached = {
        _WHOLE: _somebody(role),
        _OWN: _somebody(role, _REACH) if role in RECEIVERS else _agent(role),
        _CASE: _somebody(role, _ONE_ITEM),
    }
    subject = Subject(_SITE, _ITEM)
    may = (scope for scope, who in reached.items() if permits(who, permission, subject))
    return next(may, _NOTHING)


def _somebody(role: Role, *grants: Grant) -> Actor:
    return Actor("somebody", role, _SITE, ShownBy.SESSION, grants)


def _agent(role: Role) -> Actor:
    return Actor("somebody", role, _SITE, ShownBy.SESSION, agent_key=_AGENT)
