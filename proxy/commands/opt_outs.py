"""`ponctuel opt-outs`: people who wrote that they do not want to be recorded."""

import argparse
import sys
from getpass import getpass

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import Act, add_site_command
from proxy.commands.running import Parsers, add_group, show
from proxy.errors import SettingsError
from proxy.intake.numbers import one_spelling
from proxy.site import Site

_NUMBER = "The number is read from standard input, in any spelling."


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "opt-outs",
        "ACTION",
        "People who are not to be recorded. PONCTUEL_TOKEN says who you are.",
        "ponctuel opt-outs add --site nord < number",
    )
    _add(actions, "add", _add_one, "Draw none of somebody's calls for three years.")
    _add(actions, "remove", _remove_one, "Take somebody off the list again.")


def _add(actions: Parsers, name: str, act: Act, summary: str) -> None:
    add_site_command(
        actions,
        name,
        (act, Permission.OPT_OUTS_WRITE),
        f"{summary} {_NUMBER}",
        f"ponctuel opt-outs {name} --site nord < number",
    )


async def _add_one(site: Site, _: Actor, args: argparse.Namespace) -> None:
    if not site.opt_outs.is_on:
        raise SettingsError(
            "this site keeps no list, so nobody would be looked up",
            field=f"sites.{site.name}.keep_opt_outs",
            fix="true",
        )
    until = await site.opt_outs.add(_number())
    show({"not_drawn_until": until}, as_json=args.json)


async def _remove_one(site: Site, _: Actor, args: argparse.Namespace) -> None:
    is_removed = await site.opt_outs.remove(_number())
    show({"removed": is_removed}, as_json=args.json)


def _number() -> str:
    """Never an argument, which every process may read; never shown or told again."""
    is_typed = sys.stdin.isatty()
    written = getpass("number (not shown): ") if is_typed else sys.stdin.readline()
    number = one_spelling(written)
    if number is None:
        raise SettingsError(
            "not a number a person calls from",
            field="standard input",
            fix="one number of 8 to 15 digits, with or without its country",
        )
    return number
