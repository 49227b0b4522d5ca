"""Twilio's recordings, when its API fails or lies."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from aiohttp import web
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from proxy.errors import ForbiddenSourceError, SourceUnavailableError
from proxy.platforms.base import RecordingSource
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import API_BASE, TwilioConfig
from tests.failures.source_suite import AUDIO, IMPATIENT, SourceSuite, fetched
from tests.fakes.faults import Faults
from tests.fakes.twilio_api import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    FakeCall,
    FakeRecording,
    FakeTwilio,
)

CALL = "CA" + "c1" * 16
RECORDING = "RE" + "e1" * 16


class TestTwilioSource(SourceSuite):
    def fake_app(self) -> web.Application:
        self.fake = FakeTwilio()
        self.recording = self.fake.add(FakeRecording(RECORDING, CALL, AUDIO))
        return self.fake.app()

    def faults(self) -> Faults:
        return self.fake.faults

    def make_source(self, server_url: str, token: str = AUTH_TOKEN) -> RecordingSource:
        return _platform(server_url, token).source

    def reference(self, _server_url: str) -> str:
        return RECORDING

    def is_held(self) -> bool:
        return self.recording.status == "completed" and self.recording.audio == AUDIO

    @pytest.mark.parametrize("is_tombstone_kept", [True, False])
    async def test_a_tombstone_or_its_absence_proves_the_deletion(
        self, source, ref, is_tombstone_kept
    ):
        self.recording.is_tombstone_kept = is_tombstone_kept
        await source.delete(ref)

        assert await source.is_gone(ref)
        assert self.fake.requests[-1][1].endswith("?IncludeSoftDeleted=true")

    async def test_a_missing_page_while_the_recording_lives_is_found_out(
        self, source, ref
    ):
        self.faults().add("status", suffix=f"{RECORDING}.json", status=404)

        assert not await source.is_gone(ref)

    async def test_a_maintenance_page_is_no_proof_of_anything(self, source, ref):
        self.faults().add("garbage", suffix=".json")
        with pytest.raises(SourceUnavailableError):
            await source.is_gone(ref)

    async def test_an_endless_answer_is_not_read_to_its_end(self, source, ref):
        self.recording.call_sid = "CA" * 50_000
        with pytest.raises(SourceUnavailableError):
            await source.is_gone(ref)

    async def test_a_wrong_token_deletes_nothing(self, server_url, source, ref):
        stranger = self.make_source(server_url, token="not-the-token")
        with pytest.raises(SourceUnavailableError, match="credentials"):
            await stranger.delete(ref)
        await stranger.close()

        assert await fetched(source, ref) == AUDIO

    @pytest.mark.parametrize(
        "ref",
        [
            "",
            "RE1",
            f"{RECORDING}/../../Calls/{CALL}",
            f"{RECORDING}\n",
            f"{RECORDING}.json?",
            "https://evil.example.com/recording.wav",
        ],
    )
    async def test_nothing_but_a_recordings_id_gets_into_an_address(self, source, ref):
        with pytest.raises(ForbiddenSourceError):
            await fetched(source, ref)
        for ask in (source.delete, source.is_gone, source.stop):
            with pytest.raises(ForbiddenSourceError):
                await ask(ref)
        assert self.fake.requests == []

    async def test_a_running_recording_is_stopped(self, source):
        running = self.fake.add(
            FakeRecording("RE" + "e2" * 16, "CA" + "c2" * 16, status="in-progress")
        )
        await source.stop(running.call_sid)

        assert running.status == "completed"

    async def test_a_recording_that_is_not_running_counts_as_stopped(self, source):
        await source.stop(CALL)

        assert self.fake.requests[-1][0] == "POST"

    async def test_a_stop_whose_answer_was_lost_is_done_at_the_next_try(self, source):
        running = self.fake.add(
            FakeRecording("RE" + "e2" * 16, "CA" + "c2" * 16, status="in-progress")
        )
        self.faults().add("lost-answer", method="POST")
        with pytest.raises(SourceUnavailableError):
            await source.stop(running.call_sid)

        await source.stop(running.call_sid)

        assert running.status == "completed"

    @pytest.mark.parametrize("kind", ["status", "silence"])
    async def test_a_failed_stop_is_not_taken_for_done(self, source, kind):
        self.faults().add(kind, method="POST")
        with pytest.raises(SourceUnavailableError):
            await source.stop(CALL)


def _platform(server_url: str, token: str = AUTH_TOKEN) -> TwilioPlatform:
    return TwilioPlatform(
        TwilioConfig(
            account_sid=ACCOUNT_SID,
            auth_token=token,
            public_url="https://rec.example.com/webhooks/twilio-main",
            default_forward_to="+33199000001",
            api_base=server_url,
            allow_private_addresses=True,
            idle_timeout=IMPATIENT,
        )
    )


def _asked(fake: FakeTwilio) -> list[tuple[str, dict[str, str]]]:
    urls = [URL(path) for _, path in fake.requests]
    return [(url.path, dict(url.query)) for url in urls]


class _Diverted(TwilioHttpClient):
    """The SDK's own HTTP client, sent to the fake instead of to Twilio."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=5)
        self._base = base

    def request(self, method: str, url: str, *args, **kwargs) -> Response:
        return super().request(
            method, url.replace(API_BASE, self._base), *args, **kwargs
        )


class TestTheFakeSpeaksAsTheOfficialClientExpects:
    @pytest.fixture
    async def fake(self):
        return FakeTwilio()

    @pytest.fixture
    async def ask(self, fake, aiohttp_server):
        server = await aiohttp_server(fake.app())
        http_client = _Diverted(str(server.make_url("")).rstrip("/"))
        client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http_client)

        async def ask(question: Callable[[Client], object]) -> object:
            return await asyncio.to_thread(question, client)

        yield ask
        http_client.session.close()

    async def test_it_lists_fetches_and_deletes(self, fake, ask):
        fake.add(FakeRecording(RECORDING, CALL, AUDIO))

        listed = await ask(lambda client: client.recordings.list(call_sid=CALL))
        of_call = await ask(lambda client: client.calls(CALL).recordings.list())
        one = await ask(lambda client: client.recordings(RECORDING).fetch())
        assert [each.sid for each in listed] == [RECORDING]
        assert [each.sid for each in of_call] == [RECORDING]
        assert (one.status, one.call_sid, one.channels) == ("completed", CALL, 2)

        assert await ask(lambda client: client.recordings(RECORDING).delete())

        with pytest.raises(TwilioRestException) as refusal:
            await ask(lambda client: client.recordings(RECORDING).fetch())
        assert (refusal.value.status, refusal.value.code) == (404, 20404)
        buried = await ask(
            lambda client: client.recordings(RECORDING).fetch(include_soft_deleted=True)
        )
        assert buried.status == "deleted"
        assert await ask(lambda client: client.recordings.list()) == []

    async def test_it_lists_a_day_page_by_page(self, fake, ask):
        days = [datetime(2026, 11, day, 23, 59, tzinfo=UTC) for day in (16, 17, 18)]
        for day in days:
            for number in range(3):
                sid = f"{day.day:016x}{number:016x}"
                fake.add_call(FakeCall(f"CA{sid}", day, parent_sid=None))
                fake.add(FakeRecording(f"RE{sid}", f"CA{sid}", created_at=day))
        fake.page_size = 2
        gone = f"RE{17:016x}{0:016x}"
        await ask(lambda client: client.recordings(gone).delete())

        calls = await ask(lambda client: client.calls.list(start_time=days[1]))
        held = await ask(lambda client: client.recordings.list(date_created=days[1]))
        made = await ask(
            lambda client: client.recordings.list(
                date_created=days[1], include_soft_deleted=True
            )
        )

        assert [call.start_time for call in calls] == [days[1]] * 3
        assert (len(held), len(made)) == (2, 3)
        assert {each.status for each in made} == {"completed", "deleted"}
        assert sum("PageToken=PA" in path for _, path in fake.requests) == 2

    async def test_our_lists_are_asked_for_as_the_official_client_does(
        self, fake, ask, aiohttp_server
    ):
        """The same addresses and pages, but for how the day itself is written."""
        day = datetime(2026, 11, 17, tzinfo=UTC)
        ours = FakeTwilio(page_size=2)
        for each in (fake, ours):
            each.page_size = 2
            for number in range(3):
                sid = f"{number:032x}"
                each.add_call(FakeCall(f"CA{sid}", day))
                each.add(FakeRecording(f"RE{sid}", f"CA{sid}", created_at=day))
        server = await aiohttp_server(ours.app())
        platform = _platform(str(server.make_url("")).rstrip("/"))

        calls = [call async for call in platform.lists.calls_of(day.date())]
        recordings = [each async for each in platform.lists.recordings_of(day.date())]
        await platform.source.close()
        await ask(lambda client: client.calls.list(start_time=day, page_size=1000))
        await ask(
            lambda client: client.recordings.list(
                date_created=day, include_soft_deleted=True, page_size=1000
            )
        )

        assert (len(calls), len(recordings)) == (3, 3)
        assert _asked(ours) == [
            (path, query | {day_name: "2026-11-17"})
            for path, query in _asked(fake)
            for day_name in query.keys() & {"StartTime", "DateCreated"}
        ]

    async def test_it_starts_and_stops(self, ask):
        started = await ask(
            lambda client: client.calls(CALL).recordings.create(
                recording_channels="dual"
            )
        )
        stopped = await ask(
            lambda client: (
                client.calls(CALL).recordings("Twilio.CURRENT").update(status="stopped")
            )
        )
        assert (started.status, stopped.status) == ("in-progress", "stopped")
        assert stopped.sid == started.sid

        with pytest.raises(TwilioRestException) as refusal:
            await ask(
                lambda client: (
                    client.calls(CALL)
                    .recordings("Twilio.CURRENT")
                    .update(status="stopped")
                )
            )
        assert refusal.value.status == 404

    async def test_it_refuses_strangers_as_twilio_does(self, fake, ask):
        fake.auth_token = "changed"
        with pytest.raises(TwilioRestException) as refusal:
            await ask(lambda client: client.recordings(RECORDING).fetch())
        assert (refusal.value.status, refusal.value.code) == (401, 20003)

    async def test_our_requests_are_the_ones_the_official_client_makes(
        self, fake, ask, aiohttp_server
    ):
        """Delete, stop and both questions: same methods, same addresses."""
        fake.add(FakeRecording(RECORDING, CALL, AUDIO))
        suite = TestTwilioSource()
        server = await aiohttp_server(suite.fake_app())
        source = suite.make_source(str(server.make_url("")).rstrip("/"))

        await ask(lambda client: client.recordings(RECORDING).delete())
        with pytest.raises(TwilioRestException):
            await ask(lambda client: client.recordings(RECORDING).fetch())
        await ask(
            lambda client: client.recordings(RECORDING).fetch(include_soft_deleted=True)
        )
        with pytest.raises(TwilioRestException):
            await ask(
                lambda client: (
                    client.calls(CALL)
                    .recordings("Twilio.CURRENT")
                    .update(status="stopped")
                )
            )
        await source.delete(RECORDING)
        await source.is_gone(RECORDING)
        await source.stop(CALL)
        await source.close()

        assert suite.fake.requests == fake.requests
