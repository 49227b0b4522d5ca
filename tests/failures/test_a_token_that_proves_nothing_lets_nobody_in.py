"""ID tokens that a real provider will not make: for others, of others, by others.

Each ends without a session and without an account, and the trace has the reason.
"""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey

from proxy.access.accounts.sessions import NewSession
from proxy.access.oidc.keys import Header, ProviderKeys
from proxy.access.oidc.refusals import (
    ProviderFaultError,
    SingleSignOnRefusedError,
    Why,
)
from proxy.access.oidc.sign_in import Halfway
from tests.fakes.lying_provider import (
    CLIENT,
    CLIENT_SECRET,
    LyingProvider,
    rsa,
    symmetric,
)
from tests.fakes.named_people import Clinic
from tests.fakes.single_sign_on import (
    arrive,
    clinic,
    failures,
    nobody_is_in,
    provider,
    refused_for,
)

__all__ = ["clinic", "provider"]

OTHER = "another-client"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


async def test_the_honest_provider_is_believed(clinic: Clinic, provider: LyingProvider):
    """Or all the refusals below would show nothing."""
    made = await arrive(clinic, provider)

    session = await clinic.access.sessions.find(made.secret)
    assert session.factor_at == clinic.clock()


async def test_a_token_for_somebody_else_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for audience in (OTHER, [OTHER], [CLIENT, OTHER], [], None, 7):
        provider.claims = {"aud": audience, "azp": CLIENT}
        assert await refused_for(clinic, provider, dsn) is Why.CLAIMS, audience

    provider.claims = {"aud": CLIENT, "azp": OTHER}
    assert await refused_for(clinic, provider, dsn) is Why.CLAIMS


async def test_a_token_with_another_nonce_or_none_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for nonce in ("another", "", None, 7, ["another"]):
        provider.claims = {"nonce": nonce}
        assert await refused_for(clinic, provider, dsn) is Why.CLAIMS, nonce


async def test_a_token_of_another_issuer_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for issuer in ("https://other.example", "", None, 7, f"{provider.address}/"):
        provider.claims = {"iss": issuer}
        assert await refused_for(clinic, provider, dsn) is Why.CLAIMS, issuer


async def test_a_token_that_names_nobody_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for subject in (None, "", "x" * 256, 7, ["somebody"]):
        provider.claims = {"sub": subject}
        assert await refused_for(clinic, provider, dsn) is Why.CLAIMS, subject


async def test_a_token_that_is_over_or_old_or_of_tomorrow_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    now = int(clinic.clock().timestamp())
    for claims, why in (
        ({"exp": now - 61}, Why.CLAIMS),
        ({"exp": None}, Why.CLAIMS),
        ({"exp": "soon"}, Why.CLAIMS),
        ({"iat": None}, Why.CLAIMS),
        ({"iat": True}, Why.CLAIMS),
        ({"iat": now + 120}, Why.CLAIMS),
        ({"nbf": now + 120}, Why.CLAIMS),
        ({"iat": -(10**40)}, Why.CLAIMS),
        ({"iat": now - 660}, Why.AGE),
    ):
        provider.claims = claims
        assert await refused_for(clinic, provider, dsn) is why, claims


async def test_a_token_of_another_access_token_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    provider.claims = {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}

    assert await refused_for(clinic, provider, dsn) is Why.CLAIMS


async def test_what_is_no_token_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for token in ("x", "a.b", "a.b.c", "e30.e30.e30", "W10.e30.", "x" * 20_000, "é.é"):
        provider.token = lambda _, token=token: token
        why = await refused_for(clinic, provider, dsn)
        assert why in {Why.TOKEN, Why.ALGORITHM}, token


async def test_an_answer_without_a_token_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for nothing in ("", None, 7, ["token"]):
        provider.token = lambda _, nothing=nothing: nothing
        with pytest.raises(ProviderFaultError):
            await arrive(clinic, provider)
    assert await nobody_is_in(dsn)


def unsigned(claims: dict[str, Any], algorithm: str = "none") -> str:
    def part(document: dict[str, Any]) -> str:
        raw = json.dumps(document).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'kid': 'one'})}.{part(claims)}."


async def test_a_token_nobody_signed_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for algorithm in ("none", "None", "NONE", ""):
        provider.token = lambda claims, way=algorithm: unsigned(claims, way)
        assert await refused_for(clinic, provider, dsn) is Why.ALGORITHM, algorithm
    provider.token = lambda claims: unsigned(claims, "RS256")
    assert await refused_for(clinic, provider, dsn) is Why.TOKEN


async def test_a_token_signed_with_something_shared_or_public_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    """HS256 with our own secret, or with bytes of the provider's public key."""
    public = provider.key.as_dict(private=False)["n"].encode()
    for secret in (CLIENT_SECRET.encode() * 2, public):
        provider.token = lambda claims, secret=secret: jwt.encode(
            {"alg": "HS256", "kid": "one"}, claims, symmetric(secret), ["HS256"]
        )
        assert await refused_for(clinic, provider, dsn) is Why.ALGORITHM


async def test_a_token_of_a_key_the_provider_does_not_have_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    foreign = rsa("one")
    for name, why in (("one", Why.TOKEN), ("two", Why.KEY)):
        provider.token = lambda claims, name=name: jwt.encode(
            {"alg": "RS256", "kid": name}, claims, foreign, ["RS256"]
        )
        assert await refused_for(clinic, provider, dsn) is why, name


async def test_a_key_that_is_none_for_signatures_signs_nothing(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    """For encryption, of another kind, factored by anybody, shared, for another way."""
    mine = provider.key.as_dict(private=False)
    shared = symmetric(b"a secret that they published...!").as_dict(private=True)
    for published in (
        [mine | {"use": "enc"}],
        [mine | {"kty": "EC"}],
        [mine | {"kty": 7}],
        [mine | {"n": "AQAB"}],
        [mine | {"n": 7}],
        [mine | {"e": None}],
        [mine | {"alg": "PS256"}],
        [mine | {"kid": 7}],
        [shared | {"kid": "one"}],
        [mine, rsa("one").as_dict(private=False)],
        ["key", None, 7],
        [],
    ):
        provider.published = published
        assert await refused_for(clinic, provider, dsn) is Why.KEY, published
        clinic.clock.advance(minutes=15)


async def test_an_elliptic_key_is_believed_too(clinic: Clinic, provider: LyingProvider):
    provider.key = ECKey.generate_key("P-256", {"kid": "curve"})
    provider.algorithm = "ES256"

    assert isinstance(await arrive(clinic, provider), NewSession)


async def test_a_new_key_of_the_provider_is_found(
    clinic: Clinic, provider: LyingProvider
):
    assert isinstance(await arrive(clinic, provider), NewSession)
    provider.key = rsa("two")
    clinic.clock.advance(minutes=1)

    assert isinstance(await arrive(clinic, provider), NewSession)


async def test_strangers_do_not_make_us_ask_for_keys_again_and_again(
    clinic: Clinic, provider: LyingProvider
):
    await arrive(clinic, provider)
    stranger = rsa("stranger")
    provider.token = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": "stranger"}, claims, stranger, ["RS256"]
    )
    for _ in range(5):
        with pytest.raises(SingleSignOnRefusedError):
            await arrive(clinic, provider)

    assert provider.asked.count("keys") == 1


async def test_a_withdrawn_key_is_believed_for_a_quarter_of_an_hour_at_most(
    clinic: Clinic, provider: LyingProvider
):
    withdrawn = provider.key
    await arrive(clinic, provider)
    provider.key = rsa("two")
    provider.token = lambda claims: jwt.encode(
        {"alg": "RS256", "kid": withdrawn.kid}, claims, withdrawn, ["RS256"]
    )
    clinic.clock.advance(minutes=15)

    with pytest.raises(SingleSignOnRefusedError):
        await arrive(clinic, provider)
    assert (await failures(clinic))[-1] == "sso-key"


async def test_no_account_is_made_of_a_password_alone(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for amr, why in (
        (["pwd"], Why.FACTOR),
        (None, Why.FACTOR),
        ([["mfa"]], Why.FACTOR),
        ({"mfa": True}, Why.CLAIMS),
        (7, Why.CLAIMS),
    ):
        provider.claims = {"amr": amr, "acr": "silver"}
        assert await refused_for(clinic, provider, dsn) is why, amr


async def test_a_level_of_assurance_shows_a_second_factor_too(
    clinic: Clinic, provider: LyingProvider
):
    provider.claims = {"amr": None, "acr": "gold"}

    assert isinstance(await arrive(clinic, provider), NewSession)


async def test_a_second_factor_shown_yesterday_is_asked_for_anew(
    clinic: Clinic, provider: LyingProvider
):
    await arrive(clinic, provider)
    provider.claims = {"auth_time": int(clinic.clock().timestamp()) - 9 * 3600}

    assert isinstance(await arrive(clinic, provider), Halfway)


async def test_a_session_is_as_fresh_as_the_factor_at_the_provider(
    clinic: Clinic, provider: LyingProvider
):
    shown_at = int(clinic.clock().timestamp()) - 7200
    provider.claims = {"auth_time": shown_at}

    made = await arrive(clinic, provider)

    session = await clinic.access.sessions.find(made.secret)
    assert session.factor_at.timestamp() == shown_at


async def test_groups_that_say_nothing_admit_nobody(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    many = ["call-trainers", *map(str, range(1000))]
    for groups in (
        [],
        None,
        "kitchen",
        [["call-trainers"]],
        {"call-trainers": 1},
        many,
    ):
        provider.claims = {"groups": groups}
        with pytest.raises(SingleSignOnRefusedError):
            await arrive(clinic, provider)
    assert await nobody_is_in(dsn)


async def test_which_agent_somebody_is_no_group_can_say(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    provider.claims = {"groups": ["switchboard"]}

    assert await refused_for(clinic, provider, dsn) is Why.ACCOUNT


@given(JSON)
def test_keys_are_read_or_refused_whatever_they_are(listed: object):
    try:
        ProviderKeys.read({"keys": [listed]})
        ProviderKeys.read({"keys": listed})
    except ProviderFaultError:
        pass


@given(st.text() | JSON.map(lambda said: unsigned({}, said)))
def test_a_tokens_header_is_read_or_refused_whatever_it_is(token: str):
    try:
        read = Header.read(token)
    except SingleSignOnRefusedError:
        return
    assert read.algorithm.startswith(("RS", "PS", "ES"))
