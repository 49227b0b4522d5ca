"""A recording's whole life where keys lie in OpenBao, alone or in two hands."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.errors import KeyMissingError, ObjectMissingError, StorageError
from tests.fakes.call_centre import SITE, Call, CallCentre, until, wav
from tests.fakes.openbao import OpenBao, running


@pytest.fixture
def service(tmp_path: Path) -> Iterator[OpenBao]:
    """A key service of the test's own."""
    (tmp_path / "bao").mkdir()
    with running(tmp_path / "bao") as server:
        yield server


def transit(server: OpenBao) -> dict[str, Any]:
    return {"address": server.address, "token": server.token(SITE)}


@pytest.fixture(params=["transit", "custodian"])
async def house(
    request: pytest.FixtureRequest, centre: CallCentre, service: OpenBao
) -> AsyncIterator[CallCentre]:
    """Keys in the service alone, or in a directory and in the custodian's service."""
    await centre.open(vault={request.param: transit(service)})
    yield centre
    await centre.close()


async def record(house: CallCentre) -> tuple[Call, str]:
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav())
    assert reply.status == 201, reply
    return call, reply.body["recording_id"]


async def audio_keys(house: CallCentre) -> list[str]:
    names = await house.site.keys.store.names()
    return [name for name in names if name.startswith("audio-")]


async def test_what_is_kept_is_heard_until_its_day_and_its_key_dies_with_it(
    house, clock
):
    _, recording = await record(house)
    found = await house.rows("SELECT wrapped_key FROM recording_keys")
    [name] = await audio_keys(house)
    assert await house.heard(recording)

    clock.advance(days=31)
    report = await house.site.sweep()

    assert (report.destroyed, report.keys_destroyed, report.keys_failed) == (1, 1, 0)
    assert await audio_keys(house) == []
    with pytest.raises(KeyMissingError):
        await house.site.keys.unwrap(name, [found[0]["wrapped_key"]])


async def test_what_dies_early_takes_its_key_with_it_and_the_others_live(house, clock):
    call, erased = await record(house)
    _, kept = await record(house)
    [before] = await audio_keys(house)

    await house.tell("call.opt_out", call)
    clock.advance(days=1)
    report = await house.site.sweep()

    assert (report.keys_renewed, report.keys_failed) == (1, 0)
    assert await audio_keys(house) == [f"{before}-2"]
    assert await house.heard(kept)
    with pytest.raises(ObjectMissingError):
        await house.heard(erased)


async def test_a_restart_finds_the_same_keys_and_has_nothing_to_say(house):
    _, kept = await record(house)
    plan = house.service.settings.vault
    await house.close()

    await house.open(vault=plan.model_dump())

    assert await house.heard(kept)
    assert await house.value("SELECT count(*) FROM incidents") == 0


async def test_while_the_service_is_sealed_nothing_is_kept_and_calls_go_on(
    house, service
):
    _, kept = await record(house)
    call = await house.drawn_call(is_announced=True)

    service.seal()
    reply = await house.upload(call.decision_id, wav())
    assert (reply.status, reply.problem) == (503, "storage")
    assert len(house.objects()) == 1
    assert (await house.start_call()).decision_id
    with pytest.raises(Exception, match="sealed"):
        await house.heard(kept)

    service.unseal()
    assert (await house.upload(call.decision_id, wav())).status == 201
    await until(lambda: len(house.objects()) == 2, "both to be kept")
    assert await house.heard(kept)


async def test_a_key_that_cannot_be_destroyed_is_not_reported_and_tried_again(
    house, service, clock
):
    await record(house)
    clock.advance(days=31)
    service.seal()

    with pytest.raises(StorageError, match="sealed"):
        await house.site.sweep()
    assert house.objects() == []
    assert await house.leaves("KEK-") == []

    service.unseal()
    report = await house.site.sweep()
    assert (report.keys_destroyed, report.keys_failed) == (1, 0)
    assert len(await house.leaves("KEK-")) == 1
