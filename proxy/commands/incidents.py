"""`ponctuel incidents`: the register of incidents and its 72-hour clock."""

import argparse
import math
from datetime import datetime
from typing import cast
from uuid import UUID

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import Act, add_site_command
from proxy.commands.running import Parsers, add_group, show
from proxy.incidents.cases import (
    Case,
    Changes,
    Decision,
    People,
    Records,
    Risk,
    about,
)
from proxy.incidents.register import State
from proxy.incidents.words import WARNING
from proxy.site import Site

_LIST = "ponctuel incidents list --site nord"
_ID = "3f0c6f0e-7a53-4f2a-9d0b-0a7f9c1d2e3f"


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "incidents",
        "ACTION",
        "The register of incidents (GDPR Art. 33). PONCTUEL_TOKEN says who you are.",
        _LIST,
    )
    _add_reading(actions)
    _add_opening(actions)
    _add_steps(actions)


def _add_reading(actions: Parsers) -> None:
    listing = _add(actions, "list", _list, "List incidents and the time left.", "")
    listing.add_argument("--state", type=State, choices=list(State), default=State.OPEN)
    _add(actions, "show", _show, "Show one incident and what was done.", _ID)
    _add(
        actions,
        "export",
        _export,
        "Print what Art. 33(3) asks for, in French; with --json as fields.",
        _ID,
    )


def _add_opening(actions: Parsers) -> None:
    opening = _add(
        actions,
        "open",
        _open,
        f"Open an incident somebody noticed. In every text: {WARNING}.",
        '--nature "a disk was lost" --aware-at 2026-11-18T09:00+01:00',
    )
    opening.add_argument(
        "--aware-at",
        type=_moment,
        metavar="TIME",
        help="when it was known, with its offset; the 72 hours begin then, or now",
    )
    describing = _add(
        actions,
        "describe",
        _describe,
        f"Add to what is known of it. In every text: {WARNING}.",
        f"{_ID} --people callers --people-about 12 --risk unlikely",
    )
    for parser in (opening, describing):
        _add_description(parser)


def _add_description(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nature", help="what happened")
    for name, kinds in (("people", People), ("records", Records)):
        parser.add_argument(
            f"--{name}",
            type=kinds,
            nargs="+",
            choices=list(kinds),
            metavar="KIND",
            help=", ".join(kinds),
        )
        parser.add_argument(
            f"--{name}-about",
            type=int,
            metavar="N",
            help="about how many; a size is kept",
        )
    parser.add_argument("--risk", type=Risk, choices=list(Risk))
    parser.add_argument("--consequences", help="that are likely")
    parser.add_argument("--measures", help="taken or proposed")
    parser.add_argument("--delay-reason", help="of a notification after 72 hours")


def _add_steps(actions: Parsers) -> None:
    note = _add(actions, "note", _note, f"Add a note: {WARNING}.", f'{_ID} "key found"')
    note.add_argument("text")
    deciding = _add(
        actions,
        "decide",
        _decide,
        "Decide whether the authority is notified, and why.",
        f'{_ID} not_notify --reason "encrypted, key destroyed"',
    )
    deciding.add_argument("decision", type=Decision, choices=list(Decision))
    deciding.add_argument("--reason", required=True)
    notified = _add(
        actions, "notified", _notified, "Say that the authority was notified.", _ID
    )
    notified.add_argument("--at", type=_moment, metavar="TIME", help="or now")
    closing = _add(
        actions, "close", _close, "Close it.", f'{_ID} --outcome "nothing more"'
    )
    closing.add_argument("--outcome", required=True)


def _add(
    actions: Parsers, name: str, act: Act, summary: str, example: str
) -> argparse.ArgumentParser:
    """A command of the register; its incident comes first, but to list and open."""
    words = f"ponctuel incidents {name} --site nord {example}"
    is_reading = name in ("list", "show", "export")
    may = Permission.INCIDENTS_READ if is_reading else Permission.INCIDENTS_WRITE
    parser = add_site_command(actions, name, (act, may), summary, words.strip())
    if name not in ("list", "open"):
        parser.add_argument("incident", type=UUID, metavar="INCIDENT")
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("write its offset too, as in …T09:00+01:00")
    return moment


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    now = site.clock()
    cases = [_in_short(case, now) for case in await site.incidents.list(args.state)]
    if args.json:
        show({"incidents": cases}, as_json=True)
        return
    for case in cases:
        print("  ".join(str(value) for value in case.values()))


def _in_short(case: Case, now: datetime) -> dict[str, object]:
    left = case.hours_left(now)
    return {
        "incident": str(case.incident_id),
        "kind": case.kind,
        "aware_at": case.aware_at.isoformat(timespec="minutes"),
        "hours_left": None if math.isinf(left) else round(left, 1),
        "alerts_due": list(case.alerts_due(now)),
        "decision": case.decision and case.decision.value,
        "state": "closed" if case.closed_at else "open",
    }


async def _show(site: Site, _: Actor, args: argparse.Namespace) -> None:
    case = await site.incidents.find(args.incident)
    document = (await site.incidents.export(args.incident)).document()
    notes = [
        f"{note.at.isoformat(timespec='minutes')} {note.actor}: {note.note}"
        for note in await site.incidents.notes(args.incident)
    ]
    show(document | {"outcome": case.outcome, "notes": notes}, as_json=args.json)


async def _export(site: Site, _: Actor, args: argparse.Namespace) -> None:
    export = await site.incidents.export(args.incident)
    if args.json:
        show(export.document(), as_json=True)
    else:
        print(export.text(), end="")


async def _open(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    incident = await site.incidents.open_by_hand(
        actor.code, _changes(args), aware_at=args.aware_at
    )
    show({"opened": incident}, as_json=args.json)


async def _describe(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    await site.incidents.describe(args.incident, actor.code, _changes(args))
    show({"described": args.incident}, as_json=args.json)


async def _note(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    await site.incidents.note(args.incident, actor.code, args.text)
    show({"noted": args.incident}, as_json=args.json)


async def _decide(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    await site.incidents.decide(args.incident, actor.code, args.decision, args.reason)
    show({"decided": args.incident}, as_json=args.json)


async def _notified(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    await site.incidents.notified(args.incident, actor.code, args.at)
    show({"notified": args.incident}, as_json=args.json)


async def _close(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    await site.incidents.close(args.incident, actor.code, args.outcome)
    show({"closed": args.incident}, as_json=args.json)


def _changes(args: argparse.Namespace) -> Changes:
    """What was given on the command line; numbers become sizes."""
    names = ("nature", "risk", "consequences", "measures", "delay_reason")
    given = {name: getattr(args, name) for name in names}
    for name in ("people", "records"):
        kinds, number = getattr(args, name), getattr(args, f"{name}_about")
        given[name] = kinds and tuple(kinds)
        given[f"{name}_about"] = None if number is None else about(number)
    kept = {name: value for name, value in given.items() if value is not None}
    return cast("Changes", kept)
