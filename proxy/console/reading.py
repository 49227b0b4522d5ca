"""Reading a request: who sent it, from which page, in which language, and what with."""

from collections.abc import Mapping
from ipaddress import ip_address
from itertools import pairwise
from urllib.parse import parse_qsl

from aiohttp import web

from proxy.access.break_glass.faults import SuspendedError
from proxy.access.identity import Identity, Session
from proxy.access.wire import (
    COOKIE,
    SAFE_METHODS,
    ForeignPageError,
    check_our_page,
)
from proxy.api.asking import read_body
from proxy.console.defences import (
    FORM,
    LANGUAGE,
    form_token,
    new_form_cookie,
)
from proxy.console.visit import Visit
from proxy.console.words import Words, choose_words
from proxy.errors import BadEventError, UnauthorizedError, WrongContentTypeError
from proxy.intake.connections import Networks
from proxy.site import Site

_MOST_FIELDS = 200
_FORM_TYPE = "application/x-www-form-urlencoded"


def words_for(request: web.Request) -> Words:
    chosen = request.cookies.get(LANGUAGE, "")
    return choose_words(chosen, request.headers.get("Accept-Language", ""))


async def read_visit(
    request: web.Request,
    sites: Mapping[str, Site],
    identity: Identity,
    proxies: Networks,
) -> Visit:
    """Who is there, and the form, if it is one of ours.

    Raises ForeignPageError, BodyTooLargeError, WrongContentTypeError, BadEventError;
    UnauthorizedError for the form of a session that has ended meanwhile.
    """
    is_safe = request.method in SAFE_METHODS
    form = {} if is_safe else await read_form(request)
    signed_in = await _who(request, identity)
    expected = _expected_token(request, signed_in)
    if not is_safe:
        _check_ours(request, expected, form.get("csrf", ""), signed_in)
    return Visit(
        request=request,
        sites=sites,
        words=words_for(request),
        csrf=expected,
        source=source_of(request, proxies),
        form=form,
        signed_in=signed_in,
    )


def _check_ours(
    request: web.Request, expected: str, shown: str, signed_in: Session | None
) -> None:
    try:
        check_our_page(request, expected or new_form_cookie(), shown)
    except ForeignPageError:
        if signed_in is None and COOKIE in request.cookies:
            raise UnauthorizedError from None
        raise


def source_of(request: web.Request, proxies: Networks) -> str:
    """Whoever sent it, or whom a trusted proxy names last: it adds, others may lie."""
    told = ",".join(request.headers.getall("X-Forwarded-For", []))
    hops = told.split(",")
    chain = [request.remote or "", *(hop.strip() for hop in reversed(hops))]
    for nearer, farther in pairwise(chain):
        if not (farther and _is_one_of(nearer, proxies)):
            return nearer
    return chain[-1]


def _is_one_of(address: str, networks: Networks) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


async def _who(request: web.Request, identity: Identity) -> Session | None:
    """Nobody, if the session has ended; which routes that matters to, they say.

    Raises SuspendedError.
    """
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    try:
        return await identity.by_session(secret)
    except SuspendedError:
        raise
    except UnauthorizedError:
        return None


def _expected_token(request: web.Request, signed_in: Session | None) -> str:
    if signed_in is not None:
        return signed_in.csrf
    cookie = request.cookies.get(FORM, "")
    return form_token(cookie) if cookie else ""


async def read_form(request: web.Request) -> dict[str, str]:
    """A form's fields, each once and in UTF-8."""
    raw = await read_body(request)
    if request.content_type != _FORM_TYPE:
        raise WrongContentTypeError(fix=f"send Content-Type: {_FORM_TYPE}")
    try:
        fields = parse_qsl(
            raw.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise BadEventError("the form cannot be read") from None
    if len(dict(fields)) < len(fields) or any("\0" in text for _, text in fields):
        raise BadEventError("a field was sent twice, or cannot be text")
    return dict(fields)
