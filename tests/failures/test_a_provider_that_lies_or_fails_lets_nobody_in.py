"""Single sign-on against a provider that is away, lies about itself, or is imitated.

Whatever goes wrong, nobody gets a session or an account, and it works again after.
"""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from proxy.access.accounts.faults import TooManyAttemptsError
from proxy.access.accounts.sessions import NewSession
from proxy.access.oidc import states
from proxy.access.oidc.refusals import (
    NoSingleSignOnError,
    NotAdmittedError,
    ProviderFaultError,
    SingleSignOnRefusedError,
    Why,
)
from proxy.access.oidc.states import Purpose
from proxy.access.surroundings import AccessConfig
from proxy.errors import DatabaseUnavailableError
from tests.fakes.lying_provider import CLIENT_SECRET, LyingProvider
from tests.fakes.named_people import HERE, Clinic, running_clinic
from tests.fakes.single_sign_on import (
    ORIGIN,
    PATIENCE_SECONDS,
    arrive,
    clinic,
    failures,
    nobody_is_in,
    provider,
    refused_for,
)

__all__ = ["clinic", "provider"]


@pytest.mark.parametrize("endpoint", ["discovery", "keys", "token"])
async def test_a_provider_that_fails_lets_nobody_in_and_then_works_again(
    clinic: Clinic, provider: LyingProvider, dsn: str, endpoint: str
):
    for fault in ("refuse", "drop", "silent", "garbage", "list", "huge", "redirect"):
        provider.wrong = endpoint, fault
        with pytest.raises(ProviderFaultError):
            await arrive(clinic, provider)
        assert await nobody_is_in(dsn), fault
    told = set(await failures(clinic))
    assert told == (set() if endpoint == "discovery" else {"sso-provider"})

    provider.wrong = "", ""
    assert isinstance(await arrive(clinic, provider), NewSession)


async def test_a_description_that_leads_elsewhere_is_not_followed(
    clinic: Clinic, provider: LyingProvider
):
    there = provider.address.removeprefix("http://")
    for described in (
        {"issuer": "https://other.example"},
        {"issuer": None},
        {"code_challenge_methods_supported": ["plain"]},
        {"token_endpoint": "https://other.example/token"},
        {"token_endpoint": "http://169.254.169.254/latest"},
        {"token_endpoint": f"http://user:word@{there}/token"},
        {"token_endpoint": f"http://{there}/token#here"},
        {"jwks_uri": "https://other.example/keys"},
        {"jwks_uri": None},
        {"jwks_uri": ["https://other.example/keys"]},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://[::1"},
        {"authorization_endpoint": f"http://{there}/" + "x" * 3000},
    ):
        provider.described = described
        with pytest.raises(ProviderFaultError):
            await clinic.access.oidc.begin()
    assert set(provider.asked) == {"discovery"}


async def test_a_provider_that_says_it_names_itself_must(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    """RFC 9207: an answer without a name could be another provider's."""
    provider.described = {"authorization_response_iss_parameter_supported": True}

    assert await refused_for(clinic, provider, dsn) is Why.ISSUER
    assert isinstance(await arrive(clinic, provider, iss=provider.address), NewSession)


async def test_who_declines_at_the_provider_is_not_signed_in(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    declined = await refused_for(clinic, provider, dsn, error="access_denied")
    assert declined is Why.PROVIDER_SAID_NO
    codeless = await refused_for(clinic, provider, dsn, code="")
    assert codeless is Why.PROVIDER_SAID_NO
    assert "token" not in provider.asked


async def test_an_answer_to_no_question_of_ours_is_refused(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    for state in ("", "x", "é" * 43):
        assert await refused_for(clinic, provider, dsn, state=state) is Why.STATE
    assert "token" not in provider.asked


async def test_of_two_who_show_the_same_answer_one_gets_in(
    clinic: Clinic, provider: LyingProvider
):
    begun = await clinic.access.oidc.begin()
    query = provider.visit(begun.address)
    oidc = clinic.access.oidc

    came = await asyncio.gather(
        *(oidc.finish(begun.secret, query, HERE) for _ in range(5)),
        return_exceptions=True,
    )

    assert sum(isinstance(each, NewSession) for each in came) == 1
    assert sum(isinstance(each, SingleSignOnRefusedError) for each in came) == 4


async def test_two_first_sign_ins_at_once_make_one_account(
    clinic: Clinic, provider: LyingProvider
):
    came = await asyncio.gather(
        *(arrive(clinic, provider) for _ in range(4)), return_exceptions=True
    )

    assert any(isinstance(each, NewSession) for each in came)
    assert len(await clinic.access.accounts.list()) == 1


async def test_they_show_once_more_that_it_is_them_by_signing_in_anew(
    clinic: Clinic, provider: LyingProvider
):
    made = await arrive(clinic, provider)
    session = await clinic.access.sessions.find(made.secret)
    clinic.clock.advance(minutes=10)
    oidc = clinic.access.oidc

    begun = await oidc.begin(Purpose.AGAIN, session)
    asked = provider.visit(begun.address)
    assert provider.codes[asked["code"]]["prompt"] == "login"
    confirmed = await oidc.finish(begun.secret, asked, HERE, session)

    found = await clinic.access.sessions.find(confirmed.secret)
    assert found.session_id == session.session_id
    assert found.factor_at == clinic.clock()


async def test_an_old_sign_in_or_somebody_elses_does_not_show_it_is_still_them(
    clinic: Clinic, provider: LyingProvider
):
    made = await arrive(clinic, provider)
    session = await clinic.access.sessions.find(made.secret)
    provider.subject = "somebody-else"
    await arrive(clinic, provider)
    oidc = clinic.access.oidc

    for subject, shown in (("somebody-else", 0), ("somebody", 300)):
        clinic.clock.advance(minutes=1)
        now = int(clinic.clock().timestamp())
        provider.subject, provider.claims = subject, {"auth_time": now - shown}
        begun = await oidc.begin(Purpose.AGAIN, session)
        query = provider.visit(begun.address)
        with pytest.raises(SingleSignOnRefusedError):
            await oidc.finish(begun.secret, query, HERE, session)


async def test_what_was_begun_signed_in_ends_in_the_same_session_or_not_at_all(
    clinic: Clinic, provider: LyingProvider
):
    member = await clinic.join("trainer-tess")
    mine, other = [
        await clinic.access.sessions.find((await clinic.sign_in(member)).secret)
        for _ in range(2)
    ]
    oidc = clinic.access.oidc
    for session in (other, None):
        begun = await oidc.begin(Purpose.LINK, mine)
        query = provider.visit(begun.address)
        with pytest.raises(SingleSignOnRefusedError):
            await oidc.finish(begun.secret, query, HERE, session)


async def test_nobody_is_tied_to_what_is_somebody_elses_or_does_not_fit(
    clinic: Clinic, provider: LyingProvider
):
    await arrive(clinic, provider)  # "somebody" has an account from here on
    member = await clinic.join("trainer-tess")
    session = await clinic.access.sessions.find((await clinic.sign_in(member)).secret)
    oidc = clinic.access.oidc

    begun = await oidc.begin(Purpose.LINK, session)
    with pytest.raises(SingleSignOnRefusedError):
        await oidc.finish(begun.secret, provider.visit(begun.address), HERE, session)

    provider.subject = "tess"
    provider.claims = {"groups": ["switchboard"]}
    begun = await oidc.begin(Purpose.LINK, session)
    with pytest.raises(NotAdmittedError):
        await oidc.finish(begun.secret, provider.visit(begun.address), HERE, session)


async def test_whoever_tries_many_answers_from_one_place_has_to_wait(
    clinic: Clinic, provider: LyingProvider
):
    provider.claims = {"nonce": "another"}
    for _ in range(20):
        with pytest.raises(SingleSignOnRefusedError):
            await arrive(clinic, provider, HERE)

    with pytest.raises(TooManyAttemptsError):
        await arrive(clinic, provider, HERE)


async def test_a_provider_that_fails_is_not_held_against_those_who_wait(
    clinic: Clinic, provider: LyingProvider
):
    provider.wrong = "token", "refuse"
    for _ in range(25):
        with pytest.raises(ProviderFaultError):
            await arrive(clinic, provider, HERE)

    provider.wrong = "", ""
    assert isinstance(await arrive(clinic, provider, HERE), NewSession)


async def test_our_secret_goes_the_way_the_provider_takes_it(
    dsn: str, tmp_path: Path, clock, provider: LyingProvider
):
    provider.described = {
        "token_endpoint_auth_methods_supported": ["client_secret_post"]
    }
    (tmp_path / "secret").write_text(f"{CLIENT_SECRET}\n")
    oidc = provider.config(client_secret="", secret_file=tmp_path / "secret")
    config = AccessConfig(public_url=ORIGIN, oidc=oidc)
    async with running_clinic(dsn, tmp_path, clock, config) as clinic:
        assert isinstance(await arrive(clinic, provider), NewSession)
        (tmp_path / "secret").unlink()
        with pytest.raises(ProviderFaultError):
            await arrive(clinic, provider)
        await clinic.access.oidc.close()


async def test_single_sign_on_is_off_until_it_is_set(dsn: str, tmp_path: Path, clock):
    async with running_clinic(dsn, tmp_path, clock) as clinic:
        assert not clinic.access.oidc.is_on
        with pytest.raises(NoSingleSignOnError):
            await clinic.access.oidc.begin()
        with pytest.raises(NoSingleSignOnError):
            await clinic.access.oidc.finish("clinic.x", {}, HERE)


async def test_what_the_trace_cannot_take_does_not_happen(
    clinic: Clinic, provider: LyingProvider, dsn: str
):
    connection = await asyncpg.connect(dsn)
    await connection.execute("REVOKE INSERT ON access_leaves FROM ponctuel_service")
    with pytest.raises(DatabaseUnavailableError):
        await arrive(clinic, provider)
    assert await nobody_is_in(dsn)

    await connection.execute("GRANT INSERT ON access_leaves TO ponctuel_service")
    await connection.close()
    assert isinstance(await arrive(clinic, provider), NewSession)


async def test_many_who_only_begin_leave_room_for_those_who_go_on(
    clinic: Clinic, provider: LyingProvider, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(states, "MOST_STATES", 3)
    forgotten = await clinic.access.oidc.begin()
    for _ in range(5):
        clinic.clock.advance(milliseconds=1)
        last = await clinic.access.oidc.begin()
    async with clinic.database.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM oidc_states") <= 4

    query = provider.visit(last.address)
    assert isinstance(
        await clinic.access.oidc.finish(last.secret, query, HERE), NewSession
    )
    with pytest.raises(SingleSignOnRefusedError):
        await clinic.access.oidc.finish(
            forgotten.secret, provider.visit(forgotten.address), HERE
        )


async def test_while_a_provider_is_silent_nobody_waits_for_anothers_waiting(
    clinic: Clinic, provider: LyingProvider
):
    provider.wrong = "discovery", "silent"
    begun = asyncio.get_running_loop().time()

    came = await asyncio.gather(
        *(clinic.access.oidc.begin() for _ in range(8)), return_exceptions=True
    )

    assert all(isinstance(each, ProviderFaultError) for each in came)
    waited = asyncio.get_running_loop().time() - begun
    assert (
        waited < PATIENCE_SECONDS * 8
    )  # what they would have waited one after the other
