"""Roles, permissions and tokens: denied unless allowed, one token one person."""

from itertools import product
from typing import get_args

import pytest

from proxy.access.people import (
    PERMISSIONS,
    Actor,
    People,
    Permission,
    Person,
    Role,
    permits,
    token_digest,
)
from proxy.errors import SettingsError, UnauthorizedError
from proxy.settings import load_settings
from proxy.site_settings import PersonPart

ANNA = Actor("op-anna", Role.OPERATOR, "nord")
CARLA = Actor("dpo-carla", Role.DPO, "nord")
ALONE = {
    Role.OPERATOR: {Permission.POLICY_DRAFT, Permission.POLICY_PROPOSE},
    Role.DPO: {Permission.MONITORS_DECIDE, Permission.HOLDS_WRITE},
}


@pytest.mark.parametrize("permission", Permission, ids=str)
def test_somebody_unknown_or_of_another_site_may_nothing(permission):
    assert not permits(None, permission, "nord")
    for actor in (ANNA, CARLA):
        assert not permits(actor, permission, "sud")


@pytest.mark.parametrize("permission", Permission, ids=str)
def test_operators_write_policies_and_dpos_decide_and_hold(permission):
    for actor, other in ((ANNA, Role.DPO), (CARLA, Role.OPERATOR)):
        assert permits(actor, permission, "nord") is (permission not in ALONE[other])


def test_every_role_has_its_permissions_and_the_settings_know_the_same_roles():
    words = PersonPart.model_fields["role"].annotation

    assert set(PERMISSIONS) == set(Role)
    assert set(get_args(words)) == {role.value for role in Role}


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
        ("trainer", "a" * 64),
        ("", "a" * 64),
    ],
)
def test_a_person_without_a_proper_role_or_hash_is_a_fault(role, token):
    with pytest.raises(SettingsError, match="people"):
        settings(("nord", "anna", role, token))
