"""What a listener puts up with from whoever connects, and what every answer carries.

The library that speaks HTTP says its version, and its interpreter's, in every answer;
quotes a request it cannot read in its answer; writes the sender's address in the log;
and waits for ever for a first request. None of it is for strangers.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import cast

import structlog
from aiohttp import hdrs, http, web
from typing_extensions import override

from proxy.errors import PonctuelError

log = structlog.get_logger()

# A client that has sent no whole request by then sends none (slow-header attacks).
FIRST_REQUEST_SECONDS = 15.0
# Longer than a proxy before us keeps its connections (60 s, as a rule), or it would
# now and then send a request on one that is just being closed.
IDLE_SECONDS = 75.0
# Whatever the answer is: not to be kept, framed or guessed at.
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
# RFC 6797; a year, which OWASP ASVS 3.4.1 asks for at least, and hosts below as well.
_STRICT_TRANSPORT = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
_GO_AHEAD = "100-continue"
_SERVER = {hdrs.SERVER: "ponctuel"}


class ExpectationError(PonctuelError):
    """No other expectation than 100-continue is understood."""

    status = 417
    error_id = "expectation"


class UnreadableError(PonctuelError):
    """What was sent is no request in HTTP/1.1."""

    status = 400
    error_id = "unreadable-request"


def defend(application: web.Application, *, has_tls: bool) -> Mapping[str, str]:
    """Let every answer of an application carry the headers, which are returned.

    An answer may set its own instead, but for those that speak of the whole host.
    `has_tls`: here or at a proxy, so that nobody comes in clear any more.
    """
    of_the_host = _SERVER | (_STRICT_TRANSPORT if has_tls else {})

    async def add(_: web.Request, answer: web.StreamResponse) -> None:
        for name, value in _HEADERS.items():
            answer.headers.setdefault(name, value)
        answer.headers.update(of_the_host)

    application.on_response_prepare.append(add)
    return _HEADERS | of_the_host


class Door(web.BaseSite):
    """A listening socket of an application that was set up."""

    def __init__(
        self,
        runner: web.AppRunner,
        address: tuple[str, int],
        tls: ssl.SSLContext | None,
        refuse: Callable[[PonctuelError], web.Response],
        headers: Mapping[str, str],
    ) -> None:
        """`refuse` puts an error into words, for what no application has read."""
        super().__init__(runner, ssl_context=tls, backlog=1024)
        self._served = cast("web.Server", runner.server)  # BaseSite has seen to it
        self._handle = self._served.request_handler
        self._served.request_handler = self._asked
        self._address = address
        self._refuse = refuse
        self._headers = headers

    @property
    @override
    def name(self) -> str:
        scheme = "https" if self._ssl_context else "http"
        return "{}://{}:{}".format(scheme, *self._address)

    @override
    async def start(self) -> None:
        """Raises OSError where the address cannot be had."""
        await super().start()
        self._server = await asyncio.get_running_loop().create_server(
            self._welcome,
            *self._address,
            ssl=self._ssl_context,
            ssl_handshake_timeout=FIRST_REQUEST_SECONDS if self._ssl_context else None,
            backlog=self._backlog,
        )

    def _welcome(self) -> web.RequestHandler:
        return _Visitor(self._served, self._answer)

    async def _asked(self, request: web.BaseRequest) -> web.StreamResponse:
        """The library would quote what is expected, and fail at some of its letters."""
        if _is_faulty(request):
            return self._answer(UnreadableError())
        expected = request.headers.get(hdrs.EXPECT, _GO_AHEAD)
        if expected.lower() != _GO_AHEAD:
            return self._answer(ExpectationError())
        return await self._handle(request)

    def _answer(self, error: PonctuelError) -> web.Response:
        answer = self._refuse(error)
        answer.headers.update(self._headers)
        answer.force_close()
        return answer


def _is_faulty(request: web.BaseRequest) -> bool:
    """HTTP/0.9 has no headers, and HTTP/1.0 no pieces (RFC 9112, 6.1)."""
    if request.version >= http.HttpVersion11:
        return False
    is_in_pieces = hdrs.TRANSFER_ENCODING in request.headers
    return is_in_pieces or request.version < http.HttpVersion10


class _Visitor(web.RequestHandler):
    """One connection."""

    def __init__(
        self, server: web.Server, answer: Callable[[PonctuelError], web.Response]
    ) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            # It would hold addresses and the platforms' ids.
            access_log=None,  # type: ignore[arg-type]  # documented for: no log
            keepalive_timeout=IDLE_SECONDS,
            # Unread uploads are not read "to be polite": refused audio stays outside.
            lingering_time=0,
        )
        self._answer = answer

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        asyncio.get_running_loop().call_later(
            FIRST_REQUEST_SECONDS, self._leave_if_silent
        )

    def _leave_if_silent(self) -> None:
        if not self._request_count:
            self.force_close()

    @override
    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """For what no application was asked: without its text, and without an address.

        Raises ConnectionError where an answer has begun, which ends the connection.
        """
        if request.writer.output_size > 0:
            raise ConnectionError
        if status == web.HTTPBadRequest.status_code:
            log.info("unreadable", error=type(exc).__name__)
            return self._answer(UnreadableError())
        log.critical("unforeseen", error=type(exc).__name__)
        return self._answer(PonctuelError())
