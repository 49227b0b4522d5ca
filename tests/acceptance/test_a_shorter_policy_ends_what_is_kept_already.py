"""Who promises to keep recordings less long keeps that for those there are, too (R18).

A policy that keeps them longer changes nothing for them.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.auditing import verdict_on
from tests.fakes.call_centre import CallCentre, wav
from tests.fakes.staff import approve

BEGUN = datetime(2026, 11, 18, tzinfo=UTC)  # when every test begins
DAY_AHEAD = 24  # hours, from which on more may be allowed


async def record(centre: CallCentre, **changes: object) -> str:
    call = await centre.drawn_call(is_announced=True, **changes)
    reply = await centre.upload(call.decision_id, wav())
    assert reply.status == 201
    return str(reply.body["recording_id"])


async def ends(centre: CallCentre) -> dict[str, timedelta]:
    """How long after its capture each recording's end is."""
    rows = await centre.rows(
        "SELECT recording_id, expires_at - captured_at AS kept FROM recordings"
    )
    return {str(row["recording_id"]): row["kept"] for row in rows}


async def adopt(centre: CallCentre, clock: Any, hours: int, kept_days: int) -> None:
    """Have a policy approved that differs in this alone; it holds so much later."""
    begun = {"starts_on": BEGUN.date() - timedelta(days=1), "kept_days": kept_days}
    await approve(centre.site.governance, centre.policy(**begun))
    await centre.site.tend()
    clock.advance(hours=hours)
    await centre.site.tend()


async def test_what_is_kept_already_ends_when_the_shorter_policy_says(centre, clock):
    await centre.open()
    old = await record(centre)
    clock.advance(days=3)
    await adopt(centre, clock, hours=1, kept_days=5)
    new = await record(centre)

    assert await centre.site.shortening.would_apply() == 1  # as a dry run says
    assert (await centre.site.sweep()).shortened == 1
    assert (await centre.site.sweep()).shortened == 0
    assert await ends(centre) == {old: timedelta(days=5), new: timedelta(days=5)}

    clock.advance(days=2)
    assert (await centre.site.sweep()).destroyed == 1
    assert list(await ends(centre)) == [new]


async def test_what_is_older_than_the_shorter_policy_allows_goes_at_once(centre, clock):
    """Its receipt is early for the ledger, and its key ends the night after."""
    await centre.open()
    await record(centre)
    keys = centre.data_dir / "keys/clinic"
    [key] = keys.glob("audio-*.key")
    clock.advance(days=10)
    await adopt(centre, clock, hours=1, kept_days=5)

    assert (await centre.site.sweep()).destroyed == 1
    clock.advance(days=1)
    assert (await centre.site.sweep()).keys_renewed == 1

    assert centre.objects() == []
    assert not key.exists()
    found = {each["code"] for each in (await verdict_on(centre))["findings"]}
    assert found <= {"NOOUTCOME", "WITHHELD"}  # nobody tended the site for days


async def test_a_call_drawn_before_and_kept_after_is_not_kept_longer(centre, clock):
    await centre.open()
    await approve(centre.site.governance, centre.policy(kept_days=5))
    drawn = await centre.drawn_call(is_announced=True)
    clock.advance(hours=1)
    await centre.site.tend()
    await centre.site.sweep()

    late = (await centre.upload(drawn.decision_id, wav())).body["recording_id"]
    clock.advance(hours=20)
    await centre.site.sweep()

    assert await ends(centre) == {late: timedelta(days=5)}


async def test_a_longer_policy_lengthens_nothing(centre, clock):
    await centre.open()
    recording = await record(centre)
    await approve(centre.site.governance, centre.policy(kept_days=90))
    clock.advance(hours=DAY_AHEAD - 1)
    await centre.site.tend()
    drawn = await centre.drawn_call(is_announced=True)
    clock.advance(hours=1)
    await centre.site.tend()
    assert centre.site.calls.policy.kept_days == 90

    late = (await centre.upload(drawn.decision_id, wav())).body["recording_id"]
    await centre.site.sweep()

    month = timedelta(days=30)
    assert await ends(centre) == {recording: month, late: month}


async def test_what_was_shortened_is_not_lengthened_again(centre, clock):
    await centre.open()
    recording = await record(centre)
    await adopt(centre, clock, hours=1, kept_days=5)
    await adopt(centre, clock, hours=DAY_AHEAD, kept_days=60)

    await centre.site.sweep()

    assert await ends(centre) == {recording: timedelta(days=5)}


async def test_a_policy_that_does_not_hold_yet_shortens_nothing(centre):
    await centre.open()
    recording = await record(centre)
    await approve(centre.site.governance, centre.policy(kept_days=5))

    assert (await centre.site.sweep()).shortened == 0
    assert await ends(centre) == {recording: timedelta(days=30)}


async def test_a_policy_that_is_taken_away_ends_the_drawing_and_no_recording(
    centre, clock
):
    await centre.open()
    recording = await record(centre)
    clock.advance(days=3)
    await centre.close()

    await centre.open(policy=None)
    await centre.site.tend()
    clock.advance(hours=2)
    await centre.site.tend()
    await centre.site.sweep()

    assert centre.site.calls.policy.rate_ppm == 0
    assert await ends(centre) == {recording: timedelta(days=30)}


async def test_a_held_recording_stays_until_its_hold_ends(centre, clock):
    await centre.open()
    recording = await record(centre)
    until = clock() + timedelta(days=20)
    await centre.rows("UPDATE recordings SET held_until = $1", until)
    await adopt(centre, clock, hours=1, kept_days=5)
    await centre.site.sweep()

    clock.advance(days=10)
    assert (await centre.site.sweep()).destroyed == 0
    assert list(await ends(centre)) == [recording]


async def test_a_site_with_more_than_a_page_is_shortened_whole(centre, clock):
    await centre.open()
    await record(centre)
    await centre.rows(
        "WITH copy AS (SELECT gen_random_uuid() AS id, c.* FROM calls AS c"
        " INNER JOIN recordings USING (site_id, decision_id),"
        " generate_series(1, 5000)), called AS (INSERT INTO calls (site_id, call_key,"
        " decision_id, connection, stratum, epoch, draw_seq, is_record, kept_days,"
        " max_seconds, purpose, bound_at, outcome) SELECT site_id, uuid_send(id), id,"
        " connection, stratum, epoch, draw_seq, is_record, kept_days, max_seconds,"
        " purpose, bound_at, outcome FROM copy)"
        " INSERT INTO recordings (site_id, recording_id, decision_id, draw_seq,"
        " sealed_sha256, sealed_size, clear_size, media_type, seconds, channels,"
        " purpose, captured_at, expires_at) SELECT r.site_id, copy.id, copy.id,"
        " r.draw_seq, sealed_sha256, sealed_size, clear_size, media_type, seconds,"
        " channels, r.purpose, captured_at, expires_at FROM recordings AS r, copy"
    )
    await adopt(centre, clock, hours=1, kept_days=5)

    assert await centre.site.shortening.would_apply() == 5001
    assert (await centre.site.shortening.apply()).recordings == 5001
    assert set((await ends(centre)).values()) == {timedelta(days=5)}


async def break_shortening(centre: CallCentre) -> None:
    """No end can be changed; all else can."""
    await centre.rows(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE disk_full; END'"
    )
    await centre.rows(
        "CREATE TRIGGER broken BEFORE UPDATE OF expires_at ON recordings"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )


async def test_what_cannot_be_shortened_keeps_nothing_else_from_its_end(centre, clock):
    await centre.open()
    await record(centre)
    clock.advance(days=3)
    await centre.site.tend()
    left = await record(centre)
    await break_shortening(centre)
    await adopt(centre, clock, hours=1, kept_days=5)

    clock.advance(days=27)
    report = await centre.site.sweep()

    assert (report.destroyed, report.kinds_failed, report.all_failed) == (1, 1, 1)
    assert await ends(centre) == {left: timedelta(days=30)}
    await centre.rows("DROP TRIGGER broken ON recordings")
    assert (await centre.site.sweep()).shortened == 1


async def test_a_policy_that_began_while_the_service_was_away_holds_as_well(
    centre, clock
):
    await centre.open()
    recording = await record(centre)
    await approve(centre.site.governance, centre.policy(kept_days=5))
    await centre.site.tend()
    await centre.close()
    clock.advance(days=4)

    await centre.open(policy=centre.policy(kept_days=5))

    assert await ends(centre) == {recording: timedelta(days=5)}  # by its first answer
