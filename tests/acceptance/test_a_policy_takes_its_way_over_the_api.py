"""Operators propose, the officer approves, and the API keeps to the same rules."""

import asyncio
import threading

import pytest

from proxy.policy_document import PolicyPart
from sampling.simulate import simulate
from tests.fakes.api import asker, with_people
from tests.fakes.faulty_wire import FaultyWire

MORE = {"rate": "1.5%", "starts_on": "2026-11-19"}
LESS = {"rate": "0.5%", "burst": 10, "smooth": 1, "starts_on": "2026-11-17"}
TRAFFIC = {"agents": 4, "calls_per_agent": 50}
TRIAL = {"traffic": TRAFFIC, "replications": 20}
LONG_TRIAL = {
    "document": MORE,
    "traffic": {"agents": 40, "calls_per_agent": 150},
    "replications": 10_000,
}
WHY = {"justification": "two new people are to be trained"}


@pytest.fixture
async def people(centre):
    """Two operators and the officer, of a site where 1 % is in force."""
    await centre.open(sites=with_people(centre))
    return [asker(centre, who) for who in ("olga", "oleg", "dora")]


async def drafted(person, document):
    answer = await person.post("/policies", document)
    assert answer.status == 201, answer
    return answer.body


async def moved(person, policy, move, **body):
    """The policy after a move that must succeed."""
    answer = await person.post(f"/policies/{policy['number']}/{move}", body)
    assert answer.status == 200, answer
    return answer.body


async def proposed(person, document):
    policy = await drafted(person, document)
    policy = await moved(person, policy, "simulate", digest=policy["digest"], **TRIAL)
    return await moved(person, policy, "propose", digest=policy["digest"], **WHY)


async def test_an_increase_takes_two_people_and_a_day(people, centre, clock):
    olga, oleg, dora = people
    policy = await proposed(olga, MORE)
    assert (policy["state"], policy["is_increase"]) == ("proposed", True)
    approval = {"digest": policy["digest"]}
    path = f"/policies/{policy['number']}/approve"

    by_proposer = await olga.post(path, approval)
    by_operator = await oleg.post(path, approval)
    by_officer = await dora.post(path, approval)

    assert (by_proposer.status, by_proposer.problem) == (403, "forbidden-role")
    assert (by_operator.status, by_operator.problem) == (403, "forbidden-role")
    assert by_officer.body["state"] == "approved"
    assert centre.site.calls.policy.rate_ppm == 10_000
    clock.advance(hours=25)
    await centre.site.tend()
    clock.advance(hours=1)
    assert centre.site.calls.policy.rate_ppm == 15_000


async def test_a_decrease_is_an_operators_own_affair(people, centre, clock):
    olga, *_ = people
    policy = await drafted(olga, LESS)
    policy = await moved(olga, policy, "propose", digest=policy["digest"], **WHY)

    approved = await moved(olga, policy, "approve", digest=policy["digest"])

    assert not approved["is_increase"]
    clock.advance(hours=1)
    assert centre.site.calls.policy.rate_ppm == 5_000


async def test_nobody_approves_a_text_that_has_changed(people):
    olga, _, dora = people
    draft = await drafted(olga, MORE)
    new = {"document": MORE | {"rate": "1.9%"}, "digest": draft["digest"]}
    path = f"/policies/{draft['number']}"

    edited = await olga.ask("PUT", path, new)
    again = await olga.ask("PUT", path, new)
    approved = await dora.post(f"{path}/approve", {"digest": draft["digest"]})

    assert edited.status == 200
    assert (again.status, again.problem) == (409, "stale-document")
    assert (approved.status, approved.problem) == (409, "stale-document")


async def test_of_two_approvals_at_once_one_counts(people):
    olga, _, dora = people
    policy = await proposed(olga, MORE)
    path, body = f"/policies/{policy['number']}/approve", {"digest": policy["digest"]}

    answers = await asyncio.gather(*(dora.post(path, body) for _ in range(4)))

    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409]


async def test_what_is_approved_over_the_api_is_what_the_command_line_sees(
    people, centre
):
    olga, _, dora = people
    policy = await proposed(olga, MORE)

    await moved(dora, policy, "refuse", reason="half of it is enough")

    found = await centre.site.governance.find(policy["number"])
    assert (found.state, found.reason) == ("refused", "half of it is enough")
    told = (await dora.get(f"/policies/{policy['number']}/history")).body["items"]
    assert [event["move"] for event in told] == [
        "draft",
        "simulate",
        "propose",
        "refuse",
    ]


async def test_the_text_that_is_read_can_be_written_back(people):
    olga, *_ = people
    draft = await drafted(olga, {"preset": "small", "starts_on": "2026-11-19"})

    edited = await olga.ask(
        "PUT",
        f"/policies/{draft['number']}",
        {"document": draft["document"], "digest": draft["digest"]},
    )

    assert edited.status == 200
    assert edited.body["document"] == draft["document"]
    PolicyPart.model_validate(draft["document"])


async def test_a_stop_works_at_once_and_ends_with_the_epoch(people, centre, clock):
    olga, *_ = people

    stopped = await olga.post("/stop", {"reason": "the announcement is not played"})
    resumed = await olga.post("/resume")

    assert [each["party"] for each in stopped.body["stops"]] == ["operator"]
    assert resumed.body["stops"][0]["resumes_from_epoch"] is not None
    clock.advance(hours=1)
    await centre.site.tend()
    assert (await olga.get("/stops")).body == {"stops": []}


async def test_an_incident_goes_from_being_noticed_to_its_end(people):
    _, _, dora = people
    opened = (await dora.post("/incidents", {"nature": "a disk was lost"})).body
    path = f"/incidents/{opened['incident_id']}"

    early = await dora.post(f"{path}/close", {"outcome": "found"})
    await dora.post(f"{path}/notes", {"note": "the courier was asked"})
    await dora.post(f"{path}/description", {"risk": "unlikely"})
    draft = (await dora.get(f"{path}/notification")).body
    decision = {"decision": "not_notify", "reason": "it is encrypted"}
    await dora.post(f"{path}/decision", decision)
    closed = await dora.post(f"{path}/close", {"outcome": "found, unopened"})

    assert (early.status, early.problem) == (409, "incident-step")
    assert opened["hours_left"] == 72
    assert "consequences" in draft["missing"]
    assert "art. 33" in draft["text"]
    assert closed.body["hours_left"] is None
    whole = (await dora.get(path)).body
    assert {note["actor"] for note in whole["notes"]} == {"dora"}
    assert (await dora.get("/incidents")).body["items"] == []
    assert len((await dora.get("/incidents?state=closed")).body["items"]) == 1


async def test_closed_gates_are_told_in_words(people):
    olga, *_ = people

    groups = (await olga.get("/gates")).body["groups"]

    told = {group["group"]: group["code"] for group in groups}
    assert told == {"cardio": None, "unlawful": "no_basis"}
    [missing] = [
        condition["words"]["english"]
        for condition in groups[1]["conditions"]
        if condition["state"] == "missing"
    ]
    assert "Art. 9" in missing


async def test_the_breaker_opens_by_itself_and_two_people_close_it(
    people, centre, clock
):
    olga, _, dora = people
    none = await olga.post("/breaker/close")
    await centre.site.monitors._breaker.open(["sr"], 0)

    is_open = (await olga.get("/breaker")).body["is_open"]
    first = (await olga.post("/breaker/close")).body
    second = (await dora.post("/breaker/close")).body

    assert (none.status, none.problem) == (409, "wrong-state")
    assert is_open
    assert (first["missing"], second["missing"]) == (["dpo"], [])
    clock.advance(hours=1)
    await centre.site.tend()
    assert not (await dora.get("/breaker")).body["is_open"]


async def test_monitors_say_what_they_see_and_only_alarms_are_decided_about(people):
    olga, _, dora = people

    seen = (await olga.get("/monitors")).body
    decided = await dora.post("/monitors/agent/decide", {"decision": "tests"})

    assert not any(each["is_alarm"] for each in seen["monitors"])
    assert (decided.status, decided.problem) == (409, "no-alarm")


async def test_a_day_is_compared_on_demand(people):
    olga, *_ = people

    too_early = await olga.post("/reconciliations", {"day": "2026-11-18"})
    done = (await olga.post("/reconciliations", {})).body
    last = (await olga.get("/reconciliations")).body

    assert (too_early.status, too_early.problem) == (409, "cannot-reconcile")
    told = {each["connection"]: each["problem"] for each in done["connections"]}
    assert told.keys() == {"pbx", "other-pbx"}
    assert told["other-pbx"] == "no-call-list"
    assert done["inventory"]["is_clean"]
    assert (last["connections"], last["inventory"]["strays"]) == ([], 0)
    assert last["inventory"]["actor"] == "olga"


async def test_calls_go_on_while_a_simulation_runs_and_a_second_one_waits(
    people, centre, monkeypatch
):
    olga, oleg, _ = people
    may_end = threading.Event()

    def simulate_and_wait(*asked):
        """However slow all the others are, it is not over before they are."""
        figures = simulate(*asked)
        assert may_end.wait(30)
        return figures

    monkeypatch.setattr("proxy.api.simulations.simulate", simulate_and_wait)
    trials = {
        asyncio.create_task(person.post("/simulations", LONG_TRIAL))
        for person in (olga, oleg)
    }

    [second], [running] = await asyncio.wait(trials, return_when="FIRST_COMPLETED")
    await centre.start_call()

    refused = second.result()
    assert (refused.status, refused.problem) == (429, "busy")
    assert refused.headers["Retry-After"] == "5"
    assert not running.done()
    may_end.set()
    assert (await running).body["replications"] == 10_000
    again = await oleg.post("/simulations", LONG_TRIAL | {"replications": 1})
    assert again.status == 200


async def test_a_simulation_that_would_take_too_long_is_refused(people):
    olga, *_ = people
    long = LONG_TRIAL | {"traffic": {"agents": 500, "calls_per_agent": 200}}
    large = LONG_TRIAL | {"traffic": {"agents": 2_000, "calls_per_agent": 500}}

    answers = [await olga.post("/simulations", each) for each in (long, large)]

    assert {answer.status for answer in answers} == {422}
    [too_long], [too_large] = [answer.body["errors"] for answer in answers]
    assert too_long["fix"] == "at most 1,000 with so many calls and agents"
    assert too_large["fix"].startswith("at most 100,000 calls in all")


async def test_without_its_database_it_says_so_and_when_to_ask_again(centre, dsn):
    async with FaultyWire(dsn) as wire:
        await centre.open(sites=with_people(centre), dsn=wire.dsn)
        await wire.cut()

        answer = await asker(centre).get("/policies")

        assert (answer.status, answer.problem) == (503, "database-unavailable")
        assert answer.headers["Retry-After"] == "5"
        assert "Traceback" not in answer.text
        await wire.mend()


async def test_a_move_whose_answer_was_lost_is_made_once(centre, dsn):
    async with FaultyWire(dsn) as wire:
        await centre.open(sites=with_people(centre), dsn=wire.dsn)
        olga = asker(centre)
        draft = await drafted(olga, LESS)
        body = {"digest": draft["digest"]} | WHY
        path = f"/policies/{draft['number']}/propose"
        wire.lose_commit_of(WHY["justification"].encode())

        unheard = await olga.post(path, body)
        again = await olga.post(path, body)

        assert (unheard.status, wire.lost) == (503, 1)
        assert (again.status, again.problem) == (409, "wrong-state")
        policy = (await olga.get(f"/policies/{draft['number']}")).body
        assert (policy["state"], policy["proposer"]) == ("proposed", "olga")


async def test_before_it_is_ready_it_says_so(centre, dsn):
    async with FaultyWire(dsn) as wire:
        await wire.cut()
        await centre.open_unready(sites=with_people(centre), dsn=wire.dsn)

        answer = await asker(centre).get("/policies")

        assert (answer.status, answer.problem) == (503, "not-ready")
        await wire.mend()
