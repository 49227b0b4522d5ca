"""By number, by when they called, by agent: all that lives, and nothing after it ended.

What it is found by is keyed by the month, noted before anything is recorded, and ends
with the recording or the failed draw (R23; GDPR Art. 5(1)(e), 15).
"""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from proxy.access.trace.acts import Act
from proxy.errors import DatabaseUnavailableError, KeyMissingError, StorageError
from proxy.rights.faults import BadRequestError
from proxy.vault.keys import month_name
from tests.fakes.call_centre import CALLER, LINE, OUTBOUND_LINE, wav
from tests.fakes.desk import OFFICER, finder_of
from tests.fakes.listeners import recorded, traced

pytestmark = pytest.mark.acceptance

SPELLINGS = ["+33 6 12 34 56 78", "06.12.34.56.78", "0033612345678", "33612345678"]
ALIKE = "+34612345678"  # ends with the same nine digits, in Spain
AGENTS_MOBILE = "+33687654321"
TODAY = date(2026, 11, 18)  # 11 o'clock in Paris


async def ids(centre, number):
    return [each.recording_id for each in await found(centre, number)]


async def found(centre, number):
    return await finder_of(centre).by_number(OFFICER, number)


async def in_hours(centre, *window):
    items = await finder_of(centre).by_details(OFFICER, *window)
    return [each.recording_id for each in items]


async def index(centre):
    """What recordings are found by."""
    return await centre.rows("SELECT caller_key, number_key FROM recorded_callers")


# --- By number ------------------------------------------------------------------------


@pytest.mark.parametrize("told", ["+33612345678", "0612345678"])
async def test_it_is_found_by_every_spelling_of_its_callers_number(house, told):
    recording, _ = await recorded(house, caller=told)

    for spelling in [*SPELLINGS, "sip:+33612345678@pbx.example", "tel:0612345678"]:
        [item] = await found(house, spelling)
        assert (item.recording_id, item.matched_by) == (recording, "number")
        assert (item.practice, item.purpose) == ("cardio", "training")
        assert item.began_at == item.captured_at == house.clock()


async def test_a_foreign_number_that_ends_alike_finds_nothing(house):
    await recorded(house, caller=CALLER)

    assert await found(house, ALIKE) == []
    assert await found(house, "+33612345679") == []


async def test_of_a_call_the_site_made_the_person_called_finds_it(house):
    outbound = {"direction": "outbound", "line": OUTBOUND_LINE, "caller": LINE}
    recording, _ = await recorded(house, callee=CALLER, **outbound)

    assert await ids(house, CALLER) == [recording]
    assert await ids(house, LINE) == []


async def test_what_another_replica_draws_is_found_as_well(centre):
    first = await centre.open()
    second = await centre.open()

    one, _ = await recorded(centre, caller=CALLER, service=second)
    other, _ = await recorded(centre, caller=AGENTS_MOBILE, service=first)

    assert await ids(centre, CALLER) == [one]
    assert await ids(centre, AGENTS_MOBILE) == [other]


@pytest.mark.parametrize("withheld", ["anonymous", "3131"])
async def test_without_a_number_it_is_recorded_and_found_by_none(house, withheld):
    await recorded(house, caller=withheld)

    assert await index(house) == []
    assert await found(house, CALLER) == []


@pytest.mark.parametrize("text", ["", "anonymous", "3131", "06 12", "06 12 ou 07 13"])
async def test_what_is_no_full_number_is_refused_and_not_said_again(house, text):
    with pytest.raises(BadRequestError) as refused:
        await found(house, text)

    assert refused.value.field == "number"
    assert not text or text not in str(refused.value)


async def leg_first(house, number):
    """A call drawn when only a leg of it was heard of; its root call comes later."""
    attempt = 0
    while True:
        attempt += 1
        root = f"root-{attempt}-{number}"
        leg = await house.start_call(f"leg-{attempt}", root_call_id=root, caller=number)
        if leg.is_record:
            return root


@pytest.mark.parametrize("legs", [AGENTS_MOBILE, "201"], ids=["mobile", "extension"])
async def test_a_leg_heard_of_first_does_not_make_it_the_agents(house, legs):
    root = await leg_first(house, legs)
    call = await house.start_call(root, caller=CALLER)
    await house.start_call("leg-last", root_call_id=root, caller=AGENTS_MOBILE)
    await house.tell("call.announced", call)
    await house.upload(call.decision_id, wav())

    assert call.is_record
    assert len(await ids(house, "06 12 34 56 78")) == 1
    assert await ids(house, AGENTS_MOBILE) == []


async def test_a_leg_that_makes_its_caller_known_too_late_is_not_recorded_twice(house):
    """Drawn by a leg without a number; its caller has a recording already."""
    await recorded(house, caller=CALLER)
    root = await leg_first(house, "201")

    call = await house.start_call(root, caller=CALLER)

    assert not call.is_record
    assert len(await index(house)) == 1


async def test_a_webhook_that_is_repeated_changes_nothing(house):
    while not (call := await house.start_call(caller=CALLER)).is_record:
        pass
    before = await index(house)

    again = await house.start_call(call.call_id, caller=CALLER)
    await house.start_call(call.call_id, caller="anonymous")

    assert again.is_record
    assert await index(house) == before


async def test_a_call_over_the_end_of_a_month_is_found_by_its_number(house, clock):
    clock.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    await house.site.tend()
    roots = [await leg_first(house, number) for number in ("201", AGENTS_MOBILE)]
    clock.advance(minutes=2)

    for root, caller in zip(roots, (CALLER, "+33611111111"), strict=True):
        call = await house.start_call(root, caller=caller)
        assert call.is_record
        await house.tell("call.announced", call)
        await house.upload(call.decision_id, wav())
        assert len(await ids(house, caller)) == 1


# --- From before ----------------------------------------------------------------------


async def test_rows_of_an_earlier_release_count_by_their_last_digits_and_say_so(house):
    recording, _ = await recorded(house, caller=CALLER)
    await house.rows("UPDATE recorded_callers SET number_key = NULL")

    for number in (*SPELLINGS, ALIKE):
        [item] = await found(house, number)
        assert (item.recording_id, item.matched_by) == (recording, "number-ending")
    assert await found(house, AGENTS_MOBILE) == []


# --- As long as it lives --------------------------------------------------------------


async def test_what_is_being_destroyed_or_due_is_not_found_and_what_is_held_is(
    house, clock
):
    recording, _ = await recorded(house, caller=CALLER)
    clock.advance(days=32)
    assert await ids(house, CALLER) == []

    held = "UPDATE recordings SET held_until = $1"
    await house.rows(held, clock() + timedelta(days=9))
    assert await ids(house, CALLER) == [recording]

    await house.rows("UPDATE recordings SET doomed_at = $1", clock())
    assert await ids(house, CALLER) == []


async def test_what_it_is_found_by_ends_with_the_failed_draw(house):
    while not (call := await house.start_call(caller=CALLER)).is_record:
        pass
    [row] = await index(house)
    assert all(row)
    assert await found(house, CALLER) == []  # nothing is kept of it yet

    await house.tell("call.ended", call)

    assert await index(house) == []


async def test_what_it_is_found_by_ends_with_the_recording_erased_or_expired(
    house, clock
):
    while not (call := await house.start_call(caller=CALLER)).is_record:
        pass
    await house.tell("call.announced", call)
    await house.upload(call.decision_id, wav())
    await recorded(house, caller=AGENTS_MOBILE)
    await house.tell("call.opt_out", call)
    assert len(await index(house)) == 1
    assert await found(house, CALLER) == []

    clock.advance(days=32)
    await house.site.sweep()
    assert await index(house) == []


async def test_each_month_names_a_number_anew_and_a_dead_key_leaves_nothing_to_find_by(
    house, clock
):
    recording, _ = await recorded(house, caller=CALLER)
    kept = await house.rows("SELECT * FROM recorded_callers")
    [key] = await house.rows("SELECT wrapped_key FROM caller_keys WHERE month = $1", M)
    november = await names_of(house, CALLER)

    clock.advance(days=14)
    await house.site.tend()
    house.site.caller_names._read_at = None
    december = await names_of(house, CALLER)
    assert december > november
    assert len(december) == 2 * len(november)
    assert await ids(house, CALLER) == [recording]

    clock.advance(days=19)
    for _ in range(2):
        await house.site.sweep()
        await house.site.tend()
    left = await names_of(house, CALLER)
    assert left.isdisjoint({kept[0]["number_key"], kept[0]["caller_key"]})
    assert left.isdisjoint(november)
    with pytest.raises(KeyMissingError):  # a dump still has what the key opened
        await house.site.keys.unwrap(month_name(M), [key["wrapped_key"]])


M = "2026-11"


async def names_of(house, number):
    sought = await house.site.caller_names.sought(number)
    return {*sought.numbers, *sought.endings}


async def test_no_number_is_in_the_index_the_trace_or_the_ledger(house):
    await recorded(house, caller=CALLER)
    await found(house, CALLER)

    told = [*await house.all_leaves(), *await traced(house, *Act)]
    tables = ("recorded_callers", "access_entries", "calls", "recordings")
    for table in tables:
        told += await house.rows(f"SELECT t::text FROM {table} t")  # noqa: S608  # ours
    assert CALLER[3:] not in str(told)
    assert CALLER[3:].encode().hex() not in str(told)


# --- By when and on which line --------------------------------------------------------


async def test_who_does_not_know_the_number_is_found_by_day_hour_and_line(house):
    recording, _ = await recorded(house, caller="anonymous")

    for window in [(11, 12), (11, 12, LINE), (11, 12, "01 40 00 00 01"), (0, 24)]:
        assert await in_hours(house, TODAY, *window) == [recording]
    assert await in_hours(house, TODAY, 11, 12, "cardio") == [recording]
    assert await in_hours(house, TODAY, 11, 12, "skin") == []
    assert await in_hours(house, TODAY, 11, 12, "+33140000009") == []
    for window in [(10, 11), (12, 24)]:
        assert await in_hours(house, TODAY, *window) == []
    assert await in_hours(house, TODAY - timedelta(days=1), 0, 24) == []


async def test_a_call_is_looked_for_when_it_began_though_it_was_kept_hours_later(
    house, clock
):
    while not (call := await house.start_call(caller=CALLER)).is_record:
        pass
    await house.tell("call.announced", call)
    clock.advance(hours=3, minutes=50)
    await house.upload(call.decision_id, wav())

    assert len(await in_hours(house, TODAY, 11, 12)) == 1
    assert await in_hours(house, TODAY, 14, 16) == []
    [item] = await found(house, CALLER)
    assert item.captured_at - item.began_at == timedelta(hours=3, minutes=50)


async def test_the_hour_the_clock_is_put_back_over_counts_whole(house, clock):
    clock.now = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # 0:30 the next day
    first, _ = await recorded(house, caller=CALLER)
    assert await in_hours(house, date(2026, 11, 19), 0, 1) == [first]

    moved = "UPDATE calls SET bound_at = $1 WHERE is_record"
    captured = "UPDATE recordings SET captured_at = $1, expires_at = $1"
    for hour in (0, 1):  # 2 o'clock in Paris, twice
        then = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
        await house.rows(moved, then)
        await house.rows(captured, then)
        await house.rows("UPDATE recordings SET held_until = $1", clock.now + DAY)
        assert await in_hours(house, date(2026, 10, 25), 2, 3) == [first]
        assert await in_hours(house, date(2026, 10, 25), 1, 2) == []
        assert await in_hours(house, date(2026, 10, 25), 3, 4) == []


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("window", "field"),
    [
        ((TODAY, 12, 12), "hours"),
        ((TODAY, -1, 12), "hours"),
        ((TODAY, 0, 25), "hours"),
        ((TODAY + 2 * DAY, 0, 24), "day"),
        ((date.min, 0, 24), "day"),
        ((date.max, 0, 24), "day"),
        ((TODAY, 0, 24, "neurology"), "line"),
    ],
)
async def test_what_is_no_window_or_no_line_is_refused(house, window, field):
    with pytest.raises(BadRequestError) as refused:
        await in_hours(house, *window)

    assert refused.value.field == field


# --- By agent -------------------------------------------------------------------------


async def test_an_agent_finds_the_calls_they_were_the_first_to_take(house):
    recording, _ = await recorded(house, agent="a-104")
    await recorded(house, agent="a-105")

    items = await finder_of(house).by_agent(OFFICER, "a-104")

    assert [(i.recording_id, i.matched_by) for i in items] == [(recording, "agent")]
    assert await finder_of(house).by_agent(OFFICER, "a-999") == []


# --- On the record --------------------------------------------------------------------


async def test_whoever_looks_is_in_the_trace_and_what_for_is_not(house):
    finder = finder_of(house)
    await finder.by_number(OFFICER, CALLER)
    await finder.by_details(OFFICER, TODAY, 9, 12)
    await finder.by_agent(OFFICER, "a-104")

    looked = await traced(house, Act.VIEWED)

    assert {(entry.actor, entry.role) for entry in looked} == {
        (OFFICER.code, OFFICER.role)
    }
    assert [entry.about for entry in looked] == [
        "find-by-number",
        "find-by-details",
        "find-by-agent",
    ]
    assert "104" not in json.dumps([str(entry) for entry in looked])


async def test_what_cannot_be_noted_finds_nothing(house):
    await recorded(house, caller=CALLER)
    await house.rows("REVOKE INSERT ON access_entries FROM ponctuel_service")

    with pytest.raises(DatabaseUnavailableError):
        await found(house, CALLER)


async def test_without_the_keys_nobody_is_told_that_there_is_nothing(house):
    await recorded(house, caller=CALLER)
    file = house.data_dir / "keys" / "clinic" / "caller-2026-11.key"
    file.write_bytes(b"short")
    house.site.caller_names._read_at = None

    with pytest.raises(StorageError):
        await found(house, CALLER)
