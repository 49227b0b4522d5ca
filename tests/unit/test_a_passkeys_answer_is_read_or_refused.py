"""Whatever a browser posts as a passkey's answer, it is read or refused."""

import base64
import json
from hashlib import sha256

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.passkeys.ceremonies import (
    LONGEST_ANSWER,
    RelyingParty,
    challenge_of,
    parse,
    parse_new,
)
from proxy.access.passkeys.refusals import PasskeyRefusedError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
BYTES = st.binary(max_size=200).map(
    lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
)
PARTS = ("clientDataJSON", "authenticatorData", "signature", "attestationObject")
ANSWERS = st.fixed_dictionaries(
    {
        "id": BYTES | JSON,
        "rawId": BYTES | JSON,
        "type": st.just("public-key") | JSON,
        "response": JSON | st.fixed_dictionaries(dict.fromkeys(PARTS, BYTES | JSON)),
    }
).map(json.dumps)


@given(st.text() | JSON.map(json.dumps) | ANSWERS)
def test_an_answer_of_any_kind_is_read_or_refused(raw: str):
    for read in (parse, parse_new):
        try:
            challenge_of(read(raw))
        except PasskeyRefusedError:
            continue


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_a_new_passkey_of_any_kind_is_read_or_refused(about: bytes, made: bytes):
    said = json.dumps({"type": "webauthn.create", "challenge": "AAAA", "origin": "x"})
    raw = {
        "id": "AAAA",
        "rawId": "AAAA",
        "type": "public-key",
        "response": {
            "clientDataJSON": _written(said.encode() + about[:1]),
            "attestationObject": _written(made),
        },
    }
    party = RelyingParty("https://ecoute.example.org")

    with pytest.raises(PasskeyRefusedError):
        party.read_new(parse_new(json.dumps(raw)), b"\0\0\0")


def test_an_answer_that_is_too_long_is_not_read():
    with pytest.raises(PasskeyRefusedError):
        parse(" " * (LONGEST_ANSWER + 1))


def test_a_passkey_is_made_for_the_host_of_our_pages():
    assert RelyingParty("https://ecoute.example.org:8443").rp_id == "ecoute.example.org"
    assert RelyingParty("http://localhost:8080").rp_id == "localhost"


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


PARTY, CHALLENGE = RelyingParty("https://ecoute.example.org"), b"\0" * 32
# The beginning of a certificate of a version there is none of.
STRANGE = bytes.fromhex("308201") + b"\xa0\x03\x02\x01\x09" * 40


@pytest.mark.parametrize(
    ("form", "statement"),
    [
        ("packed", {"alg": -7, "sig": b"x", "x5c": [STRANGE]}),
        ("fido-u2f", {"sig": b"x", "x5c": [STRANGE]}),
        ("tpm", {"ver": "2.0", "alg": -7, "sig": b"x", "x5c": [STRANGE]}),
        ("android-key", {"alg": -7, "sig": b"x", "x5c": [STRANGE, STRANGE]}),
        ("apple", {"x5c": [STRANGE]}),
        ("another", {}),
    ],
)
def test_nobodys_certificates_are_read(form: str, statement: dict[str, object]):
    """None is asked for; and what parses them fails in more ways than are known."""
    assert PARTY.read_new(_made("none", {}), CHALLENGE).credential_id == b"\1" * 32
    with pytest.raises(PasskeyRefusedError):
        PARTY.read_new(_made(form, statement), CHALLENGE)


def test_a_passkeys_name_is_as_long_as_it_may_be():
    assert PARTY.read_new(_made("none", {}, 1023), CHALLENGE)
    with pytest.raises(PasskeyRefusedError):
        PARTY.read_new(_made("none", {}, 1024), CHALLENGE)


def _made(form: str, statement: dict[str, object], length: int = 32):
    """What an authenticator with a key of its own would send."""
    point = ec.generate_private_key(ec.SECP256R1()).public_key().public_numbers()
    sides = {-2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
    name = b"\1" * length
    data = sha256(PARTY.rp_id.encode()).digest() + b"\x45" + bytes(4 + 16)
    data += length.to_bytes(2, "big") + name + cbor2.dumps({1: 2, 3: -7, -1: 1} | sides)
    said = {"type": "webauthn.create", "challenge": _written(CHALLENGE)}
    response = {
        "clientDataJSON": _written(
            json.dumps(said | {"origin": PARTY.origin}).encode()
        ),
        "attestationObject": _written(
            cbor2.dumps({"fmt": form, "attStmt": statement, "authData": data})
        ),
    }
    named = {"id": _written(name), "rawId": _written(name), "type": "public-key"}
    return parse_new(json.dumps(named | {"response": response}))
