"""The server of /console: the table of pages, behind one door, and nothing else."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from proxy.access.break_glass.faults import SuspendedError
from proxy.access.identity import Identity
from proxy.access.oidc.sign_in import COOKIE as ABROAD
from proxy.access.wire import COOKIE
from proxy.api.faults import ForbiddenError, NotReadyError
from proxy.api.fetching import COOKIE as TICKET
from proxy.api.refusing import keep_refusal
from proxy.api.route import PUBLIC, add_guarded
from proxy.console.defences import (
    BEGUN,
    FORM,
    HEADERS,
    LANGUAGE,
    drop_cookie,
    form_token,
    new_form_cookie,
    set_cookie,
)
from proxy.console.failing import failure_page, fault_of
from proxy.console.files import FILES
from proxy.console.reading import read_visit, words_for
from proxy.console.rendering import render
from proxy.console.table import ROUTES
from proxy.console.visit import (
    ROOT,
    Abroad,
    Answer,
    Cookies,
    File,
    Goto,
    Page,
    PageRoute,
    Visit,
)
from proxy.errors import UnauthorizedError
from proxy.intake.connections import Networks
from proxy.site import Site

SIGN_IN = "/sign-in"
RETRY_SECONDS = "5"
_ENDING = (UnauthorizedError, SuspendedError)


class Console:
    """The pages of all sites; `is_ready` says whether they have been prepared."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        identity: Identity,
        is_ready: Callable[[], bool],
        proxies: Networks = (),
        routes: tuple[PageRoute, ...] = ROUTES,
    ) -> None:
        """`proxies` are believed when they say whom they ask for."""
        self._sites = sites
        self._identity = identity
        self._is_ready = is_ready
        self._proxies = proxies
        self._routes = routes

    def add_to(self, application: web.Application) -> None:
        pages = web.Application(middlewares=[_carefully, self._in_words])
        for route in self._routes:
            answer = partial(self._answer, route)
            add_guarded(pages, route.method, route.path, route.permission, answer)
        for name, file in FILES.items():
            add_guarded(pages, "GET", f"/static/{name}", PUBLIC, file)
        application.add_subapp(ROOT, pages)

    @web.middleware
    async def _in_words(
        self, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:  # noqa: BLE001  # the last fence before the socket
            words = words_for(request)
            stranger = Visit(request=request, sites=self._sites, words=words)
            return _failed(stranger, error)

    async def _answer(self, route: PageRoute, request: web.Request) -> web.Response:
        if not self._is_ready():
            raise NotReadyError
        visit = await read_visit(request, self._sites, self._identity, self._proxies)
        try:
            return await _guarded(route, visit)
        except Exception as error:  # noqa: BLE001  # told to somebody we know by now
            return _failed(visit, error)


async def _guarded(route: PageRoute, visit: Visit) -> web.Response:
    """Whoever shows nothing is asked to sign in; who showed something, told why not."""
    if route.permission is PUBLIC:
        return await _answered(route, visit)
    if visit.signed_in is None and COOKIE not in visit.request.cookies:
        return _go(SIGN_IN)
    if visit.signed_in is None:
        raise UnauthorizedError
    if not visit.may(route.permission):
        actor, error = visit.session.actor, ForbiddenError()
        where = f"{route.method} {ROOT}{route.path}"
        await keep_refusal(visit.site, actor, route.permission, where, error.title)
        raise error
    return await _answered(route, visit)


def _failed(visit: Visit, error: Exception) -> web.Response:
    fault = fault_of(error)
    answer = _html(visit, failure_page(visit.words, fault))
    if type(fault) in _ENDING:  # not when a password or a passkey was refused
        drop_cookie(answer, COOKIE)
    return answer


@web.middleware
async def _carefully(request: web.Request, handler: Handler) -> web.StreamResponse:
    answer = await handler(request)
    answer.headers.update(HEADERS)
    if answer.status == web.HTTPServiceUnavailable.status_code:
        answer.headers[hdrs.RETRY_AFTER] = RETRY_SECONDS
    return answer


async def _answered(route: PageRoute, visit: Visit) -> web.Response:
    """What a page says; a form on it is bound to this browser from here on."""
    fresh = "" if visit.csrf else new_form_cookie()
    if fresh:
        visit = replace(visit, csrf=form_token(fresh))
    answer = _written(visit, await route.handler(visit))
    if fresh:
        set_cookie(answer, FORM, fresh)
    return answer


def _written(visit: Visit, answer: Answer) -> web.Response:
    response = _response(visit, answer)
    _bake(response, answer.cookies)
    return response


def _response(visit: Visit, answer: Answer) -> web.Response:
    match answer:
        case Page():
            return _html(visit, answer)
        case Goto(path=path):
            return _go(path)
        case Abroad(address=address):
            return _see_other(address)
        case File():
            return _to_keep(answer)


def _bake(response: web.Response, cookies: Cookies) -> None:
    given = (
        (COOKIE, cookies.session),
        (LANGUAGE, cookies.language),
        (BEGUN, cookies.begun),
        (TICKET, cookies.package),
    )
    for name, value in given:
        if value is None:
            drop_cookie(response, name)
        elif value:
            set_cookie(response, name, value)
    if cookies.abroad is None:
        drop_cookie(response, ABROAD)
    elif cookies.abroad:
        set_cookie(response, ABROAD, cookies.abroad, "Lax")
    if cookies.session is None:  # signed out
        response.headers["Clear-Site-Data"] = '"cache", "storage"'
    if cookies.session:  # nothing of before may be carried into a session
        drop_cookie(response, FORM)


def _go(path: str) -> web.Response:
    return _see_other(ROOT + path)


def _see_other(address: str) -> web.Response:
    return web.Response(status=303, headers={hdrs.LOCATION: address})


def _to_keep(file: File) -> web.Response:
    kept = {hdrs.CONTENT_DISPOSITION: f'attachment; filename="{file.name}"'}
    return web.Response(body=file.body, content_type=file.media_type, headers=kept)


def _html(visit: Visit, page: Page) -> web.Response:
    return web.Response(
        status=page.status, text=render(visit, page), content_type="text/html"
    )
