"""Roles, permissions and tokens: denied unless allowed, one token one person."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import get_args
from uuid import UUID

import pytest

from proxy.access.people import People, Person, token_digest
from proxy.access.permissions import (
    IN_PERSON,
    PERMISSIONS,
    WITHIN_REACH,
    Actor,
    Grant,
    Item,
    Permission,
    Role,
    ShownBy,
    Subject,
    permits,
)
from proxy.access_settings import PersonPart
from proxy.errors import SettingsError, UnauthorizedError
from proxy.settings import load_settings

ANNA = Actor("op-anna", Role.OPERATOR, "nord")
CARLA = Actor("dpo-carla", Role.DPO, "nord")
NORTH = Subject("nord")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
CARDIO = Item(UUID(int=1), "cardio", "training-2026-11-01", b"agent-7")
# What each role may, written out a second time: whoever changes one must mean it.
WRITTEN = {
    "operator": "account:own breaker:close evidence:export gates:read incidents:read"
    " incidents:write keys:read keys:rotate monitors:read opt-outs:write policy:approve"
    " policy:draft policy:propose policy:read policy:resume policy:stop"
    " reconciliation:run simulation:run",
    "dpo": "account:own accounts:read alerts:decide analyses:read break-glass:review"
    " break-glass:use breaker:close evidence:export gates:read grants:read grants:write"
    " holds:write incidents:read incidents:write keys:read keys:rotate monitors:decide"
    " monitors:read opt-outs:write policy:approve policy:read policy:resume policy:stop"
    " reconciliation:run recordings:list recordings:play requests:hand-over"
    " requests:handle requests:read reviews:sign simulation:run trace:read",
    "trainer": "account:own analyses:read analyses:write break-glass:use"
    " recordings:list recordings:play",
    "rights_officer": "account:own break-glass:use recordings:play requests:hand-over"
    " requests:handle requests:read",
    "auditor": "account:own evidence:export gates:read incidents:read keys:read"
    " monitors:read policy:read",
    "agent": "account:own analyses:read recordings:list recordings:play",
    "administrator": "account:own accounts:read accounts:write grants:read",
}


def signed_in(role, **more):
    return Actor("somebody", Role(role), "nord", ShownBy.SESSION, **more)


@pytest.mark.parametrize("permission", Permission, ids=str)
def test_somebody_unknown_or_of_another_site_may_nothing(permission):
    assert not permits(None, permission, NORTH)
    for role in Role:
        assert not permits(signed_in(role), permission, Subject("sud"))


@pytest.mark.parametrize("role", Role, ids=str)
def test_each_role_may_what_is_written_and_nothing_else(role):
    may = {each for each in Permission if permits(signed_in(role), each, NORTH)}

    assert may == {Permission(word) for word in WRITTEN[role].split()}


@pytest.mark.parametrize("role", Role, ids=str)
@pytest.mark.parametrize("shown_by", [ShownBy.TOKEN, ShownBy.KEY], ids=str)
def test_nobody_hears_a_voice_without_having_signed_in(role, shown_by):
    actor = Actor("somebody", role, "nord", shown_by)

    for permission in IN_PERSON:
        assert not permits(actor, permission, NORTH)


def test_a_key_may_what_it_was_made_for_at_most():
    key = Actor(
        "pbx",
        Role.OPERATOR,
        "nord",
        ShownBy.KEY,
        scopes=frozenset({Permission.GATES_READ}),
    )

    assert [each for each in Permission if permits(key, each, NORTH)] == ["gates:read"]


@pytest.mark.parametrize("permission", WITHIN_REACH, ids=str)
@pytest.mark.parametrize("role", Role, ids=str)
def test_without_a_grant_no_recording_is_within_reach(role, permission):
    looks_on = role == "dpo" and permission in ("recordings:list", "analyses:read")

    assert permits(signed_in(role), permission, Subject("nord", CARDIO)) is looks_on


@pytest.mark.parametrize(
    ("grant", "is_covered"),
    [
        ({}, True),
        ({"practice": "cardio"}, True),
        ({"practice": "derma"}, False),
        ({"practice": ""}, False),
        ({"campaign": "training-2026-11-01"}, True),
        ({"practice": "cardio", "campaign": "training-2026-10-01"}, False),
        ({"recording_id": UUID(int=2)}, False),
    ],
    ids=str,
)
def test_a_grant_covers_all_it_names_and_no_more(grant, is_covered):
    trainer = signed_in("trainer", grants=(Grant(until=NOW, **grant),))

    for permission in WITHIN_REACH:
        assert permits(trainer, permission, Subject("nord", CARDIO)) is is_covered


@pytest.mark.parametrize("role", Role, ids=str)
def test_broken_glass_lets_one_recording_be_heard_and_nothing_else(role):
    """Over every permission there is, for this recording, another one, and the site."""
    opened = Grant(until=NOW, recording_id=CARDIO.recording_id)
    places = [NORTH, Subject("nord", CARDIO), Subject("nord", Item(UUID(int=2)))]

    more = [
        (permission, place)
        for permission, place in product(Permission, places)
        if permits(signed_in(role, grants=(opened,)), permission, place)
        and not permits(signed_in(role), permission, place)
    ]

    hears = Permission.RECORDINGS_PLAY in PERMISSIONS[role]
    expected = [(Permission.RECORDINGS_PLAY, Subject("nord", CARDIO))]
    assert more == (expected if hears else [])


def test_agents_reach_what_is_about_themselves():
    unknown = replace(CARDIO, agent_key=None)

    for own, item, reaches in (
        (b"agent-7", CARDIO, True),
        (b"agent-8", CARDIO, False),
        (None, CARDIO, False),
        (None, unknown, False),
        (b"agent-7", unknown, False),
    ):
        actor = signed_in("agent", agent_key=own)
        assert permits(actor, "recordings:play", Subject("nord", item)) is reaches
        assert permits(actor, "analyses:read", Subject("nord", item)) is reaches
        assert not permits(actor, "analyses:write", Subject("nord", item))


def test_every_role_has_its_permissions_and_the_settings_know_the_same_roles():
    words = PersonPart.model_fields["role"].annotation

    assert set(PERMISSIONS) == set(Role)
    assert set(get_args(words)) == {role.value for role in Role} - {"agent"}


def test_a_token_is_its_owners_and_no_other():
    people = People(
        [Person(ANNA, token_digest("anna")), Person(CARLA, token_digest("carla"))]
    )

    assert people.identify("anna") == ANNA
    assert people.identify("carla") == CARLA
    for wrong in ("", "ANNA", "anna ", token_digest("anna")):
        with pytest.raises(UnauthorizedError):
            people.identify(wrong)


def test_a_token_of_two_people_is_nobodys():
    shared = token_digest("shared")

    with pytest.raises(UnauthorizedError):
        People([Person(ANNA, shared), Person(CARLA, shared)]).identify("shared")


def settings(*people):
    """Sites, and the tokens of people in them."""
    sites = {}
    for site, code, role, token in people:
        person = {"role": role, "token_sha256": token}
        sites.setdefault(site, {"people": {}})["people"][code] = person
    return load_settings(sites=sites)


@pytest.mark.parametrize("other_site", ["nord", "sud"])
def test_two_people_with_one_token_are_a_fault_of_the_settings(other_site):
    token = token_digest("shared")

    with pytest.raises(SettingsError, match=r"nord\.anna and .*carla have the same"):
        settings(
            ("nord", "anna", "operator", token), (other_site, "carla", "dpo", token)
        )


@pytest.mark.parametrize(
    ("role", "token"),
    [
        *product(["operator"], ["", "token", "A" * 64, "a" * 63]),
        ("supervisor", "a" * 64),
        ("", "a" * 64),
    ],
)
def test_a_person_without_a_proper_role_or_hash_is_a_fault(role, token):
    with pytest.raises(SettingsError, match="people"):
        settings(("nord", "anna", role, token))
