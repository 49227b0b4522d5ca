"""A generic platform's recordings, when their server fails or lies."""

from dataclasses import dataclass, field

import pytest
from aiohttp import web
from yarl import URL

from proxy.errors import SourceUnavailableError
from proxy.platforms.base import RecordingSource
from proxy.platforms.generic import GenericConfig, GenericPlatform
from tests.failures.source_suite import AUDIO, IMPATIENT, SourceSuite, fetched
from tests.fakes.faults import Faults

TOKEN = "source-token-0123456789abcdef"


@dataclass
class Shelf:
    """A server with one recording, which it gives up and deletes to our token only."""

    audio: bytes | None = AUDIO
    faults: Faults = field(default_factory=Faults)
    methods: list[str] = field(default_factory=list)

    def app(self) -> web.Application:
        app = web.Application()
        self.faults.install(app)
        app.router.add_route("*", "/recordings/secret-id-1", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        self.methods.append(request.method)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401)
        if self.audio is None:
            return web.Response(status=410)
        if request.method == "DELETE":
            self.audio = None
            return web.Response(status=204)
        return web.Response(body=self.audio, content_type="audio/wav")


class TestGenericSource(SourceSuite):
    asking_method = "HEAD"

    def fake_app(self) -> web.Application:
        self.shelf = Shelf()
        return self.shelf.app()

    def faults(self) -> Faults:
        return self.shelf.faults

    def make_source(self, server_url: str, token: str = TOKEN) -> RecordingSource:
        url = URL(server_url)
        config = GenericConfig(
            bearer_tokens=("bearer-token-0123456789",),
            source_token=token,
            allowed_hosts=frozenset({f"{url.host}:{url.port}"}),
            allow_private_addresses=True,
            idle_timeout=IMPATIENT,
        )
        return GenericPlatform(config).source

    def reference(self, server_url: str) -> str:
        return f"{server_url}/recordings/secret-id-1"

    def is_held(self) -> bool:
        return self.shelf.audio is not None

    async def test_asking_whether_it_is_gone_moves_no_audio(self, source, ref):
        await source.is_gone(ref)

        assert self.shelf.methods == ["HEAD"]

    @pytest.mark.parametrize("status", [405, 501])
    async def test_a_server_without_head_is_asked_with_get(self, source, ref, status):
        for is_deleted in (False, True):
            self.faults().add("status", method="HEAD", status=status)
            assert await source.is_gone(ref) is is_deleted
            await source.delete(ref)

    async def test_a_wrong_token_deletes_nothing(self, server_url, source, ref):
        stranger = self.make_source(server_url, token="not-the-token")
        with pytest.raises(SourceUnavailableError, match="credentials"):
            await stranger.delete(ref)
        await stranger.close()

        assert await fetched(source, ref) == AUDIO

    async def test_there_is_nothing_to_command_so_stop_asks_nothing(self, source):
        await source.stop("call-1")

        assert self.shelf.methods == []
