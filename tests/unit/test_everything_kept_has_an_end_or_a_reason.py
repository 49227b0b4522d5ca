"""The table of what is kept: nothing without an end, or without a reason not to end."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest

from proxy.cli import main
from proxy.database.forgetting import QUERIES, SWEPT
from proxy.database.queue import forget_job_log
from proxy.intake.opt_outs import KEPT as OPT_OUTS_KEPT
from proxy.ledger.cosignatures import KEPT_WHOLE
from proxy.monitoring.keeping import SNAPSHOTS_KEPT
from proxy.ship.shipper import Patience
from proxy.vault.canaries import CANARY_KEPT
from proxy.vault.shelf import LONGEST_WRITE
from retention import schedule
from retention.periods import LONGEST_INSPECTION
from retention.promises import WHILE_THE_SITE_EXISTS, Promise
from retention.schedule import SCHEDULE, tables
from sampling.caps import COUNTED_DAYS

EVERYTHING = [pytest.param(promise, id=promise.kind) for promise in SCHEDULE]


@pytest.mark.parametrize("promise", EVERYTHING)
def test_every_kind_has_an_end_a_reason_and_somebody_who_ends_it(promise: Promise):
    assert promise.kind
    assert promise.why
    assert promise.ended_by
    assert promise.kept_in_words


@pytest.mark.parametrize("promise", EVERYTHING)
def test_an_age_says_from_when_it_counts(promise: Promise):
    if isinstance(promise.kept, timedelta):
        assert promise.kept > timedelta()
        assert promise.since


def test_no_kind_and_no_table_is_promised_two_things():
    kinds = [promise.kind for promise in SCHEDULE]

    assert len(set(kinds)) == len(kinds)
    assert sorted(set(tables())) == sorted(tables())


def test_only_what_names_nobody_stays_for_ever():
    staying = {p.tables for p in SCHEDULE if p.kept == WHILE_THE_SITE_EXISTS}

    assert {table for group in staying for table in group} == {
        "access_checks",
        "access_heads",
        "access_leaves",
        "breaker_openings",
        "counts",
        "day_keys",
        "epochs",
        "ledger_entries",
        "ledger_heads",
        "ledger_tiles",
        "monitor_sight",
        "object_stores",
        "policies",
        "policy_files",
        "published_figures",
        "self_checks",
        "sites",
        "timestamps",
    }


def test_what_nobody_ends_is_said_to_stay():
    for_ever = ("while the ", "none are kept")

    assert [
        promise.kind
        for promise in SCHEDULE
        if promise.ended_by.startswith("nobody")
        and not promise.kept_in_words.startswith(for_ever)
    ] == []


def test_the_sweep_has_one_query_for_each_age_and_no_other():
    by_age = [p.swept_as for p in SWEPT if isinstance(p.kept, timedelta)]

    assert sorted(by_age) == sorted(QUERIES)


def test_whoever_ends_something_keeps_to_the_table():
    assert LONGEST_WRITE == schedule.UNFINISHED_KEPT
    assert Patience().keep_for == schedule.CAPTURES_KEPT
    # The monitors may go back as far as their oldest copy, which is of the day before.
    assert timedelta(days=SNAPSHOTS_KEPT + 1) == schedule.AGENTS_KEPT
    assert timedelta(weeks=LONGEST_INSPECTION) <= schedule.HOLDS_KEPT
    assert forget_job_log.__globals__["JOB_LOG_KEPT"] is schedule.JOB_LOG_KEPT


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("opt_outs", f"{OPT_OUTS_KEPT.days // 365} years"),
        ("agent_days", f"{COUNTED_DAYS} days"),
        ("checkpoints", f"{KEPT_WHOLE // timedelta(hours=1)} hours; one an hour"),
        ("monitor_states", f"{SNAPSHOTS_KEPT} daily copies"),
        ("canaries", f"{CANARY_KEPT.days} days"),
    ],
)
def test_a_rule_in_words_says_what_the_code_does(table: str, words: str):
    [promise] = [promise for promise in SCHEDULE if table in promise.tables]

    assert promise.kept_in_words.startswith(words)


def test_a_year_is_never_shorter_than_a_calendar_year():
    assert timedelta(days=4 * 365 + 366 + 1) <= schedule.ACCOUNTABLE_FOR
    assert timedelta(days=366) <= schedule.HOLDS_KEPT


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=72), "72 hours"),
        (timedelta(days=9), "9 days"),
        (timedelta(days=100), "100 days"),
        (timedelta(days=366), "1 year"),
        (timedelta(days=5 * 365 + 2), "5 years"),
    ],
)
def test_an_age_is_said_as_people_say_it(age: timedelta, words: str):
    promise = Promise(kind="x", kept=age, since="then", why="because")

    assert promise.kept_in_words == words


def test_people_are_shown_the_table(capsys: pytest.CaptureFixture[str]):
    assert main(["retention", "table"]) == 0

    shown = capsys.readouterr().out
    places = [shown.index(f"{promise.kind}\n") for promise in SCHEDULE]
    assert all(before < after for before, after in pairwise(places))


def test_machines_are_given_the_same_rows(capsys: pytest.CaptureFixture[str]):
    assert main(["retention", "table", "--json"]) == 0

    rows = json.loads(capsys.readouterr().out)
    assert rows == [promise.row._asdict() for promise in SCHEDULE]
