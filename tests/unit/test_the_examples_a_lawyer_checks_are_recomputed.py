"""docs/deadlines.md shows worked examples; every one is what the code computes."""

import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from retention.rights.deadlines import Kind, deadlines

PAGE = (Path(__file__).parents[2] / "docs" / "deadlines.md").read_text("utf-8")
EXAMPLES = PAGE.partition("\n## Worked examples")[2]
NONE = "-"
PARIS = ZoneInfo("Europe/Paris")


def rows():
    lines = [line for line in EXAMPLES.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


ROWS = list(rows())


def computed(kind, received, special):
    days = re.match(r"(\d+) suspended days", special)
    is_old = special.startswith("older than 5 years")
    assert days or is_old or special == NONE
    found = deadlines(
        Kind(kind.split(" · ")[0]),
        datetime.fromisoformat(received).replace(tzinfo=PARIS),
        is_older_than_five_years=is_old,
        suspended_days=int(days[1]) if days else 0,
    )
    earliest = found.earliest and f"{found.earliest:%Y-%m-%d %H:%M}"
    dates = (earliest, found.due, found.extendable_until, found.extended_due)
    return [str(date or NONE) for date in dates]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:3]))
def test_an_example_is_what_the_code_computes(row):
    kind, received, special, *dates, why = row

    assert dates == computed(kind, received, special)
    assert " · " in why  # in English and in French


def test_every_right_and_every_special_case_has_an_example():
    assert {row[0].split(" · ")[0] for row in ROWS} == set(Kind)
    assert any("older" in row[2] for row in ROWS)
    assert any("suspended" in row[2] for row in ROWS)
    assert any(row[4].endswith("02-29") for row in ROWS)
    assert len(ROWS) >= 20
