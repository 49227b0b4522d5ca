"""Each route, as every role and as nobody: no fault of ours, no word of our making.

Never a status of 500 or more (there is nothing wrong with this service), never a trace
or a name of the program's, always the headers, always within bounds.
"""

import asyncio
import os
import uuid
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from proxy.access.permissions import Role
from proxy.access.wire import COOKIE
from proxy.api.application import ROOT
from proxy.api.table import ROUTES
from proxy.console.defences import FORM, form_token
from tests.fakes.api import TOKENS, asker, with_people
from tests.fakes.clinic import SITE
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.listeners import grant, recorded, signed_in, trainer
from tests.fakes.rough_requests import (
    Somebody,
    ask,
    faults_of,
    places_of,
    requests,
    status_of,
)

# Requests of each person; more of them, once in a while.
EXAMPLES = int(os.environ.get("PONCTUEL_FUZZ_EXAMPLES", "300"))
EXAMPLE_BODIES = {
    (route.method, ROOT + route.path): route.example
    for route in ROUTES
    if route.example is not None
}


def browser(name: str, secret: str, csrf: str) -> Somebody:
    return Somebody(name, (("Cookie", f"{COOKIE}={secret}"),), csrf)


def bearer(name: str, token: str) -> Somebody:
    return Somebody(name, (("Authorization", f"Bearer {token}"),))


async def everybody(centre) -> list[Somebody]:
    """Nobody, everybody with a session, and who shows a token or a key."""
    form = "f" * 43
    found = [
        Somebody("nobody"),
        Somebody("a form", (("Cookie", f"{FORM}={form}"),), form_token(form)),
        browser("forged", f"{SITE}.{'x' * 43}", "x" * 43),
        bearer("olga", TOKENS["olga"]),
        bearer("dora", TOKENS["dora"]),
    ]
    for role in Role:
        code = f"{role.value.replace('_', '-')}-1"
        agent = "agent-7" if role is Role.AGENT else None
        member = await signed_in(centre, code, role, agent)
        found.append(browser(role.value, member.secret, member.csrf))
    await grant(centre, "trainer-1")
    return found


def made_up(places, who, known, examples=EXAMPLES) -> list[bytes]:
    """What one person sends. Always the same, and all of it before the first is sent:
    hypothesis wants to be the only one that draws at random meanwhile.
    """
    found = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(requests(places, who, known))
    def keep(request: bytes) -> None:
        found.append(request)

    keep()
    return found


def answered(
    address: str, sent: list[bytes], *, is_broken: bool = False
) -> tuple[Counter[int], list[str]]:
    """What came back, and what was wrong with it."""
    statuses: Counter[int] = Counter()
    wrong = []
    for request in sent:
        answer = ask(address, request)
        statuses[status_of(answer)] += 1
        wrong += [
            f"{fault}: {request!r} -> {answer[:300]!r}"
            for fault in faults_of(answer, is_broken=is_broken)
        ]
    return statuses, wrong


@pytest.mark.slow
@pytest.mark.timeout(120 + EXAMPLES)
async def test_nothing_anybody_sends_is_answered_with_a_fault_of_ours(centre):
    service = await centre.open(sites=with_people(centre, policy=centre.policy()))
    olga = asker(centre)
    incident = await olga.post("/incidents", {"nature": "a disk was lost"})
    await olga.post("/policies", {"rate": "1%", "starts_on": "2026-11-19"})
    places = places_of(service._runners[0].app, EXAMPLE_BODIES)
    people = await everybody(centre)
    recording, _ = await recorded(centre)
    begun = await (await trainer(centre, "trainer-2")).play(recording)
    ids = (recording, begun.rpartition("/")[2], incident.body["incident_id"])
    known = [SITE, "1", "pbx", "agent", str(uuid.uuid4()), *map(str, ids)]

    told, wrong = {}, []
    for who in people:
        sent = made_up(places, who, known)
        told[who.name], wrong = await asyncio.to_thread(answered, service.address, sent)
        assert wrong == [], "\n".join([who.name, *wrong])

    # They were let in: it was not only the door that answered.
    inside = set(Role) | {"olga", "dora"}
    assert {name for name, statuses in told.items() if statuses[200]} >= inside


@pytest.mark.slow
async def test_without_a_database_everybody_is_told_to_come_back_and_nobody_gets_in(
    centre,
):
    async with FaultyWire(centre.dsn) as wire:
        service = await centre.open(sites=with_people(centre), dsn=wire.dsn)
        places = places_of(service._runners[0].app, EXAMPLE_BODIES)
        people = await everybody(centre)
        await wire.cut()
        for who in people:
            sent = made_up(places, who, [SITE, "1", "pbx", str(uuid.uuid4())], 15)
            statuses, wrong = await asyncio.to_thread(
                answered, service.address, sent, is_broken=True
            )
            assert wrong == []
            assert who.name not in set(Role) or statuses[503]
