"""The generic contract's call list: one day (UTC) as CSV or JSON, whole or refused.

CSV: a heading, one line for each call or leg, and a last line `total,N`. JSON: an
object with `day`, `total` and `calls`. A list that was cut short has no total, or
another one, and is refused: what it lacks must not pass for calls that never were.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import date, datetime

from proxy.errors import BadEventError, ListNotBelievedError
from proxy.platforms.base import ListedCall, ListedRecording
from proxy.platforms.generic_events import read_instant
from proxy.platforms.outbound import MAX_ADDRESS_LENGTH
from proxy.platforms.strict_json import read_object

LARGEST_LIST = 64 << 20  # bytes: about half a million calls
LONGEST_ID = 200  # as in the events
_BREATH = 200  # rows
REQUIRED = frozenset({"call_id", "root_call_id", "started_at", "recorded"})
COLUMNS = REQUIRED | {"recording_url"}
_FLAGS: Mapping[object, bool] = {"0": False, "1": True, False: False, True: True}

Row = Mapping[str, object]


class GivenList:
    """`CallLists` over a list that is here already, such as a file.

    Rows with a `recording_url` are the recordings; their address is the reference.
    """

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    async def calls_of(self, day: date) -> AsyncIterator[ListedCall]:
        async for number, row in self._rows(day):
            yield _call(row, number)

    async def recordings_of(self, day: date) -> AsyncIterator[ListedRecording]:
        async for number, row in self._rows(day):
            address = _text(row, "recording_url", number, MAX_ADDRESS_LENGTH)
            if address:
                call = _call(row, number)
                yield ListedRecording(
                    source_ref=address,
                    call_id=call.call_id,
                    started_at=call.started_at,
                )

    async def _rows(self, day: date) -> AsyncIterator[tuple[int, Row]]:
        """Rows with their numbers; now and then others have their turn."""
        for number, row in enumerate(read_rows(self._raw, day), start=1):
            if number % _BREATH == 0:
                await asyncio.sleep(0)
            yield number, row


def read_rows(raw: bytes, day: date) -> Iterator[Row]:
    """The rows of a list of `day`. Raises ListNotBelievedError, perhaps at the end."""
    if len(raw) > LARGEST_LIST:
        raise ListNotBelievedError(f"it is larger than {LARGEST_LIST >> 20} MiB")
    if raw.lstrip()[:1] == b"{":
        return _json_rows(raw, day)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ListNotBelievedError("it is not in UTF-8") from None
    return _csv_rows(text)


def _csv_rows(text: str) -> Iterator[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    count, total = 0, None
    try:
        heading = next(lines, [])
        _check_columns(heading)
        for line in lines:
            if total is not None:
                raise ListNotBelievedError("it goes on after its total")
            if line[:1] == ["total"]:
                total = line[1:]
                continue
            count += 1
            if len(line) != len(heading):
                raise _wrong(count, "it has another number of columns")
            yield dict(zip(heading, line, strict=True))
    except csv.Error:
        raise _wrong(count + 1, "it is not CSV") from None
    if total != [str(count)]:
        raise ListNotBelievedError(
            "it does not end with its total: was it cut short?",
            fix=f"end it with a line total,{count} if these are all",
        )


def _json_rows(raw: bytes, day: date) -> Iterator[Row]:
    try:
        document = read_object(raw)
    except BadEventError as error:
        raise ListNotBelievedError(error.detail) from None
    rows = document.get("calls")
    if not isinstance(rows, list):
        raise ListNotBelievedError("it has no calls", field="calls")
    if document.get("day") != day.isoformat():
        raise ListNotBelievedError("it is not of that day", field="day")
    if document.get("total") != len(rows):
        raise ListNotBelievedError("it holds another number of calls", field="total")
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            raise _wrong(number, "it is not an object")
        _check_columns(row, number)
        yield row


def _check_columns(names: Iterable[str], number: int = 0) -> None:
    """Exactly those of the contract: a misspelt name must not hide a recording."""
    given = list(names)
    if len(set(given)) < len(given) or not REQUIRED <= set(given) <= COLUMNS:
        raise _wrong(
            number,
            "its columns are not those of the contract",
            fix="call_id, root_call_id, started_at, recorded and, if recordings can "
            "be fetched, recording_url",
        )


def _call(row: Row, number: int) -> ListedCall:
    call_id = _text(row, "call_id", number)
    flag = row["recorded"]
    if not call_id:
        raise _wrong(number, "call_id is empty")
    if not isinstance(flag, str | int) or flag not in _FLAGS:
        raise _wrong(number, "recorded is neither 0 nor 1")
    return ListedCall(
        call_id=call_id,
        root_call_id=_text(row, "root_call_id", number) or call_id,
        started_at=_started_at(row, number),
        is_recorded=_FLAGS[flag] or bool(row.get("recording_url")),
    )


def _started_at(row: Row, number: int) -> datetime:
    moment = read_instant(_text(row, "started_at", number))
    if moment is None:
        raise _wrong(
            number,
            "started_at is not a time",
            fix="send a date, time and offset, as in 2026-01-31T09:30:00+01:00",
        )
    return moment


def _text(row: Row, name: str, number: int, longest: int = LONGEST_ID) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise _wrong(number, f"{name} is not a text of up to {longest} characters")
    return value


def _wrong(number: int, detail: str, fix: str = "") -> ListNotBelievedError:
    """Names the row by its number: what stands in it may be personal."""
    where = f"row {number}" if number else "heading"
    return ListNotBelievedError(detail, field=where, fix=fix)
