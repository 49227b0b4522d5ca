"""`ponctuel requests receive|acknowledge|list|show|report`: what comes in, and is."""

import argparse
import json
import re
from collections.abc import Mapping
from uuid import UUID

from pydantic import field_validator

from proxy.access.permissions import Actor, Permission
from proxy.api.request_forms import ReceivedRequest, Statistics, WholeRequest
from proxy.commands.acting import add_site_command
from proxy.commands.request_showing import (
    HANDLE,
    ID,
    add_move,
    desk_of,
    in_short,
    show_letter,
    show_standing,
    standing_of,
)
from proxy.commands.request_words import read_words
from proxy.commands.running import Parsers, show
from proxy.rights.records import Place
from proxy.rights.statistics import statistics
from proxy.site import Site
from retention.rights.deadlines import Kind

EXAMPLE = """ponctuel requests receive --site nord --type access < request.json

request.json, for example (without it, each is asked for):
  {"number": "01 99 00 00 01", "contact": "by letter"}"""
_READ = Permission.REQUESTS_READ
PROMPTS = {
    "number": "their number, as they write it (empty: none)",
    "agent": "or the agent's code at the platform (empty: none)",
    "windows": 'or when they called, as "2026-11-03 9-11 cardio" (empty: none)',
    "name": "name (empty: none)",
    "contact": "where answers go",
    "words": "what they ask, in their words",
}
_PAGE = 200
_WINDOW = re.compile(r"(\S+) +(\d{1,2})-(\d{1,2})(?: +(\S+))?")


class TypedRequest(ReceivedRequest):
    """The same, with call times as they are typed: one of them, on one line."""

    @field_validator("windows", mode="before")
    @classmethod
    def spelt(cls, said: object) -> object:
        if not isinstance(said, str):
            return said
        typed = _WINDOW.fullmatch(said)
        if typed is None:
            raise ValueError('no call time; write "2026-11-03 9-11 cardio"')
        names = ("day", "from_hour", "to_hour", "line")
        given = zip(names, typed.groups(default=""), strict=True)
        return [dict(given)]


def add_to(actions: Parsers) -> None:
    _add_receive(actions)
    add_move(actions, "acknowledge", _acknowledge, "Print the letter of receipt.")
    listing = add_site_command(
        actions,
        "list",
        (_list, _READ),
        "List requests, what is due first first; nobody is named.",
        "ponctuel requests list --site nord",
    )
    listing.add_argument("--closed-too", action="store_true")
    showing = add_site_command(
        actions,
        "show",
        (_show, _READ),
        "Show one request, whose it is, its recordings and its history.",
        f"ponctuel requests show {ID} --site nord",
    )
    showing.add_argument("request", type=UUID, metavar="REQUEST", help="its id")
    report = add_site_command(
        actions,
        "report",
        (_report, _READ),
        "A year's answers in numbers, in which nobody can be recognised.",
        "ponctuel requests report --site nord --year 2026",
    )
    report.add_argument("--year", type=int, required=True)


def _add_receive(actions: Parsers) -> None:
    parser = add_site_command(
        actions,
        "receive",
        (_receive, HANDLE),
        "Take a request in: find what it is about, and freeze it.",
        EXAMPLE,
    )
    parser.add_argument("--type", required=True, choices=[*Kind], dest="kind")
    parser.add_argument("--language", choices=["fr", "en"], default="fr")
    parser.add_argument("--received-on", metavar="DAY", help="when it came, if earlier")
    parser.add_argument(
        "--shared", action="store_true", help="several people have that telephone"
    )
    parser.add_argument(
        "--older-than-five-years", action="store_true", help="of a medical file"
    )


async def _receive(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    told = read_words(
        TypedRequest,
        PROMPTS,
        kind=args.kind,
        language=args.language,
        is_shared=args.shared,
        is_older_than_five_years=args.older_than_five_years,
        received_on=args.received_on,
    )
    show_standing(site, await desk_of(site).receive(actor, told.new()), args)


async def _acknowledge(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    show_letter(await desk_of(site).acknowledge(actor, args.request), args)


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    place: Place | None = None
    while page := await desk_of(site).list(
        is_open=not args.closed_too, after=place, limit=_PAGE
    ):
        for request in page:
            standing = standing_of(site, request)
            print(json.dumps(standing) if args.json else in_short(standing))
        place = page[-1].due_on, page[-1].request_id


async def _show(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    shown = await desk_of(site).show(actor, args.request)
    whole = WholeRequest.of(shown, site.clock()).model_dump(mode="json")
    if args.json:
        show(whole, as_json=True)
        return
    show(whole["request"] | (whole["particulars"] or {}), as_json=False)
    for name in ("items", "history"):
        print(f"{name}:")
        for each in whole[name]:
            print("  " + "  ".join(str(value) for value in each.values() if value))


async def _report(site: Site, _: Actor, args: argparse.Namespace) -> None:
    told = await statistics(site.rights.requests, args.year)
    found = Statistics.model_validate(told, from_attributes=True)
    figures = found.model_dump(mode="json")
    if args.json:
        show(figures, as_json=True)
        return
    show({"year": told.year, "total": told.total}, as_json=False)
    for kind, outcomes in figures["outcomes"].items():
        show({kind: figures["kinds"][kind]} | _some(outcomes), as_json=False)
    show(figures["promptness"], as_json=False)


def _some(outcomes: Mapping[str, str]) -> dict[str, object]:
    return {f"  {name}": told for name, told in outcomes.items() if told != "0"}
