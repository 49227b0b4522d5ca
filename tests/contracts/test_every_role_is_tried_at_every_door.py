"""Every role, at every route, by everything it could show: denied unless listed.

The routes come from the tables the doors are made of, so a new one is tried too; who
may is written a second time in `tests.fakes.who_may`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from proxy.access.api_keys.keys import WantedKey
from proxy.access.api_keys.rules import BY_PEOPLE_ONLY
from proxy.access.permissions import Actor, Permission, Role, ShownBy
from proxy.access.trace.acts import Act
from proxy.access.wire import COOKIE, CSRF_HEADER
from proxy.api import listening
from proxy.api.route import PUBLIC
from proxy.api.table import ROUTES
from proxy.cli import parser
from proxy.commands.guarding import commands_of
from proxy.commands.running import LOCAL
from proxy.console.table import ROUTES as PAGES
from proxy.console.visit import ROOT as CONSOLE
from proxy.console.words import choose_words
from proxy.errors import DatabaseUnavailableError
from tests.fakes.api import API, OTHER_SITE, TOKENS, path_below, with_people
from tests.fakes.clinic import SITE
from tests.fakes.listeners import signed_in, traced
from tests.fakes.who_may import ALLOWED, FOR_MACHINES, IN_PERSON

ADA = Actor("ada", Role.ADMINISTRATOR, SITE, ShownBy.TOKEN)
LISTED = {
    Role.OPERATOR: "olga",
    Role.DPO: "dora",
    Role.TRAINER: "tina",
    Role.RIGHTS_OFFICER: "rita",
    Role.AUDITOR: "aude",
    Role.ADMINISTRATOR: "ada",
}
LISTEN = f"GET {listening.ROOT}{listening.PATH}"


@dataclass(frozen=True)
class Door:
    """One route, wherever it is."""

    method: str
    path: str
    permission: Permission

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_page(self) -> bool:
        return self.path.startswith(CONSOLE)


API_DOORS = [Door(r.method, API + r.path, r.permission) for r in ROUTES]
PAGE_DOORS = [
    Door(r.method, CONSOLE + r.path, r.permission)
    for r in PAGES
    if r.permission is not PUBLIC
]
LISTENING = Door("GET", listening.ROOT + listening.PATH, listening.PERMISSION)
DOORS = [*API_DOORS, LISTENING, *PAGE_DOORS]


@dataclass(frozen=True)
class Said:
    """What a door answered: its status, and why not."""

    status: int
    problem: str
    text: str

    @property
    def is_open(self) -> bool:
        """Whatever came of it, it was not refused for who asked.

        What is refused behind the door has another name, and is tested there.
        """
        return self.problem not in {"unauthorized", "forbidden", "not-found"}


@dataclass
class Visitor:
    """Somebody with something to show, or nothing."""

    centre: Any
    headers: Mapping[str, str]
    csrf: str = ""

    async def knock(self, door: Door, site: str = SITE) -> Said:
        path = path_below(door.path).replace("{site}", site)
        headers, more = dict(self.headers), {}
        if self.csrf:
            headers[CSRF_HEADER] = self.csrf
        if door.method != "GET" and door.is_page:
            more["data"] = {"csrf": self.csrf, "purpose": "case"}
        elif door.method != "GET":
            headers["Content-Type"] = "application/json"
            more["data"] = "{}"
        url = f"{self.centre.service.address}{path}"
        async with self.centre.http.request(
            door.method, url, headers=headers, allow_redirects=False, **more
        ) as response:
            text = await response.text(errors="replace")
            return Said(response.status, _problem(response, text), text)

    async def knock_at(self, doors: list[Door], site: str = SITE) -> dict[str, Said]:
        return {door.name: await self.knock(door, site) for door in doors}


def _problem(response: Any, text: str) -> str:
    """A problem's stable name; of a page that refuses as a whole, what that means."""
    if response.content_type == "application/problem+json":
        return str(json.loads(text)["type"]).removeprefix("urn:ponctuel:problem:")
    is_refused = f"<title>{choose_words('', '')('failure.title')}" in text
    return {401: "unauthorized", 403: "forbidden"}.get(response.status, "") * is_refused


def statuses(answers: Mapping[str, Said]) -> set[int]:
    return {said.status for said in answers.values()}


def opened(answers: Mapping[str, Said]) -> set[str]:
    assert max(statuses(answers), default=0) < 500, answers
    return {name for name, said in answers.items() if said.is_open}


def doors_for(doors: list[Door], permissions: set[Permission]) -> set[str]:
    return {door.name for door in doors if door.permission in permissions}


def may(role: Role) -> set[Permission]:
    return {permission for permission, roles in ALLOWED.items() if role in roles}


@pytest.fixture
async def clinic(centre):
    await centre.open(sites=with_people(centre))
    return centre


def by_token(clinic, role: Role) -> Visitor:
    return Visitor(clinic, {"Authorization": f"Bearer {TOKENS[LISTED[role]]}"})


async def by_session(clinic, role: Role) -> Visitor:
    agent = "agent-7" if role is Role.AGENT else None
    someone = await signed_in(clinic, f"account-{role.value}", role, agent)
    return Visitor(clinic, someone.shown, someone.csrf)


async def by_key(clinic, role: Role, scopes: set[Permission]) -> tuple[Any, Visitor]:
    until = clinic.clock() + timedelta(days=1)
    wanted = WantedKey("machine", role, frozenset(scopes), until)
    key_id, key = await clinic.site.access.api_keys.make(ADA, wanted)
    return key_id, Visitor(clinic, {"Authorization": f"Bearer {key}"})


async def test_nobody_gets_in_anywhere(clinic):
    nobody = Visitor(clinic, {})

    assert statuses(await nobody.knock_at([*API_DOORS, LISTENING])) == {401}
    for door in PAGE_DOORS:
        said = await nobody.knock(door)
        assert said.status == (303 if door.method == "GET" else 403), door


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer forged-token-0123456789"},
        {"Authorization": f"Bearer pk_{SITE}.{'A' * 43}"},
        {"Authorization": f"Bearer pk_no-such-site.{'A' * 43}"},
        {"Cookie": f"{COOKIE}={SITE}.{'A' * 43}"},
        {"Cookie": f"{COOKIE}=no-such-site.{'A' * 43}"},
    ],
    ids=["token", "key", "key-elsewhere", "session", "session-elsewhere"],
)
async def test_what_is_forged_opens_nothing_and_is_not_told_apart(clinic, headers):
    forger = Visitor(clinic, headers)

    answers = await forger.knock_at([*API_DOORS, LISTENING])

    assert statuses(answers) == {401}
    assert len({said.text for said in answers.values()}) <= 2  # of the API, of audio
    for door in PAGE_DOORS:
        assert (await forger.knock(door)).status in {303, 401, 403}


@pytest.mark.parametrize("role", LISTED, ids=str)
async def test_a_token_of_the_settings_opens_what_needs_nobody_present(clinic, role):
    someone = by_token(clinic, role)

    answers = await someone.knock_at(API_DOORS)

    assert opened(answers) == doors_for(API_DOORS, may(role) - IN_PERSON)
    assert (await someone.knock(LISTENING)).status == 401
    for door in PAGE_DOORS:
        assert (await someone.knock(door)).status in {303, 403}


@pytest.mark.parametrize("role", Role, ids=str)
async def test_a_session_opens_what_is_listed_for_its_role_and_nothing_else(
    clinic, role
):
    answers = {}
    for door in DOORS:  # each in a session of its own: some of them end it
        someone = await by_session(clinic, role)
        answers[door.name] = await someone.knock(door)

    assert opened(answers) == doors_for(DOORS, may(role))


@pytest.mark.parametrize("role", Role, ids=str)
async def test_a_machines_key_opens_its_scopes_and_no_more(clinic, role):
    scopes = may(role) & FOR_MACHINES
    assert may(role) - BY_PEOPLE_ONLY == scopes
    if not scopes:  # then there is no key for it
        return

    _, machine = await by_key(clinic, role, scopes)

    answers = await machine.knock_at(API_DOORS)
    assert opened(answers) == doors_for(API_DOORS, scopes)
    assert (await machine.knock(LISTENING)).status == 401


@pytest.mark.parametrize("role", Role, ids=str)
async def test_each_scope_opens_its_doors_and_without_it_they_are_closed(clinic, role):
    for scope in sorted(may(role) & FOR_MACHINES):
        doors = [door for door in API_DOORS if door.permission is scope]
        _, alone = await by_key(clinic, role, {scope})
        assert opened(await alone.knock_at(doors)) == doors_for(doors, {scope})
        others = (may(role) & FOR_MACHINES) - {scope}
        if others:
            _, without = await by_key(clinic, role, others)
            assert statuses(await without.knock_at(doors)) <= {403}


@pytest.mark.parametrize("role", Role, ids=str)
async def test_another_site_is_answered_as_one_that_does_not_exist(clinic, role):
    someone = await by_session(clinic, role)

    for door in API_DOORS:
        theirs = await someone.knock(door, OTHER_SITE)
        nowhere = await someone.knock(door, "no-such-site")
        assert (theirs.status, theirs.text) == (404, nowhere.text), door.name


@pytest.mark.parametrize("role", Role, ids=str)
async def test_whoever_has_left_finds_every_door_closed(clinic, role):
    someone = await by_session(clinic, role)

    await clinic.site.access.accounts.end(ADA, f"account-{role.value}")

    assert statuses(await someone.knock_at([*API_DOORS, LISTENING])) == {401}
    for door in PAGE_DOORS:
        assert (await someone.knock(door)).status in {401, 403}


async def test_a_key_that_was_ended_or_is_over_opens_nothing(clinic):
    key_id, ended = await by_key(clinic, Role.DPO, may(Role.DPO) & FOR_MACHINES)
    assert opened(await ended.knock_at(API_DOORS))

    await clinic.site.access.api_keys.end(ADA, key_id)
    assert statuses(await ended.knock_at(API_DOORS)) == {401}

    _, over = await by_key(clinic, Role.DPO, may(Role.DPO) & FOR_MACHINES)
    clinic.clock.advance(days=1)
    assert statuses(await over.knock_at(API_DOORS)) == {401}


@pytest.mark.parametrize("role", Role, ids=str)
async def test_a_session_changes_nothing_unless_our_own_page_asked(clinic, role):
    """Its cookie goes along with whatever page makes a browser ask."""
    someone = await by_session(clinic, role)
    tricked = Visitor(clinic, someone.headers)

    for door in DOORS:
        if door.method != "GET":
            said = await tricked.knock(door)
            assert said.status == 403, door.name


async def test_whoever_tries_a_closed_door_is_on_the_trace(clinic):
    someone = await by_session(clinic, Role.AUDITOR)
    closed = [
        d for d in API_DOORS + PAGE_DOORS if d.permission not in may(Role.AUDITOR)
    ]

    await someone.knock_at(closed)

    tried = await traced(clinic, Act.REFUSED)
    assert [entry.about for entry in tried] == [door.permission for door in closed]
    assert {(entry.actor, entry.role) for entry in tried} == {
        ("account-auditor", "auditor")
    }


async def test_that_it_cannot_be_written_down_opens_no_door(clinic, monkeypatch):
    someone = await by_session(clinic, Role.AUDITOR)

    async def full(_entry):
        raise DatabaseUnavailableError

    monkeypatch.setattr(clinic.site.access.trace, "note", full)

    for door in API_DOORS + PAGE_DOORS:
        if door.permission not in may(Role.AUDITOR):
            assert (await someone.knock(door)).status == 403, door.name


def test_every_permission_is_asked_for_somewhere():
    """What is not could be taken for a lock by whoever reads the matrix."""
    commands = {command.may for command in commands_of(parser())}
    asked = {door.permission for door in DOORS} | commands

    assert set(Permission) == asked - {LOCAL}


def test_there_are_doors_of_every_kind():
    """So that none of the above passes over an empty table."""
    assert len(API_DOORS) > 30
    assert len(PAGE_DOORS) > 10
    assert set(ALLOWED) == set(Permission)
