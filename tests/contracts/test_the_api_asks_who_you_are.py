"""Nothing is answered to a stranger, nothing a role may not do is done (I11)."""

import itertools
import re
from dataclasses import replace

import pytest
from aiohttp import web

from proxy.access.identity import Identity
from proxy.access.people import People
from proxy.access.permissions import (
    PERMISSIONS,
    Actor,
    Permission,
    Role,
    Subject,
    permits,
)
from proxy.api import application
from proxy.api.application import Api
from proxy.api.route import PUBLIC, UnguardedRouteError
from proxy.api.table import ROUTES
from proxy.app import utc_now
from tests.fakes.api import (
    API,
    OTHER_SITE,
    STRANGER,
    TOKENS,
    Asker,
    asker,
    path_below,
    with_people,
)
from tests.fakes.call_centre import SITE
from tests.fakes.who_may import ALLOWED, IN_PERSON

PATH = f"{API}/sites/{SITE}/policies".encode()
PEOPLE = {
    Role.OPERATOR: "olga",
    Role.DPO: "dora",
    Role.TRAINER: "tina",
    Role.RIGHTS_OFFICER: "rita",
    Role.AUDITOR: "aude",
    Role.ADMINISTRATOR: "ada",
}


def path_of(route):
    """Below the site; what it names need not exist."""
    return path_below(route.path).removeprefix("/sites/{site}")


@pytest.fixture
async def open_centre(centre):
    await centre.open(sites=with_people(centre))
    return centre


async def ask_all(person: Asker) -> dict[str, int]:
    """What each route answers to an empty question."""
    answers = {}
    for route in ROUTES:
        body = None if route.method == "GET" else {}
        answer = await person.ask(route.method, path_of(route), body)
        answers[route.name] = answer.status
    return answers


def test_every_permission_of_every_role_is_as_written_down():
    assert {
        permission: {role for role in Role if permission in PERMISSIONS[role]}
        for permission in Permission
    } == ALLOWED


@pytest.mark.parametrize("role", PEOPLE)
async def test_each_role_reaches_what_is_listed_for_it_and_nothing_else(
    open_centre, role
):
    answers = await ask_all(asker(open_centre, PEOPLE[role]))

    refused = {name for name, status in answers.items() if status == 403}
    forbidden = {
        r.name
        for r in ROUTES
        if role not in ALLOWED[r.permission] or r.permission in IN_PERSON
    }
    # Refusing a policy is approving another; the officer's word, and no operator's.
    assert refused - forbidden <= {"policies_refuse"}
    assert forbidden - refused == set()


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer ", "Basic b2xnYTpv"])
async def test_without_a_token_nothing_is_answered(open_centre, shown):
    nobody = asker(open_centre, "")
    headers = {"Authorization": shown} if shown else {}

    answer = await nobody.get("/policies", headers=headers)

    assert (answer.status, answer.problem) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="ponctuel"'


async def test_a_stranger_learns_of_no_route_more_than_that_it_asks_for_a_token(
    open_centre,
):
    answers = await ask_all(asker(open_centre, "forged-token-0123456789"))

    assert set(answers.values()) == {401}


@pytest.mark.parametrize(
    "forged",
    [
        TOKENS["olga"][:-1],
        TOKENS["olga"] + "0",
        TOKENS["olga"].upper(),
        "x" * 201,
        "é" * 20,
        "\udc80" * 20,
    ],
    ids=["shorter", "longer", "capitals", "too-long", "accents", "no-text"],
)
async def test_a_forged_token_is_refused_and_repeated_nowhere(
    open_centre, open_socket, forged
):
    reader, writer = await open_socket(open_centre.service.address)
    told = f"Bearer {forged}".encode("utf-8", "surrogateescape")
    writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % PATH)
    writer.write(b"Authorization: %b\r\n\r\n" % told)

    answer = await reader.read()

    assert answer.startswith(b"HTTP/1.1 401 ")
    assert told.removeprefix(b"Bearer ") not in answer


async def test_two_tokens_at_once_are_none(open_centre, open_socket):
    reader, writer = await open_socket(open_centre.service.address)
    writer.write(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" % PATH)
    for who in ("olga", "dora"):
        writer.write(f"Authorization: Bearer {TOKENS[who]}\r\n".encode())
    writer.write(b"\r\n")

    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("site", [OTHER_SITE, "no-such-site"])
async def test_another_site_is_not_told_apart_from_none(open_centre, site):
    answers = await ask_all(replace(asker(open_centre), site=site))

    assert set(answers.values()) == {404}


async def test_people_of_another_site_do_not_see_this_one(open_centre):
    stranger = asker(open_centre, STRANGER)

    assert set((await ask_all(stranger)).values()) == {404}
    own = await replace(stranger, site=OTHER_SITE).get("/policies")
    assert own.status == 200


def test_nobody_in_particular_may_do_nothing():
    for permission, site in itertools.product(Permission, [SITE, ""]):
        assert not permits(None, permission, Subject(site))


def test_the_right_role_at_the_wrong_site_may_do_nothing():
    for role, permission in itertools.product(Role, Permission):
        assert not permits(Actor("olga", role, OTHER_SITE), permission, Subject(SITE))


@pytest.mark.parametrize("missing", [None, "", "policy:read", "public"])
def test_a_route_that_does_not_say_who_may_use_it_stops_the_start(missing):
    with pytest.raises(UnguardedRouteError, match=re.escape(ROUTES[0].path)):
        replace(ROUTES[0], permission=missing)


async def test_a_service_with_such_a_route_does_not_start(centre, monkeypatch):
    add = application.add_guarded

    def forgetful(to, method, path, _permission, handler):
        add(to, method, path, None, handler)

    monkeypatch.setattr(application, "add_guarded", forgetful)

    with pytest.raises(UnguardedRouteError):
        await centre.open()


def test_the_server_has_the_routes_of_the_table_and_the_document_only():
    whole = web.Application()
    Api({}, Identity(People([]), {}, utc_now), lambda: True).add_to(whole)

    served = {
        (route.method, route.resource.canonical)
        for resource in whole.router.resources()
        for route in resource
    }

    listed = {(route.method, API + route.path) for route in ROUTES}
    assert served == listed | {("GET", f"{API}/openapi.json")}
    assert PUBLIC not in {route.permission for route in ROUTES}


async def test_what_may_not_be_done_to_a_policy_is_kept_with_who_tried(open_centre):
    dora = asker(open_centre, "dora")
    await dora.post("/policies", {"rate": "1%", "starts_on": "2026-11-19"})

    [attempt] = (await dora.get("/refused-attempts")).body["items"]

    assert (attempt["actor"], attempt["move"]) == ("dora", "policies_draft")
    assert (await open_centre.counts())["policy_refused", ""] == 1
