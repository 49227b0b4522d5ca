"""The server of /api/v1: the table of routes, behind one door, and nothing else."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from proxy.access.people import Actor, People, Permission
from proxy.api.asking import (
    check_allowed,
    read_body,
    read_question,
    which_site,
    who_asks,
)
from proxy.api.faults import BusyError, ForbiddenError, NotReadyError
from proxy.api.openapi import document
from proxy.api.route import PUBLIC, Public, Route, check_guarded
from proxy.api.table import ROUTES
from proxy.errors import PonctuelError
from proxy.problems import problems
from proxy.site import Site

ROOT = "/api/v1"
DOCUMENT = "/openapi.json"
RETRY_SECONDS = 5
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HINTS = {
    401: {hdrs.WWW_AUTHENTICATE: 'Bearer realm="ponctuel"'},
    429: {hdrs.RETRY_AFTER: str(RETRY_SECONDS)},
    503: {hdrs.RETRY_AFTER: str(RETRY_SECONDS)},
}

_ON_RECORD = frozenset(
    {
        Permission.POLICY_DRAFT,
        Permission.POLICY_PROPOSE,
        Permission.POLICY_APPROVE,
        Permission.POLICY_STOP,
        Permission.POLICY_RESUME,
        Permission.BREAKER_CLOSE,
    }
)


@web.middleware
async def carefully(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever the answer is: not to be kept, framed or guessed at."""
    response = await handler(request)
    response.headers.update(_HEADERS | _HINTS.get(response.status, {}))
    return response


class Api:
    """The API of all sites; `is_ready` says whether they have been prepared."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        people: People,
        is_ready: Callable[[], bool],
        routes: tuple[Route[Any], ...] = ROUTES,
    ) -> None:
        self._sites = sites
        self._people = people
        self._is_ready = is_ready
        self._routes = routes
        self._document = document(routes)
        self._busy: set[tuple[str, ...]] = set()

    def add_to(self, application: web.Application) -> None:
        api = web.Application(middlewares=[carefully, problems])
        _add(api, "GET", DOCUMENT, PUBLIC, self._describe)
        for route in self._routes:
            answer = partial(self._answer, route)
            _add(api, route.method, route.path, route.permission, answer)
        application.add_subapp(ROOT, api)

    async def _describe(self, _: web.Request) -> web.Response:
        return _json(200, self._document)

    async def _answer(self, route: Route[Any], request: web.Request) -> web.Response:
        raw = await read_body(request)
        actor = who_asks(request, self._people)
        site = which_site(request, actor, self._sites)
        await _check_allowed(actor, route, site)
        if not self._is_ready():
            raise NotReadyError(fix="ask again in a few seconds")
        asked = read_question(request, raw, actor, site, route)
        with self._alone(site.name, route.part) if route.is_heavy else nullcontext():
            found = await route.handler(asked)
        answer = route.answers.model_validate(found, from_attributes=True)
        return _json(route.status, answer.model_dump_json().encode())

    @contextmanager
    def _alone(self, *what: str) -> Iterator[None]:
        """Raises BusyError while another question of this site and kind is answered."""
        if what in self._busy:
            raise BusyError(fix="ask again when it is done")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.remove(what)


async def _check_allowed(actor: Actor, route: Route[Any], site: Site) -> None:
    """Raises ForbiddenError; that somebody tried to move a policy is kept."""
    try:
        check_allowed(actor, route)
    except ForbiddenError as error:
        if route.permission in _ON_RECORD:
            with suppress(PonctuelError):  # why it was refused must not be hidden
                await site.governance.refuse_attempt(actor, route.name, error.detail)
        raise


def _add(
    application: web.Application,
    method: str,
    path: str,
    permission: Permission | Public,
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> None:
    """The only way in: nothing is added that does not say who may use it."""
    check_guarded(path, permission)
    application.router.add_route(method, path, handler)


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
