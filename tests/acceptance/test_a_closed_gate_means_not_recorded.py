"""A missing precondition makes the probability 0, and the ledger says which (R16)."""

from datetime import timedelta

import pytest

from tests.fakes.call_centre import EXCLUDED_LINE, LINE, UNLAWFUL_LINE, CallCentre

CALLS = 20


async def _everything_is_skipped(
    centre: CallCentre, line: str, code: str, stratum: str
) -> None:
    calls = [await centre.start_call(line=line) for _ in range(CALLS)]

    assert {call.decision for call in calls} == {"skip"}
    draws = await centre.leaves("DRAW")
    assert len(draws) == CALLS
    assert {(leaf["x"], leaf["T"], leaf["d"]) for leaf in draws} == {
        (code, "0" * 16, 0)
    }
    counts = await centre.counts()
    assert counts["excluded", code] == counts["calls", stratum] == CALLS
    assert counts["selected", stratum] == 0


@pytest.mark.parametrize(
    ("line", "code", "stratum"),
    [
        pytest.param(EXCLUDED_LINE, "line_excluded", "cardio_in", id="excluded line"),
        pytest.param(UNLAWFUL_LINE, "no_basis", "unlawful_in", id="no legal basis"),
        pytest.param("+33199999999", "no_basis", "other_in", id="unknown line"),
    ],
)
async def test_a_line_that_may_not_be_recorded_never_is(house, line, code, stratum):
    await _everything_is_skipped(house, line, code, stratum)


async def test_without_a_policy_nothing_is_recorded(centre):
    await centre.open(policy=None)

    await _everything_is_skipped(centre, LINE, "policy_none", "cardio_in")


@pytest.mark.parametrize(
    "days_from_now",
    [pytest.param(-40, id="ended"), pytest.param(2, id="not begun")],
)
async def test_outside_its_campaign_nothing_is_recorded(centre, clock, days_from_now):
    start = clock().date() + timedelta(days=days_from_now)
    await centre.open(policy=centre.policy(starts_on=start))

    await _everything_is_skipped(centre, LINE, "campaign_ended", "cardio_in")


async def test_a_campaign_ends_while_the_service_runs(house, clock):
    await house.drawn_call()
    drawn = (await house.counts())["selected", "cardio_in"]

    clock.advance(days=27)
    await house.site.tend()
    calls = [await house.start_call() for _ in range(50)]

    assert {call.decision for call in calls} == {"skip"}
    counts = await house.counts()
    assert counts["selected", "cardio_in"] == drawn
    assert counts["excluded", "campaign_ended"] == len(calls)


async def test_a_policy_that_was_taken_away_draws_nothing_more(centre):
    await centre.open()
    await centre.drawn_call()
    await centre.close()

    await centre.open(policy=None)

    calls = [await centre.start_call() for _ in range(CALLS)]
    assert {call.decision for call in calls} == {"skip"}
    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [90_000, 0]


async def test_a_replica_begun_with_another_policy_draws_under_the_one_in_force(
    centre,
):
    old = await centre.open()
    await centre.open(policy=centre.policy(rate="1%"))

    call = await centre.start_call("call-1", service=old)

    assert call.decision_id
    [leaf] = await centre.leaves("DRAW")
    assert int(leaf["T"], 16) == 2**64 // 100
    assert old.sites["clinic"].schedule.newest.rate_ppm == 10_000
