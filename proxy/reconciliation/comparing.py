"""A platform's day against what was bound and drawn: plain data in, plain data out.

Nothing here reads or writes. That something is missing from a list never leads to more
than a count: only what a list does hold is acted on.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from proxy.errors import ListNotBelievedError
from proxy.platforms.base import ListedCall, ListedRecording

CLOCK_SLACK = timedelta(minutes=5)  # between two honest clocks; the verifier's as well
GAP_TOLERANCE = 0.005  # of a day's calls
MOST_LISTED = 1_000_000  # rows of one day
# Fewer than half of many bound calls are no gap: the list is not all of it.
_MANY_CALLS = 20
HEADING = "connection,root_call_id,started_at,recorded"


@dataclass(slots=True)
class RootCall:
    """A call as the platform lists it, all its legs together."""

    started_at: datetime
    is_recorded: bool
    is_connected: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far a platform's list and our binds are one to one.

    `calls` of the list were held against `bound` of ours. `undecided` ones of ours are
    not listed, but so near to midnight that they may stand in the neighbouring list.
    """

    calls: int
    bound: int
    platform_only: int
    ledger_only: int
    undecided: int

    @property
    def gap(self) -> float:
        """The share of the platform's calls that were never drawn."""
        return self.platform_only / self.calls if self.calls else 0.0

    @property
    def is_within_tolerance(self) -> bool:
        allowed = GAP_TOLERANCE * max(self.calls, self.bound)
        return max(self.platform_only, self.ledger_only) <= allowed


def root_of(call_id: str, parents: Mapping[str, str]) -> str:
    """The call a leg, or the leg of a leg, belongs to."""
    seen = {call_id}
    while (parent := parents.get(call_id, call_id)) != call_id:
        if parent in seen:
            raise ListNotBelievedError("calls are listed as legs of each other")
        seen.add(parent)
        call_id = parent
    return call_id


def by_call_id(listed: Iterable[ListedCall]) -> dict[str, ListedCall]:
    """Rows by their call; a row may be repeated, but not contradicted."""
    rows: dict[str, ListedCall] = {}
    for row in listed:
        if rows.setdefault(row.call_id, row) != row:
            raise ListNotBelievedError("a call is listed twice, and differently")
    return rows


def root_calls(
    rows: Mapping[str, ListedCall],
    parents: Mapping[str, str],
    recorded: Collection[str],
) -> dict[str, RootCall]:
    """Legs joined to their root calls. `recorded`: calls that have a recording."""
    roots: dict[str, RootCall] = {}
    for name, row in rows.items():
        is_recorded = bool(row.is_recorded) or name in recorded
        root = roots.setdefault(
            root_of(name, parents), RootCall(row.started_at, is_recorded, False)
        )
        root.started_at = min(root.started_at, row.started_at)
        root.is_recorded |= is_recorded
        root.is_connected |= row.is_connected
    return roots


def by_reference(
    listed: Iterable[ListedRecording], parents: Mapping[str, str]
) -> dict[str, ListedRecording]:
    """Recordings by what the platform calls them; legs of one call may share one."""
    found: dict[str, ListedRecording] = {}
    for recording in listed:
        first = found.setdefault(recording.source_ref, recording)
        if root_of(first.call_id, parents) != root_of(recording.call_id, parents):
            raise ListNotBelievedError("one recording is listed for two calls")
    return found


def of_period(
    roots: Mapping[str, RootCall], since: datetime, start: datetime, end: datetime
) -> dict[str, RootCall]:
    """The calls to compare: those since the connection asks us, of the day given.

    Raises ListNotBelievedError for a call of another day: then it is another list.
    """
    for root in roots.values():
        if not start - CLOCK_SLACK <= root.started_at < end + CLOCK_SLACK:
            raise ListNotBelievedError("calls of another day are listed")
    first = since - CLOCK_SLACK
    return {name: root for name, root in roots.items() if root.started_at >= first}


def counted(
    roots: Mapping[str, RootCall], bound: Collection[str]
) -> dict[str, RootCall]:
    """Without calls nobody answered, of which the platform had nothing to ask."""
    return {
        name: root
        for name, root in roots.items()
        if root.is_connected or root.is_recorded or name in bound
    }


def unlisted(
    bound_at: Iterable[datetime], start: datetime, end: datetime
) -> tuple[int, int]:
    """Of our calls that the list lacks: how many count, how many are undecided."""
    edges = (start + CLOCK_SLACK, end - CLOCK_SLACK)
    inside = [edges[0] <= moment < edges[1] for moment in bound_at]
    return sum(inside), len(inside) - sum(inside)


def check_plausible(comparison: Comparison) -> None:
    """Refuse a list that lacks what certainly was: signed webhooks told us of it."""
    if comparison.bound and not comparison.calls:
        raise ListNotBelievedError(
            f"nothing is listed, but {comparison.bound} calls were bound that day"
        )
    lacking = comparison.ledger_only
    if comparison.bound >= _MANY_CALLS and 2 * lacking > comparison.bound:
        raise ListNotBelievedError(
            f"it lacks {lacking} of {comparison.bound} calls that were bound that day"
        )


def normalised(connection: str, roots: Mapping[str, RootCall]) -> Iterator[bytes]:
    """The list as an auditor writes it too, line by line; its hash is in the ledger."""
    yield f"{HEADING}\n".encode()
    line = io.StringIO(newline="")
    writer = csv.writer(line, lineterminator="\n")
    for name in sorted(roots, key=str.encode):
        root = roots[name]
        started = root.started_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        writer.writerow([connection, name, started, int(root.is_recorded)])
        yield line.getvalue().encode()
        line.seek(0)
        line.truncate()


class Verdict(StrEnum):
    """What becomes of a listed recording."""

    NOTHING = "nothing"
    """It is gone, or is being recorded on our word."""
    GO_ON = "go-on"
    """A take-over of it is under way."""
    TAKE_OVER = "take-over"
    """It was drawn, and nobody told us that it is ready."""
    PURGE = "purge"
    """Nobody drew it, or its call has its recording: deleted unheard."""
    RETURNED = "returned"
    """It was confirmed gone, and is there again."""
    WAS_MADE = "was-made"
    """Nobody drew it, and somebody else has deleted it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a listed recording.

    `step` is that of its take-over, if there is one. `is_there`: the platform was asked
    again. `is_drawn`: its call was drawn RECORD. `has_another`: that call has, or is
    getting, another recording. `is_first_look`: the day is reconciled the first time.
    """

    recording: ListedRecording
    step: str | None
    is_there: bool
    is_drawn: bool
    has_another: bool
    is_first_look: bool


def judge(facts: Facts) -> Verdict:
    """The one place where it is decided what is purged."""
    if facts.step is not None:
        return _judge_known(facts)
    if not facts.is_drawn:
        return _judge_unsolicited(facts)
    if not facts.is_there:
        return Verdict.NOTHING
    if facts.has_another:
        return Verdict.PURGE
    return Verdict.NOTHING if facts.recording.is_running else Verdict.TAKE_OVER


def _judge_known(facts: Facts) -> Verdict:
    if facts.step != "done":
        return Verdict.GO_ON
    return Verdict.RETURNED if facts.is_there else Verdict.NOTHING


def _judge_unsolicited(facts: Facts) -> Verdict:
    if facts.is_there:
        return Verdict.PURGE
    if not facts.recording.source_ref and facts.has_another:
        return Verdict.NOTHING  # of that call one was purged here: it is the same one
    # At a later look it may have been us who deleted it, days ago.
    return Verdict.WAS_MADE if facts.is_first_look else Verdict.NOTHING
