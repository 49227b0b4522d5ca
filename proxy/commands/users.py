"""`ponctuel users`: who has an account, and links for those who are to have one."""

import argparse
import sys

from proxy.access.accounts.accounts import Account, Wanted
from proxy.access.accounts.invitations import Invitation
from proxy.access.permissions import Actor, Permission, Role
from proxy.commands.acting import add_site_command
from proxy.commands.running import Parsers, add_group, show
from proxy.console.invitations import link_of
from proxy.settings import is_loopback, load_settings
from proxy.site import Site

_INVITE = "ponctuel users invite tr-lea --site nord --role trainer"
_FIRST = (
    "There is no default account. Whoever holds the machine makes the first "
    "administrator: `ponctuel access token --role administrator`, its lines into the "
    "settings, its token into PONCTUEL_TOKEN, which says who you are."
)
_NO_ADDRESS = (
    "Put the console's address before the link; the setting access.public_url does it."
)


def add_to(parsers: Parsers) -> None:
    summary = f"People with an account of their own. {_FIRST}"
    actions = add_group(parsers, "users", "ACTION", summary, _INVITE)
    _add_invite(actions)
    _add_revoke(actions)
    _add_appoint(actions)
    add_site_command(
        actions,
        "list",
        (_list, Permission.ACCOUNTS_READ),
        "List accounts, by their codes.",
        "ponctuel users list --site nord",
    )
    _add_code(
        add_site_command(
            actions,
            "end",
            (_end, Permission.ACCOUNTS_WRITE),
            "End an account and its sessions, now and for good.",
            "ponctuel users end tr-lea --site nord",
        )
    )
    _add_code(
        add_site_command(
            actions,
            "reset",
            (_reset, Permission.ACCOUNTS_WRITE),
            "Take away password, second factor and sessions of somebody who lost one "
            "of them, and make a new link. Make sure who asks.",
            "ponctuel users reset tr-lea --site nord",
        )
    )


def _add_appoint(actions: Parsers) -> None:
    appoint = add_site_command(
        actions,
        "appoint",
        (_appoint, Permission.GRANTS_WRITE),
        "Say, as a data protection officer, that an account is of another one, of a "
        "rights officer or of that agent, once its owner has accepted the invitation; "
        "until then, and again after a reset, it lets nobody in.",
        "ponctuel users appoint dpo-2 --site nord",
    )
    _add_code(appoint)
    appoint.add_argument(
        "--agent", help="for the role agent: their code at the platform, once more"
    )


def _add_revoke(actions: Parsers) -> None:
    _add_code(
        add_site_command(
            actions,
            "revoke",
            (_revoke, Permission.ACCOUNTS_WRITE),
            "Take back a link that nobody has followed yet.",
            "ponctuel users revoke tr-lea --site nord",
        )
    )


def _add_invite(actions: Parsers) -> None:
    invite = add_site_command(
        actions,
        "invite",
        (_invite, Permission.ACCOUNTS_WRITE),
        "Make somebody's account, and the link with which they choose a password and "
        f"a second factor: once, within three days. {_FIRST}",
        _INVITE,
    )
    _add_code(invite)
    invite.add_argument("--role", required=True, type=Role, choices=list(Role))
    invite.add_argument(
        "--agent", help="for the role agent: their code at the platform, kept as a hash"
    )


def _add_code(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("code", help="theirs alone; never a name")


async def _invite(site: Site, by: Actor, args: argparse.Namespace) -> None:
    wanted = Wanted(args.code, args.role, args.agent)
    made = await site.access.invitations.invite(by, wanted)
    _show_link(site, made, args)


async def _appoint(site: Site, by: Actor, args: argparse.Namespace) -> None:
    await site.access.accounts.appoint(by, args.code, args.agent)
    show({"appointed": args.code}, as_json=args.json)


async def _reset(site: Site, by: Actor, args: argparse.Namespace) -> None:
    made = await site.access.invitations.reset(by, args.code)
    _show_link(site, made, args)


async def _revoke(site: Site, by: Actor, args: argparse.Namespace) -> None:
    is_revoked = await site.access.invitations.revoke(by, args.code)
    show({"revoked": is_revoked}, as_json=args.json)


def _show_link(site: Site, made: Invitation, args: argparse.Namespace) -> None:
    base = site.config.access.public_url or _here()
    values = {
        "code": made.code,
        "link": link_of(base, made.secret),
        "until": made.until,
    }
    show(values, as_json=args.json)
    if not base:
        print(_NO_ADDRESS, file=sys.stderr)


def _here() -> str:
    """The console for whoever sits at this machine; empty where it has another name."""
    http = load_settings().http
    if http.tls_certificate or http.trusted_proxies or not is_loopback(http.host):
        return ""
    return f"http://{http.host}:{http.port}"


async def _list(site: Site, _: Actor, args: argparse.Namespace) -> None:
    waiting = {each.code: each.until for each in await site.access.invitations.list()}
    for account in await site.access.accounts.list():
        show(
            {
                "code": account.code,
                "role": account.role,
                "state": _state(account, is_invited=account.code in waiting),
                "made_by": account.made_by,
                "made_at": account.made_at,
                "ended_at": account.ended_at,
                "invited_until": waiting.get(account.code),
            },
            as_json=args.json,
        )


def _state(account: Account, *, is_invited: bool) -> str:
    if account.ended_at:
        return "ended"
    if is_invited:
        return "invited"
    return "in use" if account.has_password else "no password"


async def _end(site: Site, by: Actor, args: argparse.Namespace) -> None:
    await site.access.accounts.end(by, args.code)
    show({"ended": args.code}, as_json=args.json)
