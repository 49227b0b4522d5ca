"""Reading a question: who asks, about which site, and what exactly.

The body is read first, at most a little of it, so that whoever is refused has been
heard out and hears why. Then, in this order: who (401), where (404), whether that is
allowed (403), what (400, 413, 415, 422).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import hdrs, web
from pydantic import ValidationError

from proxy.access.identity import Identity, Session
from proxy.access.permissions import Actor, Subject, permits
from proxy.access.wire import check_our_page, session_secret
from proxy.api.faults import (
    BadBodyError,
    Fault,
    ForbiddenError,
    InvalidRequestError,
    UnknownPlaceError,
    faults_of,
)
from proxy.api.route import PLACES, Asked, Question, Route
from proxy.errors import (
    BadEventError,
    BodyTooLargeError,
    UnauthorizedError,
    WrongContentTypeError,
)
from proxy.intake.routes import read_at_most
from proxy.platforms.strict_json import read_object
from proxy.site import Site

LARGEST_BODY = 64 * 1024  # bytes
_BEARER = re.compile(r"(?i:bearer) +([A-Za-z0-9._~+/-]{1,200}=*)")


async def read_body(request: web.Request) -> bytes:
    """Raises BodyTooLargeError, or BadEventError for one that breaks off."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise BodyTooLargeError(f"at most {LARGEST_BODY} bytes")
    return await read_at_most(request, LARGEST_BODY)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the session they signed in to, if that is how they are known."""

    actor: Actor
    session: Session | None = None


async def who_asks(request: web.Request, identity: Identity) -> Caller:
    """By a token (RFC 6750) or, without one, by a browser's session.

    Raises UnauthorizedError; ForeignPageError for what a foreign page made a browser
    ask; DatabaseUnavailableError: then nobody is known.
    """
    shown = request.headers.getall(hdrs.AUTHORIZATION, [])
    if not shown:
        session = await identity.by_session(session_secret(request))
        check_our_page(request, session.csrf)
        return Caller(session.actor, session)
    bearer = _BEARER.fullmatch(shown[0]) if len(shown) == 1 else None
    if bearer is None:
        raise UnauthorizedError(fix="send the header Authorization: Bearer <token>")
    return Caller(await identity.by_bearer(bearer[1]))


def which_site(request: web.Request, actor: Actor, sites: Mapping[str, Site]) -> Site:
    """Somebody else's site is not told apart from none. Raises UnknownPlaceError."""
    name = request.match_info["site"]
    if name != actor.site or name not in sites:
        raise UnknownPlaceError(field="site")
    return sites[name]


def check_allowed(actor: Actor, route: Route[Any]) -> None:
    """Raises ForbiddenError."""
    if not permits(actor, route.permission, Subject(actor.site)):
        raise ForbiddenError(
            f"{route.permission} is not for the role {actor.role}",
            fix="ask somebody whose role it is for",
        )


def read_question(
    request: web.Request, raw: bytes, caller: Caller, site: Site, route: Route[Question]
) -> Asked[Question]:
    """Raises BadBodyError, WrongContentTypeError, InvalidRequestError."""
    place = _read_place(request)
    query = _read_query(request)
    try:
        if route.method == "GET":
            question = route.asks.model_validate_strings(query)
        else:
            _refuse_query(query)
            question = _read_model(request, raw, route.asks)
    except ValidationError as error:
        raise InvalidRequestError(faults_of(error)) from None
    return Asked(caller.actor, site, question, place, caller.session)


def _read_place(request: web.Request) -> dict[str, Any]:
    try:
        return {
            name: PLACES[name].validate_strings(text)
            for name, text in request.match_info.items()
            if name in PLACES
        }
    except ValidationError:
        raise UnknownPlaceError from None


def _read_query(request: web.Request) -> dict[str, str]:
    query = dict(request.query)
    if len(query) != len(request.query):
        raise InvalidRequestError([Fault("query", "a name appears twice", "send one")])
    return query


def _refuse_query(query: Mapping[str, str]) -> None:
    if query:
        raise InvalidRequestError(
            [Fault("query", "is not asked for here", "send a JSON body, without ?…")]
        )


def _read_model(request: web.Request, raw: bytes, model: type[Question]) -> Question:
    if not raw and not model.model_fields:
        return model()
    if request.content_type != "application/json":
        raise WrongContentTypeError(fix="send Content-Type: application/json")
    try:
        read_object(raw)
    except BadEventError as error:
        raise BadBodyError(error.detail, fix=error.fix) from None
    return model.model_validate_json(raw, strict=True)
