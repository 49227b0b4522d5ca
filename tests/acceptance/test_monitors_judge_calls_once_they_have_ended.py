"""What came of a call is judged when it can be known, by what was seen, and once."""

import asyncio
import json

import pytest

from proxy.errors import PonctuelError
from proxy.incidents.words import IncidentTextError
from proxy.intake.sightings import Source
from proxy.monitoring import walking
from proxy.monitoring.service import NoAlarmError
from sampling.monitoring.observations import Monitor
from tests.fakes.call_centre import EXCLUDED_LINE
from tests.fakes.monitors import (
    USUAL,
    alarms,
    call_key,
    ended_calls,
    figures,
    judged,
    report_recording,
    state,
    watch,
)


@pytest.fixture
async def house(centre):
    """A call centre whose service runs under a usual policy, not to record anything."""
    await centre.open(policy=centre.policy(**USUAL))
    return centre


async def placed(house, number):
    """How many calls were placed to get so many that were not drawn."""
    await ended_calls(house, number)
    return await house.value("SELECT count(*) FROM calls")


async def test_a_call_is_judged_some_minutes_after_its_end(house, clock):
    calls = await placed(house, 5)
    await watch(house)
    assert await judged(house) == (0, 0)

    clock.advance(minutes=6)
    await watch(house)
    await watch(house)

    assert await judged(house) == (calls, 0)


async def one_that_goes_on(house):
    """Not drawn; whatever was drawn by chance before it is over."""
    while (call := await house.start_call()).is_record:
        await house.tell("call.ended", call)
    return call


async def test_one_that_goes_on_keeps_those_after_it_waiting(house, clock):
    first = await one_that_goes_on(house)
    before = await house.value("SELECT count(*) FROM calls") - 1
    await placed(house, 3)
    clock.advance(minutes=6)
    await watch(house)
    assert (await judged(house))[0] <= before

    await house.tell("call.ended", first)
    clock.advance(minutes=6)
    await watch(house)

    calls = await house.value("SELECT count(*) FROM calls")
    assert await judged(house) == (calls, 0)


async def test_a_platform_that_reports_no_ends_is_waited_for_an_hour(house, clock):
    await house.start_call(line=EXCLUDED_LINE)  # one drawn has its outcome to come
    clock.advance(minutes=59)
    await watch(house)
    assert (await judged(house))[0] == 0

    clock.advance(minutes=2)
    await watch(house)

    assert (await judged(house))[0] >= 1


async def test_of_more_calls_at_once_than_can_be_waited_for_the_ceiling_judges_all(
    house, monkeypatch
):
    monkeypatch.setattr(walking, "MOST_AHEAD", 6)
    await asyncio.gather(*(house.start_call(agent="blue") for _ in range(40)))

    for _ in range(30):
        await watch(house)

    known, _ = await judged(house)
    assert known >= 30
    detectors = (await state(house))[1]["settled"]["detectors"]
    assert all(each["groups"] == [] for each in detectors.values())


async def test_a_drawn_call_is_judged_when_it_has_its_outcome(centre, clock):
    house = centre
    await house.open()
    call = await house.drawn_call()
    await house.rows("UPDATE calls SET ended_at = $1", clock())
    clock.advance(minutes=6)
    await watch(house)
    place = await house.value(
        "SELECT draw_seq FROM calls WHERE decision_id = $1::uuid", call.decision_id
    )
    assert (await state(house))[0] <= place

    await house.tell("call.opt_out", call)
    await house.rows(
        "UPDATE calls SET outcome = 'objected' WHERE is_record AND outcome IS NULL"
    )
    await watch(house)

    position, kept = await state(house)
    assert position > place
    detectors = kept["settled"]["detectors"]
    assert detectors["failure"]["groups"] == []  # who refuses is no fault of ours


async def test_who_took_a_call_is_noted_under_a_name_that_is_none(house, clock):
    await ended_calls(house, 3, agent="agent-blue")
    await ended_calls(house, 3)
    clock.advance(minutes=6)

    await watch(house)

    _, kept = await state(house)
    [group] = kept["settled"]["detectors"]["agent"]["groups"]
    assert group == house.site.keys.name_agent("agent-blue").hex()
    assert "agent-blue" not in json.dumps(kept)
    assert await house.value("SELECT count(*) FROM call_agents") >= 3


async def test_one_of_ten_agents_always_recorded_is_an_alarm(house, clock):
    for _ in range(6):
        for agent in range(10):
            call = await house.start_call(agent=f"agent-{agent}")
            await house.tell("call.ended", call)
            if agent == 7:
                await report_recording(house, call)
    clock.advance(hours=5)
    await house.site.tend()

    await watch(house)

    assert alarm_of(await alarms(house), "agent")
    assert not (await figures(house))["breaker_open", "sr"]


def alarm_of(references, monitor):
    return [each for each in references if each.startswith(f"{monitor}-")]


# --- What comes to light later --------------------------------------------------------


async def test_a_recording_found_the_next_day_is_judged_in_its_place(house, clock):
    calls = await ended_calls(house, 8)
    clock.advance(hours=5)
    await house.site.tend()
    await watch(house)
    number, _ = await judged(house)
    position, _ = await state(house)

    clock.advance(days=1)
    keys = [await call_key(house, call) for call in calls]
    assert await house.site.sightings.observe(keys, Source.CDR) == 8
    assert await house.site.sightings.observe(keys, Source.CDR) == 0
    await watch(house)

    assert await judged(house) == (number, 8)
    assert (await state(house))[0] >= position
    assert (await figures(house))["breaker_open", "sr"]
    await house.start_call()
    assert (await house.leaves("DRAW"))[-1]["x"] == "breaker"


async def test_what_we_have_recorded_ourselves_is_no_news(centre):
    house = centre
    await house.open()
    call = await house.drawn_call(is_announced=True)
    await house.rows("UPDATE calls SET outcome = 'recorded' WHERE is_record")

    new = await house.site.sightings.observe(
        [await call_key(house, call)], Source.INVENTORY
    )

    assert new == 0


async def test_a_recording_too_old_to_be_judged_in_its_place_counts_where_it_is_found(
    house, clock
):
    [call] = await ended_calls(house, 1)
    for _ in range(12):
        clock.advance(days=1)
        await watch(house)
    number, _ = await judged(house)
    assert number >= 1
    assert await house.value("SELECT count(*) FROM monitor_states") == 9

    await house.site.sightings.observe([await call_key(house, call)], Source.CDR)
    await watch(house)
    assert (await figures(house))["recorded_ratio_window", "100"] == 0.01

    await house.site.tend()
    clock.advance(days=1)
    await ended_calls(house, 1)
    clock.advance(hours=5)
    await house.site.tend()
    for _ in range(3):
        await watch(house)

    assert (await judged(house))[1] == 1
    assert await alarms(house) == []


# --- What people decide ---------------------------------------------------------------


async def alarmed(house, clock):
    """An alarm: a call that could not be drawn was recorded."""
    call = await house.start_call(line="+33140000003")
    await report_recording(house, call)
    assert await alarms(house) == ["direction-0"]
    clock.advance(hours=5)
    await house.site.tend()
    await watch(house)


async def test_the_dpo_decides_and_the_monitor_begins_anew(house, clock):
    await alarmed(house, clock)

    await house.site.monitors.decide("dpo-1", Monitor.DIRECTION, "A test of the PBX.")

    shown = await figures(house)
    assert shown["sr_log10", "direction"] < shown[("sr_alarm_log10",)]
    assert await house.notes() == ["alarm of monitor direction decided"]
    [row] = await house.rows("SELECT monitor, actor, decision FROM monitor_decisions")
    assert tuple(row) == ("direction", "dpo-1", "A test of the PBX.")
    with pytest.raises(NoAlarmError):
        await house.site.monitors.decide("dpo-1", Monitor.DIRECTION, "Again.")


async def test_an_alarm_after_a_decision_is_a_new_incident(house, clock):
    await alarmed(house, clock)
    await house.site.monitors.decide("dpo-1", Monitor.DIRECTION, "A test of the PBX.")

    call = await house.start_call(line="+33140000003")
    await report_recording(house, call)

    seq = await house.value("SELECT seq FROM monitor_decisions")
    assert await alarms(house) == ["direction-0", f"direction-{seq}"]


@pytest.mark.parametrize(
    ("monitor", "text", "error"),
    [
        (Monitor.AGENT, "Looked at.", NoAlarmError),
        (Monitor.CEILING, "Looked at.", NoAlarmError),
        (Monitor.DIRECTION, " ", IncidentTextError),
        (Monitor.DIRECTION, "It was +33612345678.", IncidentTextError),
    ],
)
async def test_a_decision_needs_an_alarm_and_words(house, clock, monitor, text, error):
    await alarmed(house, clock)

    with pytest.raises(error):
        await house.site.monitors.decide("dpo-1", monitor, text)

    assert issubclass(error, PonctuelError)
    assert await house.notes() == []


async def test_before_the_first_call_every_figure_is_there(house):
    shown = await figures(house)

    assert len([key for key in shown if key[0] == "eprocess_log10"]) == 14
    assert shown[("sr_alarm_log10",)] == 6.0
    assert not shown["breaker_open", "sr"]
