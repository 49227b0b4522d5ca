"""Keys of machines: for a few things, for a time, kept as a hash, and ended at once."""

import re
from datetime import timedelta
from hashlib import sha256
from uuid import uuid4

import asyncpg
import pytest

from proxy.access.api_keys.keys import (
    QUERIES,
    ApiKeys,
    UnknownKeyError,
    WantedKey,
    site_of,
)
from proxy.access.api_keys.rules import BY_PEOPLE_ONLY, LONGEST, KeyRefusedError
from proxy.access.permissions import (
    IN_PERSON,
    PERMISSIONS,
    Actor,
    Permission,
    Role,
    ShownBy,
    Subject,
    permits,
)
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.database.pool import open_pool
from proxy.errors import DatabaseUnavailableError, UnauthorizedError

SITE, OTHER = "nord", "sud"
ADA = Actor("admin-ada", Role.ADMINISTRATOR, SITE, ShownBy.TOKEN)
MONTH = timedelta(days=30)


async def role_of(code):
    return Role.TRAINER if code == "trainer-tina" else None


@pytest.fixture
async def pools(dsn):
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


def keys_of(database, clock, trace=Trace):
    return ApiKeys(database, clock, trace(database, clock), role_of)


@pytest.fixture
async def keys(database, clock):
    return keys_of(database, clock)


@pytest.fixture
def wanted(clock):
    def make(*scopes, code="grafana", role=Role.AUDITOR, lasts=MONTH):
        opened = frozenset(scopes or [Permission.GATES_READ])
        return WantedKey(code, role, opened, clock() + lasts)

    return make


async def table(database):
    async with database.connection() as connection:
        return [
            str(dict(row)) for row in await connection.fetch("SELECT * FROM api_keys")
        ]


async def test_a_key_may_what_it_was_made_for_and_nothing_else(keys, wanted):
    _, key = await keys.make(ADA, wanted(Permission.GATES_READ, Permission.POLICY_READ))

    actor = await keys.identify(key)

    assert (actor.code, actor.site, actor.shown_by) == ("grafana", SITE, ShownBy.KEY)
    may = {each for each in Permission if permits(actor, each, Subject(SITE))}
    assert may == {Permission.GATES_READ, Permission.POLICY_READ}
    assert not any(permits(actor, each, Subject(OTHER)) for each in Permission)


async def test_a_key_names_its_site_and_holds_256_random_bits(keys, wanted):
    shown = [(await keys.make(ADA, wanted()))[1] for _ in range(3)]

    assert len(set(shown)) == 3
    for key in shown:
        assert re.fullmatch(r"pk_nord\.[A-Za-z0-9_-]{43}", key)
        assert site_of(key) == SITE


async def test_the_key_itself_is_kept_nowhere(keys, database, wanted):
    _, key = await keys.make(ADA, wanted())

    secret = key.partition(".")[2]
    for row in (*await table(database), *map(str, await keys.list())):
        assert secret not in row


async def test_an_ended_key_opens_nothing_from_that_moment_on(keys, wanted):
    key_id, key = await keys.make(ADA, wanted())
    await keys.identify(key)

    ended = await keys.end(ADA, key_id)

    assert ended.ended_by == "admin-ada"
    for _ in range(2):
        with pytest.raises(UnauthorizedError):
            await keys.identify(key)
    assert await keys.end(ADA, key_id) == ended


async def test_a_key_is_over_at_its_end_to_the_moment(keys, wanted, clock):
    _, key = await keys.make(ADA, wanted())
    clock.now += MONTH - timedelta(microseconds=1)
    await keys.identify(key)
    clock.now += timedelta(microseconds=1)

    with pytest.raises(UnauthorizedError):
        await keys.identify(key)


async def test_what_never_was_over_or_ended_is_not_told_apart(keys, wanted, clock):
    key_id, ended = await keys.make(ADA, wanted())
    await keys.end(ADA, key_id)
    _, over = await keys.make(ADA, wanted(lasts=timedelta(hours=1)))
    clock.advance(hours=2)

    said = set()
    for key in (ended, over, f"pk_nord.{'A' * 43}"):
        with pytest.raises(UnauthorizedError) as refused:
            await keys.identify(key)
        said.add(str(refused.value))

    assert len(said) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda key: key[:-1],
        lambda key: key + "A",
        lambda key: key.swapcase(),
        lambda key: key.replace("nord", "sud"),
        lambda key: key.removeprefix("pk_nord."),
        lambda key: f" {key}",
        lambda _: "pk_nord.é" + "A" * 42,
        lambda _: "",
    ],
    ids=["shorter", "longer", "case", "site", "bare", "space", "accent", "nothing"],
)
async def test_a_changed_key_is_nobodys(keys, wanted, change):
    _, key = await keys.make(ADA, wanted())

    with pytest.raises(UnauthorizedError):
        await keys.identify(change(key))


async def test_a_key_of_one_site_is_unknown_at_another(keys, pools, wanted, clock):
    _, key = await keys.make(ADA, wanted())

    others = keys_of(pools[OTHER], clock)

    with pytest.raises(UnauthorizedError):
        await others.identify(key)
    assert await others.list() == []


async def test_the_last_day_it_was_used_is_kept_and_no_more(keys, wanted, clock):
    _, key = await keys.make(ADA, wanted())
    assert [each.last_used_on for each in await keys.list()] == [None]

    await keys.identify(key)
    clock.advance(days=2)
    await keys.identify(key)
    await keys.identify(key)

    assert [each.last_used_on for each in await keys.list()] == [clock().date()]


@pytest.mark.parametrize("scope", sorted(BY_PEOPLE_ONLY))
@pytest.mark.parametrize("role", Role, ids=str)
async def test_what_people_answer_for_is_never_a_machines(keys, wanted, role, scope):
    with pytest.raises(KeyRefusedError) as refused:
        await keys.make(ADA, wanted(Permission(scope), role=role))

    assert refused.value.field == "scope"


def test_what_only_people_do_covers_voices_accounts_grants_and_decisions():
    assert IN_PERSON < BY_PEOPLE_ONLY
    assert {
        "accounts:read",
        "accounts:write",
        "alerts:decide",
        "analyses:read",
        "break-glass:review",
        "grants:read",
        "grants:write",
        "incidents:write",
        "policy:approve",
        "reviews:sign",
        "trace:read",
    } <= BY_PEOPLE_ONLY


@pytest.mark.parametrize("role", Role, ids=str)
async def test_no_key_may_more_than_its_role(keys, wanted, role):
    for scope in set(Permission) - PERMISSIONS[role]:
        with pytest.raises(KeyRefusedError):
            await keys.make(ADA, wanted(scope, role=role))


async def test_a_scope_that_became_a_persons_opens_no_more(keys, database, clock):
    """As after an upgrade; or for whoever can write to the table."""
    key = f"pk_nord.{'A' * 43}"
    async with database.connection() as connection:
        await connection.execute(
            "INSERT INTO api_keys VALUES ('nord', gen_random_uuid(), $1, 'old', 'dpo',"
            " '{trace:read,of-another-release}', $2, 'admin-ada', $3)",
            sha256(key.encode()).digest(),
            clock() + MONTH,
            clock(),
        )

    actor = await keys.identify(key)

    assert actor.scopes == frozenset()
    assert not any(permits(actor, each, Subject(SITE)) for each in Permission)


async def test_a_key_is_for_something_and_has_an_end(keys, wanted):
    with pytest.raises(KeyRefusedError):
        await keys.make(ADA, WantedKey("x", Role.AUDITOR, frozenset(), wanted().until))
    for lasts in (timedelta(), LONGEST + timedelta(seconds=1), -MONTH):
        with pytest.raises(KeyRefusedError) as refused:
            await keys.make(ADA, wanted(lasts=lasts))
        assert refused.value.field == "until"
    await keys.make(ADA, wanted(lasts=LONGEST))


@pytest.mark.parametrize("code", ["trainer-tina", "Grafana Server", "", "0612345678"])
async def test_a_machine_has_a_neutral_code_of_its_own(keys, wanted, code):
    with pytest.raises(KeyRefusedError) as refused:
        await keys.make(ADA, wanted(code=code))

    assert refused.value.field == "code"


async def test_making_and_ending_are_on_the_trace(keys, database, wanted):
    key_id, _ = await keys.make(ADA, wanted())
    await keys.end(ADA, key_id)

    async with database.connection() as connection:
        rows = await connection.fetch("SELECT body FROM access_entries ORDER BY seq")
    assert [Entry.read(row["body"].encode())[1] for row in rows] == [
        Entry(act, "admin-ada", "administrator", item=key_id, about="grafana")
        for act in (Act.KEY_MADE, Act.KEY_ENDED)
    ]


async def test_a_key_that_never_was_cannot_be_ended(keys):
    with pytest.raises(UnknownKeyError):
        await keys.end(ADA, uuid4())


class NoTrace(Trace):
    """A trace whose disk is full."""

    async def note_in(self, _connection, _entry):
        raise DatabaseUnavailableError("the trace cannot be written")


async def test_what_cannot_be_traced_is_neither_made_nor_ended(
    keys, database, clock, wanted
):
    key_id, key = await keys.make(ADA, wanted())
    failing = keys_of(database, clock, NoTrace)

    with pytest.raises(DatabaseUnavailableError):
        await failing.make(ADA, wanted(code="other"))
    with pytest.raises(DatabaseUnavailableError):
        await failing.end(ADA, key_id)

    assert len(await keys.list()) == 1
    await keys.identify(key)


FILL = """
INSERT INTO api_keys
SELECT 'nord', gen_random_uuid(), sha256(n::text::bytea), 'old', 'dpo', '{gates:read}',
  now() + interval '1 day', 'admin-ada', now()
FROM generate_series(1, 5000) AS n;
ANALYZE api_keys;
"""


async def test_a_key_is_looked_up_by_its_hash_through_an_index(pools, dsn, clock):
    """So how long it takes depends on no secret, nor on how many keys there are."""
    owner = await asyncpg.connect(dsn)
    await owner.execute(FILL)
    await owner.close()
    query = QUERIES["find_living_key"]

    async with pools[SITE].connection() as connection:
        plan = await connection.fetch(f"EXPLAIN {query}", SITE, b"x" * 32, clock())

    assert "Index Scan using api_keys_once" in str(plan)
