"""`ponctuel requests deadlines`, in a folder with no settings, database or site."""

import json
import os

import pytest

from proxy.cli import main


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PONCTUEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def deadlines(capsys):
    def run(*words):
        status = main(["requests", "deadlines", *words])
        return status, capsys.readouterr()

    return run


@pytest.fixture
def dates(deadlines):
    def run(*words):
        status, said = deadlines(*words, "--json")
        assert status == 0
        return json.loads(said.out)

    return run


def test_an_access_request_has_a_month_and_two_more(dates):
    assert dates("--type", "access", "--received", "2026-01-31") == {
        "earliest": None,
        "due": "2026-02-28",
        "extendable_until": "2026-02-28",
        "extended_due": "2026-04-30",
    }


def test_a_medical_file_has_48_hours_and_8_days(dates):
    told = dates("--type", "medical-file", "--received", "2026-03-10T14:00")

    assert told == {
        "earliest": "2026-03-12T14:00+01:00",
        "due": "2026-03-18",
        "extendable_until": None,
        "extended_due": None,
    }


def test_an_old_medical_file_has_two_months(dates):
    received = ["--type", "medical-file", "--received", "2026-03-10T14:00"]

    assert dates(*received, "--older-than-five-years")["due"] == "2026-05-10"


def test_without_an_hour_no_48_hours_end_too_early(dates):
    told = dates("--type", "medical-file", "--received", "2026-03-10")

    assert told["earliest"] == "2026-03-12T23:59+01:00"


def test_days_of_doubt_are_added(dates):
    received = ["--type", "erasure", "--received", "2026-01-31"]

    assert dates(*received, "--suspended-days", "3")["due"] == "2026-03-03"


def test_days_of_doubt_are_refused_of_a_medical_file_which_they_do_not_move(deadlines):
    words = ["--received", "2026-03-10", "--suspended-days", "2"]

    status, said = deadlines("--type", "medical-file", *words)

    assert (status, said.out) == (2, "")
    assert said.err.startswith("--suspended-days: ")


def test_another_place_has_its_own_clock(dates):
    received = ["--type", "medical-file", "--received", "2026-03-10T14:00"]

    told = dates(*received, "--zone", "Indian/Reunion")

    assert told["earliest"] == "2026-03-12T14:00+04:00"


def test_people_read_a_line_each(deadlines):
    status, said = deadlines("--type", "objection", "--received", "2028-01-31")

    assert status == 0
    assert [line.split() for line in said.out.splitlines()] == [
        ["earliest", "-"],
        ["due", "2028-02-29"],
        ["extendable_until", "2028-02-29"],
        ["extended_due", "2028-04-30"],
    ]


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["--received", "31 January"], "--received"),
        (["--received", "2026-02-30"], "--received"),
        (["--received", "2026-03-10T25:00"], "--received"),
        (["--received", "9999-12-31"], "--received"),
        (["--received", ""], "--received"),
        (["--received", "2026-03-10", "--zone", "Paris"], "--zone"),
        (["--received", "2026-03-10", "--zone", "/etc/passwd"], "--zone"),
        (["--received", "2026-03-10", "--suspended-days", "-1"], "--suspended-days"),
        (["--received", "2026-03-10", "--suspended-days", "32"], "--suspended-days"),
        (
            ["--received", "2026-03-10", "--older-than-five-years"],
            "--older-than-five-years",
        ),
    ],
)
def test_what_is_wrong_is_said_by_its_name_with_what_to_write(deadlines, words, field):
    status, said = deadlines("--type", "access", *words)

    assert status == 2
    assert said.out == ""
    assert said.err.startswith(f"{field}: ")
    assert said.err.rstrip().endswith(")")
