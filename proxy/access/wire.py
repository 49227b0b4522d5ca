"""How a browser shows its session, and that a page of ours made it ask.

A cookie goes along with whatever page makes the browser ask, so anything that changes
something must show more: the session's token, which only our pages know (OWASP ASVS
5.0, 3.5.1), and, where the browser tells, that it was our page (Fetch Metadata).
"""

import hmac

from aiohttp import hdrs, web

from proxy.errors import PonctuelError, UnauthorizedError

COOKIE = "__Host-ponctuel"
CSRF_HEADER = "X-CSRF-Token"
SAFE_METHODS = frozenset({"GET", "HEAD"})
_SITE_HEADER = "Sec-Fetch-Site"
# "none": typed by hand or from a bookmark, so no page asked for it.
_OURS = frozenset({"same-origin", "none"})


class ForeignPageError(PonctuelError):
    """A page that is not ours made the browser ask this."""

    status = 403
    error_id = "foreign-page"


def session_secret(request: web.Request) -> str:
    """What the browser shows. Raises UnauthorizedError when that is nothing."""
    secret = request.cookies.get(COOKIE, "")
    if not secret:
        raise UnauthorizedError(fix="sign in, or send Authorization: Bearer <token>")
    return secret


def check_our_page(request: web.Request, csrf: str, shown: str | None = None) -> None:
    """Raises ForeignPageError for what changes something and is not from our page.

    `shown` is the token a form carried; without one, the header's is taken.
    """
    check_not_foreign(request)
    if request.method in SAFE_METHODS:
        return
    given = request.headers.get(CSRF_HEADER, "") if shown is None else shown
    # A header may hold bytes that are no text; they are nobody's token.
    if not hmac.compare_digest(given.encode(errors="replace"), csrf.encode()):
        raise ForeignPageError(fix="load the page again, then repeat")


def check_not_foreign(request: web.Request) -> None:
    """Raises ForeignPageError where the browser says whose page asks, and not ours."""
    if request.headers.get(_SITE_HEADER, "none") not in _OURS:
        raise ForeignPageError(fix="open the console itself")
    origin = request.headers.get(hdrs.ORIGIN)
    # Our pages send no referrer, so a browser calls the origin of their forms "null".
    if origin == "null" and _SITE_HEADER in request.headers:
        return
    if origin is not None and request.method not in SAFE_METHODS:
        host = origin.partition("://")[2]
        if host != request.host:
            raise ForeignPageError(fix="open the console itself")
