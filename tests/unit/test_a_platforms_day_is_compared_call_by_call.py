"""The comparison of a day, against a brute-force reading of the same calls."""

import csv
import io
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ListNotBelievedError
from proxy.platforms.base import ListedCall, ListedRecording
from proxy.reconciliation.comparing import (
    CLOCK_SLACK,
    Comparison,
    Facts,
    Verdict,
    by_call_id,
    by_reference,
    check_plausible,
    counted,
    judge,
    normalised,
    of_period,
    root_calls,
    root_of,
    unlisted,
)

START = datetime(2026, 11, 17, tzinfo=UTC)
END = START + timedelta(days=1)
NOON = START + timedelta(hours=12)
SECOND = timedelta(seconds=1)


def row(call_id, root="", at=NOON, **facts):
    return ListedCall(
        call_id=call_id, root_call_id=root or call_id, started_at=at, **facts
    )


def roots_of(*rows, recorded=()):
    by_id = by_call_id(rows)
    parents = {name: each.root_call_id for name, each in by_id.items()}
    return root_calls(by_id, parents, set(recorded))


# A call is a chain or a tree of legs: each leg hangs on any earlier one.
LEGS = st.lists(st.integers(min_value=0, max_value=9), max_size=5)
MINUTES = st.integers(min_value=0, max_value=24 * 60 - 1)


@st.composite
def days(draw):
    """Rows in any order, and which of their roots is connected and recorded."""
    rows, truth = [], {}
    for number, legs in enumerate(draw(st.lists(LEGS, max_size=12))):
        family = [f"c{number}"]
        starts = [START + timedelta(minutes=draw(MINUTES))]
        flags = [draw(st.booleans())]
        answers = [draw(st.booleans())]
        for place, parent in enumerate(legs):
            family.append(f"c{number}.{place}")
            starts.append(START + timedelta(minutes=draw(MINUTES)))
            flags.append(draw(st.booleans()))
            answers.append(draw(st.booleans()))
            rows.append(
                row(
                    family[-1],
                    family[parent % (len(family) - 1)],
                    starts[-1],
                    is_recorded=flags[-1],
                    is_connected=answers[-1],
                )
            )
        rows.append(
            row(
                family[0],
                at=starts[0],
                is_recorded=flags[0],
                is_connected=answers[0],
            )
        )
        truth[family[0]] = (min(starts), any(flags), any(answers))
    return draw(st.permutations(rows)), truth


@given(days())
def test_legs_of_legs_make_one_call(day):
    rows, truth = day

    roots = roots_of(*rows)

    assert {
        name: (root.started_at, root.is_recorded, root.is_connected)
        for name, root in roots.items()
    } == truth


@given(days(), st.sets(st.integers(min_value=0, max_value=11)))
def test_only_calls_that_could_be_heard_or_were_asked_about_count(day, asked):
    rows, truth = day
    bound = {f"c{number}" for number in asked} & truth.keys()

    kept = counted(roots_of(*rows), bound)

    assert kept.keys() == {
        name
        for name, (_, is_recorded, is_connected) in truth.items()
        if is_recorded or is_connected or name in bound
    }


@given(days(), st.integers(min_value=0, max_value=24 * 60))
def test_nothing_of_before_a_connection_asked_is_compared(day, minute):
    rows, truth = day
    since = START + timedelta(minutes=minute)

    kept = of_period(roots_of(*rows), since, START, END)

    assert kept.keys() == {
        name for name, (at, _, _) in truth.items() if at >= since - CLOCK_SLACK
    }


@given(days())
def test_the_same_day_gives_the_same_lines_whatever_the_order(day):
    rows, truth = day

    lines = b"".join(normalised("pbx", roots_of(*rows)))
    again = b"".join(normalised("pbx", roots_of(*reversed(rows))))

    assert lines == again
    read = list(csv.DictReader(io.StringIO(lines.decode(), newline="")))
    assert [each["root_call_id"] for each in read] == sorted(truth)
    assert {
        each["root_call_id"]: (
            datetime.fromisoformat(each["started_at"]),
            each["recorded"] == "1",
        )
        for each in read
    } == {name: (at, is_recorded) for name, (at, is_recorded, _) in truth.items()}


def test_the_normalised_list_is_spelt_as_documented():
    paris = datetime.fromisoformat("2026-11-17T13:00:00.900+01:00")
    roots = roots_of(row("é,1", at=paris), row("a", is_recorded=True))

    assert b"".join(normalised("pbx", roots)).decode() == (
        "connection,root_call_id,started_at,recorded\n"
        "pbx,a,2026-11-17T12:00:00Z,1\n"
        'pbx,"é,1",2026-11-17T12:00:00Z,0\n'
    )


@given(st.dictionaries(st.integers(0, 6), st.integers(0, 6), max_size=7))
def test_legs_of_each_other_are_refused_and_never_walked_for_ever(links):
    parents = {str(leg): str(parent) for leg, parent in links.items()}
    for name in parents:
        try:
            root = root_of(name, parents)
        except ListNotBelievedError:
            continue
        assert parents.get(root, root) == root


def test_calls_that_are_each_others_legs_are_refused():
    with pytest.raises(ListNotBelievedError):
        roots_of(row("a", "b"), row("b", "a"))


def test_a_repeated_row_counts_once_and_a_contradicted_one_is_refused():
    assert len(by_call_id([row("a"), row("a")])) == 1
    with pytest.raises(ListNotBelievedError):
        by_call_id([row("a"), row("a", is_recorded=True)])


def recording(reference="r", call_id="a", **facts):
    return ListedRecording(
        source_ref=reference, call_id=call_id, started_at=NOON, **facts
    )


def test_one_recording_may_belong_to_legs_but_not_to_two_calls():
    parents = {"a.1": "a"}
    shared = [recording(call_id="a"), recording(call_id="a.1")]
    assert len(by_reference(shared, parents)) == 1

    with pytest.raises(ListNotBelievedError):
        by_reference([*shared, recording(call_id="b")], parents)


@pytest.mark.parametrize("at", [START - 2 * CLOCK_SLACK, END + CLOCK_SLACK])
def test_a_list_of_another_day_is_refused(at):
    with pytest.raises(ListNotBelievedError):
        of_period(roots_of(row("a"), row("b", at=at)), START, START, END)


def test_a_leg_after_midnight_belongs_to_the_day_its_call_began():
    roots = roots_of(row("a", at=END - SECOND), row("a.1", "a", at=END + 6 * SECOND))

    assert of_period(roots, START, START, END).keys() == {"a"}


def test_our_calls_near_midnight_may_stand_in_the_neighbours_list():
    edges = [START, START + CLOCK_SLACK - SECOND, END - CLOCK_SLACK]
    inside = [START + CLOCK_SLACK, NOON, END - CLOCK_SLACK - SECOND]

    assert unlisted([*edges, *inside], START, END) == (3, 3)


def compared(calls=100, bound=100, platform_only=0, ledger_only=0):
    return Comparison(calls, bound, platform_only, ledger_only, 0)


@pytest.mark.parametrize(
    ("comparison", "is_within"),
    [
        (compared(), True),
        (compared(0, 0), True),
        (compared(1000, 995, platform_only=5), True),
        (compared(1000, 994, platform_only=6), False),
        (compared(1000, 1005, ledger_only=5), True),
        (compared(1000, 1006, ledger_only=6), False),
        (compared(10, 9, platform_only=1), False),
    ],
)
def test_half_a_percent_may_lack_and_not_more(comparison, is_within):
    assert comparison.is_within_tolerance is is_within


@pytest.mark.parametrize(
    "comparison",
    [
        compared(0, 1, ledger_only=1),
        compared(0, 5000, ledger_only=5000),
        compared(9, 20, ledger_only=11),
        compared(1000, 5000, ledger_only=4000),
    ],
)
def test_a_list_that_lacks_what_certainly_was_is_not_believed(comparison):
    with pytest.raises(ListNotBelievedError, match=str(comparison.bound)):
        check_plausible(comparison)


@pytest.mark.parametrize(
    "comparison",
    [
        compared(0, 0),
        compared(5000, 0, platform_only=5000),
        compared(1, 19, ledger_only=18),
        compared(10, 20, ledger_only=10),
    ],
)
def test_a_gap_is_counted_and_believed(comparison):
    check_plausible(comparison)


STEPS = (None, "fetching", "deleting", "confirming", "done")
ALL_FACTS = [
    Facts(
        recording=recording(is_running=is_running),
        step=step,
        is_there=is_there,
        is_drawn=is_drawn,
        has_another=has_another,
        is_first_look=is_first_look,
    )
    for step, is_running, is_there, is_drawn, has_another, is_first_look in product(
        STEPS, *[(False, True)] * 5
    )
]


@pytest.mark.parametrize("facts", ALL_FACTS, ids=str)
def test_what_becomes_of_a_recording_follows_from_few_rules(facts):
    verdict = judge(facts)

    is_purged = verdict in (Verdict.PURGE, Verdict.RETURNED)
    # What is not there is never purged; what nobody drew is never taken over, nor left.
    assert facts.is_there or not is_purged
    if facts.step is None and not facts.is_drawn and facts.is_there:
        assert verdict is Verdict.PURGE
    if verdict is Verdict.TAKE_OVER:
        assert facts.is_drawn
        assert facts.is_there
        assert not facts.has_another
        assert facts.step is None
    # One that is being taken care of is left to that.
    if facts.step in ("fetching", "deleting", "confirming"):
        assert verdict is Verdict.GO_ON
    # What we confirmed gone and is there is never passed over.
    if facts.step == "done":
        assert (verdict is Verdict.RETURNED) == facts.is_there
    # Made and deleted by others: told once, when the day is first looked at.
    if verdict is Verdict.WAS_MADE:
        assert facts.is_first_look
        assert not facts.is_drawn
        assert not facts.is_there


def test_a_recording_without_an_address_is_not_told_twice():
    usual = {"step": None, "is_there": False, "is_drawn": False, "is_first_look": True}
    nowhere = recording(reference="", is_held=False)

    unknown = Facts(recording=nowhere, has_another=False, **usual)
    purged = Facts(recording=nowhere, has_another=True, **usual)

    assert judge(unknown) is Verdict.WAS_MADE
    assert judge(purged) is Verdict.NOTHING


def test_a_drawn_call_keeps_one_recording_and_may_go_on_recording_it():
    usual = {"step": None, "is_there": True, "is_drawn": True, "is_first_look": True}

    first = Facts(recording=recording(), has_another=False, **usual)
    second = Facts(recording=recording(), has_another=True, **usual)
    running = Facts(recording=recording(is_running=True), has_another=False, **usual)

    assert judge(first) is Verdict.TAKE_OVER
    assert judge(second) is Verdict.PURGE
    assert judge(running) is Verdict.NOTHING
