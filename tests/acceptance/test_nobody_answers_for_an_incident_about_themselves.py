"""Severe signs of abuse open an incident; whom it is about does not decide it (R36)."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act, Entry
from tests.fakes.listeners import signed_in

pytestmark = pytest.mark.acceptance

STEPS = (
    ("description", {"risk": "unlikely"}),
    ("decision", {"decision": "not_notify", "reason": "It was a drill."}),
    ("notified", {}),
    ("close", {"outcome": "It was a drill."}),
)


@pytest.fixture
async def incident(house, clock):
    """Of an officer who began to listen forty times in ten minutes."""
    clock.now = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
    await house.stop_worker()
    access = house.site.access
    await access.oversight.tend()
    for _ in range(40):
        heard = Entry(Act.PLAY, "dpo-dana", Role.DPO, uuid4(), "request")
        await access.trace.note(heard)
        clock.advance(seconds=15)
    clock.advance(minutes=1)
    await access.oversight.tend()
    [case] = await house.site.incidents.list()
    assert case.kind == "access-abuse"
    return case.incident_id


async def step(officer, incident, name, body):
    return await officer.ask("POST", f"/incidents/{incident}/{name}", body)


@pytest.mark.parametrize(("name", "body"), STEPS, ids=[name for name, _ in STEPS])
async def test_whom_it_is_about_takes_none_of_its_steps(house, incident, name, body):
    dana = await signed_in(house, "dpo-dana", Role.DPO)
    before = await house.site.incidents.find(incident)

    answer = await step(dana, incident, name, body)

    assert answer.status == 403
    assert answer.body["type"].endswith(":own-incident")
    assert await house.site.incidents.find(incident) == before


async def test_they_may_say_what_they_know_of_it(house, incident):
    dana = await signed_in(house, "dpo-dana", Role.DPO)

    answer = await step(dana, incident, "notes", {"note": "It was a drill."})

    assert answer.status == 200


async def test_another_officer_takes_them(house, incident):
    other = await signed_in(house, "dpo-eve", Role.DPO)

    for name, body in STEPS:
        if name == "notified":  # not so decided
            continue
        answer = await step(other, incident, name, body)
        assert answer.status == 200, answer

    assert (await house.site.incidents.find(incident)).closed_by == "dpo-eve"


async def test_an_incident_by_hand_is_about_nobody_in_particular(house):
    dana = await signed_in(house, "dpo-dana", Role.DPO)
    opened = await dana.ask("POST", "/incidents", {"nature": "A disk was lost."})

    answer = await step(dana, opened.body["incident_id"], *STEPS[0])

    assert answer.status == 200
