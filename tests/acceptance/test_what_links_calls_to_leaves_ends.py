"""After the inspection window nobody can tell any more which leaf was whose call."""

import asyncio
import uuid

import pytest

from proxy.errors import KeyMissingError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.intake import tag_keys
from sampling.draw import call_tag, tag_key_commitment
from sampling.seed import week_at
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import wav

WINDOW = 53 * 7  # days until the week of a call is 52 whole weeks past


def key_file(centre, week):
    return centre.data_dir / "keys" / "clinic" / f"tag-{week}.key"


async def row_of(centre, week):
    [row] = await centre.rows("SELECT * FROM tag_keys WHERE week = $1", week)
    return row


async def end(house, call):
    """Its end, with an outcome: one that is owed is late once the clock has jumped."""
    if call.decision == "record":
        await house.tell("call.opt_out", call)
    await house.tell("call.ended", call)


@pytest.fixture
async def talked(house, clock):
    """A service that has had calls, one with a leg, all ended; the week of those."""
    calls = [await house.start_call() for _ in range(4)]
    await house.start_call("leg-1", root_call_id=calls[0].call_id)
    for call in calls:
        await end(house, call)
    await house.stop_worker()
    return house, week_at(clock())


async def test_a_week_can_be_inspected_until_its_window_is_over(talked, clock):
    house, week = talked
    clock.advance(days=WINDOW - 7)

    report = await house.site.sweep()

    assert (report.weeks_ended, report.calls_forgotten) == (0, 0)
    key = (await house.site.tag_keys.living())[week]
    [leaf] = [one for one in await house.leaves("TAGKEY+") if one["week"] == week]
    assert leaf["commit"] == tag_key_commitment(week, key).hex()
    tags = {leaf["c"] for leaf in await house.leaves("DRAW")}
    rows = await house.rows("SELECT call_key FROM calls")
    assert {row["call_key"].hex() for row in rows} == tags


async def test_then_its_key_ends_and_with_it_what_the_database_knew(talked, clock):
    house, week = talked
    before = await row_of(house, week)
    clock.advance(days=WINDOW)

    report = await house.site.sweep()

    assert report.weeks_ended == 1
    assert [leaf["week"] for leaf in await house.leaves("TAGKEY-")] == [week]
    assert week not in await house.site.tag_keys.living()
    assert not key_file(house, week).exists()
    after = await row_of(house, week)
    assert after["wrapped_key"] is None
    leaves = await house.all_leaves()
    assert leaves[after["destroyed_seq"]] == {"leaf": "TAGKEY-", "week": week}
    # A copy of the row, from a backup or the write-ahead log, opens nothing either.
    with pytest.raises(KeyMissingError):
        await house.site.keys.unwrap(f"tag-{week}", [before["wrapped_key"]])


async def test_the_rows_of_its_calls_and_their_legs_are_gone(talked, clock):
    house, _ = talked
    assert (await house.sizes())["public.call_legs"] == 1
    clock.advance(days=WINDOW)

    report = await house.site.sweep()

    sizes = await house.sizes()
    assert report.calls_forgotten == 4
    assert (sizes["public.calls"], sizes["public.call_legs"]) == (0, 0)
    assert len(await house.leaves("DRAW")) == 4


async def test_calls_of_later_weeks_stay_and_keep_their_one_draw(talked, clock):
    house, week = talked
    clock.advance(days=WINDOW)
    await house.site.tend()
    first = await house.start_call("call-today")

    await house.site.sweep()

    assert await house.start_call("call-today") == first
    assert (await house.sizes())["public.calls"] == 1
    assert set(await house.site.tag_keys.living()) == {week + 1, week + 53, week + 54}


async def test_the_same_call_id_a_year_later_is_another_call(house, clock):
    first = await house.start_call("call-1")
    clock.advance(days=WINDOW)
    await house.site.tend()
    await house.site.sweep()

    second = await house.start_call("call-1")

    assert second.decision_id
    assert second.decision_id != first.decision_id
    drawn = await house.leaves("DRAW")
    assert len({leaf["c"] for leaf in drawn}) == len(drawn) == 2


async def test_an_auditor_finds_the_end_of_a_week_in_order(talked, clock):
    house, week = talked
    for days in (0, WINDOW, 0):
        clock.advance(days=days, hours=2)
        await house.site.tend()
        await house.site.keep_up()
        await house.site.sweep()
        await end(house, await house.start_call())
    site = house.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)

    said = await asyncio.to_thread(
        verdict, house.folder, bundle, auditor_text(site.signer.key), clock()
    )

    assert [leaf["week"] for leaf in await house.leaves("TAGKEY-")] == [week]
    assert (said["status"], said["findings"]) == (0, [])


async def test_ending_a_week_twice_or_by_two_replicas_at_once_says_so_once(
    talked, clock, centre
):
    house, week = talked
    await centre.open()
    clock.advance(days=WINDOW)

    await asyncio.gather(
        *(replica.sites["clinic"].sweep() for replica in centre.services * 2)
    )
    report = await house.site.sweep()

    assert (report.weeks_ended, report.weeks_failed) == (0, 0)
    assert [leaf["week"] for leaf in await house.leaves("TAGKEY-")] == [week]


async def test_a_service_that_slept_for_a_year_still_tells_every_outcome(centre, clock):
    await centre.open()
    await centre.drawn_call()
    await centre.close()
    drawn = [leaf for leaf in await centre.leaves("DRAW") if leaf["d"]]
    clock.advance(days=2 * WINDOW)

    await centre.open()
    await centre.stop_worker()
    assert (await centre.sizes())["public.calls"] == len(drawn)
    await centre.site.tend()
    await centre.site.sweep()

    assert len(await centre.leaves("OUT")) == len(drawn)
    assert (await centre.sizes())["public.calls"] == 0


async def test_a_recording_that_could_not_be_destroyed_keeps_its_call(house, clock):
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, wav(0.1))
    name = uuid.UUID(reply.body["recording_id"]).hex
    stuck = house.data_dir / "objects" / name[:2] / name
    stuck.unlink()
    (stuck / "in-the-way").mkdir(parents=True)
    clock.advance(days=WINDOW)

    await house.site.tend()

    await house.site.sweep()
    assert await house.outcome(call) == ("recorded", None)

    (stuck / "in-the-way").rmdir()
    stuck.rmdir()
    await house.site.sweep()
    assert (await house.sizes())["public.calls"] == 0


async def test_a_key_that_cannot_be_destroyed_is_not_reported_and_tried_again(
    talked, clock
):
    house, week = talked
    file = key_file(house, week)
    key = file.read_bytes()
    file.unlink()
    file.mkdir()
    clock.advance(days=WINDOW)

    report = await house.site.sweep()

    assert (report.weeks_ended, report.weeks_failed) == (0, 1)
    assert report.calls_forgotten == 0
    assert await house.leaves("TAGKEY-") == []

    file.rmdir()
    file.write_bytes(key)
    assert (await house.site.sweep()).weeks_ended == 1
    assert len(await house.leaves("TAGKEY-")) == 1


async def test_a_key_file_that_comes_back_from_a_backup_is_destroyed_again(
    talked, clock
):
    house, week = talked
    file = key_file(house, week)
    key = file.read_bytes()
    clock.advance(days=WINDOW)
    await house.site.sweep()
    file.write_bytes(key)

    await house.site.sweep()

    assert not file.exists()
    assert len(await house.leaves("TAGKEY-")) == 1


async def test_a_longer_window_brings_no_week_back(centre, clock):
    await centre.open(draw={"inspection_weeks": 26})
    await centre.start_call()
    week = week_at(clock())
    file = key_file(centre, week)
    key = file.read_bytes()
    clock.advance(days=27 * 7)
    await centre.site.sweep()
    await centre.close()
    file.write_bytes(key)

    await centre.open(draw={"inspection_weeks": 52})

    assert not file.exists()
    assert week not in await centre.site.tag_keys.living()
    assert [leaf["week"] for leaf in await centre.leaves("TAGKEY-")] == [week]


async def test_a_key_wrapped_before_weeks_had_keys_of_their_own_still_opens(
    talked, clock
):
    house, week = talked
    tag_key = (await house.site.tag_keys.living())[week]
    await house.rows(
        "UPDATE tag_keys SET wrapped_key = $2, has_own_key = false WHERE week = $1",
        week,
        house.site.keys.wrap_service(tag_key),
    )

    await house.site.tend()
    again = await house.start_call("call-again")

    assert (await house.site.tag_keys.living())[week] == tag_key
    assert again.decision_id
    tags = {leaf["c"] for leaf in await house.leaves("DRAW")}
    assert call_tag(tag_key, "pbx", "call-again").hex() in tags

    clock.advance(days=WINDOW)
    await house.site.sweep()
    assert week not in await house.site.tag_keys.living()


async def test_calls_are_forgotten_in_batches_of_bounded_size(
    talked, clock, monkeypatch
):
    house, _ = talked
    monkeypatch.setattr(tag_keys, "FORGOTTEN_AT_ONCE", 2)
    clock.advance(days=WINDOW)

    assert (await house.site.sweep()).calls_forgotten == 4
    assert (await house.sizes())["public.calls"] == 0


async def test_a_clock_that_jumped_ahead_ends_draws_and_not_the_ledger(house, clock):
    """What was destroyed by mistake stays destroyed: nothing is drawn under it."""
    week = week_at(clock())
    now = clock()
    clock.advance(days=WINDOW)
    await house.site.sweep()
    clock.now = now

    await house.site.tend()
    call = await house.start_call()

    assert (call.decision, call.decision_id) == ("skip", None)
    assert [leaf["week"] for leaf in await house.leaves("TAGKEY-")] == [week]
    made = [leaf["week"] for leaf in await house.leaves("TAGKEY+")]
    assert made.count(week) == 1
