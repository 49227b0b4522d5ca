"""The OpenAPI document says all the API does, and the API does nothing else."""

import asyncio
import json

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from proxy.api.openapi import document
from proxy.api.table import ROUTES
from tests.fakes.api import API, TOKENS, asker, with_people
from tests.fakes.call_centre import CallCentre
from tests.fakes.fuzzing import Findings, fuzz

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
        "body.replications": [1, 2],
    }


def assert_clean(findings: Findings) -> None:
    assert not findings.faults, "\n\n".join(findings.faults)
    told = {status for known in findings.statuses.values() for status in known}
    assert [status for status in told if status >= 500] == []


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_whatever_an_operator_sends_is_answered_as_described(centre, known):
    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        TOKENS["olga"],
        known,
        phases=("examples", "coverage", "fuzzing"),
        examples=5,
    )

    assert_clean(findings)
    operations = {f"{route.method} {route.path}" for route in ROUTES}
    reached = {
        operation
        for operation, statuses in findings.statuses.items()
        if statuses.keys() - NOT_REACHED
    }
    assert operations - reached == set()


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_whatever_an_officer_sends_is_answered_as_described(centre, known):
    findings = await asyncio.to_thread(
        fuzz,
        centre.service.address + API,
        TOKENS["dora"],
        known,
        phases=("examples", "fuzzing"),
        examples=10,
    )

    assert_clean(findings)


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
