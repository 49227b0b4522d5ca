"""A key service away, slow to say, or lying: nothing announced or passed that is not.

A real OpenBao stands behind a door that breaks what goes through it.
"""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from proxy.errors import StorageError
from tests.fakes.call_centre import SITE, CallCentre
from tests.fakes.faulty_door import FaultyDoor
from tests.fakes.openbao import OpenBao, running

KEPT = 1
MOST_EXCHANGES = 40


@pytest.fixture
def service(tmp_path: Path) -> Iterator[OpenBao]:
    (tmp_path / "bao").mkdir()
    with running(tmp_path / "bao") as server:
        yield server


@pytest.fixture
async def door(service: OpenBao) -> AsyncIterator[FaultyDoor]:
    async with FaultyDoor.before(service.address) as door:
        yield door


@pytest.fixture
async def noon(
    centre: CallCentre, clock, service: OpenBao, door: FaultyDoor
) -> AsyncIterator[CallCentre]:
    """A clinic at noon whose keys lie behind the door."""
    clock.advance(hours=2)
    token = service.token(SITE)
    await centre.open(
        vault={"transit": {"address": door.address, "token": token}},
        policy=centre.policy(kept_days=KEPT),
    )
    await centre.stop_worker()
    yield centre
    door.mend()
    await centre.close()


async def names(centre: CallCentre) -> list[str]:
    found = await centre.site.keys.store.names()
    return [name for name in found if name.startswith("audio-")]


async def announced(centre: CallCentre) -> list[str]:
    return [f"audio-{leaf['day']}" for leaf in await centre.leaves("KEK+")]


@pytest.mark.parametrize("way", ["refuse", "lose"])
async def test_a_key_whose_making_was_not_answered_is_announced_when_it_is_there(
    noon, door, way
):
    """Not done, and done without an answer, at each of the requests it takes."""
    for after in range(MOST_EXCHANGES):
        getattr(door, way)(after)
        try:
            await noon.site.keys_ahead.make()
        except StorageError:
            door.mend()
            assert set(await announced(noon)) <= set(await names(noon))
        else:
            break
    door.mend()
    await noon.site.keys_ahead.make()

    [name] = await names(noon)
    assert await announced(noon) == [name]
    assert await noon.value("SELECT count(*) FROM canaries") == 1


async def dead_days(noon, clock):
    for _ in range(KEPT + 3):
        await noon.site.keys_ahead.make()
        clock.advance(days=1)
        await noon.site.sweep()


async def test_a_drill_that_gets_no_answer_has_not_passed(noon, door, clock):
    await dead_days(noon, clock)
    canaries = noon.site.parts.canaries
    door.refuse()

    with pytest.raises(StorageError):
        await canaries.try_now()

    door.mend()
    assert await canaries.last_drill() is None
    trial = await canaries.try_now()
    assert (bool(trial.shut), trial.opened, trial.fault) == (True, [], "")


@pytest.mark.parametrize(
    "lie",
    [
        web.json_response({"errors": []}, status=503),
        web.Response(status=404, text="<html></html>"),
        web.json_response({"errors": ["permission denied"]}, status=403),
        web.json_response({"data": {}}),
    ],
    ids=["sealed", "no page of the service's", "denied", "nothing"],
)
async def test_an_answer_that_is_none_does_not_pass_for_a_day_that_is_shut(
    noon, door, clock, lie
):
    await dead_days(noon, clock)
    door.lie(lambda _: web.Response(status=lie.status, body=lie.body))

    with pytest.raises(StorageError):
        await noon.site.parts.canaries.try_now()


async def test_recordings_wait_for_a_key_service_and_no_key_is_made_in_vain(
    noon, door, clock
):
    """What keys made ahead do not do: the service wraps each data key itself."""
    await noon.site.keys_ahead.make()
    [made] = await names(noon)
    clock.advance(days=1)
    assert made == f"audio-{clock().date() + timedelta(days=KEPT)}"
    found = await noon.site.keys.wrap(made, [b"k" * 32])

    door.refuse()
    with pytest.raises(StorageError):
        await noon.site.keys.wrap(made, [b"k" * 32])

    door.mend()
    assert await noon.site.keys.unwrap(made, found) == [b"k" * 32]
