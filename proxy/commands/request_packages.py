"""`ponctuel requests`: the person's copy, what is silent in it, and the link to it."""

import argparse
from dataclasses import asdict
from uuid import UUID

from proxy.access.permissions import Actor, Permission
from proxy.api.request_packages import (
    AskedCut,
    MutedParts,
    PackageLink,
    PackageState,
)
from proxy.commands.acting import add_site_command
from proxy.commands.request_showing import ID, add_move
from proxy.commands.running import Parsers, show
from proxy.rights.packages.muting import Why
from proxy.rights.packages.store import Package
from proxy.site import Site


def add_to(actions: Parsers) -> None:
    _add_mute(actions)
    _add_pack(actions)
    showing = add_site_command(
        actions,
        "package",
        (_package, Permission.REQUESTS_READ),
        "Show how far the person's copy has come.",
        f"ponctuel requests package {ID} --site nord",
    )
    showing.add_argument("request", type=UUID, metavar="REQUEST", help="its id")
    add_move(
        actions,
        "link",
        _link,
        "Print a link to the finished copy, this once; a former one is void.",
    )


def _add_mute(actions: Parsers) -> None:
    muting = add_move(
        actions,
        "mute",
        _mute,
        "Say which parts of a copy are silent, and why: all of them, each time.",
        f"--recording {ID} --cut 12000-15500:third-party",
    )
    muting.add_argument("--recording", type=UUID, required=True, metavar="ID")
    muting.add_argument(
        "--cut",
        action="append",
        default=[],
        type=_cut,
        metavar="FROM-TO:WHY",
        help=f"milliseconds, with a margin of half a second around the words, and one "
        f"of {', '.join(Why)}; none: nothing is silent",
    )


def _add_pack(actions: Parsers) -> None:
    packing = add_move(
        actions,
        "pack",
        _pack,
        "Begin the person's copy; `serve` puts it together.",
    )
    packing.add_argument(
        "--without",
        action="append",
        default=[],
        type=UUID,
        metavar="ID",
        help="a recording that kept a former one from being made",
    )


def _cut(text: str) -> AskedCut:
    span, _, why = text.partition(":")
    start, _, stop = span.partition("-")
    return AskedCut(start=int(start), stop=int(stop), why=Why(why))


async def _mute(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    asked = MutedParts(recording=args.recording, cuts=tuple(args.cut))
    cuts = await site.rights.packages.mute(
        actor, args.request, asked.recording, asked.wanted
    )
    for cut in cuts:
        show(asdict(cut), as_json=args.json)


async def _pack(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    package = await site.rights.packages.make(actor, args.request, args.without)
    _show(package, args)


async def _package(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    _show(await site.rights.packages.show(actor, args.request), args)


async def _link(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    link = await site.rights.packages.issue(actor, args.request)
    told = PackageLink.model_validate(link, from_attributes=True)
    show(told.model_dump(mode="json"), as_json=args.json)


def _show(package: Package, args: argparse.Namespace) -> None:
    told = PackageState.model_validate(package, from_attributes=True)
    show(told.model_dump(mode="json"), as_json=args.json)
