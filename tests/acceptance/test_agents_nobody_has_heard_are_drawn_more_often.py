"""A wish to hear every agent moves probabilities, and every leaf says by how much."""

import asyncio

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.staff import approve

COVERAGE = {
    "at_least": 1,
    "calls_per_agent": 60,
    "lowest": "0.5%",
    "highest": "5%",
}
RARELY = {"rate": "1%", "ceiling": "2%", "burst": 50, "smooth": 20}


async def place_calls(centre, agents, calls):
    for n in range(calls):
        await asyncio.gather(
            *(
                centre.start_call(f"call-{agent}-{n}", agent=agent, service=service)
                for agent, service in agents.items()
            )
        )


async def test_two_replicas_raise_the_same_agents_chance_and_the_auditor_agrees(
    centre, clock
):
    policy = centre.policy(**RARELY, coverage=COVERAGE)
    first = await centre.open(policy=policy)
    second = await centre.open(policy=policy)
    agents = {"blue": first, "green": second}

    await place_calls(centre, agents, 59)
    await centre.start_call("call-of-nobody-known")

    draws = await centre.leaves("DRAW")
    assert {leaf["p"] for leaf in draws} <= {5_000, 10_000, 20_000, 40_000, 50_000}
    assert draws[0]["p"] == 20_000  # 1.6 in 60, on the ladder
    if not any(leaf["d"] for leaf in draws):
        assert draws[-2]["p"] == 50_000
    seen = await centre.rows("SELECT seen FROM agent_calls ORDER BY seen")
    assert seen == [(59,), (59,)]

    clock.advance(hours=2)
    site = centre.site
    await site.tend()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, clock())
    assert (found["status"], found["findings"]) == (0, [])
    assert found["draws"] == 119


async def test_an_agents_code_is_kept_nowhere_and_the_count_ends_with_the_campaign(
    centre, clock
):
    await centre.open(policy=centre.policy(**RARELY, coverage=COVERAGE))
    await centre.start_call("call-1", agent="agent-of-secret-code")

    [(name,)] = await centre.rows("SELECT agent_key FROM agent_calls")
    assert len(name) == 16
    assert b"secret-code" not in name
    assert "secret-code" not in str(await centre.all_leaves())

    clock.advance(days=28)
    await centre.site.sweep()
    assert await centre.rows("SELECT FROM agent_calls") == []


async def test_without_the_wish_no_agent_is_counted(house):
    await house.start_call("call-1", agent="blue")

    assert await house.rows("SELECT FROM agent_calls") == []
    assert "p" not in (await house.leaves("DRAW"))[0]


async def test_a_campaign_begun_anew_counts_agents_anew(centre, clock):
    policy = centre.policy(**RARELY, coverage=COVERAGE)
    await centre.open(policy=policy)
    await centre.start_call("call-1", agent="blue")

    await approve(centre.site.governance, policy | {"starts_on": clock().date()})
    for hours in (23, 1):
        clock.advance(hours=hours)
        await centre.site.tend()
    await centre.start_call("call-2", agent="blue")

    assert await centre.rows("SELECT seen FROM agent_calls") == [(1,), (1,)]
