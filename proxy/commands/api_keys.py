"""`ponctuel api-keys`: keys of machines, each for a few things and for a time."""

import argparse

from proxy.access.api_keys.keys import WantedKey
from proxy.access.permissions import Actor, Permission, Role
from proxy.commands.acting import add_site_command
from proxy.commands.running import (
    Parsers,
    add_group,
    day_of,
    id_of,
    show,
)
from proxy.site import Site

_MAKE = (
    "ponctuel api-keys make grafana --site nord --role auditor --scope gates:read "
    "--until 2027-06-30"
)


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "api-keys",
        "ACTION",
        "Keys of machines for /api/v1. PONCTUEL_TOKEN says who you are.",
        _MAKE,
    )
    _add_make(actions)
    add_site_command(
        actions,
        "list",
        (_list, Permission.ACCOUNTS_READ),
        "List every key: what it is for, until when, and when it was last used.",
        "ponctuel api-keys list --site nord",
    )
    ending = add_site_command(
        actions,
        "end",
        (_end, Permission.ACCOUNTS_WRITE),
        "End a key now.",
        "ponctuel api-keys end 9b1d… --site nord",
    )
    ending.add_argument("key", help="the key's id")


def _add_make(actions: Parsers) -> None:
    make = add_site_command(
        actions,
        "make",
        (_make, Permission.ACCOUNTS_WRITE),
        "Make a machine's key. It is shown once and cannot be shown again.",
        _MAKE,
    )
    make.add_argument("code", help="the machine's own; never a person's, never a name")
    make.add_argument("--role", required=True, type=Role, choices=list(Role))
    make.add_argument(
        "--scope",
        required=True,
        type=Permission,
        choices=list(Permission),
        nargs="+",
        metavar="PERMISSION",
        help="what it is for, and for nothing else",
    )
    make.add_argument("--until", required=True, help="its end, as 2027-06-30")


async def _make(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    until = day_of(args.until, "--until")
    wanted = WantedKey(args.code, args.role, frozenset(args.scope), until)
    key_id, key = await site.access.api_keys.make(actor, wanted)
    show({"id": key_id, "key": key, "until": until}, as_json=args.json)


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    for key in await site.access.api_keys.list():
        shown = {
            "id": key.key_id,
            "code": key.code,
            "role": key.role.value,
            "scopes": sorted(key.scopes),
            "until": key.until,
            "made_by": key.made_by,
            "ended_at": key.ended_at,
            "last_used_on": key.last_used_on,
        }
        show(shown, as_json=args.json)


async def _end(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    key = await site.access.api_keys.end(actor, id_of(args.key, "key"))
    show({"id": key.key_id, "ended_at": key.ended_at}, as_json=args.json)
