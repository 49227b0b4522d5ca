"""A platform that records whatever happens is noticed before the tenth call."""

import asyncio

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.ledger.stopping import Party, set_stop
from sampling.monitoring.live import BINOMIAL, SR
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import EXCLUDED_LINE, until, wav

AUDIO = wav(0.2)
USUAL = {"rate": "1.8%", "ceiling": "2%", "burst": 50, "smooth": 20}
RECORDED_OF_THE_LAST = """
SELECT count(*) FROM calls WHERE decision_id = ANY($1::uuid[])
AND draw_seq IN (SELECT draw_seq FROM calls ORDER BY draw_seq DESC LIMIT $2)
"""


async def report_recording(centre, call):
    """The platform holds a recording of this call and says so."""
    url = centre.platform.hold(f"of-{call.call_id}", AUDIO)
    reply = await centre.offer(url, call.decision_id)
    assert reply.status == 204, reply


async def record_everything(centre, number):
    calls = []
    for _ in range(number):
        calls.append(await centre.start_call())
        await report_recording(centre, calls[-1])
    return calls


async def codes(centre):
    return [leaf.get("x") for leaf in await centre.leaves("DRAW")]


async def incidents(centre, kind):
    return await centre.rows("SELECT reference FROM incidents WHERE kind = $1", kind)


async def shown(centre):
    return await centre.site.monitors.figures(centre.clock())


async def close_breaker(centre):
    """As people do, once they have agreed."""
    async with centre.site.ledger.transaction() as change:
        assert await set_stop(change, Party.BREAKER, is_on=False)


async def test_the_breaker_is_open_before_the_tenth_call(centre):
    await centre.open(policy=centre.policy(**USUAL))

    await record_everything(centre, 10)

    drawn = await codes(centre)
    assert drawn.index("breaker") == 5
    assert set(drawn[5:]) == {"breaker"}
    [stop] = await centre.leaves("STOP")
    assert (stop["by"], stop["on"]) == ("breaker", 1)
    assert len(await incidents(centre, "breaker-opened")) == 1
    figures = await shown(centre)
    assert figures["breaker_open", SR]
    assert figures["sr_log10", "ceiling"] >= figures[("sr_alarm_log10",)]


async def test_at_the_highest_rate_there_may_be_it_is_open_by_then_too(house):
    await record_everything(house, 10)

    assert "breaker" in await codes(house)


async def test_what_was_recorded_unasked_is_purged_unread_all_the_same(house):
    await record_everything(house, 9)

    await until(lambda: not house.platform.audio, "the purge")
    assert not house.holds_clear(AUDIO)
    assert len(await incidents(house, "breaker-opened")) == 1
    # Both checks agree after a while; one alone would be a fault of the software.
    openings = await house.rows("SELECT causes FROM breaker_openings")
    assert openings == [([BINOMIAL, SR],)]


async def share_recorded(house, calls, of_the_last):
    """Of the last draws; more may be placed before the third of them is drawn."""
    ids = [call.decision_id for call in calls]
    return await house.value(RECORDED_OF_THE_LAST, ids, of_the_last) / of_the_last


async def test_an_honest_recorder_opens_nothing(house):
    calls = []
    for _ in range(3):
        calls.append(await house.drawn_call(is_announced=True))
        await report_recording(house, calls[-1])
    await house.site.monitors.watch()

    assert "breaker" not in await codes(house)
    assert await incidents(house, "breaker-opened") == []
    figures = await shown(house)
    assert not figures["breaker_open", SR]
    assert figures["recorded_ratio_window", "100"] == await share_recorded(
        house, calls, of_the_last=100
    )
    assert figures["recorded_ratio_window", "1000"] == 0.003


async def test_one_recording_of_a_call_that_was_not_drawn_is_no_breach_of_the_ceiling(
    house,
):
    await report_recording(house, await house.skipped_call())
    await house.site.monitors.watch()

    assert "breaker" not in await codes(house)
    assert await incidents(house, "monitor-alarm") == []


async def test_a_recording_of_a_call_that_could_not_be_drawn_alarms_at_once(house):
    call = await house.start_call(line=EXCLUDED_LINE)

    await report_recording(house, call)

    assert await incidents(house, "monitor-alarm") == [("direction-0",)]
    figures = await shown(house)
    assert figures["sr_log10", "direction"] >= figures[("sr_alarm_log10",)]


async def test_recordings_of_calls_nobody_told_us_of_open_it_too(house):
    for number in range(9):
        url = house.platform.hold(f"stray-{number}", AUDIO)
        reply = await house.offer(url, f"00000000-0000-4000-8000-00000000000{number}")
        assert reply.status == 204

    await house.start_call()

    assert (await codes(house))[-1] == "breaker"


async def test_uploads_of_calls_that_were_not_drawn_open_it_too(house):
    for _ in range(9):
        call = await house.skipped_call()
        reply = await house.upload(call.decision_id, AUDIO)
        assert reply.problem == "not-drawn"

    await house.start_call()

    assert (await codes(house))[-1] == "breaker"


async def test_the_same_recording_reported_often_counts_once(house):
    call = await house.skipped_call()
    for _ in range(12):
        await report_recording(house, call)

    await house.start_call()

    assert "breaker" not in await codes(house)
    assert await house.value("SELECT count(*) FROM recording_flags") == 1


async def test_once_people_have_closed_it_the_evidence_begins_anew(house):
    await record_everything(house, 8)
    await close_breaker(house)

    await house.site.monitors.watch()
    await house.start_call()
    assert (await codes(house))[-1] != "breaker"
    assert not (await shown(house))["breaker_open", SR]

    await record_everything(house, 9)
    assert (await codes(house))[-1] == "breaker"
    assert len(await incidents(house, "breaker-opened")) == 2


async def test_it_is_open_for_every_replica_at_once(centre):
    first = await centre.open()
    second = await centre.open()
    for _ in range(9):
        call = await centre.start_call(service=first)
        await report_recording(centre, call)

    other = await centre.start_call(service=second)

    assert (await codes(centre))[-1] == "breaker"
    assert not other.is_record
    assert len(await centre.leaves("STOP")) == 1


async def test_an_auditor_finds_nothing_wrong_with_an_open_breaker(house, clock):
    await record_everything(house, 12)
    clock.advance(hours=8)
    site = house.site
    await site.tend()
    await site.publisher.publish_every(0)

    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, house.folder, raw, rules, clock())

    assert (found["status"], found["findings"]) == (0, [])
    stopped = [
        leaf for leaf in await house.leaves("DRAW") if leaf.get("x") == "breaker"
    ]
    assert {leaf["T"] for leaf in stopped} == {"0" * 16}


@pytest.mark.parametrize("fault", ["monitor_states", "recording_flags"])
async def test_a_monitor_that_cannot_work_does_not_hold_up_calls(house, fault):
    await house.rows(f"ALTER TABLE {fault} RENAME TO gone")

    call = await house.skipped_call()

    assert not call.is_record
    await house.rows(f"ALTER TABLE gone RENAME TO {fault}")
