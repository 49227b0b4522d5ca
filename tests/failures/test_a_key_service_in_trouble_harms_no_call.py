"""OpenBao is sealed, away, slow, answers nonsense or knows our token no more.

Seen from the whole service: calls are answered, nothing is kept or heard without it,
a refusal is heard all the same, and nothing is called destroyed that is not.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from proxy.errors import ObjectMissingError, StorageError
from proxy.intake.takeovers import TryAgainError
from tests.fakes.call_centre import SITE, CallCentre, wav
from tests.fakes.faulty_door import FaultyDoor
from tests.fakes.openbao import OpenBao, running

AUDIO = wav()
COUNT_INCIDENTS = "SELECT count(*) FROM incidents WHERE kind = 'integrity'"


@dataclass
class Keyed:
    """A call centre whose keys lie behind a door, in a service of its own."""

    centre: CallCentre
    server: OpenBao
    door: FaultyDoor
    token_file: Path
    token: str = ""

    def give_token(self) -> None:
        """What an agent does that renews it."""
        self.token = self.server.token(SITE)
        self.token_file.write_text(self.token)

    @property
    def vault(self) -> dict[str, Any]:
        where = {"address": self.door.address, "token_file": str(self.token_file)}
        return {"transit": where}

    async def open(self) -> None:
        await self.centre.open(vault=self.vault)
        await self.centre.stop_worker()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[OpenBao]:
    (tmp_path / "bao").mkdir()
    with running(tmp_path / "bao") as server:
        yield server


@pytest.fixture
async def keyed(
    centre: CallCentre, server: OpenBao, tmp_path: Path
) -> AsyncIterator[Keyed]:
    async with FaultyDoor.before(server.address) as door:
        keyed = Keyed(centre, server, door, tmp_path / "token")
        keyed.give_token()
        await keyed.open()
        yield keyed
        server.mend()
        door.mend()
        await centre.close()


def garbage(_: web.Response) -> web.Response:
    return web.Response(text="<html>Welcome to nginx!</html>")


# How it goes wrong, how it is right again, and what is said of it.
Act = Callable[[Keyed], object]
TROUBLES: dict[str, tuple[Act, Act, str]] = {
    "sealed": (
        lambda keyed: keyed.server.seal(),
        lambda keyed: keyed.server.unseal(),
        "it is sealed.*unseal it",
    ),
    "away": (
        lambda keyed: keyed.door.refuse(),
        lambda keyed: keyed.door.mend(),
        "cannot be reached.*start it",
    ),
    "garbage": (
        lambda keyed: keyed.door.lie(garbage),
        lambda keyed: keyed.door.mend(),
        "none of OpenBao's or Vault's.*see what answers",
    ),
    "token ended": (
        lambda keyed: keyed.server.revoke(keyed.token),
        lambda keyed: keyed.give_token(),
        "the token may not use .*, or has expired.*renew it",
    ),
}
each_trouble = pytest.mark.parametrize(
    ("break_it", "mend_it", "said"), TROUBLES.values(), ids=TROUBLES
)


async def record(centre: CallCentre):
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, AUDIO)
    assert reply.status == 201, reply
    return call, reply.body["recording_id"]


@each_trouble
async def test_meanwhile_calls_are_answered_and_afterwards_nothing_is_lost(
    keyed: Keyed, break_it: Act, mend_it: Act, said: str
) -> None:
    centre = keyed.centre
    _, kept = await record(centre)
    pushed = await centre.drawn_call(is_announced=True)
    held = await centre.drawn_call(is_announced=True)
    await centre.offer(centre.platform.hold("rec-1", AUDIO), held.decision_id)
    takeover = await centre.value("SELECT takeover_id FROM takeovers")

    break_it(keyed)
    assert (await centre.start_call()).decision_id
    reply = await centre.upload(pushed.decision_id, AUDIO)
    assert (reply.status, reply.problem) == (503, "storage")
    with pytest.raises(TryAgainError, match="storage"):
        await centre.site.takeovers.run(takeover)
    with pytest.raises(StorageError, match=f"(?s){said}") as told:
        await centre.heard(kept)
    assert told.value.field == "vault.transit"
    assert keyed.token not in str(told.value) + str(reply.body)
    assert centre.platform.count("DELETE", "rec-1") == 0
    assert len(centre.objects()) == 1

    mend_it(keyed)
    assert (await centre.upload(pushed.decision_id, AUDIO)).status == 201
    await centre.site.takeovers.run(takeover)
    assert await centre.outcome(held) == ("recorded", None)
    for recording in await centre.kept():
        assert await centre.heard(recording) == AUDIO
    assert len(centre.objects()) == 3
    assert await centre.value(COUNT_INCIDENTS) == 0


@each_trouble
async def test_a_refusal_is_heard_and_its_receipt_written_once_the_keys_remember_it(
    keyed: Keyed, clock, break_it: Act, mend_it: Act, said: str
) -> None:
    centre = keyed.centre
    call, recording = await record(centre)

    break_it(keyed)
    await centre.tell("call.opt_out", call)  # acknowledged
    assert centre.objects() == []
    with pytest.raises(ObjectMissingError):
        await centre.heard(recording)
    assert await centre.leaves("DEL") == []
    with pytest.raises(StorageError, match=f"(?s){said}"):
        await centre.site.sweep()
    assert await centre.leaves("DEL") == []
    assert (await centre.site.shelf.figures(clock()))["expired_undeleted"] == 1

    mend_it(keyed)
    assert (await centre.site.sweep()).destroyed == 1
    assert len(await centre.leaves("DEL")) == 1


@each_trouble
async def test_what_is_due_need_not_wait_for_a_refusal_the_keys_cannot_be_told_of(
    keyed: Keyed, clock, break_it: Act, mend_it: Act, said: str
) -> None:
    centre = keyed.centre
    await record(centre)
    clock.advance(days=1)
    await centre.site.tend()
    call, _ = await record(centre)

    break_it(keyed)
    await centre.tell("call.opt_out", call)
    clock.advance(days=29)
    with pytest.raises(StorageError, match=f"(?s){said}"):
        await centre.site.sweep()
    assert len(await centre.leaves("DEL")) == 1
    assert len(await centre.kept()) == 1

    mend_it(keyed)
    assert (await centre.site.sweep()).destroyed == 1
    assert len(await centre.leaves("DEL")) == 2


@each_trouble
async def test_a_key_whose_day_is_over_is_not_called_destroyed_before_it_is(
    keyed: Keyed, clock, break_it: Act, mend_it: Act, said: str
) -> None:
    centre = keyed.centre
    await record(centre)
    clock.advance(days=31)

    break_it(keyed)
    with pytest.raises(StorageError, match=f"(?s){said}"):
        await centre.site.sweep()
    assert centre.objects() == []
    assert await centre.leaves("KEK-") == []
    assert (await centre.site.shelf.figures(clock()))["kek_overdue"] == 0
    clock.advance(days=2)
    assert (await centre.site.shelf.figures(clock()))["kek_overdue"] >= 1

    mend_it(keyed)
    assert (await centre.site.sweep()).keys_destroyed >= 1
    assert len(await centre.leaves("KEK-")) >= 1


@each_trouble
async def test_a_service_that_cannot_reach_its_keys_does_not_start_and_says_why(
    keyed: Keyed, break_it: Act, mend_it: Act, said: str
) -> None:
    centre = keyed.centre
    _, kept = await record(centre)
    await centre.close()

    break_it(keyed)
    with pytest.raises(StorageError, match=f"(?s){said}") as told:
        await keyed.open()
    assert told.value.field == "vault.transit"
    assert told.value.fix
    await centre.close()

    mend_it(keyed)
    await keyed.open()
    assert await centre.heard(kept) == AUDIO


async def test_a_key_service_that_answers_nobody_delays_no_call(keyed: Keyed) -> None:
    centre = keyed.centre
    call = await centre.drawn_call(is_announced=True)

    keyed.door.hold()
    assert (await centre.start_call()).decision_id
    reply = await centre.upload(call.decision_id, AUDIO)
    assert (reply.status, reply.problem) == (503, "storage")
    assert await centre.outcome(call) == (None, None)
    assert centre.objects() == []

    keyed.door.mend()
    assert (await centre.upload(call.decision_id, AUDIO)).status == 201
