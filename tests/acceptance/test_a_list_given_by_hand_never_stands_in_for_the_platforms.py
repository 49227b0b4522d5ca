"""Whoever can give a list can leave a call out of it: it is kept, and kept apart."""

from datetime import UTC, date, datetime, timedelta

import pytest

from proxy.platforms.call_list import GivenList
from tests.fakes.api import asker, with_people
from tests.fakes.call_centre import wav

DAY = date(2026, 11, 18)
MORNING = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
ANNA = "op-anna"
CDR = ("reconciliation_timestamp_seconds", "cdr")
CDR_BY_HAND = ("reconciliation_timestamp_seconds", "cdr_by_hand")
HEADING = "call_id,root_call_id,started_at,recorded\r\n"


def given(*lines):
    """A list as somebody writes it, from lines of the platform's own."""
    text = "".join(f"{line}\r\n" for line in lines)
    return GivenList(f"{HEADING}{text}total,{len(lines)}\r\n".encode())


def line_of(row, **changes):
    row = {**row, **changes}
    return (
        f"{row['call_id']},{row['root_call_id']},{row['started_at']},{row['recorded']}"
    )


async def reconciled(house, by_hand=None, *, connection="pbx", actor=None):
    reconciliation = house.site.reconciliation
    report = await reconciliation.run(DAY, connection, by_hand=by_hand, actor=actor)
    [done] = report.connections
    return done


async def told(house):
    """What each list last came to: its calls the ledger lacks, whether that counts."""
    return {
        (row["connection"], row["source"]): (row["platform_only"], row["is_counted"])
        for row in (await house.site.reconciliation.last())["connections"]
    }


@pytest.fixture
async def morning(house):
    """Ten calls yesterday, all listed; no job runs but what a test runs."""
    for _ in range(10):
        call = await house.start_call()
        house.platform.list_call(call.call_id, house.clock())
    await house.stop_worker()
    house.clock.now = MORNING
    await house.site.tend()
    return house


def all_of(house):
    return [line_of(row) for row in house.platform.listed]


async def test_the_platforms_own_list_is_compared_all_the_same(morning):
    by_hand = await reconciled(morning, given(*all_of(morning)), actor=ANNA)

    assert by_hand.is_clean
    assert by_hand.as_json()["source"] == "by_hand"
    assert morning.platform.asked == []
    assert (await morning.site.reconciliation.figures())[CDR] == 0

    await morning.site.reconciliation.run_due()

    assert morning.platform.asked.count(("LIST", "2026-11-18")) == 2
    figures = await morning.site.reconciliation.figures()
    assert figures[CDR] == MORNING.timestamp()
    leaves = await morning.leaves("RECON")
    assert [leaf["source"] for leaf in leaves] == ["by_hand", "platform"]
    assert await told(morning) == {
        ("pbx", "platform"): (0, True),
        ("pbx", "by_hand"): (0, False),
    }


async def test_given_afterwards_it_changes_nothing_the_platform_said(morning):
    unheard = datetime(2026, 11, 18, 12, tzinfo=UTC)
    morning.platform.list_call("call-unheard", unheard)
    await morning.site.reconciliation.run_due()

    by_hand = await reconciled(morning, given(*all_of(morning)[:-1]), actor=ANNA)

    assert by_hand.is_clean
    assert await told(morning) == {
        ("pbx", "platform"): (1, True),
        ("pbx", "by_hand"): (0, False),
    }
    figures = await morning.site.reconciliation.figures()
    assert figures["unreconciled_calls", "platform_only"] == 1
    assert [leaf["missing"] for leaf in await morning.leaves("RECON")] == [1, 0]


async def test_what_it_leaves_out_the_platforms_own_list_brings_to_light(morning):
    url = morning.platform.hold("native", wav())
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    morning.platform.list_call("call-x", noon, recorded=1, recording_url=url)
    assert (await reconciled(morning, given(*all_of(morning)[:-1]))).is_clean

    await morning.site.reconciliation.run_due()

    assert morning.platform.audio == {}
    assert morning.platform.count("GET", "native") == 0
    incidents = await morning.rows("SELECT kind, reference FROM incidents")
    references = {row["kind"]: row["reference"] for row in incidents}
    assert references.keys() == {"unsolicited-recording", "unreconciled-calls"}
    assert references["unreconciled-calls"] == "2026-11-18 pbx platform"


async def test_what_was_made_and_deleted_counts_at_the_platforms_own_first_look(
    morning,
):
    await reconciled(morning, given(*all_of(morning)))
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    morning.platform.list_call("call-x", noon, recorded=1)

    done = await reconciled(morning)

    assert done.recordings.unsolicited == 1


async def test_a_list_given_by_hand_that_differs_is_an_incident_that_says_so(morning):
    unheard = line_of(morning.platform.listed[0], call_id="call-unheard")

    done = await reconciled(morning, given(*all_of(morning), unheard))

    assert not done.is_clean
    [incident] = await morning.rows("SELECT reference FROM incidents")
    assert incident["reference"] == "2026-11-18 pbx by_hand"
    figures = await morning.site.reconciliation.figures()
    assert figures["unreconciled_calls", "platform_only"] == 0


async def test_where_the_platform_gives_no_list_it_is_all_there_is_and_it_says_so(
    house,
):
    data = house.started("call-1")
    await house.send("call.started", data, connection="other-pbx")
    house.clock.now = MORNING
    await house.site.tend()
    line = f"call-1,,{data['started_at']},0"
    assert (await house.site.reconciliation.figures())[CDR_BY_HAND] == 0

    await reconciled(house, given(line), connection="other-pbx", actor=ANNA)

    figures = await house.site.reconciliation.figures()
    assert (figures[CDR], figures[CDR_BY_HAND]) == (0, MORNING.timestamp())
    assert await told(house) == {("other-pbx", "by_hand"): (0, True)}
    assert [leaf["source"] for leaf in await house.leaves("RECON")] == ["by_hand"]


async def test_a_site_whose_platforms_all_give_lists_waits_for_none_by_hand(centre):
    sites = centre.plan()["sites"]
    del sites["clinic"]["connections"]["other-pbx"]
    await centre.open(sites=sites)

    figures = await centre.site.reconciliation.figures()

    assert figures[CDR] == 0
    assert CDR_BY_HAND not in figures


async def test_who_asked_is_kept_and_what_was_found_is_counted_once(morning):
    url = morning.platform.hold("native", wav())
    noon = datetime(2026, 11, 18, 12, tzinfo=UTC)
    morning.platform.list_call("call-x", noon, recorded=1, recording_url=url)
    text = morning.platform.list_of(DAY.isoformat())

    first = await reconciled(morning, GivenList(text.encode()), actor=ANNA)
    morning.clock.now += timedelta(hours=1)
    second = await reconciled(morning)

    assert (first.recordings.unsolicited, second.recordings.unsolicited) == (1, 0)
    assert morning.platform.audio == {}
    runs = await morning.site.reconciliation.runs.page(0, 10)
    assert [(run.source, run.actor, run.unsolicited) for run in runs] == [
        ("by_hand", ANNA, 1),
        ("platform", None, 0),
    ]
    last = await morning.site.reconciliation.last()
    kept = {row["source"]: row["actor"] for row in last["connections"]}
    assert kept == {"by_hand": ANNA, "platform": None}
    assert (await morning.counts())["unsolicited_recordings", ""] == 1


async def test_the_api_tells_the_two_apart_and_who_asked(centre):
    await centre.open(sites=with_people(centre))
    for _ in range(10):
        call = await centre.start_call()
        centre.platform.list_call(call.call_id, centre.clock())
    centre.clock.now = MORNING
    await centre.site.tend()
    await reconciled(centre, given(*all_of(centre)), actor="oleg")
    olga = asker(centre)

    done = (await olga.post("/reconciliations", {"connection": "pbx"})).body
    last = (await olga.get("/reconciliations")).body
    runs = (await olga.get("/reconciliations/runs")).body

    assert [each["source"] for each in done["connections"]] == ["platform"]
    assert [
        (day["source"], day["is_counted"], day["actor"]) for day in last["connections"]
    ] == [("platform", True, "olga"), ("by_hand", False, "oleg")]
    assert [(run["source"], run["actor"]) for run in runs["items"]] == [
        ("by_hand", "oleg"),
        ("platform", "olga"),
    ]


async def test_just_after_midnight_the_newest_closed_day_is_the_one_before(centre):
    await centre.open(sites=with_people(centre))
    centre.clock.now = datetime(2026, 11, 19, 0, 30, tzinfo=UTC)
    await centre.site.tend()

    answer = await asker(centre).post("/reconciliations", {"connection": "pbx"})

    assert (answer.status, answer.body["day"]) == (200, "2026-11-17")


async def test_a_list_that_is_not_believed_leaves_no_trace_of_a_run(morning):
    done = await reconciled(morning, given(), actor=ANNA)

    assert done.problem == "list-not-believed"
    assert await morning.site.reconciliation.runs.page(0, 10) == []
