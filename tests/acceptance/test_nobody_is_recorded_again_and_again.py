"""Agents and callers have caps of their own; a cap may only lower a chance (R4)."""

import asyncio

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.agents import had
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import CALLER, LINE, wav


async def recorded_call(centre, **who):
    """Place calls until one is drawn, and keep a recording of it."""
    while not (call := await centre.start_call(**who)).is_record:
        pass
    await centre.tell("call.announced", call)
    assert (await centre.upload(call.decision_id, wav())).status == 201
    return call


async def draws_of(centre, calls):
    """The newest draws' leaves: of these calls, if they were placed last."""
    return (await centre.leaves("DRAW"))[-len(calls) :]


async def place(centre, number, *, services=(None,), **who):
    return await asyncio.gather(
        *(
            centre.start_call(service=services[n % len(services)], **who)
            for n in range(number)
        )
    )


async def the_auditor_agrees(centre, clock):
    clock.advance(hours=2)
    site = centre.site
    await site.tend()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, clock())
    assert (found["status"], found["findings"]) == (0, [])
    return found


# --- Callers --------------------------------------------------------------------------


async def test_a_caller_with_a_recording_is_not_drawn_again_until_it_is_deleted(
    house, clock
):
    call = await recorded_call(house, caller=CALLER)

    again = await place(house, 20, caller=CALLER)
    leaves = await draws_of(house, again)
    assert {(leaf["T"], leaf["x"]) for leaf in leaves} == {("0" * 16, "cap_caller")}
    assert (await house.counts())["excluded", "cap_caller"] == 20
    [other] = await draws_of(house, await place(house, 1))
    assert int(other["T"], 16)
    assert (await the_auditor_agrees(house, clock))["excluded"] == {"cap_caller": 20}

    await house.tell("call.opt_out", call)
    assert await house.rows("SELECT FROM recordings") == []
    kept = "SELECT FROM recorded_callers WHERE decision_id = $1"
    assert await house.rows(kept, call.decision_id) == []
    [free] = await draws_of(house, await place(house, 1, caller=CALLER))
    assert "x" not in free


async def test_a_recording_that_ends_on_time_frees_its_caller(house, clock):
    await recorded_call(house, caller=CALLER)
    clock.advance(days=32)
    await house.site.sweep()

    assert await house.rows("SELECT FROM recorded_callers") == []


async def test_between_draw_and_recording_the_cap_holds_and_ends_with_a_failure(house):
    call = (await house.drawn_call()).call_id
    drawn = house.started(call)["caller"]

    [held] = await draws_of(house, await place(house, 1, caller=drawn))
    assert held["x"] == "cap_caller"

    assert (await house.send("call.ended", {"call_id": call})).status == 204
    [free] = await draws_of(house, await place(house, 1, caller=drawn))
    assert "x" not in free


async def test_of_calls_of_one_caller_at_once_at_most_one_is_drawn(centre):
    first = await centre.open()
    second = await centre.open()

    for _ in range(4):
        await place(centre, 40, services=(first, second), caller=CALLER)

    assert sum(leaf["d"] for leaf in await centre.leaves("DRAW")) == 1
    assert len(await centre.rows("SELECT FROM recorded_callers")) == 1


async def test_a_number_is_the_same_however_it_is_written(house):
    await recorded_call(house, caller="+33 6 12 34 56 78")

    for written in ("0612345678", "0033612345678", "sip:+33612345678@pbx.example"):
        [leaf] = await draws_of(house, await place(house, 1, caller=written))
        assert leaf["x"] == "cap_caller"


async def test_whoever_was_recorded_when_calling_is_not_when_called(house):
    await recorded_call(house, caller=CALLER)

    call = await place(house, 1, direction="outbound", caller=LINE, callee=CALLER)
    [leaf] = await draws_of(house, call)
    assert leaf["x"] == "cap_caller"


@pytest.mark.parametrize("withheld", ["", "anonymous", "+266696687", " ", "12"])
async def test_who_withholds_the_number_has_no_cap_and_no_name(house, withheld):
    await recorded_call(house, caller=withheld)

    [leaf] = await draws_of(house, await place(house, 1, caller=withheld))
    assert "x" not in leaf
    assert await house.rows("SELECT FROM recorded_callers") == []


async def test_a_caller_has_another_name_next_month_and_is_known_all_the_same(
    house, clock
):
    await recorded_call(house, caller=CALLER)
    [(name,)] = await house.rows("SELECT caller_key FROM recorded_callers")
    keys = house.site.keys
    assert await keys.caller_months() == ["2026-11"]

    clock.advance(days=14)
    await house.site.tend()
    await recorded_call(house)
    names = await house.rows("SELECT caller_key FROM recorded_callers")
    assert len(set(names)) == 2
    [leaf] = await draws_of(house, await place(house, 1, caller=CALLER))
    assert leaf["x"] == "cap_caller"
    assert await keys.caller_months() == ["2026-11", "2026-12"]
    assert await house.rows("SELECT caller_key FROM recorded_callers") != [(name,)]

    clock.advance(days=19)
    await house.site.tend()
    await house.site.sweep()
    await house.site.tend()
    assert await keys.caller_months() == ["2026-12"]


async def test_a_call_that_is_not_drawn_leaves_no_name_of_its_caller(house):
    while (await house.skipped_call()).is_record:
        pass
    drawn = sum(leaf["d"] for leaf in await house.leaves("DRAW"))

    assert len(await house.rows("SELECT FROM recorded_callers")) == drawn
    assert "caller" not in str(await house.rows("SELECT * FROM waiting_binds"))


async def test_without_a_key_to_name_callers_by_nobody_is_drawn(house):
    await house.start_call()
    file = house.data_dir / "keys" / "clinic" / "caller-2026-11.key"
    file.write_bytes(b"short")
    house.site.caller_names._read_at = None

    reply = await house.send("call.started", house.started("call-1"))
    assert reply.body["decision"] == "skip"
    assert len(await house.leaves("DRAW")) == 1


# --- Agents ---------------------------------------------------------------------------


async def test_an_agents_chance_is_halved_and_then_stopped_on_both_replicas(
    centre, clock
):
    first = await centre.open()
    second = await centre.open()

    for _ in range(12):
        await place(centre, 20, services=(first, second), agent="agent-blue")

    leaves = await centre.leaves("DRAW")
    drawn = sum(leaf["d"] for leaf in leaves)
    free = [leaf for leaf in leaves if "x" not in leaf]
    capped = [leaf for leaf in leaves if leaf.get("x") == "cap_agent"]
    lowered = [leaf for leaf in capped if int(leaf["T"], 16)]
    assert len(free) == 2  # two a day of a new agent: 60 a month
    assert len(free) + len(capped) == len(leaves) == 240
    highest = max(int(leaf["T"], 16) for leaf in free)
    assert all(int(leaf["T"], 16) <= highest >> 1 for leaf in lowered)
    assert lowered
    assert drawn <= 4
    assert await centre.value("SELECT seen FROM agent_days") == [240]
    assert await centre.value("SELECT count(*) FROM agent_draws") == drawn

    # Lowered is not excluded: only calls without a chance are.
    stopped = len(capped) - len(lowered)
    counts = await centre.counts()
    assert counts["excluded", "cap_agent"] == stopped
    found = await the_auditor_agrees(centre, clock)
    assert found["excluded"] == {"cap_agent": len(capped)}


async def test_an_agent_at_the_cap_is_not_drawn_and_others_are(house):
    await house.start_call(agent="agent-blue")
    await had(house, "agent-blue", 3, 0)

    leaves = await draws_of(house, await place(house, 10, agent="agent-blue"))
    assert {(leaf["T"], leaf["x"]) for leaf in leaves} == {("0" * 16, "cap_agent")}
    [other] = await draws_of(house, await place(house, 1, agent="agent-green"))
    assert int(other["T"], 16)
    [unnamed] = await draws_of(house, await place(house, 1))
    assert "x" not in unnamed


async def test_an_agents_code_is_not_kept_and_the_days_end_after_a_month(house, clock):
    await house.start_call(agent="agent-of-secret-code")
    await had(house, "agent-of-secret-code", 0)
    for table in ("agent_days", "agent_draws"):
        assert "secret-code" not in str(await house.rows(f"SELECT * FROM {table}"))  # noqa: S608  # a name of ours
    day = await house.value("SELECT day FROM agent_days")
    for _ in range(2):
        clock.advance(days=15)
        await house.site.sweep()
    [kept] = await house.rows("SELECT day, seen FROM agent_days")
    assert tuple(kept) == (day, [1])
    assert await house.value("SELECT day FROM agent_draws") == day

    clock.advance(days=1)
    await house.site.sweep()
    assert await house.rows("SELECT FROM agent_days") == []
    assert await house.rows("SELECT FROM agent_draws") == []


async def test_an_idle_agents_oldest_days_are_forgotten_first(house, clock):
    await house.start_call(agent="agent-blue")
    day = await house.value("SELECT day FROM agent_days")
    await house.rows("UPDATE agent_days SET seen = $1", [2] * 31)
    await house.rows("DELETE FROM agent_draws")
    await had(house, "agent-blue", 30, 5)
    clock.advance(days=10)
    await house.site.sweep()

    assert await house.value("SELECT seen FROM agent_days") == [2] * 21
    assert await house.value("SELECT array_agg(day) FROM agent_draws") == [day - 5]


async def test_calls_behind_a_closed_gate_leave_no_trace_of_their_agent(house):
    await house.start_call(agent="agent-blue", line="+33140009999")

    assert await house.rows("SELECT FROM agent_days") == []


async def test_a_service_begun_anew_knows_its_agents_days(house):
    await house.start_call(agent="agent-blue")
    await house.close()
    await house.open()
    await house.start_call(agent="agent-blue")

    assert await house.value("SELECT seen FROM agent_days") == [2]
