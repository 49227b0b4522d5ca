"""`ponctuel notices`: what callers are told, made from what is in force."""

import argparse

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import add_site_command
from proxy.commands.running import Parsers, add_group, show
from proxy.letters.notices import Notice, NoticeKind
from proxy.letters.speech import LANGUAGES
from proxy.site import Site

_SHOW = "ponctuel notices show --site nord --kind announcement --language fr"


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "notices",
        "ACTION",
        "What callers are told: the announcement in the call, and the full notice. "
        "PONCTUEL_TOKEN says who you are.",
        _SHOW,
    )
    shown = add_site_command(
        actions,
        "show",
        (_show, Permission.POLICY_READ),
        "Print the text that fits the settings and the policy in force.",
        _SHOW,
    )
    shown.add_argument("--kind", choices=[*NoticeKind], default=NoticeKind.NOTICE)
    shown.add_argument("--language", choices=LANGUAGES, default=LANGUAGES[0])
    add_site_command(
        actions,
        "history",
        (_history, Permission.POLICY_READ),
        "List every text there was, and from when to when; --json has them whole.",
        "ponctuel notices history --site nord",
    )


async def _show(site: Site, _: Actor, args: argparse.Namespace) -> None:
    async with site.database.connection() as connection:
        await site.policies.keep_up(connection)
    text = site.notices.current(NoticeKind(args.kind), args.language)
    if args.json:
        show(_told(text) | {"text": text.text}, as_json=True)
    else:
        print(text.text, end="")


async def _history(site: Site, _: Actor, args: argparse.Namespace) -> None:
    for kept in await site.notices.history():
        dates = {"began_at": kept.began_at, "ended_at": kept.ended_at or ""}
        text = {"text": kept.notice.text} if args.json else {}
        show(_told(kept.notice) | dates | text, as_json=args.json)


def _told(text: Notice) -> dict[str, object]:
    return {
        "kind": text.kind.value,
        "language": text.language,
        "version": text.version,
    }
