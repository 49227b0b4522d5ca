"""Accounts, for the administrator: invite, change, reset, end. Read by the DPO too."""

from proxy.access.accounts.accounts import Account, Wanted
from proxy.access.accounts.faults import AccountRefusedError, UnknownAccountError
from proxy.access.accounts.invitations import Invitation
from proxy.access.permissions import Permission, Role
from proxy.console.failing import again
from proxy.console.invitations import link_of
from proxy.console.visit import GET, POST, Answer, Goto, Handler, Page, Visit
from proxy.errors import PonctuelError

_PLACE = "/accounts"
_ONE = "/accounts/{account}"


async def show(visit: Visit) -> Answer:
    return await _register(visit)


async def invite(visit: Visit) -> Answer:
    invitations = visit.site.access.invitations
    try:
        wanted = _wanted(visit, visit.field("code"))
        invited = await invitations.invite(visit.session.actor, wanted)
    except PonctuelError as error:
        return again(visit, await _register(visit), error)
    return _shown_once(visit, invited)


async def show_one(visit: Visit) -> Answer:
    return _page(visit, await _living(visit))


async def change_role(visit: Visit) -> Answer:
    account = await _living(visit)
    try:
        await visit.site.access.accounts.change_role(
            visit.session.actor, _wanted(visit, account.code)
        )
    except PonctuelError as error:
        return again(visit, _page(visit, account), error)
    return Goto(_PLACE)


async def reset(visit: Visit) -> Answer:
    account = await _living(visit)
    invitations = visit.site.access.invitations
    return _shown_once(
        visit, await invitations.reset(visit.session.actor, account.code)
    )


async def appoint(visit: Visit) -> Answer:
    account, agent = await _living(visit), visit.field("agent") or None
    accounts = visit.site.access.accounts
    try:
        await accounts.appoint(visit.session.actor, account.code, agent)
    except PonctuelError as error:
        return again(visit, await _register(visit), error)
    return Goto(_PLACE)


async def end(visit: Visit) -> Answer:
    account = await _living(visit)
    await visit.site.access.accounts.end(visit.session.actor, account.code)
    return Goto(_PLACE)


def _wanted(visit: Visit, code: str) -> Wanted:
    """Raises AccountRefusedError."""
    try:
        role = Role(visit.field("role"))
    except ValueError:
        raise AccountRefusedError("there is no such role", field="role") from None
    return Wanted(code, role, visit.field("agent") or None)


async def _register(visit: Visit) -> Page:
    access = visit.site.access
    invited = {each.code: each.until for each in await access.invitations.list()}
    accounts = await access.accounts.list()
    values = {
        "accounts": [(each, invited.get(each.code)) for each in accounts],
        "roles": _roles(visit),
        "filled": visit.form,
    }
    return Page("accounts.html", values)


def _page(visit: Visit, account: Account) -> Page:
    return Page("account_of.html", {"account": account, "roles": _roles(visit)})


def _roles(visit: Visit) -> list[tuple[str, str]]:
    return [(role.value, visit.words(f"roles.{role}")) for role in Role]


async def _living(visit: Visit) -> Account:
    """Whom the path names, if their account has not ended."""
    account_id = visit.place("account")
    for account in await visit.site.access.accounts.list():
        if account.account_id == account_id and not account.ended_at:
            return account
    raise UnknownAccountError


def _shown_once(visit: Visit, invited: Invitation) -> Page:
    """Where the console is reached, the settings say; or else, this very browser."""
    base = visit.site.access.config.public_url or str(visit.request.url.origin())
    values = {"invitation": invited, "link": link_of(base, invited.secret)}
    return Page("invited.html", values)


def _freshly(handler: Handler) -> Handler:
    """Whoever finds a browser open lets nobody in by it: the factor is shown anew."""

    async def handle(visit: Visit) -> Answer:
        if visit.session.is_fresh(visit.site.clock()):
            return await handler(visit)
        return Goto("/account/confirm")

    return handle


ROUTES = (
    GET(_PLACE, Permission.ACCOUNTS_READ, show),
    POST(_PLACE, Permission.ACCOUNTS_WRITE, _freshly(invite)),
    GET(_ONE, Permission.ACCOUNTS_WRITE, show_one),
    POST(f"{_ONE}/role", Permission.ACCOUNTS_WRITE, _freshly(change_role)),
    POST(f"{_ONE}/reset", Permission.ACCOUNTS_WRITE, _freshly(reset)),
    POST(f"{_ONE}/end", Permission.ACCOUNTS_WRITE, _freshly(end)),
    POST(f"{_ONE}/appoint", Permission.GRANTS_WRITE, _freshly(appoint)),
)
