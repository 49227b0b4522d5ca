"""Twilio's REST API for calls and recordings, as far as its own SDK uses it.

Shapes follow twilio-oai (`twilio_api_v2010.json`, 2026-04); a contract test drives this
server with the official client. Run it on its own with

    python -m tests.fakes.twilio_api --port 0

which prints the port it listens on. The `/_fake/` routes are the puppeteer's: what is
recorded, what goes wrong next, what was asked.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime

from aiohttp import BasicAuth, web

from tests.fakes.faults import Faults

ACCOUNT_SID = "AC" + "a1" * 16
AUTH_TOKEN = "fake-twilio-auth-token"
MOMENT = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
DATE = format_datetime(MOMENT)
LARGEST_PAGE = 1000
CURRENT = "Twilio.CURRENT"


@dataclass
class FakeRecording:
    """A recording in the account; `status` "deleted" leaves a tombstone."""

    sid: str
    call_sid: str
    audio: bytes = b""
    status: str = "completed"
    is_tombstone_kept: bool = True
    created_at: datetime = MOMENT

    def as_json(self, account_sid: str) -> dict[str, object]:
        base = f"/2010-04-01/Accounts/{account_sid}"
        return {
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "call_sid": self.call_sid,
            "conference_sid": None,
            "channels": 2,
            "date_created": format_datetime(self.created_at),
            "date_updated": DATE,
            "start_time": format_datetime(self.created_at),
            "duration": "1",
            "encryption_details": None,
            "error_code": None,
            "media_url": f"https://api.twilio.com{base}/Recordings/{self.sid}",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "source": "DialVerb",
            "status": self.status,
            "subresource_uris": {},
            "uri": f"{base}/Recordings/{self.sid}.json",
        }


@dataclass
class FakeCall:
    """A call in the account; a child leg names its parent."""

    sid: str
    started_at: datetime = MOMENT
    parent_sid: str | None = None
    status: str = "completed"
    direction: str = "inbound"

    def as_json(self, account_sid: str) -> dict[str, object]:
        started = format_datetime(self.started_at)
        return {
            "account_sid": account_sid,
            "annotation": None,
            "answered_by": None,
            "api_version": "2010-04-01",
            "caller_name": None,
            "date_created": started,
            "date_updated": started,
            "direction": self.direction,
            "duration": "60",
            "end_time": started,
            "forwarded_from": None,
            "from": "+33612345678",
            "parent_call_sid": self.parent_sid,
            "price": None,
            "sid": self.sid,
            "start_time": started,
            "status": self.status,
            "subresource_uris": {},
            "to": "+33140000001",
            "uri": f"/2010-04-01/Accounts/{account_sid}/Calls/{self.sid}.json",
        }


@dataclass
class FakeTwilio:
    """One account: calls and recordings, the faults to come, the requests so far.

    `page_size` is the largest page it gives, whatever is asked for; `spoil` changes
    each page before it goes out.
    """

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    recordings: dict[str, FakeRecording] = field(default_factory=dict)
    calls: dict[str, FakeCall] = field(default_factory=dict)
    page_size: int = LARGEST_PAGE
    spoil: Callable[[dict[str, object]], object] | None = None
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def add(self, recording: FakeRecording) -> FakeRecording:
        self.recordings[recording.sid] = recording
        return recording

    def add_call(self, call: FakeCall) -> FakeCall:
        self.calls[call.sid] = call
        return call

    def reads(self) -> int:
        """How often audio was asked for."""
        return sum(path.endswith(".wav") for _, path in self.requests)

    def app(self) -> web.Application:
        app = web.Application(
            client_max_size=64 * 1024 * 1024, middlewares=[self._admit]
        )
        self.faults.install(app)
        account = "/2010-04-01/Accounts/{account}"
        call = account + "/Calls/{call}/Recordings"
        recording = account + "/Recordings/{sid:RE[0-9a-fA-F]{32}}"
        app.add_routes(
            [
                web.get(f"{account}/Calls.json", self._list_calls),
                web.get(f"{account}/Recordings.json", self._list),
                web.get(f"{call}.json", self._list),
                web.post(f"{call}.json", self._start),
                web.post(call + "/{sid}.json", self._update),
                web.get(f"{recording}.json", self._metadata),
                web.get(f"{recording}.wav", self._media),
                web.delete(f"{recording}.json", self._delete),
                web.put("/_fake/recordings/{sid}", self._fake_put),
                web.post("/_fake/faults", self._fake_fault),
                web.get("/_fake/state", self._fake_state),
            ]
        )
        return app

    @web.middleware
    async def _admit(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        if request.path.startswith("/_fake/"):
            return await handler(request)
        self.requests.append((request.method, request.path_qs))
        try:
            given = BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            return _error(401, 20003, "Authentication Error - No credentials provided")
        if (given.login, given.password) != (self.account_sid, self.auth_token):
            return _error(401, 20003, "Authentication Error - invalid username")
        return await handler(request)

    async def _list(self, request: web.Request) -> web.Response:
        call_sid = request.match_info.get("call") or request.query.get("CallSid")
        has_deleted = request.query.get("IncludeSoftDeleted") == "true"
        found = [
            each
            for each in self.recordings.values()
            if call_sid in {None, each.call_sid}
            and _is_on(request.query.get("DateCreated"), each.created_at)
            and (each.status != "deleted" or (has_deleted and each.is_tombstone_kept))
        ]
        return self._page(request, "recordings", found)

    async def _list_calls(self, request: web.Request) -> web.Response:
        day = request.query.get("StartTime")
        found = [each for each in self.calls.values() if _is_on(day, each.started_at)]
        return self._page(request, "calls", found)

    def _page(
        self, request: web.Request, key: str, found: Sequence[FakeCall | FakeRecording]
    ) -> web.Response:
        """One page; the next one's address repeats the question, as Twilio's does."""
        asked = int(request.query.get("PageSize", 50))
        size, number = min(asked, self.page_size), int(request.query.get("Page", 0))
        shown = found[number * size : (number + 1) * size]
        following = None
        if (number + 1) * size < len(found):
            token = {"Page": str(number + 1), "PageToken": f"PA{shown[-1].sid}"}
            following = request.rel_url.update_query(token)
        page = {
            key: [each.as_json(self.account_sid) for each in shown],
            "page": number,
            "page_size": size,
            "start": number * size,
            "end": number * size + max(len(shown) - 1, 0),
            "uri": request.path_qs,
            "first_page_uri": request.path_qs,
            "next_page_uri": None if following is None else str(following),
            "previous_page_uri": None,
        }
        if self.spoil:
            self.spoil(page)
        return web.json_response(page)

    async def _start(self, request: web.Request) -> web.Response:
        sid = f"RE{len(self.recordings):032x}"
        call_sid = request.match_info["call"]
        started = self.add(FakeRecording(sid, call_sid, status="in-progress"))
        return web.json_response(started.as_json(self.account_sid), status=201)

    async def _update(self, request: web.Request) -> web.Response:
        sid, call_sid = request.match_info["sid"], request.match_info["call"]
        form = await request.post()
        for each in self.recordings.values():
            is_meant = sid in {CURRENT, each.sid} and each.call_sid == call_sid
            if is_meant and each.status == "in-progress":
                # Twilio answers "stopped"; the recording is then completed.
                answer = each.as_json(self.account_sid) | {"status": form["Status"]}
                each.status = "completed"
                return web.json_response(answer)
        return _not_found(request)

    async def _metadata(self, request: web.Request) -> web.Response:
        recording = self._find(request)
        if recording is None:
            return _not_found(request)
        return web.json_response(recording.as_json(self.account_sid))

    async def _media(self, request: web.Request) -> web.Response:
        recording = self._find(request)
        if recording is None or recording.status != "completed":
            return _not_found(request)
        return web.Response(body=recording.audio, content_type="audio/x-wav")

    async def _delete(self, request: web.Request) -> web.Response:
        recording = self._find(request)
        if recording is None:
            return _not_found(request)
        recording.status, recording.audio = "deleted", b""
        return web.Response(status=204)

    def _find(self, request: web.Request) -> FakeRecording | None:
        recording = self.recordings.get(request.match_info["sid"])
        if recording is None or recording.status != "deleted":
            return recording
        is_asked = request.query.get("IncludeSoftDeleted") == "true"
        return recording if is_asked and recording.is_tombstone_kept else None

    async def _fake_put(self, request: web.Request) -> web.Response:
        """`PUT /_fake/recordings/RE…?call_sid=CA…[&status=…]`; the body is audio."""
        audio = await request.read()
        recording = FakeRecording(
            request.match_info["sid"],
            request.query["call_sid"],
            audio,
            request.query.get("status", "completed"),
        )
        self.add(recording)
        return web.Response(status=204)

    async def _fake_fault(self, request: web.Request) -> web.Response:
        """`POST /_fake/faults` with the fields of `Fault` as JSON."""
        self.faults.add(**await request.json())
        return web.Response(status=204)

    async def _fake_state(self, _request: web.Request) -> web.Response:
        """`GET /_fake/state`: every recording without its audio, every request."""
        recordings = [
            each.as_json(self.account_sid) | {"bytes": len(each.audio)}
            for each in self.recordings.values()
        ]
        return web.json_response({"recordings": recordings, "requests": self.requests})


def _is_on(asked: str | None, moment: datetime) -> bool:
    """Whether a moment is on the day that a filter names, with a time or without."""
    if asked is None:
        return True
    return datetime.fromisoformat(asked).date() == moment.astimezone(UTC).date()


def _error(status: int, code: int, message: str) -> web.Response:
    document = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(document, status=status)


def _not_found(request: web.Request) -> web.Response:
    message = f"The requested resource {request.path} was not found"
    return _error(404, 20404, message)


async def _serve(port: int, fake: FakeTwilio) -> None:
    runner = web.AppRunner(fake.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - how a parent finds us
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="A fake of Twilio's recordings API.")
    parser.add_argument("--port", type=int, default=0, help="0: any free port")
    parser.add_argument("--account-sid", default=ACCOUNT_SID)
    parser.add_argument("--auth-token", default=AUTH_TOKEN)
    arguments = parser.parse_args()
    fake = FakeTwilio(arguments.account_sid, arguments.auth_token)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(arguments.port, fake))


if __name__ == "__main__":
    main()
