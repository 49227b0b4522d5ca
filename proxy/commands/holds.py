"""`ponctuel holds`: keep one recording longer, for a reason, on the record."""

import argparse

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import add_site_command
from proxy.commands.running import (
    Parsers,
    add_group,
    day_of,
    id_of,
    show,
)
from proxy.site import Site
from retention.holds import Authority, Hold

_PLACE = (
    "ponctuel holds place 5f2c… --site nord --authority requisition "
    "--reference 'PV 2026/113' --reason 'order of 20 November' --until 2026-12-15"
)


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "holds",
        "ACTION",
        "Recordings kept longer, each for a right, a reason and a time. "
        "PONCTUEL_TOKEN says who you are.",
        _PLACE,
    )
    place = add_site_command(
        actions,
        "place",
        (_place, Permission.HOLDS_WRITE),
        "Keep one recording longer; nobody hears it.",
        _PLACE,
    )
    place.add_argument("recording", help="the recording's id")
    place.add_argument("--authority", required=True, choices=[*Authority])
    place.add_argument("--reference", required=True, help="its file or case")
    place.add_argument("--reason", required=True, help="why; no name, no number")
    place.add_argument("--until", required=True, help="the day it ends, as 2026-12-15")
    release = add_site_command(
        actions,
        "release",
        (_release, Permission.HOLDS_WRITE),
        "End a hold before its time.",
        "ponctuel holds release 9b1d… --site nord",
    )
    release.add_argument("hold", help="the hold's id")
    add_site_command(
        actions,
        "list",
        (_list, Permission.HOLDS_WRITE),
        "List what is held, what ends first first.",
        "ponctuel holds list --site nord",
    )


async def _place(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    until = day_of(args.until, "--until")
    hold = Hold(Authority(args.authority), args.reference, args.reason, until)
    recording = id_of(args.recording, "recording")
    # A request that waits for the recording takes it over again afterwards.
    hold_id = await site.parts.holds.place(
        recording, hold, actor.code, instead_of=Authority.REQUEST
    )
    show({"hold": hold_id, "until": hold.until}, as_json=args.json)


async def _release(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    hold_id = id_of(args.hold, "hold")
    await site.parts.holds.release(hold_id, actor.code)
    show({"released": hold_id}, as_json=args.json)


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    for hold in await site.parts.holds.list():
        show(hold, as_json=args.json)
