"""The simulated platform's recordings: GET, HEAD and DELETE behind a bearer token.

It counts every GET of a recording nobody asked for: there must be none.
"""

import hmac
import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aiohttp import hdrs, web

AUDIO = Path(__file__).with_name("audio")
_CONTENT_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}


@dataclass(slots=True)
class _Held:
    """One recording the platform holds. A flaky one fails at the first GET."""

    file: Path
    is_solicited: bool
    is_flaky: bool


class Recordings:
    """What the platform has recorded and not yet deleted."""

    def __init__(self, token: str) -> None:
        self._expected = f"Bearer {token}".encode()
        self._files = sorted(
            file for file in AUDIO.iterdir() if file.suffix in _CONTENT_TYPES
        )
        self._held: dict[str, _Held] = {}
        self._made = 0
        self._runner: web.AppRunner | None = None
        self.address = ""
        self.counted: Counter[str] = Counter()

    async def open(self) -> None:
        """Listen on a free port of the loopback interface."""
        application = web.Application()
        resource = application.router.add_resource("/recordings/{name}")
        resource.add_route("GET", self._get)
        resource.add_route("HEAD", self._head)
        resource.add_route("DELETE", self._delete)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    def record(self, *, is_solicited: bool = True, is_flaky: bool = False) -> str:
        """Record one call; return the recording's address."""
        file = self._files[self._made % len(self._files)]
        self._made += 1
        name = secrets.token_urlsafe(16)
        self._held[name] = _Held(file, is_solicited, is_flaky)
        return f"{self.address}/recordings/{name}"

    @property
    def left(self) -> int:
        return len(self._held)

    async def _get(self, request: web.Request) -> web.Response:
        held = self._find(request)
        if not held.is_solicited:
            self.counted["unsolicited_reads"] += 1
        if held.is_flaky:
            held.is_flaky = False
            self.counted["failed_fetches"] += 1
            raise web.HTTPInternalServerError
        return web.Response(
            body=held.file.read_bytes(), content_type=_CONTENT_TYPES[held.file.suffix]
        )

    async def _head(self, request: web.Request) -> web.Response:
        self._find(request)
        return web.Response()

    async def _delete(self, request: web.Request) -> web.Response:
        self._find(request)
        del self._held[request.match_info["name"]]
        return web.Response(status=204)

    def _find(self, request: web.Request) -> _Held:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode()
        if not hmac.compare_digest(given, self._expected):
            raise web.HTTPUnauthorized
        try:
            return self._held[request.match_info["name"]]
        except KeyError:
            raise web.HTTPNotFound from None
