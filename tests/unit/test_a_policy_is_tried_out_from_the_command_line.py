"""`ponctuel policy simulate`, in a folder with no settings, database or site."""

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from xml.etree import ElementTree as ET

import pytest

from proxy.cli import main

SITE = ["--agents", "40", "--calls-per-agent", "150"]
FEW = ["--replications", "50"]
POLICY = """
rate = "1%"
starts_on = 2026-11-01
[strata.cardiology_in]
rate = "0.5%"
[coverage]
calls_per_agent = 150
at_least = 2
"""
COUNTS = (
    "day,agent,stratum,calls\n2026-11-17,blue,calls_in,90\n2026-11-18,red,calls_in,9"
)


@pytest.fixture(autouse=True)
def _nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PONCTUEL_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def ponctuel(capsys):
    def run(*words):
        status = main(["policy", "simulate", *words])
        return status, *capsys.readouterr()

    return run


def figures(answer):
    status, out, err = answer
    assert (status, err) == (0, "")
    return json.loads(out)


def test_it_answers_from_a_rate_and_expected_traffic_alone(ponctuel):
    found = figures(ponctuel(*SITE, "--rate", "0.018", "--json"))

    assert (found["agents"], found["calls"], found["replications"]) == (40, 6000, 10000)
    each = found["recordings_per_agent"]
    assert (each["p5"], each["p50"], each["p95"]) == (0, 3, 5)
    assert found["chance_every_agent_heard"] == pytest.approx(0.066, abs=0.02)
    assert 0.5 < found["worst_window_ratio"] <= 1
    assert found["audio_hours"] == pytest.approx(5.2, abs=0.1)


def test_it_tells_people_in_words(ponctuel):
    status, out, _ = ponctuel(*SITE, "--rate", "1.8%", *FEW, "--days", "14")

    assert status == 0
    assert "40 agents, 6,000 calls in 14 days" in out
    assert "50 times, seed 1" in out
    assert "recording everything    noticed after 5 (5 to 5) calls" in out


def test_a_rate_may_bring_a_bucket_of_its_own(ponctuel):
    bucket = ["--ceiling", "4%", "--burst", "5", "--smooth", "1"]

    found = figures(ponctuel(*SITE, "--rate", "3%", *bucket, *FEW, "--json"))

    assert found["worst_windows"][0]["bound"] == 9
    # 3 % of 150 calls are 4.5: more than 4, so nearly all get half of it.
    assert found["recorded_share"] == pytest.approx(0.0166, abs=0.001)


@pytest.mark.parametrize("name", ["campaign.toml", "campaign.json"])
def test_a_policy_document_is_tried_with_its_strata(ponctuel, tmp_path, name):
    document = POLICY
    if name.endswith("json"):
        document = json.dumps(
            {
                "rate": 0.01,
                "starts_on": "2026-11-01",
                "strata": {"cardiology_in": {"rate": "0.5%"}},
                "coverage": {"calls_per_agent": 150, "at_least": 2},
            }
        )
    (tmp_path / name).write_text(document)
    shares = ["--share", "cardiology_in=0.5", "--share", "others_in=.5"]

    found = figures(ponctuel(*SITE, "--file", name, *shares, *FEW, "--json"))

    assert found["heard_at_least"] == 2
    assert 0.005 < found["recorded_share"] < 0.02


def test_the_policy_of_the_settings_is_tried_and_nothing_is_opened(ponctuel, tmp_path):
    (tmp_path / "ponctuel.toml").write_text(
        '[sites.nord.policy]\nrate = "1%"\nstarts_on = 2026-11-01\n[sites.sud]\n'
    )

    found = figures(ponctuel(*SITE, "--site", "nord", *FEW, "--json"))

    assert found["recorded_share"] == pytest.approx(0.01, abs=0.001)
    assert [each.name for each in tmp_path.iterdir()] == ["ponctuel.toml"]
    status, _, err = ponctuel(*SITE, "--site", "sud")
    assert (status, err[:6]) == (2, "--site")
    status, _, err = ponctuel(*SITE, "--site", "ost")
    assert (status, "known: nord, sud" in err) == (2, True)


def test_counted_calls_take_the_place_of_expected_ones(ponctuel, tmp_path):
    (tmp_path / "calls.csv").write_text(COUNTS)

    found = figures(
        ponctuel("--traffic", "calls.csv", "--rate", "1.8%", *FEW, "--json")
    )

    assert (found["agents"], found["calls"], found["days"]) == (2, 99, 2)


def test_the_picture_is_written_whole(ponctuel, tmp_path):
    status, *_ = ponctuel(*SITE, "--rate", "1.8%", *FEW, "--svg", "out.svg")

    assert status == 0
    assert ET.fromstring((tmp_path / "out.svg").read_text()).tag.endswith("svg")  # noqa: S314  # our own
    assert [each.name for each in tmp_path.iterdir()] == ["out.svg"]


MISUSED = {
    "a bare 2": ((*SITE, "--rate", "2"), "--rate: is ambiguous"),
    "no number": ((*SITE, "--rate", "many"), "--rate: is not a rate"),
    "above the hard ceiling": ((*SITE, "--rate", "11%"), "--rate: above the hard"),
    "above its own": ((*SITE, "--rate", "3%"), "--rate: above the policy's own"),
    "a bucket that is too large": (
        (*SITE, "--rate", "1%", "--burst", "90"),
        "--burst: allows 110 recordings in 1,000 calls",
    ),
    "a bucket for a file": ((*SITE, "--file", "x", "--burst", "9"), "--burst: goes"),
    "no traffic": (("--rate", "1%"), "--agents: is missing"),
    "half of the traffic": (("--rate", "1%", "--agents", "4"), "--calls-per-agent: is"),
    "traffic twice": ((*SITE, "--rate", "1%", "--traffic", "x"), "--agents: does not"),
    "too many agents": (
        ("--agents", "2001", "--calls-per-agent", "1", "--rate", "1%"),
        "--agents: 2,001 is out of range (1 to 2,000)",
    ),
    "no replications": (
        (*SITE, "--rate", "1%", "--replications", "0"),
        "--replications: 0 is",
    ),
    "a seed below 0": ((*SITE, "--rate", "1%", "--seed", "-1"), "--seed: -1 is out"),
    "a broken share": ((*SITE, "--rate", "1%", "--share", "a_in=x"), "--share: is no"),
    "a share twice": (
        (*SITE, "--rate", "1%", "--share", "a_in=.5", "--share", "a_in=.5"),
        "--share: is no share, or the second",
    ),
    "shares of less than all": (
        (*SITE, "--rate", "1%", "--share", "a_in=0.5"),
        "--share: add up to 0.5",
    ),
    "no such file": ((*SITE, "--file", "nothing"), "--file: nothing cannot be read"),
    "no such traffic": (
        ("--rate", "1%", "--traffic", "nothing"),
        "--traffic: nothing cannot be read",
    ),
    "a picture nowhere": (
        (*SITE, "--rate", "1%", *FEW, "--svg", "no/where.svg"),
        "--svg:",
    ),
}


@pytest.mark.parametrize("case", MISUSED)
def test_misuse_is_told_by_its_option_and_ends_with_status_2(ponctuel, case):
    words, told = MISUSED[case]

    status, out, err = ponctuel(*words)

    assert (status, out) == (2, "")
    assert err.startswith(told)
    assert "(" in err, "it does not say what would be right"


BROKEN = {
    "neither": ("rate = ", "campaign cannot be read: it is neither TOML nor JSON"),
    "no document": ("{", "campaign cannot be read: it is neither TOML nor JSON"),
    "unknown fields": ('rate = "1%"\nstarts_on = 2026-11-01\nspeed = 3', "speed: "),
    "an ambiguous rate": ("rate = 2\nstarts_on = 2026-11-01", "rate: is ambiguous"),
    "a rate of a stratum": (
        'rate = "1%"\nstarts_on = 2026-11-01\n[strata.a_in]\nrate = 2',
        "strata.a_in.rate: is ambiguous",
    ),
    "an end before the start": (
        'rate = "1%"\nstarts_on = 2026-11-01\nends_on = 2026-10-01',
        "ends_on: campaign too long or empty",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_document_is_told_by_its_field(ponctuel, tmp_path, case):
    document, told = BROKEN[case]
    (tmp_path / "campaign").write_text(document)

    status, _, err = ponctuel(*SITE, "--file", "campaign")

    assert status == 2
    assert told in err


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000])
def test_files_that_are_no_text_are_refused_in_words(ponctuel, tmp_path, content):
    (tmp_path / "file").write_bytes(content)

    for words in ((*SITE, "--file", "file"), ("--rate", "1%", "--traffic", "file")):
        status, _, err = ponctuel(*words)
        assert (status, err.count("\n")) == (2, 1), err


def test_counts_that_cannot_be_read_are_told_by_their_line(ponctuel, tmp_path):
    (tmp_path / "calls.csv").write_text(COUNTS + "\n2026-11-18,red,calls_in,1")

    status, _, err = ponctuel("--traffic", "calls.csv", "--rate", "1%")

    assert status == 2
    assert err.startswith("--traffic, line 4: is about the same calls as line 3")


def test_on_a_terminal_it_shows_how_far_it_is():
    """On standard error, so that standard output is the answer alone."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "proxy.cli", "policy", "simulate", *SITE]
    with subprocess.Popen(
        [*command, "--rate", "1%", "--replications", "500", "--json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    ) as child:
        os.close(theirs)
        shown = all_of(ours)
        answer = child.stdout.read()

    assert b"imaginary periods" in shown
    assert json.loads(answer)["replications"] == 500


def all_of(terminal):
    """What is shown until nobody holds the other end any more."""
    shown = b""
    with suppress(OSError), os.fdopen(terminal, "rb", buffering=0) as stream:
        while piece := stream.read(4096):
            shown += piece
    return shown
