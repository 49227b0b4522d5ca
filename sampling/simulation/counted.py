"""Counts of past calls, from CSV or JSON text.

A row is one agent's calls of one day in one stratum: `day` as 2026-11-17, `agent` any
code, `stratum` (may be left out), `calls`. CSV has a first line with these names, JSON
is an array of objects. Agents are only told apart: their codes are not kept, and no
fault repeats them.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sampling.simulation.faults import SimulationInputError
from sampling.simulation.traffic import (
    MAX_CALLS,
    MAX_DAYS,
    USUAL_SECONDS,
    USUAL_STRATUM,
    CountedTraffic,
    DayCount,
    check_stratum,
)

LARGEST_TEXT = 16_000_000  # characters
_NEEDED = {"day", "agent", "calls"}
_KNOWN = _NEEDED | {"stratum"}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CALLS = re.compile(r"[0-9]{1,9}")
_LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class _Row:
    place: str
    day: date
    agent: str
    stratum: str
    calls: int


def read_counts(text: str, mean_seconds: float = USUAL_SECONDS) -> CountedTraffic:
    """The traffic these counts are. Raises SimulationInputError naming the row."""
    if len(text) > LARGEST_TEXT:
        raise SimulationInputError(
            "the file", "is too long", f"at most {LARGEST_TEXT:,} characters"
        )
    is_json = text.lstrip("\ufeff \r\n\t")[:1] in ("[", "{")
    rows = list(_of_json(text) if is_json else _of_csv(text))
    _check(rows)
    agents = _numbered(row.agent for row in rows)
    strata = _numbered(row.stratum for row in rows)
    first = min(row.day for row in rows)
    return CountedTraffic(
        counts=tuple(
            DayCount(
                (row.day - first).days,
                agents[row.agent],
                strata[row.stratum],
                row.calls,
            )
            for row in rows
        ),
        strata=tuple(strata),
        mean_seconds=mean_seconds,
    )


def _numbered(codes: Iterator[str]) -> Mapping[str, int]:
    return {code: number for number, code in enumerate(dict.fromkeys(codes))}


def _check(rows: list[_Row]) -> None:
    if not rows:
        raise SimulationInputError(
            "the file", "has no rows", "one for each day, agent and stratum"
        )
    seen: dict[tuple[date, str, str], str] = {}
    for row in rows:
        before = seen.setdefault((row.day, row.agent, row.stratum), row.place)
        if before != row.place:
            raise SimulationInputError(
                row.place, f"is about the same calls as {before}", "add the two up"
            )
    days = [row.day for row in rows]
    if (max(days) - min(days)).days >= MAX_DAYS:
        raise SimulationInputError(
            "day", "first and last are too far apart", f"at most {MAX_DAYS} days"
        )


def _of_csv(text: str) -> Iterator[_Row]:
    lines = csv.DictReader(text.removeprefix("\ufeff").splitlines(), strict=True)
    try:
        names = lines.fieldnames or []
        _check_names("the first line", names)
        if len(set(names)) != len(names):
            raise SimulationInputError(
                "the first line", "has a name twice", "name each column once"
            )
        for line in lines:
            yield _row(f"line {lines.line_num}", line)
    except csv.Error:
        raise SimulationInputError(
            f"after line {lines.line_num}", "is not valid CSV", "mend its quotes"
        ) from None


def _of_json(text: str) -> Iterator[_Row]:
    try:
        rows = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        raise SimulationInputError(
            "the file", "is not valid JSON", "send an array of objects"
        ) from None
    if not isinstance(rows, list):
        raise SimulationInputError(
            "the file", "is not an array", "send an array of objects"
        )
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise SimulationInputError(
                f"row {number}", "is not an object", "with day, agent, calls"
            )
        _check_names(f"row {number}", row)
        yield _row(f"row {number}", row)


def _check_names(place: str, names: Iterable[str]) -> None:
    given = set(names)
    if missing := _NEEDED - given:
        raise SimulationInputError(
            place, f"lacks {', '.join(sorted(missing))}", "day, agent, calls"
        )
    if given - _KNOWN:
        raise SimulationInputError(
            place, "has other columns", f"only {', '.join(sorted(_KNOWN))}"
        )


def _row(place: str, fields: Mapping[str, Any]) -> _Row:
    texts = {name: str(fields[name]).strip() for name in fields if name in _KNOWN}
    if len(texts) != len(fields) or None in fields.values():
        raise SimulationInputError(
            place, "has more or fewer fields than named", "one for each name"
        )
    if not 1 <= len(texts["agent"]) <= _LONGEST_CODE:
        raise SimulationInputError(
            f"{place}: agent", "is no code", f"1 to {_LONGEST_CODE} characters"
        )
    stratum = texts.get("stratum", USUAL_STRATUM)
    check_stratum(f"{place}: stratum", stratum)
    return _Row(
        place,
        _day(place, texts["day"]),
        texts["agent"],
        stratum,
        _calls(place, texts["calls"]),
    )


def _day(place: str, text: str) -> date:
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:  # the 30th of February
        pass
    raise SimulationInputError(f"{place}: day", "is no day", "write it like 2026-11-17")


def _calls(place: str, text: str) -> int:
    if not _CALLS.fullmatch(text) or int(text) > MAX_CALLS:
        raise SimulationInputError(
            f"{place}: calls", "is no number of calls", f"0 to {MAX_CALLS:,}"
        )
    return int(text)
