"""The settings of single sign-on and of the address people open the console with."""

from typing import Any

import pytest
from pydantic import ValidationError

from proxy.access.oidc.people import role_of
from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Role
from proxy.access_settings import AccessPart, OidcPart

WHOLE: dict[str, Any] = {
    "issuer": "https://id.example.org/realms/clinic",
    "client_id": "ponctuel",
    "client_secret": "at-least-sixteen-characters",
    "roles": {"call-trainers": "trainer"},
}


def test_what_is_whole_is_taken():
    part = OidcPart(**WHOLE)

    assert part.issuer == WHOLE["issuer"]
    assert part.amr == part.acr == frozenset()  # no second factor is believed unasked


def test_the_secret_is_shown_to_nobody():
    assert WHOLE["client_secret"] not in repr(OidcPart(**WHOLE))
    config = OidcConfig(issuer="i", client_id="c", client_secret="s3cret", roles={})
    assert "s3cret" not in repr(config)


@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "http://id.example.org"},
        {"issuer": "https://"},
        {"issuer": "https://user:word@id.example.org"},
        {"issuer": "https://id.example.org/?realm=1"},
        {"issuer": "file:///etc/passwd"},
        {"client_id": "with:colon"},
        {"client_id": "with space"},
        {"client_secret": "short"},
        {"client_secret": None},
        {"secret_file": "/run/secret"},
        {"roles": {}},
        {"roles": {"staff": "king"}},
        {"roles": {"": "trainer"}},
        {"scopes": ["profile"]},
        {"hosts": ["https://other.example"]},
        {"hosts": ["other.example/path"]},
        {"verify": False},
    ],
    ids=str,
)
def test_what_is_not_whole_or_not_safe_is_refused(wrong: dict[str, Any]):
    with pytest.raises(ValidationError):
        OidcPart(**WHOLE | wrong)


def test_without_an_address_to_come_back_to_there_is_no_single_sign_on():
    with pytest.raises(ValidationError):
        AccessPart(oidc=WHOLE)


@pytest.mark.parametrize(
    "address",
    [
        "https://ecoute.example.org",
        "https://ecoute.example.org:8443",
        "http://localhost",
    ],
)
def test_an_address_is_a_scheme_and_a_name(address: str):
    assert AccessPart(public_url=f"{address}/").public_url == address


@pytest.mark.parametrize(
    "address",
    [
        "http://ecoute.example.org",
        "https://ecoute.example.org/console",
        "https://192.0.2.7",
        "https://[2001:db8::1]",
        "http://127.0.0.1:8080",
        "https://user@ecoute.example.org",
        "https://Ecoute.example.org",
        "https://ecoute.example.org?x",
        "ecoute.example.org",
    ],
)
def test_an_address_no_passkey_could_be_made_for_is_refused(address: str):
    with pytest.raises(ValidationError):
        AccessPart(public_url=address)


def test_groups_make_one_thing_of_somebody_or_nothing():
    config = OidcConfig(
        issuer="i",
        client_id="c",
        roles={"a": Role.TRAINER, "b": Role.TRAINER, "c": Role.DPO},
    )

    assert role_of(frozenset({"a", "b", "x"}), config) is Role.TRAINER
    assert role_of(frozenset({"a", "c"}), config) is None
    assert role_of(frozenset({"x"}), config) is None
    assert role_of(frozenset(), config) is None
