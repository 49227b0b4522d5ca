"""Mid-play: whatever ends the right to listen cuts off the very next piece."""

import asyncio
import socket
import uuid
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from yarl import URL

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from proxy.playback.ranges import LARGEST_PIECE
from proxy.vault.recordings import LOOKED_AGAIN
from retention.holds import Authority, Hold
from tests.fakes.call_centre import wav
from tests.fakes.evidence import until
from tests.fakes.listeners import (
    ADMIN,
    DPO,
    grant,
    recorded,
    signed_in,
    traced,
    trainer,
)

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def tess(house):
    return await signed_in(house)


@pytest.fixture
async def playing(house, tess):
    """A play under way: its recording, its grant, its address."""
    granted = await grant(house)
    recording, _ = await recorded(house)
    address = await tess.play(recording)
    assert (await tess.hear(address)).status == 206
    return recording, granted, address


async def cut_off(house, tess, address, status, problem):
    before = await traced(house, Act.HEARD)

    answer = await tess.hear(address)

    assert (answer.status, answer.problem) == (status, problem)
    assert await traced(house, Act.HEARD) == before


async def test_a_grant_that_is_ended(house, tess, playing):
    _, granted, address = playing

    await house.site.access.grants.end(DPO, granted)

    await cut_off(house, tess, address, 404, "object-missing")


async def test_a_grant_that_is_over(house, tess, clock):
    granted_for = timedelta(minutes=5)
    await house.site.access.grants.give(
        DPO, "trainer-tess", None, None, clock() + granted_for
    )
    recording, _ = await recorded(house)
    address = await tess.play(recording)
    clock.now += granted_for - timedelta(seconds=1)
    assert (await tess.hear(address)).status == 206

    clock.advance(seconds=1)

    await cut_off(house, tess, address, 404, "object-missing")


async def test_a_grant_given_anew_brings_no_play_back(house, tess, playing):
    _, granted, address = playing
    await house.site.access.grants.end(DPO, granted)
    await tess.hear(address)

    await grant(house)

    await cut_off(house, tess, address, 410, "play-over")


async def test_an_account_that_is_ended(house, tess, playing):
    *_, address = playing

    await house.site.access.accounts.end(ADMIN, "trainer-tess")

    await cut_off(house, tess, address, 401, "unauthorized")


async def test_a_session_nobody_uses_any_more(house, tess, playing, clock):
    *_, address = playing

    clock.advance(minutes=15)

    await cut_off(house, tess, address, 401, "unauthorized")


async def test_a_recording_that_is_held(house, tess, playing, clock):
    recording, _, address = playing
    order = Hold(Authority.CLAIM, "case 7", "a claim", clock() + timedelta(days=10))

    await house.site.parts.holds.place(recording, order, "dpo-carla")

    await cut_off(house, tess, address, 423, "restricted")
    answer = await tess.begin(recording)
    assert (answer.status, answer.problem) == (423, "restricted")


async def test_a_recording_whose_end_has_come(house, tess, playing, clock):
    _, _, address = playing
    ends_at = await house.value("SELECT expires_at FROM recordings")
    # Whoever sits there through the month has signed in anew: here the play is kept.
    await house.rows("UPDATE plays SET used_at = $1", ends_at)
    await house.rows("UPDATE sessions SET made_at = $1, seen_at = $1", ends_at)
    await house.rows("UPDATE grants SET until = $1", ends_at + timedelta(days=1))

    clock.now = ends_at

    await cut_off(house, tess, address, 404, "object-missing")


async def test_a_recording_that_is_destroyed(house, tess, playing):
    recording, _, address = playing
    decision = await house.value("SELECT decision_id FROM recordings")
    async with house.site.database.transaction() as connection:
        doomed, _ = await house.site.shelf.doom_decision(connection, decision)

    await cut_off(house, tess, address, 404, "object-missing")
    await house.site.shelf.destroy(doomed)

    assert (await tess.begin(recording)).status == 404
    assert await house.kept() == []


async def test_a_piece_half_sent_when_its_recording_is_erased(house, tess, clock):
    """Whoever has the first bytes of a piece does not get its last."""
    await grant(house)
    recording, _ = await recorded(house, wav(70.0))
    address = await tess.play(recording)
    decision = await house.value("SELECT decision_id FROM recordings")

    async with slow_ear(house, tess, address) as ear:
        assert b"206 Partial" in await ear.take(2048)
        async with house.site.database.transaction() as connection:
            await house.site.shelf.doom_decision(connection, decision)
        clock.now += LOOKED_AGAIN
        taken = await ear.take_rest()

    assert taken < LARGEST_PIECE // 2


async def test_whoever_waited_for_their_turn_is_who_they_are_then(house, tess):
    """Two slow pieces hold up a third; meanwhile its listener leaves."""
    await grant(house)
    recording, _ = await recorded(house, wav(70.0))
    address = await tess.play(recording)

    async with slow_ear(house, tess, address), slow_ear(house, tess, address):
        await until(lambda: _are_heard(house, 2))
        waiting = asyncio.create_task(tess.hear(address, "bytes=0-999"))
        await until(lambda: _wait_for(house, 3))
        await house.site.access.accounts.end(ADMIN, "trainer-tess")
    answer = await waiting

    assert (answer.status, answer.problem) == (401, "unauthorized")
    assert len(await traced(house, Act.HEARD)) == 2


async def _are_heard(house, pieces):
    return len(await traced(house, Act.HEARD)) == pieces


def _wait_for(house, answers):
    """Whether so many connections have a question nobody has answered yet."""
    connections = house.service._runners[0].server.connections
    return sum(each._current_request is not None for each in connections) == answers


async def test_what_is_refused_is_written_down_with_why(house, tess, playing):
    recording, granted, address = playing
    await house.site.access.grants.end(DPO, granted)

    await tess.hear(address)
    await tess.hear(address)

    refused = await traced(house, Act.REFUSED)
    assert [(entry.item, entry.about) for entry in refused] == [
        (recording, "object-missing"),
        (None, "play-over"),
    ]


async def test_a_role_that_hears_nothing_is_written_down_at_this_door_too(house):
    operator = await signed_in(house, "op-1", Role.OPERATOR)

    answer = await operator.hear(f"/listen/clinic/{uuid.uuid4()}")

    assert (answer.status, answer.problem) == (403, "forbidden")
    [refused] = await traced(house, Act.REFUSED)
    assert (refused.actor, refused.about) == ("op-1", "recordings:play")


async def test_a_play_is_its_sessions_alone(house, tess, playing):
    *_, address = playing
    same_person = await signed_in(house)
    somebody_else = await trainer(house, "trainer-toni")

    answers = [await other.hear(address) for other in (same_person, somebody_else)] + [
        await tess.hear(f"/listen/clinic/{uuid.uuid4()}")
    ]

    assert {(a.status, a.problem) for a in answers} == {(404, "unknown-play")}
    assert len({a.content for a in answers}) == 1
    assert (await tess.hear(address)).status == 206
    refused = await traced(house, Act.REFUSED)
    assert [entry.actor for entry in refused] == [
        *("trainer-tess", "trainer-toni", "trainer-tess"),
    ]


async def test_nothing_is_heard_by_a_token_or_by_nobody(house, playing):
    *_, address = playing
    url = house.service.address + address
    ranged = {"Range": "bytes=0-"}

    for headers in (
        ranged,
        ranged | {"Cookie": "__Host-ponctuel=clinic.nonsense"},
        ranged | {"Cookie": f"__Host-ponctuel=clinic.{'A' * 43}"},
        ranged | {"Authorization": "Bearer token-of-anna-0123456789"},
    ):
        reply = await house.ask("GET", url, headers=headers)
        assert (reply.status, reply.problem) == (401, "unauthorized")


async def test_no_other_page_can_have_it_played(house, tess, playing):
    *_, address = playing
    url = house.service.address + address
    headers = tess.shown | {"Range": "bytes=0-", "Sec-Fetch-Site": "cross-site"}

    reply = await house.ask("GET", url, headers=headers)

    assert reply.status == 403


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE"])
async def test_it_is_got_and_nothing_else(house, tess, playing, method):
    *_, address = playing

    url = house.service.address + address
    async with house.http.request(method, url, headers=tess.shown) as response:
        assert response.status == 405


async def test_what_a_stalled_listener_does_not_take_waits_for_nobody(
    house, tess, monkeypatch
):
    monkeypatch.setattr("proxy.api.listening.LONGEST_SENDING", 1.0)
    await grant(house)
    recording, _ = await recorded(house, wav(70.0))
    address = await tess.play(recording)

    async with slow_ear(house, tess, address) as ear:
        await until(lambda: _has_heard(house))
        await until(lambda: _has_left(house, ear))
        taken = await ear.take_rest()

    assert taken < LARGEST_PIECE // 2


async def _has_heard(house):
    return bool(await traced(house, Act.HEARD))


def _has_left(house, ear):
    """Whether the service has let go of the connection."""
    runner = house.service._runners[0]
    peers = {
        connection.transport.get_extra_info("peername")
        for connection in runner.server.connections
        if connection.transport
    }
    return ear.address not in peers


class Ear:
    """A listener who takes what they ask for, and whose machine keeps little more."""

    def __init__(self, connected):
        self._connected = connected
        self._loop = asyncio.get_running_loop()
        self.address = connected.getsockname()

    async def ask(self, listener, address):
        raw = (
            f"GET {address} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-\r\n"
            f"Cookie: {listener.shown['Cookie']}\r\n\r\n"
        )
        await self._loop.sock_sendall(self._connected, raw.encode())

    async def take(self, most):
        return await self._loop.sock_recv(self._connected, most)

    async def take_rest(self):
        """How many bytes come until it breaks off."""
        taken = 0
        with suppress(ConnectionError):
            while more := await self.take(65536):
                taken += len(more)
        return taken


@asynccontextmanager
async def slow_ear(house, listener, address):
    url = URL(house.service.address)
    with socket.socket() as connected:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connected.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connected, (url.host, url.port))
        ear = Ear(connected)
        await ear.ask(listener, address)
        yield ear
