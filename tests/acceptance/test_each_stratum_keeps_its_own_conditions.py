"""A stratum's rate, budget, lengths and dates hold for its own calls alone."""

import asyncio
from datetime import timedelta

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import LINE, OUTBOUND_LINE

OWN_RATE = {"rate": "5%", "ceiling": "6%", "burst": 40, "smooth": 1}
STRATA = {
    "vip_in": {"queues": ["vip"], "max_seconds": 60, "kept_days": 7} | OWN_RATE,
    "new_in": {"agent_groups": ["new"], "rate": "2%", "purpose": "quality"},
}


def T_of(ppm):  # noqa: N802  # as the leaf has it
    return f"{(ppm << 64) // 10**6:016x}"


async def found_by_an_auditor(centre, clock):
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    return await asyncio.to_thread(verdict, centre.folder, raw, rules, clock())


async def test_calls_are_drawn_by_the_conditions_of_their_stratum(centre):
    await centre.open(policy=centre.policy(strata=STRATA))

    await centre.start_call("call-1", queue="vip")
    await centre.start_call("call-2", queue="day", agent_group="new")
    await centre.start_call("call-3", queue="day")
    await centre.start_call("call-4", queue="vip", direction="outbound")
    await centre.start_call("call-5", queue="vip", agent_group="new")

    draws = await centre.leaves("DRAW")
    assert [leaf["s"] for leaf in draws] == [
        *("vip_in", "new_in", "cardio_in", "cardio_out"),
        "vip_in",  # both strata want it: one draw, at the higher rate
    ]
    assert [leaf["T"] for leaf in draws[:2]] == [T_of(50_000), T_of(20_000)]
    rows = await centre.rows(
        "SELECT DISTINCT stratum, max_seconds, kept_days, purpose FROM calls"
        " ORDER BY stratum"
    )
    assert [tuple(row) for row in rows] == [
        ("cardio_in", 600, 30, "training"),
        ("cardio_out", 600, 30, "training"),
        ("new_in", 600, 30, "quality"),
        ("vip_in", 60, 7, "training"),
    ]


async def test_a_recording_of_a_stratum_ends_when_the_stratum_says(centre, clock):
    policy = centre.policy(strata={"vip_in": {"queues": ["vip"], "max_seconds": 60}})
    await centre.open(policy=policy)

    while True:
        reply = await centre.send(
            "call.started", centre.started(f"call-{clock()}", queue="vip")
        )
        clock.advance(seconds=1)
        if reply.body["decision"] == "record":
            break

    assert reply.body["max_seconds"] == 60


async def test_replicas_restarts_and_the_auditor_agree_on_strata(centre, clock):
    policy = centre.policy(strata=STRATA)
    first = await centre.open(policy=policy)
    second = await centre.open(policy=policy)
    for number in range(40):
        await asyncio.gather(
            centre.start_call(f"call-a{number}", queue="vip", service=first),
            centre.start_call(f"call-b{number}", service=second),
            centre.start_call(f"call-c{number}", agent_group="new", service=second),
        )
    await centre.close()
    await centre.open(policy=policy)
    await centre.start_call("call-again", queue="vip")
    await centre.start_call("call-a0")
    clock.advance(hours=2)
    await centre.site.tend()

    found = await found_by_an_auditor(centre, clock)

    assert (found["status"], found["findings"]) == (0, [])
    assert found["draws"] == 121, "a call keeps its draw, whatever stratum it rings in"
    [version] = found["policies"]
    assert version["strata"] == {"new_in": 20_000, "vip_in": 50_000}
    assert (version["version"], version["approvals"]) == (1, 0)


async def test_a_stratum_ends_for_itself_alone(centre, clock):
    ends_on = clock().date()
    ended = {"vip_in": {"queues": ["vip"], "ends_on": ends_on}}
    await centre.open(policy=centre.policy(strata=ended))

    await centre.start_call("call-1", queue="vip")
    await centre.start_call("call-2")

    [over, running] = await centre.leaves("DRAW")
    assert (over["s"], over["x"]) == ("vip_in", "campaign_ended")
    assert (running["s"], "x" in running) == ("cardio_in", False)


@pytest.mark.parametrize(
    "call",
    [{"line": OUTBOUND_LINE}, {"agent": "Agent-7"}],
    ids=["the line", "the agent"],
)
async def test_who_the_policy_leaves_out_is_never_drawn_and_the_reason_is_neutral(
    centre, call
):
    policy = centre.policy(excluded_lines=[OUTBOUND_LINE], excluded_agents=["Agent-7"])
    await centre.open(policy=policy)

    await centre.start_call("call-1", **call)
    await centre.start_call("call-2", line=LINE, agent="Agent-8")

    [excluded, drawn] = await centre.leaves("DRAW")
    assert (excluded["x"], excluded["T"], excluded["d"]) == (
        "line_excluded",
        "0" * 16,
        0,
    )
    assert "x" not in drawn
    told = str(await centre.all_leaves())
    assert "Agent-7" not in told
    assert OUTBOUND_LINE not in told


async def test_a_call_that_reaches_somebody_left_out_is_recorded_no_longer(centre):
    await centre.open(policy=centre.policy(excluded_agents=["Agent-7"]))
    call = await centre.drawn_call(is_announced=True)

    leg = await centre.start_call("leg", root_call_id=call.call_id, agent="Agent-7")

    assert not leg.is_record
    assert await centre.outcome(call) == ("failed", "private")
    assert len(await centre.leaves("DRAW")) == await centre.value(
        "SELECT count(*) FROM calls"
    )
    again = await centre.start_call(call.call_id)
    assert (again.decision_id, again.is_record) == (call.decision_id, False)


async def test_agents_of_a_stratum_with_a_wish_of_its_own_are_counted_apart(
    centre, clock
):
    wish = {"at_least": 1, "calls_per_agent": 10, "lowest": "0.5%", "highest": "5%"}
    own = {"queues": ["vip"], "rate": "1%", "coverage": wish}
    await centre.open(policy=centre.policy(strata={"vip_in": own}))

    await centre.start_call("call-1", queue="vip", agent="blue")
    await centre.start_call("call-2", queue="vip", agent="blue")
    await centre.start_call("call-3", agent="blue")

    draws = await centre.leaves("DRAW")
    assert ["p" in leaf for leaf in draws] == [True, True, False]
    assert draws[0]["p"] == 50_000
    [(name, seen)] = await centre.rows("SELECT agent_key, seen FROM agent_calls")
    assert seen == 2
    assert name != centre.site.keys.name_agent("blue")

    clock.advance(days=28)
    await centre.site.sweep()
    assert await centre.rows("SELECT FROM agent_calls") == []


async def test_a_longer_campaign_of_a_stratum_does_not_forget_its_agents(centre, clock):
    wish = {"at_least": 1, "calls_per_agent": 10, "lowest": "0.5%", "highest": "5%"}
    own = {
        "queues": ["vip"],
        "rate": "1%",
        "coverage": wish,
        "ends_on": clock().date() + timedelta(days=60),
    }
    policy = centre.policy(strata={"vip_in": own})
    await centre.open(policy=policy)
    await centre.start_call("call-1", queue="vip", agent="blue")

    clock.advance(days=28)
    await centre.site.sweep()
    await centre.close()
    await centre.open(policy=policy)  # which sweeps before anything else

    assert await centre.value("SELECT seen FROM agent_calls") == 1
