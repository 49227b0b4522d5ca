"""Twilio's REST API for call recordings, as far as its own SDK uses it.

Shapes follow twilio-oai (`twilio_api_v2010.json`, 2026-04); a contract test drives this
server with the official client. Run it on its own with

    python -m tests.fakes.twilio_api --port 0

which prints the port it listens on. The `/_fake/` routes are the puppeteer's: what is
recorded, what goes wrong next, what was asked.
"""

import argparse
import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from aiohttp import BasicAuth, web

from tests.fakes.faults import Faults

ACCOUNT_SID = "AC" + "a1" * 16
AUTH_TOKEN = "fake-twilio-auth-token"
DATE = "Sat, 21 Nov 2026 10:00:00 +0000"
CURRENT = "Twilio.CURRENT"


@dataclass
class FakeRecording:
    """A recording in the account; `status` "deleted" leaves a tombstone."""

    sid: str
    call_sid: str
    audio: bytes = b""
    status: str = "completed"
    is_tombstone_kept: bool = True

    def as_json(self, account_sid: str) -> dict[str, object]:
        base = f"/2010-04-01/Accounts/{account_sid}"
        return {
            "account_sid": account_sid,
            "api_version": "2010-04-01",
            "call_sid": self.call_sid,
            "conference_sid": None,
            "channels": 2,
            "date_created": DATE,
            "date_updated": DATE,
            "start_time": DATE,
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
class FakeTwilio:
    """One account: its recordings, the faults to come, the requests so far."""

    account_sid: str = ACCOUNT_SID
    auth_token: str = AUTH_TOKEN
    recordings: dict[str, FakeRecording] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)

    def add(self, recording: FakeRecording) -> FakeRecording:
        self.recordings[recording.sid] = recording
        return recording

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
        found = [
            each.as_json(self.account_sid)
            for each in self.recordings.values()
            if each.status != "deleted" and call_sid in {None, each.call_sid}
        ]
        page = {
            "recordings": found,
            "page": 0,
            "page_size": 50,
            "start": 0,
            "end": max(len(found) - 1, 0),
            "uri": request.path_qs,
            "first_page_uri": request.path_qs,
            "next_page_uri": None,
            "previous_page_uri": None,
        }
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
