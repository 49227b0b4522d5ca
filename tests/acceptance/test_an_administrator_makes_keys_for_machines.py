"""`ponctuel api-keys`: made once, shown once, used by a machine, ended by a person."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.access.trace.acts import Act, Entry
from tests.fakes.api import TOKENS, asker, with_people
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.listeners import traced


@pytest.fixture
async def clinic(centre, clock):
    # A command has the machine's clock.
    clock.now = datetime.now(UTC)
    await centre.open(sites=with_people(centre))
    await centre.stop_worker()
    return centre


@pytest.fixture
def keys(clinic):
    async def run(*words, who="ada", status=0):
        done = await ponctuel(
            clinic,
            *("api-keys", *words, "--site", SITE, "--json"),
            token=TOKENS[who],
            sites=with_people(clinic),
        )
        assert done.returncode == status, done.stderr
        if status:
            return done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


def making(*scopes, role="auditor", days=30):
    until = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
    return ("make", "grafana", "--role", role, "--until", until, "--scope", *scopes)


async def test_a_key_is_made_used_listed_and_ended(clinic, keys):
    [made] = await keys(*making("gates:read"))
    machine = asker(clinic, made["key"])

    gates, policies = await machine.get("/gates"), await machine.get("/policies")
    [listed] = await keys("list")
    [ended] = await keys("end", made["id"])
    after = await machine.get("/gates")

    assert (gates.status, policies.status, after.status) == (200, 403, 401)
    assert (listed["code"], listed["scopes"]) == ("grafana", ["gates:read"])
    assert listed["last_used_on"] == f"{datetime.now(UTC):%Y-%m-%d}"
    assert made["key"] not in str(listed)
    assert ended["id"] == made["id"]


async def test_a_data_protection_officer_lists_them_and_makes_none(clinic, keys):
    refused = await keys(*making("gates:read"), who="dora", status=1)

    assert "accounts:write at site clinic is not yours" in refused
    assert await keys("list", who="dora") == []
    tried = Entry(Act.REFUSED, "dora", "dpo", about="accounts:write")
    assert await traced(clinic, Act.REFUSED) == [tried]


async def test_what_no_machine_may_is_refused_in_words(keys):
    for scope in ("accounts:write", "recordings:play"):
        said = await keys(*making(scope, role="dpo"), status=1)
        assert f"{scope} is not for a machine" in said
    assert "365 days at most" in await keys(*making("gates:read", days=400), status=1)
    assert await keys("list") == []


async def test_a_word_that_is_no_permission_is_a_misuse(keys):
    assert "invalid" in await keys(*making("everything"), status=2)
