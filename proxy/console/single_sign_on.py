"""Signing in at the organisation's own provider (OpenID Connect), and coming back.

Whoever is signed in already ties the two together, or signs in there anew to show that
it is still them: their cookies are all Strict and
stay behind on the way back, so the page there goes on to one of ours that gets them.
"""

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.accounts.sessions import NewSession
from proxy.access.accounts.tokens import site_of
from proxy.access.oidc.refusals import SingleSignOnRefusedError, Why
from proxy.access.oidc.sign_in import CALLBACK, COOKIE, Halfway
from proxy.access.oidc.states import Purpose
from proxy.access.permissions import Permission
from proxy.access.wire import check_not_foreign
from proxy.api.faults import UnknownPlaceError
from proxy.api.route import PUBLIC
from proxy.console.defences import BEGUN
from proxy.console.visit import (
    GET,
    POST,
    ROOT,
    Abroad,
    Answer,
    Cookies,
    Goto,
    Page,
    Visit,
)

_TIE = "/account/sso"


async def leave(visit: Visit) -> Answer:
    """By a link, not a form: a form of ours leads to no other host.

    A link of ours: nobody is signed in by one that somebody else put before them.
    """
    check_not_foreign(visit.request)
    name = visit.request.match_info["site"]
    if name not in visit.sites:
        raise UnknownPlaceError
    begun = await visit.sites[name].access.oidc.begin()
    return Abroad(begun.address, Cookies(abroad=begun.secret))


async def come_back(visit: Visit) -> Answer:
    """Goes on by itself: the session's cookie does not follow a redirect from abroad.

    Raises SingleSignOnRefusedError, and what `Oidc.finish` does.
    """
    if COOKIE not in visit.request.cookies:
        return _on(f"{_TIE}/back?{visit.request.rel_url.raw_query_string}", Cookies())
    secret = visit.request.cookies[COOKIE]
    name = site_of(secret)
    if name is None or name not in visit.sites:
        raise SingleSignOnRefusedError(Why.STATE)
    arrived = await visit.sites[name].access.oidc.finish(
        secret, visit.request.query, visit.source
    )
    match arrived:
        case NewSession(secret=made):
            return _on("/", Cookies(session=made, abroad=None))
        case Halfway(pending=pending):
            return _on("/sign-in/second", Cookies(begun=pending, abroad=None))
        case _:
            return _on("/account", Cookies(abroad=None))


async def leave_to_tie(visit: Visit) -> Answer:
    """By a link of ours, as above."""
    check_not_foreign(visit.request)
    oidc = visit.site.access.oidc
    try:
        begun = await oidc.begin(Purpose.LINK, visit.session)
    except StaleFactorError:
        return Goto("/account/confirm")
    return Abroad(begun.address, Cookies(begun=begun.secret))


async def leave_to_confirm(visit: Visit) -> Answer:
    """By a page that goes on: a form of ours leads to no other host."""
    begun = await visit.site.access.oidc.begin(Purpose.AGAIN, visit.session)
    cookies = Cookies(begun=begun.secret)
    return Page("leaving.html", {"address": begun.address}, cookies=cookies)


async def tie(visit: Visit) -> Answer:
    """Or show once more that it is them: then the session has another secret.

    Raises SingleSignOnRefusedError, and what `Oidc.finish` does.
    """
    secret = visit.request.cookies.get(BEGUN, "")
    query, oidc = visit.request.query, visit.site.access.oidc
    if oidc.is_on and site_of(secret) != visit.session.actor.site:
        raise SingleSignOnRefusedError(Why.STATE)
    arrived = await oidc.finish(secret, query, visit.source, visit.session)
    renewed = arrived.secret if isinstance(arrived, NewSession) else ""
    return Goto("/account", Cookies(session=renewed, begun=None))


def _on(path: str, cookies: Cookies) -> Page:
    return Page("arrived.html", {"on": path}, cookies=cookies)


ROUTES = (
    GET("/sign-in/sso/at/{site}", PUBLIC, leave),
    GET(CALLBACK.removeprefix(ROOT), PUBLIC, come_back),
    GET(_TIE, Permission.ACCOUNT_OWN, leave_to_tie),
    GET(f"{_TIE}/back", Permission.ACCOUNT_OWN, tie),
    POST("/account/confirm/sso", Permission.ACCOUNT_OWN, leave_to_confirm),
)
