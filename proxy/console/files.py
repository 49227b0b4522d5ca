"""The style and the few scripts, read once: no path is ever made of a request."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


async def _send(content: bytes, kind: str, _: web.Request) -> web.Response:
    return web.Response(body=content, content_type=kind, charset="utf-8")


FILES: Mapping[str, Callable[[web.Request], Awaitable[web.Response]]] = {
    file.name: partial(_send, file.read_bytes(), _KINDS[file.suffix])
    for file in sorted(STATIC.iterdir())
}
