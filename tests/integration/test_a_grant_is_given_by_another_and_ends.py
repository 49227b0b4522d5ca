"""Grants: given by another person, over what exists, for 90 days at most, and ended."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from proxy.access.grants.giving import GrantOverError, Grants, UnknownGrantError
from proxy.access.grants.rules import LONGEST, GrantRefusedError, OwnGrantError
from proxy.access.permissions import Actor, Grant, Role, ShownBy
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import open_pool
from proxy.errors import DatabaseUnavailableError

SITE, OTHER = "nord", "sud"
CARLA = Actor("dpo-carla", Role.DPO, SITE, ShownBy.SESSION)
DORA = Actor("dpo-dora", Role.DPO, SITE, ShownBy.SESSION)
ROLES = {
    "trainer-tina": Role.TRAINER,
    "trainer-tom": Role.TRAINER,
    "dpo-carla": Role.DPO,
    "rights-rita": Role.RIGHTS_OFFICER,
    "op-anna": Role.OPERATOR,
}
PRACTICES = frozenset({"cardio", "derma"})
CAMPAIGN = "training-2026-11-01"
MONTH = timedelta(days=30)
WHOSE = "SELECT code FROM grants ORDER BY code"


async def role_of(code):
    return ROLES.get(code)


@pytest.fixture
async def pools(dsn):
    """Two sites of one database, each behind its own fence."""
    found = {site: await open_pool(dsn, site, 4) for site in (SITE, OTHER)}
    for site, pool in found.items():
        async with pool.transaction() as connection:
            await connection.execute("INSERT INTO sites (site_id) VALUES ($1)", site)
    yield found
    for pool in found.values():
        await pool.close()


@pytest.fixture
async def database(pools):
    return pools[SITE]


@pytest.fixture
async def grants(database, clock):
    return Grants(database, clock, Trace(database, clock), role_of, PRACTICES)


async def rows(database, query):
    async with database.connection() as connection:
        return [tuple(row) for row in await connection.fetch(query)]


async def traced(database):
    found = await rows(database, "SELECT body FROM access_entries ORDER BY seq")
    return [Entry.read(body.encode())[1] for (body,) in found]


async def test_what_was_given_holds_from_then_until_its_end(grants, clock):
    until = clock() + MONTH
    await grants.give(CARLA, "trainer-tina", "cardio", CAMPAIGN, until)

    given = Grant(until=until, practice="cardio", campaign=CAMPAIGN)
    assert await grants.of("trainer-tina", clock()) == (given,)
    assert await grants.of("trainer-tina", until - timedelta(seconds=1)) == (given,)
    assert await grants.of("trainer-tina", until) == ()
    assert await grants.of("trainer-tina", clock() - timedelta(seconds=1)) == ()
    assert await grants.of("trainer-tom", clock()) == ()


@pytest.mark.parametrize("now_is", [Role.DPO, Role.OPERATOR, None], ids=str)
async def test_whoever_became_something_else_or_left_keeps_none(
    grants, clock, monkeypatch, now_is
):
    await grants.give(CARLA, "trainer-tina", "cardio", None, clock() + MONTH)
    monkeypatch.setitem(ROLES, "trainer-tina", now_is)

    assert await grants.of("trainer-tina", clock()) == ()


async def test_an_ended_grant_counts_no_more_from_that_moment_on(grants, clock):
    grant = await grants.give(CARLA, "trainer-tina", None, None, clock() + MONTH)
    clock.advance(hours=1)

    ended = await grants.end(DORA, grant)

    assert (ended.ended_by, ended.ended_at) == ("dpo-dora", clock())
    assert await grants.of("trainer-tina", clock()) == ()


async def test_ending_it_twice_keeps_who_ended_it_first(grants, database, clock):
    grant = await grants.give(CARLA, "trainer-tina", None, None, clock() + MONTH)
    first = await grants.end(DORA, grant)
    clock.advance(hours=1)

    assert await grants.end(CARLA, grant) == first
    acts = [entry.act for entry in await traced(database)]
    assert acts == [Act.GRANT_GIVEN, Act.GRANT_ENDED]


async def test_two_who_end_it_at_once_leave_one_trace(grants, database, clock):
    grant = await grants.give(CARLA, "trainer-tina", None, None, clock() + MONTH)

    one, other = await asyncio.gather(grants.end(CARLA, grant), grants.end(DORA, grant))

    assert one == other
    assert len(await traced(database)) == 2


@pytest.mark.parametrize("practice", ["kardio", "", "CARDIO"])
async def test_an_unknown_practice_is_refused_and_the_known_are_named(
    grants, clock, practice
):
    with pytest.raises(GrantRefusedError, match="known: cardio, derma") as refused:
        await grants.give(CARLA, "trainer-tina", practice, None, clock() + MONTH)

    assert refused.value.field == "practice"


async def test_nobody_gives_to_themselves(grants, database, clock):
    tina = Actor("trainer-tina", Role.DPO, SITE, ShownBy.SESSION)

    with pytest.raises(OwnGrantError):
        await grants.give(tina, "trainer-tina", "cardio", None, clock() + MONTH)

    assert await grants.list() == []
    assert await traced(database) == []


@pytest.mark.parametrize("code", ["dpo-dora", "rights-rita", "op-anna", "nobody"])
async def test_only_those_who_listen_by_trade_are_given_any(grants, clock, code):
    with pytest.raises(GrantRefusedError) as refused:
        await grants.give(CARLA, code, "cardio", None, clock() + MONTH)

    assert refused.value.field == "code"


async def test_a_review_keeps_a_grant_and_cannot_make_it_longer(grants, clock):
    until = clock() + LONGEST
    grant = await grants.give(CARLA, "trainer-tina", "cardio", None, until)
    clock.advance(days=60)

    reviewed = await grants.review(DORA, grant)

    assert (reviewed.reviewed_by, reviewed.reviewed_at) == ("dpo-dora", clock())
    assert reviewed.until == until
    assert await grants.of("trainer-tina", until) == ()


async def test_what_is_over_or_was_ended_is_not_confirmed(grants, clock):
    over = await grants.give(CARLA, "trainer-tina", None, None, clock() + MONTH)
    ended = await grants.give(CARLA, "trainer-tom", None, None, clock() + LONGEST)
    await grants.end(CARLA, ended)
    clock.now += MONTH

    for grant in (over, ended):
        with pytest.raises(GrantOverError):
            await grants.review(DORA, grant)


async def test_a_grant_that_never_was_is_unknown(grants):
    for step in (grants.end, grants.review):
        with pytest.raises(UnknownGrantError):
            await step(CARLA, uuid4())


async def test_each_step_is_on_the_trace_with_who_and_whose(grants, database, clock):
    grant = await grants.give(CARLA, "trainer-tina", "cardio", None, clock() + MONTH)
    await grants.review(DORA, grant)
    await grants.end(CARLA, grant)

    assert await traced(database) == [
        Entry(Act.GRANT_GIVEN, "dpo-carla", "dpo", item=grant, about="trainer-tina"),
        Entry(Act.REVIEW_SIGNED, "dpo-dora", "dpo", item=grant, about="trainer-tina"),
        Entry(Act.GRANT_ENDED, "dpo-carla", "dpo", item=grant, about="trainer-tina"),
    ]


class NoTrace(Trace):
    """A trace whose disk is full."""

    async def note_in(self, _connection, _entry):
        raise DatabaseUnavailableError("the trace cannot be written")


class LostAnswer(Trace):
    """A trace that was written, and whose answer is lost."""

    async def note_in(self, connection, entry):
        await super().note_in(connection, entry)
        raise DatabaseUnavailableError("the answer did not come")


@pytest.mark.parametrize("trace", [NoTrace, LostAnswer])
async def test_what_cannot_be_traced_is_neither_given_nor_ended(
    grants, database, clock, trace
):
    kept = await grants.give(CARLA, "trainer-tina", "cardio", None, clock() + MONTH)
    failing = Grants(database, clock, trace(database, clock), role_of, PRACTICES)

    with pytest.raises(DatabaseUnavailableError):
        await failing.give(CARLA, "trainer-tom", "cardio", None, clock() + MONTH)
    with pytest.raises(DatabaseUnavailableError):
        await failing.end(CARLA, kept)

    assert await rows(database, WHOSE) == [("trainer-tina",)]
    assert len(await grants.of("trainer-tina", clock())) == 1
    assert len(await traced(database)) == 1


async def test_what_was_opened_by_breaking_the_glass_counts_beside_grants(
    database, clock
):
    opened = Grant(until=clock() + timedelta(minutes=30), recording_id=uuid4())

    async def by_glass(code, now):
        return [opened] if code == "trainer-tina" and now < opened.until else []

    grants = Grants(
        database, clock, Trace(database, clock), role_of, PRACTICES, [by_glass]
    )

    assert await grants.of("trainer-tina", clock()) == (opened,)
    assert await grants.of("trainer-tina", opened.until) == ()


async def test_if_what_was_opened_cannot_be_read_nothing_is_allowed(database, clock):
    async def unreadable(_code, _now):
        raise DatabaseUnavailableError

    grants = Grants(
        database, clock, Trace(database, clock), role_of, PRACTICES, [unreadable]
    )

    with pytest.raises(DatabaseUnavailableError):
        await grants.of("trainer-tina", clock())


async def test_another_site_sees_none_of_them(grants, pools, clock):
    await grants.give(CARLA, "trainer-tina", "cardio", None, clock() + MONTH)

    others = Grants(pools[OTHER], clock, Trace(pools[OTHER], clock), role_of, PRACTICES)

    assert await rows(pools[OTHER], WHOSE) == []
    assert await others.of("trainer-tina", clock()) == ()
    assert await others.list() == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE grants SET until = until + interval '1 day'",
        "UPDATE grants SET practice = NULL",
        "UPDATE grants SET code = 'trainer-tom'",
        "UPDATE grants SET given_by = 'dpo-dora'",
    ],
)
async def test_the_service_itself_cannot_widen_one(grants, database, clock, change):
    await grants.give(CARLA, "trainer-tina", "cardio", None, clock() + MONTH)

    with pytest.raises(DatabaseUnavailableError) as refused:
        async with database.connection() as connection:
            await connection.execute(change)

    cause = refused.value.__cause__
    assert isinstance(cause, asyncpg.InsufficientPrivilegeError)


async def test_a_list_is_read_behind_a_place(grants, clock):
    for code in ("trainer-tina", "trainer-tom", "trainer-tina"):
        await grants.give(CARLA, code, "cardio", None, clock() + MONTH)
        clock.advance(minutes=1)

    first, second, third = await grants.list()

    assert await grants.list(limit=2) == [first, second]
    assert await grants.list((second.given_at, second.grant_id)) == [third]
