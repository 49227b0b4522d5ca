"""What fetching and deleting must survive when a platform fails or lies.

Subclass `SourceSuite`, say which platform, and every failure below is staged against a
real HTTP server. Each outside call fails both ways: it did not happen, and it happened
although an error came back.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta

import pytest
from aiohttp import web

from proxy.errors import (
    ForbiddenSourceError,
    PonctuelError,
    SourceMissingError,
    SourceUnavailableError,
)
from proxy.platforms.base import RecordingSource
from tests.fakes.faults import Faults

AUDIO = bytes(range(256)) * 1000
# Also of what is honest, which a busy machine may keep waiting for a moment.
IMPATIENT = timedelta(seconds=2)


async def fetched(source: RecordingSource, reference: str) -> bytes:
    async with source.fetch(reference) as chunks:
        return b"".join([chunk async for chunk in chunks])


class SourceSuite(ABC):
    """Subclasses name themselves Test… and fill in the abstract methods."""

    @abstractmethod
    def fake_app(self) -> web.Application:
        """Make a server that holds one recording of AUDIO."""

    @abstractmethod
    def faults(self) -> Faults: ...

    @abstractmethod
    def make_source(self, server_url: str) -> RecordingSource: ...

    @abstractmethod
    def reference(self, server_url: str) -> str:
        """Name the recording as this platform's events do."""

    @abstractmethod
    def is_held(self) -> bool:
        """Tell whether the server really still has the audio."""

    @pytest.fixture
    async def server_url(self, aiohttp_server):
        self.server = await aiohttp_server(self.fake_app())
        return str(self.server.make_url("")).rstrip("/")

    @pytest.fixture
    async def source(self, server_url):
        source = self.make_source(server_url)
        yield source
        await source.close()

    @pytest.fixture
    def ref(self, server_url):
        return self.reference(server_url)

    # --- Honest ---------------------------------------------------------------

    async def test_an_honest_platform_gives_the_audio_then_forgets_it(
        self, source, ref
    ):
        assert await fetched(source, ref) == AUDIO
        assert not await source.is_gone(ref)

        await source.delete(ref)

        assert not self.is_held()
        assert await source.is_gone(ref)

    async def test_what_was_deleted_cannot_be_fetched(self, source, ref):
        await source.delete(ref)

        with pytest.raises(SourceMissingError):
            await fetched(source, ref)

    # --- Failing --------------------------------------------------------------

    @pytest.mark.parametrize("status", [400, 401, 403, 409, 429, 500, 502, 503])
    async def test_a_refusal_or_breakdown_is_never_taken_for_done(
        self, source, ref, status
    ):
        for method, attempt in self._attempts(source, ref):
            self.faults().add("status", method=method, status=status)
            with pytest.raises(SourceUnavailableError):
                await attempt()
        assert self.is_held()

        assert await fetched(source, ref) == AUDIO

    async def test_a_silent_platform_is_given_up_in_time(self, source, ref):
        for method, attempt in self._attempts(source, ref):
            self.faults().add("silence", method=method)
            with pytest.raises(SourceUnavailableError):
                await attempt()
        assert self.is_held()

    async def test_a_deletion_whose_answer_was_lost_is_done_at_the_next_try(
        self, source, ref
    ):
        self.faults().add("lost-answer", method="DELETE")
        with pytest.raises(SourceUnavailableError):
            await source.delete(ref)
        assert not self.is_held()

        await source.delete(ref)

        assert await source.is_gone(ref)

    @pytest.mark.parametrize("status", [404, 410])
    async def test_a_recording_that_is_already_gone_counts_as_deleted(
        self, source, ref, status
    ):
        self.faults().add("status", method="DELETE", status=status)

        await source.delete(ref)

    async def test_an_unreachable_platform_is_unavailable(self, source, ref):
        await self.server.close()

        for _, attempt in self._attempts(source, ref):
            with pytest.raises(SourceUnavailableError):
                await attempt()

    async def test_audio_cut_on_its_way_is_never_taken_for_the_whole(self, source, ref):
        self.faults().add("cut")
        with pytest.raises(SourceUnavailableError):
            await fetched(source, ref)

        assert await fetched(source, ref) == AUDIO

    async def test_audio_whose_end_could_be_a_cut_is_refused(self, source, ref):
        self.faults().add("unmeasured")

        with pytest.raises(SourceUnavailableError, match="length"):
            await fetched(source, ref)

    async def test_our_own_failure_while_storing_is_not_blamed_on_the_platform(
        self, source, ref
    ):
        disk_full = OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space") as failure:
            async with source.fetch(ref):
                raise disk_full
        assert failure.value is disk_full

    async def test_audio_left_half_read_does_not_spoil_the_next_exchange(
        self, source, ref
    ):
        async with source.fetch(ref) as chunks:
            assert await anext(chunks)

        assert await fetched(source, ref) == AUDIO

    # --- Lying ----------------------------------------------------------------

    async def test_a_deletion_that_is_only_claimed_is_found_out(self, source, ref):
        self.faults().add("status", method="DELETE", status=204)
        await source.delete(ref)

        assert self.is_held()
        assert not await source.is_gone(ref)

    @pytest.mark.parametrize(
        "location",
        [
            "https://evil.example.com/recording.wav",
            "http://127.0.0.1:1/",
            "http://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "/elsewhere",
        ],
    )
    async def test_a_redirect_is_never_followed(self, source, ref, location):
        for method, attempt in self._attempts(source, ref):
            self.faults().add("redirect", method=method, location=location)
            with pytest.raises(ForbiddenSourceError):
                await attempt()
        assert self.is_held()

    async def test_no_message_names_the_recording(self, source, ref):
        self.faults().add("status", status=500)
        self.faults().add("redirect", location=f"https://evil.example.com/{ref}")
        for error in (SourceUnavailableError, ForbiddenSourceError):
            with pytest.raises(error) as failure:
                await fetched(source, ref)
            _assert_tells_nothing(failure.value, ref)

        await self.server.close()
        with pytest.raises(SourceUnavailableError) as failure:
            await fetched(source, ref)
        _assert_tells_nothing(failure.value, ref)

    def _attempts(
        self, source: RecordingSource, ref: str
    ) -> list[tuple[str, Callable]]:
        """Pair every exchange with the HTTP method it starts with."""
        return [
            ("GET", lambda: fetched(source, ref)),
            ("DELETE", lambda: source.delete(ref)),
            (self.asking_method, lambda: source.is_gone(ref)),
        ]

    asking_method = "GET"


def _assert_tells_nothing(error: PonctuelError, ref: str) -> None:
    told = f"{error} {error.problem()} {error.__cause__}"

    assert ref.rpartition("/")[2] not in told
    assert "127.0.0.1" not in told
