"""`ponctuel requests`: whose decision it is, how long it takes, and the answer."""

import argparse
from dataclasses import asdict
from uuid import UUID

from proxy.access.permissions import Actor
from proxy.commands.request_showing import (
    ID,
    add_move,
    desk_of,
    show_letter,
    show_standing,
)
from proxy.commands.request_words import read_text
from proxy.commands.running import Parsers, show
from proxy.rights.records import Because
from proxy.site import Site
from retention.rights.request import Outcome

_UNEXPLAINED = frozenset({Outcome.GRANTED, Outcome.NOTHING_HELD, Outcome.WITHDRAWN})


def add_to(actions: Parsers) -> None:
    _add_deciding(actions)
    dropping = add_move(
        actions,
        "drop",
        _drop,
        "Say that a recording is no part of it; it goes back to its own end.",
        f"--recording {ID} --why not-theirs",
    )
    dropping.add_argument("--recording", type=UUID, required=True, metavar="ID")
    dropping.add_argument("--why", required=True, choices=[*Because])
    answering = add_move(
        actions,
        "answer",
        _answer,
        "Answer it, and print the letter; what is granted must be done first. Grounds "
        "are asked for where the law wants some.",
        "--outcome granted",
    )
    answering.add_argument("--outcome", required=True, choices=[*Outcome])
    answering.add_argument(
        "--article",
        action="append",
        default=[],
        dest="articles",
        help="on which a refusal rests; may be said more than once",
    )
    add_move(actions, "letter", _letter, "Print the answer once more, until it closes.")
    add_move(
        actions,
        "close",
        _close,
        "End it: everything is given back, and whose it was forgotten.",
    )


def _add_deciding(actions: Parsers) -> None:
    escalating = add_move(
        actions,
        "escalate",
        _escalate,
        "Pass it to the practice that is controller, and print the letters.",
        "--practice cardio",
    )
    escalating.add_argument("--practice", required=True)
    add_move(actions, "instructed", _instructed, "Say what the practice decided.")
    add_move(
        actions,
        "extend",
        _extend,
        "Extend it by two months, inside the first; print the letter that says why.",
    )


async def _escalate(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    passed = await desk_of(site).escalate(actor, args.request, args.practice)
    if args.json:
        show(asdict(passed), as_json=True)
    else:
        print(*filter(None, (passed.to_practice, passed.to_person)), sep="\n\n")


async def _instructed(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    request = await desk_of(site).controller_answered(
        actor, args.request, read_text("instruction")
    )
    show_standing(site, request, args)


async def _extend(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    reason = read_text("reason")
    show_letter(await desk_of(site).extend(actor, args.request, reason), args)


async def _drop(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    request = await desk_of(site).drop_item(
        actor, args.request, args.recording, Because(args.why)
    )
    show_standing(site, request, args)


async def _answer(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    outcome = Outcome(args.outcome)
    grounds = "" if outcome in _UNEXPLAINED else read_text("grounds")
    letter = await desk_of(site).answer(
        actor, args.request, outcome, grounds, args.articles
    )
    show_letter(letter, args)


async def _letter(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    show_letter(await desk_of(site).letter(actor, args.request), args)


async def _close(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    show_standing(site, await desk_of(site).close(actor, args.request), args)
