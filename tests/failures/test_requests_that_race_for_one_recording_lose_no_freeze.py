"""Two replicas, requests that come and go for a recording past its end, and the sweep.

At every moment one request is open: a single gap, and the sweep destroys the recording.
"""

import asyncio
import random  # noqa: TID251  # repeatable by its seed

import pytest

from proxy.rights.records import ItemState, NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.call_centre import until
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, rights_of

pytestmark = pytest.mark.slow

ROUNDS = 8


@pytest.fixture
async def replicas(centre):
    for _ in range(2):
        await centre.open()
        await centre.stop_worker()
    await recorded(centre, caller=THEIRS)
    return [rights_of(service.sites["clinic"]) for service in centre.services]


async def asked(rights):
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS)
    return (await rights.desk.receive(OFFICER, new)).request_id


async def withdraw(rights, request_id):
    await rights.desk.answer(OFFICER, request_id, Outcome.WITHDRAWN)


async def come_and_go(rights):
    await withdraw(rights, await asked(rights))


@pytest.mark.parametrize("seed", range(4))
async def test_while_one_of_them_is_open_the_recording_is_there(centre, replicas, seed):
    dice = random.Random(seed)  # noqa: S311  # it must be the same again
    sites = [service.sites["clinic"] for service in centre.services]
    old = await asked(replicas[0])
    centre.clock.advance(days=31)

    for _ in range(ROUNDS):
        new = await asked(dice.choice(replicas))
        at_once = [
            withdraw(dice.choice(replicas), old),
            come_and_go(dice.choice(replicas)),
            come_and_go(dice.choice(replicas)),
            *(rights.tend() for rights in replicas),
            *(site.sweep() for site in sites),
        ]
        dice.shuffle(at_once)
        await asyncio.gather(*at_once)
        await sites[0].sweep()

        assert len(await centre.kept()) == 1
        old = new

    last = await replicas[0].requests.find(old)

    async def is_the_last_ones():
        """What the service is just about itself, it lets others leave alone."""
        await replicas[0].tend()
        [hold] = await sites[0].parts.holds.list()
        return hold["reference"] == last.reference

    await until(is_the_last_ones, "the freeze to be the last one's")
    [item] = await replicas[0].requests.items(old)
    assert item.state is ItemState.FROZEN

    await withdraw(replicas[1], old)
    await replicas[0].tend()
    await sites[0].sweep()
    assert await centre.kept() == []
    assert await sites[0].parts.holds.list() == []
