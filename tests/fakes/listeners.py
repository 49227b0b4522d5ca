"""People who listen: signed in, with their grants, over HTTP."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from proxy.access.accounts.accounts import APPOINTED, Wanted
from proxy.access.permissions import Actor, Role, ShownBy
from proxy.access.trace.acts import Act, Entry
from proxy.access.wire import COOKIE, CSRF_HEADER
from tests.fakes.api import API, Answer
from tests.fakes.call_centre import CallCentre, wav
from tests.fakes.clinic import SITE

ADMIN = Actor("admin-ada", Role.ADMINISTRATOR, SITE, ShownBy.SESSION)
# What an accepted invitation leaves, without the price of a password.
ACCEPTED = (
    "UPDATE accounts SET password_hash = '$argon2id$nobodys'"
    " WHERE site_id = $1 AND account_id = $2"
)
DPO = Actor("dpo-carla", Role.DPO, SITE, ShownBy.SESSION)


@dataclass
class Piece:
    """What came of one request for audio."""

    status: int
    headers: Any
    content: bytes

    @property
    def problem(self) -> str:
        return str(json.loads(self.content)["type"]).rpartition(":")[2]


@dataclass
class Listener:
    """Somebody with a session."""

    centre: CallCentre
    code: str
    secret: str
    csrf: str
    session_id: uuid.UUID
    site: str = SITE

    @property
    def shown(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self.secret}"}

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """`path` is below the site, in the API."""
        headers = self.shown | {CSRF_HEADER: self.csrf}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self.centre.http.request(
            method,
            f"{self.centre.service.address}{API}/sites/{self.site}{path}",
            data=None if body is None else json.dumps(body),
            headers=headers,
        ) as response:
            return Answer(response.status, response.headers, await response.text())

    async def begin(self, recording: object, purpose: str = "training") -> Answer:
        body = {"recording": str(recording), "purpose": purpose}
        return await self.ask("POST", "/plays", body)

    async def play(self, recording: object, purpose: str = "training") -> str:
        """The address of a play that has begun."""
        answer = await self.begin(recording, purpose)
        assert answer.status == 201, answer
        return str(answer.body["address"])

    async def sign_out(self) -> None:
        """As the console does it."""
        access = self.centre.site.access
        await access.sessions.end(await access.sessions.find(self.secret))

    async def hear(self, address: str, wanted: str | None = "bytes=0-") -> Piece:
        headers = self.shown | ({"Range": wanted} if wanted is not None else {})
        url = self.centre.service.address + address
        async with self.centre.http.get(url, headers=headers) as response:
            return Piece(response.status, response.headers, await response.read())

    async def hear_all(self, address: str, size: int) -> list[Piece]:
        """Every piece, one after the other, as a player asks for them."""
        pieces: list[Piece] = []
        at = 0
        while at < size:
            piece = await self.hear(address, f"bytes={at}-")
            assert piece.status == 206, piece
            pieces.append(piece)
            at += len(piece.content)
        return pieces


async def signed_in(
    centre: CallCentre,
    code: str = "trainer-tess",
    role: Role = Role.TRAINER,
    agent: str | None = None,
) -> Listener:
    """Somebody with an account and a session, and no grant. Again: another session."""
    access, database = centre.site.access, centre.site.database
    async with database.transaction() as connection:
        account_id = await centre.value(
            "SELECT account_id FROM accounts WHERE code = $1", code
        ) or await access.accounts.add(connection, ADMIN, Wanted(code, role, agent))
        await connection.execute(ACCEPTED, SITE, account_id)
        session = await access.sessions.begin(connection, account_id)
    if role in APPOINTED:
        await access.accounts.appoint(DPO, code, agent)
    return Listener(centre, code, session.secret, session.csrf, session.session_id)


async def grant(
    centre: CallCentre,
    code: str = "trainer-tess",
    practice: str | None = None,
    campaign: str | None = None,
    days: int = 30,
) -> uuid.UUID:
    """By the DPO; without a practice or a campaign, for all of the site."""
    until = centre.clock() + timedelta(days=days)
    return await centre.site.access.grants.give(DPO, code, practice, campaign, until)


async def trainer(centre: CallCentre, code: str = "trainer-tess") -> Listener:
    """A trainer for all of the site."""
    someone = await signed_in(centre, code)
    await grant(centre, code)
    return someone


async def recorded(
    centre: CallCentre, audio: bytes = b"", agent: str | None = None, **call: object
) -> tuple[uuid.UUID, bytes]:
    """A recording that is kept, and what was said in it.

    The agent is known once it is drawn: their chance falls with each of their calls.
    """
    audio = audio or wav(4.0)
    while not (drawn := await centre.start_call(**call)).is_record:
        pass
    if agent is not None:
        await centre.start_call(drawn.call_id, agent=agent, **call)
    await centre.tell("call.announced", drawn)
    reply = await centre.upload(drawn.decision_id, audio)
    assert reply.status == 201, reply
    return uuid.UUID(reply.body["recording_id"]), audio


async def traced(centre: CallCentre, *acts: Act) -> list[Entry]:
    """The entries of these acts in the trace, in its order."""
    rows = await centre.rows("SELECT body FROM access_entries ORDER BY seq")
    entries = [Entry.read(row["body"].encode())[1] for row in rows]
    return [entry for entry in entries if entry.act in acts]
