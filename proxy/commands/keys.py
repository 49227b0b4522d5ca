"""`ponctuel keys`: which day keys there are, whether they are sound, a new one."""

import argparse

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import add_site_command
from proxy.commands.running import (
    Parsers,
    add_group,
    day_of,
    show,
)
from proxy.errors import StorageError
from proxy.site import Site
from retention.keys import KeyClass


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "keys",
        "ACTION",
        "The keys that recordings die with. None can be shown or taken out. "
        "PONCTUEL_TOKEN says who you are.",
        "ponctuel keys list --site nord",
    )
    add_site_command(
        actions,
        "list",
        (_list, Permission.KEYS_READ),
        "List the living keys: what hangs under each, and when it dies.",
        "ponctuel keys list --site nord --json",
    )
    add_site_command(
        actions,
        "check",
        (_check, Permission.KEYS_READ),
        "Try whether keys can be made, used and destroyed, and hold the key store "
        "against the ledger.",
        "ponctuel keys check --site nord",
    )
    rotate = add_site_command(
        actions,
        "rotate",
        (_rotate, Permission.KEYS_ROTATE),
        "Move everything of a day to a fresh key next night, and destroy the old one: "
        "for a key somebody may have seen.",
        "ponctuel keys rotate 2026-12-15 --site nord --now",
    )
    rotate.add_argument("day", help="the day the key dies with, as 2026-12-15")
    rotate.add_argument("--class", dest="kind", default="audio", choices=[*KeyClass])
    rotate.add_argument("--now", action="store_true", help="now, not next night")


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> int:
    for key in await site.parts.inspection.list():
        show(key, as_json=args.json)
    return 0


async def _check(site: Site, _: Actor, args: argparse.Namespace) -> int:
    """Exit status 1 where a key is missing, or one is there that was destroyed."""
    found = await site.parts.inspection.check()
    show(
        {
            "living": found.living,
            "missing": [key.name for key in found.missing],
            "destroyed_but_there": [key.name for key in found.back],
        },
        as_json=args.json,
    )
    return 0 if found.is_sound else 1


async def _rotate(site: Site, _: Actor, args: argparse.Namespace) -> int:
    kind = KeyClass(args.kind)
    key = await site.parts.inspection.rotate(kind, day_of(args.day, "day").date())
    if args.now and not await site.parts.destroying.renew(key):
        raise StorageError(
            f"{key.name} still lives", fix="every sweep from next night on tries again"
        )
    show({"key": key.name, "destroyed": args.now}, as_json=args.json)
    return 0
