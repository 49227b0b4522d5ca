"""/healthz: it answers. /readyz: it may be given calls. /metrics: the figures."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from proxy.errors import UnauthorizedError
from proxy.metrics import SiteMetrics

Check = Callable[[], Awaitable[dict[str, bool]]]
_CHECK_SECONDS = 2.0


def add_health(application: web.Application, check: Check) -> None:
    """Add both probes. `check` names each part and whether it works."""

    async def healthy(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(_: web.Request) -> web.Response:
        try:
            parts = await asyncio.wait_for(check(), _CHECK_SECONDS)
        except TimeoutError:
            parts = {"in_time": False}
        status = 200 if all(parts.values()) else 503
        return web.json_response(parts, status=status)

    application.router.add_get("/healthz", healthy)
    application.router.add_get("/readyz", ready)


def add_metrics(application: web.Application, metrics: SiteMetrics, token: str) -> None:
    """Add the scrape page; it goes on a listener of its own, closed by `token`."""
    expected = f"Bearer {token}".encode()

    async def scrape(request: web.Request) -> web.Response:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode(errors="replace")
        if token and not hmac.compare_digest(given, expected):
            raise UnauthorizedError(fix="send the token of metrics.token")
        body, content_type = metrics.render(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    application.router.add_get("/metrics", scrape)
