"""Signing in and out: code and password, a second factor; or a passkey alone.

Between the two steps a browser holds a secret of its own for five minutes. Whatever is
wrong, the answer has one text.
"""

from proxy.access.accounts.faults import SignInRefusedError
from proxy.access.accounts.sessions import NewSession
from proxy.access.accounts.tokens import site_of
from proxy.access.permissions import Permission
from proxy.access.site_access import SiteAccess
from proxy.api.route import PUBLIC
from proxy.console.defences import BEGUN
from proxy.console.failing import again
from proxy.console.visit import GET, POST, Answer, Cookies, Goto, Page, Visit
from proxy.errors import PonctuelError


async def show(visit: Visit) -> Answer:
    return _first(visit)


async def begin(visit: Visit) -> Answer:
    """Raises nothing that says which of site, code and password was wrong."""
    try:
        begun = await access_at(visit, visit.field("site")).sign_in.begin(
            visit.field("code"), visit.form.get("password", ""), visit.source
        )
    except PonctuelError as error:
        return again(visit, _first(visit), error)
    return Goto("/sign-in/second", Cookies(begun=begun))


async def show_second(visit: Visit) -> Answer:
    return _second(visit)


async def finish(visit: Visit) -> Answer:
    begun = visit.request.cookies.get(BEGUN, "")
    try:
        made = await begun_at(visit, begun).sign_in.finish(
            begun,
            source=visit.source,
            totp=visit.field("proof"),
            recovery=visit.field("recovery"),
        )
    except PonctuelError as error:
        return again(visit, _second(visit), error)
    return signed_in(made)


async def show_recovery(visit: Visit) -> Answer:
    return _recovery(visit)


async def recover(visit: Visit) -> Answer:
    """Everything at once: the way in where others' guesses locked an account."""
    try:
        made = await access_at(visit, visit.field("site")).sign_in.recover(
            visit.field("code"),
            visit.form.get("password", ""),
            visit.field("recovery"),
            visit.source,
        )
    except PonctuelError as error:
        return again(visit, _recovery(visit), error)
    return signed_in(made)


async def sign_out(visit: Visit) -> Answer:
    await visit.site.access.sessions.end(visit.session)
    return Goto("/sign-in", Cookies(session=None))


def signed_in(made: NewSession) -> Answer:
    return Goto("/", Cookies(session=made.secret, begun=None))


def _first(visit: Visit) -> Page:
    return Page("sign_in.html", who(visit))


def _second(visit: Visit) -> Page:
    name = site_of(visit.request.cookies.get(BEGUN, ""))
    is_known = name is not None and name in visit.sites
    has_passkeys = is_known and visit.sites[name or ""].access.passkeys.are_on
    return Page("second_step.html", {"has_passkeys": has_passkeys})


def _recovery(visit: Visit) -> Page:
    return Page("recovery.html", who(visit))


def who(visit: Visit) -> dict[str, object]:
    """Where there is one site, nobody has to name it."""
    only = next(iter(visit.sites)) if len(visit.sites) == 1 else ""
    by_site = {name: site.access for name, site in visit.sites.items()}
    return {
        "where": visit.field("site") or only,
        "code": visit.field("code"),
        "has_passkeys": any(access.passkeys.are_on for access in by_site.values()),
        "providers": [name for name, access in by_site.items() if access.oidc.is_on],
    }


def access_at(visit: Visit, name: str) -> SiteAccess:
    """Raises SignInRefusedError."""
    if name not in visit.sites:
        raise SignInRefusedError
    return visit.sites[name].access


def begun_at(visit: Visit, begun: str) -> SiteAccess:
    """Where somebody is half signed in. Raises SignInRefusedError."""
    return access_at(visit, site_of(begun) or "")


ROUTES = (
    GET("/sign-in", PUBLIC, show),
    POST("/sign-in", PUBLIC, begin),
    GET("/sign-in/second", PUBLIC, show_second),
    POST("/sign-in/second", PUBLIC, finish),
    GET("/sign-in/recovery", PUBLIC, show_recovery),
    POST("/sign-in/recovery", PUBLIC, recover),
    POST("/sign-out", Permission.ACCOUNT_OWN, sign_out),
)
