"""The server of /api/v1: the table of routes, behind one door, and nothing else."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from proxy.access.identity import Identity
from proxy.access.permissions import Actor
from proxy.api.asking import (
    check_allowed,
    read_body,
    read_question,
    which_site,
    who_asks,
)
from proxy.api.faults import BusyError, ForbiddenError, NotReadyError
from proxy.api.openapi import document
from proxy.api.refusing import keep_refusal
from proxy.api.route import PUBLIC, Route, add_guarded
from proxy.api.table import ROUTES
from proxy.problems import problems
from proxy.site import Site

ROOT = "/api/v1"
DOCUMENT = "/openapi.json"
RETRY_SECONDS = 5
_HINTS = {
    401: {hdrs.WWW_AUTHENTICATE: 'Bearer realm="ponctuel"'},
    429: {hdrs.RETRY_AFTER: str(RETRY_SECONDS)},
    503: {hdrs.RETRY_AFTER: str(RETRY_SECONDS)},
}


@web.middleware
async def carefully(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A refusal says how to show who one is, or when to ask again."""
    response = await handler(request)
    response.headers.update(_HINTS.get(response.status, {}))
    return response


class Api:
    """The API of all sites; `is_ready` says whether they have been prepared."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        identity: Identity,
        is_ready: Callable[[], bool],
        routes: tuple[Route[Any], ...] = ROUTES,
    ) -> None:
        self._sites = sites
        self._identity = identity
        self._is_ready = is_ready
        self._routes = routes
        self._document = document(routes)
        self._busy: set[tuple[str, ...]] = set()

    def add_to(self, application: web.Application) -> None:
        api = web.Application(middlewares=[carefully, problems])
        add_guarded(api, "GET", DOCUMENT, PUBLIC, self._describe)
        for route in self._routes:
            answer = partial(self._answer, route)
            add_guarded(api, route.method, route.path, route.permission, answer)
        application.add_subapp(ROOT, api)

    async def _describe(self, _: web.Request) -> web.Response:
        return _json(200, self._document)

    async def _answer(self, route: Route[Any], request: web.Request) -> web.Response:
        raw = await read_body(request)
        if not self._is_ready():
            raise NotReadyError(fix="ask again in a few seconds")
        caller = await who_asks(request, self._identity)
        site = which_site(request, caller.actor, self._sites)
        await _check_allowed(caller.actor, route, site)
        asked = read_question(request, raw, caller, site, route)
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
    """Raises ForbiddenError; that somebody tried is kept."""
    try:
        check_allowed(actor, route)
    except ForbiddenError as error:
        await keep_refusal(site, actor, route.permission, route.name, error.detail)
        raise


def _json(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json")
