"""The OpenAPI document says all the API does, and the API does nothing else."""

import asyncio
import json

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from proxy.access.permissions import Actor, Role, ShownBy, Subject, permits
from proxy.access.wire import CSRF_HEADER
from proxy.api.openapi import document
from proxy.api.table import ROUTES
from tests.fakes.api import API, TOKENS, asker, with_people
from tests.fakes.call_centre import SITE, CallCentre
from tests.fakes.fuzzing import Findings, fuzz
from tests.fakes.listeners import grant, signed_in

DOCUMENT = json.loads(document(ROUTES))
NOT_REACHED = {401, 404, 405}
DRAFT = {"rate": "0.5%", "starts_on": "2026-11-19"}


@pytest.fixture
async def known(centre: CallCentre) -> dict[str, list[object]]:
    """A service with something in it, so that not everything is answered with 404."""
    await centre.open(sites=with_people(centre))
    olga = asker(centre)
    for _ in range(3):
        assert (await olga.post("/policies", DRAFT)).status == 201
    incident = await olga.post("/incidents", {"nature": "a disk was lost"})
    return {
        "path.site": [olga.site],
        "path.policy": [1, 2, 3, 4],
        "path.incident": [incident.body["incident_id"]],
        "path.request": [await a_request(centre)],
        "body.replications": [1, 2],
    }


async def a_request(centre: CallCentre) -> str:
    asked = {"kind": "access", "number": "+33612345678"}
    request = await asker(centre, "rita").post("/requests", asked)
    return str(request.body["request_id"])


def bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[who]}"}


def operations(role: Role, shown_by: ShownBy) -> set[str]:
    """What a role may ask at all."""
    actor = Actor("somebody-1", role, SITE, shown_by)
    return {
        f"{route.method} {route.path}"
        for route in ROUTES
        if permits(actor, route.permission, Subject(SITE))
    }


def assert_clean(findings: Findings) -> None:
    assert not findings.faults, "\n\n".join(findings.faults)
    told = {status for known in findings.statuses.values() for status in known}
    assert [status for status in told if status >= 500] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_whatever_an_operator_sends_is_answered_as_described(centre, known):
    theirs = operations(Role.OPERATOR, ShownBy.TOKEN)
    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        bearer("olga"),
        known,
        phases=("examples", "coverage", "fuzzing"),
        examples=5,
        only=theirs,
    )

    assert_clean(findings)
    reached = {
        operation
        for operation, statuses in findings.statuses.items()
        if statuses.keys() - NOT_REACHED
    }
    assert theirs - reached == set()


@pytest.mark.slow
async def test_whatever_an_officer_sends_is_answered_as_described(centre, known):
    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        bearer("dora"),
        known,
        phases=("examples", "fuzzing"),
        examples=10,
        only=operations(Role.DPO, ShownBy.TOKEN)
        - operations(Role.RIGHTS_OFFICER, ShownBy.TOKEN),
    )

    assert_clean(findings)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_whatever_is_sent_to_the_desk_is_answered_as_described(centre, known):
    theirs = operations(Role.RIGHTS_OFFICER, ShownBy.TOKEN)
    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        bearer("rita"),
        known,
        phases=("examples", "fuzzing"),
        examples=5,
        only=theirs,
    )

    assert_clean(findings)
    assert any("/requests/{request}" in operation for operation in findings.statuses)


@pytest.mark.slow
@pytest.mark.parametrize("role", Role)
async def test_whatever_a_signed_in_browser_sends_is_answered_as_described(
    centre, known, role
):
    agent = "agent-7" if role is Role.AGENT else None
    member = await signed_in(centre, "somebody-1", role, agent)
    if role is Role.TRAINER:
        await grant(centre, member.code)

    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        member.shown | {CSRF_HEADER: member.csrf},
        known,
        phases=("examples", "fuzzing"),
        examples=2,
    )

    assert_clean(findings)
    theirs = operations(role, ShownBy.SESSION)
    reached = {
        operation
        for operation, statuses in findings.statuses.items()
        if statuses.keys() - NOT_REACHED - {403}
    }
    assert reached <= theirs
    assert reached or not theirs


def test_the_document_is_valid_openapi_3_1():
    assert [str(fault) for fault in OPENAPI_31_VALIDATOR.iter_errors(DOCUMENT)] == []


async def test_the_document_is_served_to_anybody(centre):
    await centre.open()

    answer = await centre.ask("GET", f"{centre.service.address}{API}/openapi.json")

    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.body == DOCUMENT


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_example_is_understood(route):
    if route.example is None:
        assert not route.has_body
    else:
        route.asks.model_validate_json(json.dumps(route.example), strict=True)


def test_every_operation_has_a_name_of_its_own():
    names = [route.name for route in ROUTES]

    assert sorted(names) == sorted(set(names))


def test_every_route_is_in_the_document_with_its_permission():
    described = {
        (method.upper(), path): operation["description"]
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }

    assert described == {
        (route.method, route.path): f"Asks for the permission `{route.permission}`."
        for route in ROUTES
    }
