"""My account: where I am signed in, and what I sign in with."""

from proxy.access.permissions import Permission
from proxy.console.failing import again
from proxy.console.invitations import check_repeated
from proxy.console.menu import EMERGENCY
from proxy.console.visit import GET, POST, Answer, Cookies, Goto, Page, Visit
from proxy.errors import PonctuelError

_PLACE = "/account"


async def show(visit: Visit) -> Answer:
    return await _account(visit)


async def end_session(visit: Visit) -> Answer:
    sessions = visit.site.access.sessions
    await sessions.end(visit.session, visit.place("session"))
    return Goto(_PLACE)


async def end_all(visit: Visit) -> Answer:
    await visit.site.access.sessions.end_all(visit.session)
    return Goto("/sign-in", Cookies(session=None))


async def change_password(visit: Visit) -> Answer:
    try:
        check_repeated(visit)
        made = await visit.site.access.own.change_password(
            visit.session, visit.form.get("current", ""), visit.form.get("password", "")
        )
    except PonctuelError as error:
        return again(visit, await _account(visit), error)
    return Goto(_PLACE, Cookies(session=made.secret))


async def renew_codes(visit: Visit) -> Answer:
    try:
        codes = await visit.site.access.own.renew_recovery_codes(
            visit.session, visit.field("proof")
        )
    except PonctuelError as error:
        return again(visit, await _account(visit), error)
    return Page("codes.html", {"codes": codes})


async def ask_to_confirm(visit: Visit) -> Answer:
    return _confirmation(visit)


async def confirm(visit: Visit) -> Answer:
    try:
        made = await visit.site.access.sign_in.confirm(
            visit.session, totp=visit.field("proof")
        )
    except PonctuelError as error:
        return again(visit, _confirmation(visit), error)
    asked_on = visit.field("on")
    place = asked_on if asked_on == EMERGENCY else _PLACE
    return Goto(place, Cookies(session=made.secret))


def _confirmation(visit: Visit) -> Page:
    access = visit.site.access
    ways = {
        "has_passkeys": access.passkeys.are_on,
        "has_sso": access.oidc.shows_factors,
    }
    return Page("confirm.html", ways)


async def _account(visit: Visit) -> Page:
    access, own = visit.site.access, visit.session
    values = {
        "sessions": await access.sessions.list_of(own.account_id),
        "passkeys": await access.passkeys.listed(own.account_id),
        "has_passkeys": access.passkeys.are_on,
        "has_sso": access.oidc.is_on,
        "codes_left": await access.own.recovery_codes_left(own),
    }
    return Page("account.html", values)


ROUTES = (
    GET(_PLACE, Permission.ACCOUNT_OWN, show),
    POST("/account/sessions/end", Permission.ACCOUNT_OWN, end_all),
    POST("/account/sessions/{session}/end", Permission.ACCOUNT_OWN, end_session),
    POST("/account/password", Permission.ACCOUNT_OWN, change_password),
    POST("/account/recovery-codes", Permission.ACCOUNT_OWN, renew_codes),
    GET("/account/confirm", Permission.ACCOUNT_OWN, ask_to_confirm),
    POST("/account/confirm", Permission.ACCOUNT_OWN, confirm),
)
