"""Single sign-on against a real OpenID provider, from the first page to the session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from proxy.access.accounts.faults import NotAppointedError, StaleFactorError
from proxy.access.accounts.sessions import NewSession
from proxy.access.oidc.refusals import (
    NotAdmittedError,
    ProviderFaultError,
    SingleSignOnRefusedError,
    Why,
)
from proxy.access.oidc.sign_in import Halfway, Linked
from proxy.access.oidc.states import Purpose
from proxy.access.permissions import Role
from proxy.access.surroundings import AccessConfig
from proxy.access.trace.acts import Act, Entry
from proxy.errors import UnauthorizedError
from tests.fakes.glewlwyd import Glewlwyd, glewlwyd, glewlwyd_server, new_name
from tests.fakes.named_people import ADMINISTRATOR, HERE, Clinic, running_clinic
from tests.fakes.staff import CARLA

__all__ = ["glewlwyd", "glewlwyd_server"]

ORIGIN = "https://ecoute.example.org"


class MovedClock:
    """The true time, which the provider goes by, and whatever a test adds to it."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def advance(self, **by: float) -> None:
        self._moved += timedelta(**by)


@asynccontextmanager
async def at(
    dsn: str, folder: Path, server: Glewlwyd, **changes: object
) -> AsyncIterator[Clinic]:
    """A clinic that asks this provider."""
    config = AccessConfig(public_url=ORIGIN, oidc=server.config(**changes))
    async with running_clinic(dsn, folder, MovedClock(), config) as clinic:
        yield clinic
        await clinic.access.oidc.close()


@pytest.fixture
async def clinic(dsn: str, tmp_path: Path, glewlwyd: Glewlwyd) -> AsyncIterator[Clinic]:
    async with at(dsn, tmp_path, glewlwyd) as clinic:
        yield clinic


async def arrive(clinic: Clinic, server: Glewlwyd, name: str, telephone: str = ""):
    begun = await clinic.access.oidc.begin()
    query = server.visit(begun.address, name, telephone)
    return await clinic.access.oidc.finish(begun.secret, query, HERE)


async def traced(dsn: str, act: Act) -> list[Entry]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT body FROM access_entries ORDER BY seq")
    await connection.close()
    entries = [Entry.read(row["body"].encode())[1] for row in rows]
    return [entry for entry in entries if entry.act is act]


async def test_who_is_in_a_mapped_group_is_signed_in_as_what_it_stands_for(
    clinic: Clinic, glewlwyd: Glewlwyd, dsn: str
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers", "everybody")

    made = await arrive(clinic, glewlwyd, name, telephone)

    session = await clinic.access.sessions.find(made.secret)
    assert session.actor.role is Role.TRAINER
    assert session.actor.code.startswith("sso-")
    assert [entry.actor for entry in await traced(dsn, Act.SIGNED_IN)] == [
        session.actor.code
    ]


async def test_the_same_person_has_the_same_account_each_time(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")

    first, second = [
        await clinic.access.sessions.find(
            (await arrive(clinic, glewlwyd, name, telephone)).secret
        )
        for _ in range(2)
    ]

    assert first.account_id == second.account_id
    assert first.session_id != second.session_id


async def test_who_is_in_no_mapped_group_gets_nothing(
    clinic: Clinic, glewlwyd: Glewlwyd, dsn: str
):
    name = new_name()
    telephone = glewlwyd.add(name, "kitchen")

    with pytest.raises(NotAdmittedError) as refused:
        await arrive(clinic, glewlwyd, name, telephone)

    assert refused.value.why is Why.GROUP
    assert await clinic.access.accounts.list() == []
    assert [entry.about for entry in await traced(dsn, Act.SIGN_IN_FAILED)] == [
        "sso-group"
    ]


async def test_two_groups_that_mean_two_roles_mean_none(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers", "privacy")

    with pytest.raises(NotAdmittedError):
        await arrive(clinic, glewlwyd, name, telephone)


async def test_a_role_follows_the_groups_and_ends_with_them(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    first = await arrive(clinic, glewlwyd, name, telephone)

    glewlwyd.regroup(name, "privacy")
    await appointed(clinic, glewlwyd, name)
    second = await arrive(clinic, glewlwyd, name)
    session = await clinic.access.sessions.find(second.secret)
    assert session.actor.role is Role.DPO
    with pytest.raises(UnauthorizedError):  # what the trainer had open is shut
        await clinic.access.sessions.find(first.secret)

    glewlwyd.regroup(name, "kitchen")
    with pytest.raises(NotAdmittedError):
        await arrive(clinic, glewlwyd, name)
    with pytest.raises(UnauthorizedError):
        await clinic.access.sessions.find(second.secret)


async def appointed(clinic, glewlwyd, *who):
    """The provider says they are an officer; one of ours has to say so as well."""
    with pytest.raises(NotAppointedError):
        await arrive(clinic, glewlwyd, *who)
    [account] = await clinic.access.accounts.list()
    await clinic.access.accounts.appoint(CARLA, account.code)


async def test_the_provider_alone_makes_no_data_protection_officer(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "privacy")

    await appointed(clinic, glewlwyd, name, telephone)

    made = await arrive(clinic, glewlwyd, name)
    assert (await clinic.access.sessions.find(made.secret)).actor.role is Role.DPO


async def test_who_left_here_stays_out_whatever_the_provider_says(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    made = await arrive(clinic, glewlwyd, name, telephone)
    code = (await clinic.access.sessions.find(made.secret)).actor.code

    await clinic.access.accounts.end(ADMINISTRATOR, code)

    with pytest.raises(NotAdmittedError):
        await arrive(clinic, glewlwyd, name)
    assert [account.code for account in await clinic.access.accounts.list()] == [code]


async def test_without_a_second_factor_at_the_provider_ours_is_asked_for(
    dsn: str, tmp_path: Path, glewlwyd: Glewlwyd
):
    name = new_name()
    glewlwyd.add(name, "call-trainers")
    async with at(dsn, tmp_path, glewlwyd, scopes=("openid",)) as clinic:
        with pytest.raises(NotAdmittedError):  # a password alone makes no account
            await arrive(clinic, glewlwyd, name)

        member = await clinic.join("trainer-tess")
        session = await clinic.access.sessions.find(
            (await clinic.sign_in(member)).secret
        )
        begun = await clinic.access.oidc.begin(Purpose.LINK, session)
        query = glewlwyd.visit(begun.address, name)
        linked = await clinic.access.oidc.finish(begun.secret, query, HERE, session)
        assert linked == Linked()
        by = (await traced(dsn, Act.FACTOR_SET))[-1]
        assert (by.actor, by.about) == ("trainer-tess", "sso")

        halfway = await arrive(clinic, glewlwyd, name)
        assert isinstance(halfway, Halfway)
        made = await clinic.access.sign_in.finish(
            halfway.pending, totp=member.digits(), source=HERE
        )
        found = await clinic.access.sessions.find(made.secret)
        assert found.actor.code == "trainer-tess"


async def test_a_provider_that_does_not_say_when_shows_nothing_fresh(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    made = await arrive(clinic, glewlwyd, name, telephone)
    session = await clinic.access.sessions.find(made.secret)

    assert clinic.clock() - session.factor_at > timedelta(hours=7)
    with pytest.raises(StaleFactorError):
        await clinic.access.oidc.begin(Purpose.LINK, session)


async def test_what_came_back_is_good_once_and_in_its_own_browser(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    mine, others = [await clinic.access.oidc.begin() for _ in range(2)]
    query = glewlwyd.visit(mine.address, name, telephone)

    with pytest.raises(SingleSignOnRefusedError):
        await clinic.access.oidc.finish(others.secret, query, HERE)
    made = await clinic.access.oidc.finish(mine.secret, query, HERE)
    assert isinstance(made, NewSession)
    with pytest.raises(SingleSignOnRefusedError) as again:
        await clinic.access.oidc.finish(mine.secret, query, HERE)
    assert again.value.why is Why.STATE


async def test_a_code_of_another_sign_in_is_not_exchanged(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    """The provider itself refuses: the verifier is not the one it was asked with."""
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    mine, others = [await clinic.access.oidc.begin() for _ in range(2)]
    stolen = glewlwyd.visit(others.address, name, telephone)["code"]
    query = dict(glewlwyd.visit(mine.address, name)) | {"code": stolen}

    with pytest.raises(ProviderFaultError):
        await clinic.access.oidc.finish(mine.secret, query, HERE)
    assert await clinic.access.accounts.list() == []


async def test_an_answer_that_names_another_provider_is_refused(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    begun = await clinic.access.oidc.begin()
    query = dict(glewlwyd.visit(begun.address, name, telephone))
    assert query["iss"] == glewlwyd.issuer
    query["iss"] = "https://other.example"

    with pytest.raises(SingleSignOnRefusedError) as refused:
        await clinic.access.oidc.finish(begun.secret, query, HERE)
    assert refused.value.why is Why.ISSUER


async def test_a_sign_in_takes_ten_minutes_at_most(clinic: Clinic, glewlwyd: Glewlwyd):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    begun = await clinic.access.oidc.begin()
    query = glewlwyd.visit(begun.address, name, telephone)
    clinic.clock.advance(minutes=10)

    with pytest.raises(SingleSignOnRefusedError) as refused:
        await clinic.access.oidc.finish(begun.secret, query, HERE)
    assert refused.value.why is Why.STATE


async def test_a_provider_that_was_killed_lets_nobody_in_until_it_is_back(
    clinic: Clinic, glewlwyd: Glewlwyd
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    begun = await clinic.access.oidc.begin()
    query = glewlwyd.visit(begun.address, name, telephone)
    glewlwyd.kill()

    with pytest.raises(ProviderFaultError):
        await clinic.access.oidc.finish(begun.secret, query, HERE)
    assert await clinic.access.accounts.list() == []

    glewlwyd.mend()
    assert isinstance(await arrive(clinic, glewlwyd, name), NewSession)


async def test_the_database_names_nobody_the_provider_knows(
    clinic: Clinic, glewlwyd: Glewlwyd, dsn: str
):
    name = new_name()
    telephone = glewlwyd.add(name, "call-trainers")
    begun = await clinic.access.oidc.begin()
    query = glewlwyd.visit(begun.address, name, telephone)
    await clinic.access.oidc.finish(begun.secret, query, HERE)
    waiting = await clinic.access.oidc.begin()

    connection = await asyncpg.connect(dsn)
    everything = (
        "SELECT * FROM accounts",
        "SELECT * FROM oidc_subjects",
        "SELECT * FROM oidc_states",
        "SELECT * FROM access_entries",
    )
    kept = str([await connection.fetch(each) for each in everything])
    await connection.close()
    assert len(kept) > 100
    shown = query["code"], query["state"]
    for secret in (name, *shown, waiting.secret[-43:]):
        assert secret not in kept
