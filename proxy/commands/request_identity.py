"""`ponctuel requests`: finding out who asks, with no more than that takes."""

import argparse

from proxy.access.permissions import Actor
from proxy.api.request_forms import CodeTo, ShownDetails
from proxy.commands.request_showing import (
    add_move,
    desk_of,
    show_letter,
    show_standing,
)
from proxy.commands.request_words import read_text, read_words
from proxy.commands.running import Parsers, show
from proxy.site import Site
from retention.rights.request import Identity

_DETAILS = {
    "day": "day of one of their calls, as 2026-11-03",
    "hour": "its hour, 0 to 23",
    "line": "its line: the number they dialled, or the practice",
}
_OTHERWISE = [Identity.ACCOUNT.value, Identity.PRACTICE.value]


def add_to(actions: Parsers) -> None:
    code = add_move(
        actions, "code", _code, "Send a one-time code to the number that called."
    )
    code.add_argument(
        "--to-a-number-they-give",
        action="store_true",
        dest="asks_number",
        help="of a request that call times led to; the number is asked for",
    )
    add_move(actions, "confirm", _confirm, "Take the code that was read out.")
    add_move(
        actions,
        "details",
        _details,
        "Take when one of their calls was, and on which line, as a proof.",
    )
    add_move(actions, "shared", _shared, "Say that several people have that telephone.")
    add_move(
        actions,
        "doubt",
        _doubt,
        "Record why it is doubted who asks; print the letter that asks for a document.",
    )
    _add_document(actions)
    identified = add_move(
        actions,
        "identified",
        _identified,
        "Say that an agent's account, or the practice, shows who asks.",
        "--how practice",
    )
    identified.add_argument("--how", required=True, choices=_OTHERWISE)


def _add_document(actions: Parsers) -> None:
    checked = add_move(
        actions,
        "checked",
        _checked,
        "Say what the document showed, and whether every copy is destroyed.",
        "--proves --destroyed",
    )
    proof = checked.add_mutually_exclusive_group(required=True)
    proof.add_argument("--proves", action="store_true", dest="proves")
    proof.add_argument("--does-not-prove", action="store_false", dest="proves")
    checked.add_argument("--destroyed", action="store_true", help="and every copy")
    add_move(
        actions,
        "destroyed",
        _destroyed,
        "Say that nothing is left of a document, nor of any copy.",
    )


async def _code(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    number = ""
    if args.asks_number:
        number = read_words(CodeTo, {"number": "number"}).number
    until = await desk_of(site).send_code(actor, args.request, number)
    show({"good_until": until}, as_json=args.json)


async def _confirm(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    code = read_text("code")
    show_standing(
        site, await desk_of(site).confirm_code(actor, args.request, code), args
    )


async def _details(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    said = read_words(ShownDetails, _DETAILS)
    request = await desk_of(site).confirm_details(
        actor, args.request, said.day, said.hour, said.line
    )
    show_standing(site, request, args)


async def _shared(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    show_standing(site, await desk_of(site).mark_shared(actor, args.request), args)


async def _doubt(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    why = read_text("why")
    show_letter(await desk_of(site).doubt(actor, args.request, why), args)


async def _checked(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    request = await desk_of(site).document_checked(
        actor, args.request, proves=args.proves, is_destroyed=args.destroyed
    )
    show_standing(site, request, args)


async def _destroyed(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    request = await desk_of(site).document_destroyed(actor, args.request)
    show_standing(site, request, args)


async def _identified(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    request = await desk_of(site).identified_otherwise(
        actor, args.request, Identity(args.how)
    )
    show_standing(site, request, args)
