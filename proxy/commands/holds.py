"""`ponctuel holds`: keep one recording longer, for a reason, on the record."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

from proxy.access.people import Actor, Permission
from proxy.commands.acting import acting
from proxy.commands.running import Parsers, add_command, add_group, add_json, show
from proxy.errors import SettingsError
from proxy.site import Site
from retention.holds import Authority, Hold

Act = Callable[[Site, Actor, argparse.Namespace], Awaitable[None]]

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
    place = _add(
        actions, "place", _place, "Keep one recording longer; nobody hears it.", _PLACE
    )
    place.add_argument("recording", help="the recording's id")
    place.add_argument("--authority", required=True, choices=[*Authority])
    place.add_argument("--reference", required=True, help="its file or case")
    place.add_argument("--reason", required=True, help="why; no name, no number")
    place.add_argument("--until", required=True, help="the day it ends, as 2026-12-15")
    release = _add(
        actions,
        "release",
        _release,
        "End a hold before its time.",
        "ponctuel holds release 9b1d… --site nord",
    )
    release.add_argument("hold", help="the hold's id")
    _add(
        actions,
        "list",
        _list,
        "List what is held, what ends first first.",
        "ponctuel holds list --site nord",
    )


def _add(
    actions: Parsers, name: str, act: Act, summary: str, example: str
) -> argparse.ArgumentParser:
    parser = add_command(
        actions, name, lambda args: asyncio.run(_run(act, args)), summary, example
    )
    parser.add_argument("--site", required=True, help="the site's code")
    add_json(parser)
    return parser


async def _run(act: Act, args: argparse.Namespace) -> int:
    async with acting(args.site, Permission.HOLDS_WRITE) as (site, actor):
        await act(site, actor, args)
    return 0


async def _place(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    hold = Hold(
        Authority(args.authority), args.reference, args.reason, _day(args.until)
    )
    recording = _uuid(args.recording, "recording")
    hold_id = await site.parts.holds.place(recording, hold, actor.code)
    show({"hold": hold_id, "until": hold.until}, as_json=args.json)


async def _release(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    hold_id = _uuid(args.hold, "hold")
    await site.parts.holds.release(hold_id, actor.code)
    show({"released": hold_id}, as_json=args.json)


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    for hold in await site.parts.holds.list():
        show(hold, as_json=args.json)


def _day(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no day", field="--until", fix="write it as 2026-12-15"
        ) from None


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no id", field=field, fix="copy it from where it is listed"
        ) from None
