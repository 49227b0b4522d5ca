"""`ponctuel requests`: doing what was asked, and telling whoever was given a copy."""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from proxy.access.permissions import Actor, Permission
from proxy.api.request_outcomes import all_of, fates
from proxy.commands.acting import add_site_command
from proxy.commands.request_showing import HANDLE, ID, add_move, show_letter
from proxy.commands.request_words import read_text
from proxy.commands.running import Parsers, day_of, show
from proxy.rights.outcomes.recipients import (
    Handover,
    HandoverPurpose,
    Notice,
    Told,
)
from proxy.rights.outcomes.wants import Wanted
from proxy.site import Site

_READ = Permission.REQUESTS_READ


def add_to(actions: Parsers) -> None:
    add_move(
        actions,
        "erase",
        _erase,
        "Destroy the recordings of a request of erasure or objection, now.",
    )
    add_move(
        actions,
        "restrict",
        _restrict,
        "Restrict its recordings: heard by nobody.",
    )
    add_move(
        actions,
        "lifting-told",
        _lifting_told,
        "Print the letter that tells the person that it will be lifted; then it may.",
    )
    add_move(actions, "lift", _lift, "Give the recordings back to their own end.")
    attaching = add_move(
        actions,
        "attach",
        _attach,
        "Attach the person's words to a recording, which stays as it is.",
        f"--recording {ID}",
    )
    attaching.add_argument("--recording", type=UUID, required=True, metavar="ID")
    outcomes = add_site_command(
        actions,
        "outcomes",
        (_outcomes, _READ),
        "Show what was done with each recording of a request.",
        f"ponctuel requests outcomes {ID} --site nord",
    )
    outcomes.add_argument("request", type=UUID, metavar="REQUEST", help="its id")
    _add_recipients(actions)


def _add_recipients(actions: Parsers) -> None:
    handing = add_site_command(
        actions,
        "hand-over",
        (_hand_over, HANDLE),
        "Note that a recording was given to somebody, such as an authority.",
        f"ponctuel requests hand-over --site nord --recording {ID} "
        "--recipient court-lyon --purpose requisition --on 2026-11-17",
    )
    handing.add_argument("--recording", type=UUID, required=True, metavar="ID")
    handing.add_argument("--recipient", required=True, help="a code, never a name")
    handing.add_argument("--purpose", required=True, choices=[*HandoverPurpose])
    handing.add_argument("--on", required=True, metavar="DAY")
    listing = add_site_command(
        actions,
        "recipients",
        (_recipients, _READ),
        "Show who was given a recording and is to be told (Art. 19), and who was.",
        f"ponctuel requests recipients {ID} --site nord",
    )
    listing.add_argument("request", type=UUID, metavar="REQUEST", help="its id")
    writing = add_move(
        actions,
        "notice",
        _notice,
        "Print the letter to a recipient: what became of what they were given.",
        "--recipient court-lyon",
    )
    writing.add_argument("--recipient", required=True, help="one of `recipients`")
    telling = add_move(
        actions,
        "told",
        _told,
        "Say that a recipient was told, or why that is disproportionate.",
        f"--handover {ID} --outcome told",
    )
    telling.add_argument("--handover", type=UUID, required=True, metavar="ID")
    telling.add_argument("--outcome", required=True, choices=[*Told])
    telling.add_argument("--reason", default="", help="no name, no number")


async def _erase(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    _show_fates(await site.rights.outcomes.erasing.erase(actor, args.request), args)


async def _restrict(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    restricting = site.rights.outcomes.restricting
    _show_fates(await restricting.restrict(actor, args.request), args)


async def _lifting_told(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    restricting = site.rights.outcomes.restricting
    show_letter(await restricting.tell_lifting(actor, args.request), args)


async def _lift(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    restricting = site.rights.outcomes.restricting
    _show_fates(await restricting.lift(actor, args.request), args)


async def _attach(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    rectifying = site.rights.outcomes.rectifying
    words = read_text("their words")
    await rectifying.attach(actor, args.request, args.recording, words)
    _show_fates(await rectifying.of(args.request), args)


async def _outcomes(site: Site, _: Actor, args: argparse.Namespace) -> None:
    _show_fates(await all_of(site.rights.outcomes, args.request), args)


async def _hand_over(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    on = day_of(args.on, "--on").date()
    known = await site.rights.outcomes.recipients.hand_over(
        actor, args.recording, args.recipient, args.purpose, on
    )
    _show_all(known, args)


async def _recipients(site: Site, _: Actor, args: argparse.Namespace) -> None:
    _show_all(await site.rights.outcomes.recipients.notices(args.request), args)


async def _notice(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    telling = site.rights.outcomes.telling
    show_letter(await telling.letter(actor, args.request, args.recipient), args)


async def _told(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    known = await site.rights.outcomes.recipients.note(
        actor, args.request, args.handover, Told(args.outcome), args.reason
    )
    _show_all(known, args)


def _show_fates(wanted: Sequence[Wanted], args: argparse.Namespace) -> None:
    for each in fates(wanted).items:
        show(each.model_dump(mode="json"), as_json=args.json)


def _show_all(found: Sequence[Handover | Notice], args: argparse.Namespace) -> None:
    """One object a line for machines; for people, a block each."""
    for each in found:
        show(asdict(each), as_json=args.json)
