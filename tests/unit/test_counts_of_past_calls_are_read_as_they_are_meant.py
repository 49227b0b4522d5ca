import json
from datetime import date, timedelta

import pytest

from sampling.simulation.counted import LARGEST_TEXT, read_counts
from sampling.simulation.faults import SimulationInputError
from sampling.simulation.traffic import MAX_AGENTS, MAX_DAYS, USUAL_STRATUM, DayCount

CSV = """day,agent,stratum,calls
2026-11-17,blue,cardiology_in,12
2026-11-17,green,others_in,3
2026-11-19,blue,others_in,0
"""
ROWS = [
    {"day": "2026-11-17", "agent": "blue", "stratum": "cardiology_in", "calls": 12},
    {"day": "2026-11-17", "agent": "green", "stratum": "others_in", "calls": 3},
    {"day": "2026-11-19", "agent": "blue", "stratum": "others_in", "calls": 0},
]
COUNTS = (DayCount(0, 0, 0, 12), DayCount(0, 1, 1, 3), DayCount(2, 0, 1, 0))


@pytest.mark.parametrize(
    "text",
    [
        CSV,
        "\ufeff" + CSV.replace("\n", "\r\n"),
        json.dumps(ROWS),
        """calls,stratum,agent,day
12,cardiology_in,blue,2026-11-17
3,others_in,"green",2026-11-17
0, others_in ,blue,2026-11-19""",
    ],
)
def test_csv_and_json_mean_the_same_whatever_the_order_of_columns(text):
    traffic = read_counts(text, mean_seconds=90)

    assert traffic.counts == COUNTS
    assert traffic.strata == ("cardiology_in", "others_in")
    assert (traffic.agents, traffic.days, traffic.calls) == (2, 3, 15)
    assert traffic.mean_seconds == 90


def test_without_strata_all_calls_are_in_one():
    traffic = read_counts("day,agent,calls\n2026-11-17,blue,12\n")

    assert traffic.strata == (USUAL_STRATUM,)


def first_and(*more):
    return "\n".join(["day,agent,calls", "2026-11-17,secret-name,12", *more])


REFUSED = {
    "an empty file": ("", "the first line", "lacks agent, calls, day"),
    "no rows": ("day,agent,calls\n", "the file", "has no rows"),
    "no calls at all": ("day,agent,calls\n2026-11-17,x,0", "calls in all", "range"),
    "an unknown column": ("day,agent,calls,name", "the first line", "other columns"),
    "a column twice": ("day,agent,calls,calls", "the first line", "twice"),
    "a short line": (first_and("2026-11-18,blue"), "line 3", "more or fewer"),
    "a long line": (first_and("2026-11-18,blue,1,2"), "line 3", "more or fewer"),
    "open quotes": (first_and('2026-11-18,"blue,1'), "after line 2", "not valid CSV"),
    "a day that never was": (first_and("2026-02-30,blue,1"), "line 3: day", "no day"),
    "a day in words": (first_and("17/11/2026,blue,1"), "line 3: day", "no day"),
    "no agent": (first_and("2026-11-18,,1"), "line 3: agent", "no code"),
    "a broken number": (first_and("2026-11-18,blue,1.5"), "line 3: calls", "no number"),
    "fewer than none": (first_and("2026-11-18,blue,-1"), "line 3: calls", "no number"),
    "too many calls": (first_and("2026-11-18,b,1000001"), "line 3: calls", "no number"),
    "the same calls twice": (
        first_and("2026-11-17,secret-name,3"),
        "line 3",
        "same calls as line 2",
    ),
    "no stratum's name": (
        "day,agent,calls,stratum\n2026-11-17,secret-name,1,Cardiology",
        "line 2: stratum",
        "not that of a stratum",
    ),
    "days too far apart": (
        first_and(f"{date(2026, 11, 17) + timedelta(MAX_DAYS)},blue,1"),
        "day",
        "too far apart",
    ),
    "too many agents": (
        first_and(*(f"2026-11-18,{n},1" for n in range(MAX_AGENTS))),
        "agents",
        "out of range",
    ),
    "broken JSON": ("[{", "the file", "not valid JSON"),
    "JSON of another kind": ('{"day": 1}', "the file", "not an array"),
    "JSON rows of another kind": ("[1]", "row 1", "not an object"),
    "JSON rows that lack a name": ('[{"day": "2026-11-17"}]', "row 1", "lacks"),
    "JSON with a null": (
        '[{"day": "2026-11-17", "agent": null, "calls": 1}]',
        "row 1",
        "more or fewer",
    ),
    "more than anybody counts": ("x" * (LARGEST_TEXT + 1), "the file", "too long"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_could_be_misread_is_refused_by_its_place_and_names_nobody(case):
    text, field, wrong = REFUSED[case]

    with pytest.raises(SimulationInputError) as refused:
        read_counts(text)

    assert refused.value.field == field
    assert wrong in refused.value.wrong
    assert refused.value.fix
    assert "secret-name" not in str(refused.value)
