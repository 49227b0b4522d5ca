"""What keeps a page's forms ours: cookies, a token before a session, headers."""

import secrets
from hashlib import sha256

from aiohttp import hdrs, web

FORM = "__Host-ponctuel-form"
BEGUN = "__Host-ponctuel-begun"
LANGUAGE = "__Host-ponctuel-language"
_POLICY = "; ".join(
    [
        "default-src 'none'",
        *(f"{kind}-src 'self'" for kind in ("script", "style", "img", "media")),
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)
_UNUSED = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{each}=()" for each in _UNUSED),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def new_form_cookie() -> str:
    return secrets.token_urlsafe(32)


def form_token(cookie: str) -> str:
    """What a form shows where nobody has signed in yet; the cookie itself it does not.

    A browser keeps a `__Host-` cookie from being set by anybody but this host.
    """
    # A header may hold bytes that are no text.
    raw = cookie.encode("utf-8", "surrogatepass")
    return sha256(b"ponctuel form" + raw).hexdigest()


def set_cookie(
    answer: web.StreamResponse, name: str, value: str, same_site: str = "Strict"
) -> None:
    """For this host, over TLS, never shown to a script or sent from another site.

    None has an age: closing the browser ends it.
    """
    answer.set_cookie(
        name, value, path="/", secure=True, httponly=True, samesite=same_site
    )


def drop_cookie(answer: web.StreamResponse, name: str) -> None:
    answer.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")
