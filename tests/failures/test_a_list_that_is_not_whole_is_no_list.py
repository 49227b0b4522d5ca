"""What a platform's list lacks must never pass for calls that never were.

A list is read to its end and believed, or refused with nothing concluded from it.
"""

import csv
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import (
    ListNotBelievedError,
    SettingsError,
    SourceUnavailableError,
)
from proxy.platforms.call_list import GivenList, read_rows
from proxy.platforms.generic import GenericConfig, GenericPlatform
from tests.failures.call_lists import DAY, NOON, listed
from tests.failures.source_suite import IMPATIENT
from tests.fakes.generic_platform import HeldRecordings

HEADING = "call_id,root_call_id,started_at,recorded,recording_url"


@pytest.fixture
async def pbx(aiohttp_server):
    held = HeldRecordings()
    server = await aiohttp_server(held.application())
    held.address = str(server.make_url("")).rstrip("/")
    held.list_call("c-1", NOON)
    held.list_call("c-2", NOON, root_call_id="c-1", recorded=1)
    held.list_call("c-3", NOON, recording_url=f"{held.address}/recordings/r-3")
    return held


def generic(host="pbx.example.com", **changes):
    usual = {
        "bearer_tokens": ("token-0123456789abcdef",),
        "source_token": "source-token",
        "allowed_hosts": frozenset({host}),
        "allow_private_addresses": True,
    }
    return GenericPlatform(GenericConfig(**usual | changes))


@asynccontextmanager
async def lists_of(pbx, **changes):
    host = pbx.address.removeprefix("http://")
    address = f"{pbx.address}/calls?day={{day}}"
    platform = generic(host, call_list_url=address, **changes)
    yield platform.lists
    await platform.source.close()


@pytest.fixture
async def pbx_lists(pbx):
    async with lists_of(pbx) as lists:
        yield lists


@pytest.fixture
async def hasty(pbx):
    """The same, for what is to fail: a slow machine makes no difference to that."""
    async with lists_of(pbx, idle_timeout=IMPATIENT) as hasty:
        yield hasty


async def test_a_generic_list_is_fetched_by_its_day(pbx, pbx_lists):
    pbx.list_call("c-4", datetime(2026, 11, 18, tzinfo=UTC))

    calls, [recording] = await listed(pbx_lists)

    assert [call.call_id for call in calls] == ["c-1", "c-2", "c-3"]
    assert [call.root_call_id for call in calls] == ["c-1", "c-1", "c-3"]
    assert [call.is_recorded for call in calls] == [False, True, True]
    assert recording.source_ref == f"{pbx.address}/recordings/r-3"
    assert recording.call_id == "c-3"
    assert set(pbx.asked) == {("LIST", "2026-11-17")}


@pytest.mark.parametrize("kind", ["refuse", "half", "slow", "drop"])
async def test_a_generic_list_that_fails_is_unavailable(pbx, hasty, kind):
    pbx.misbehave("LIST", kind, times=2)  # a dropped connection is tried once more

    with pytest.raises(SourceUnavailableError):
        await listed(hasty)


async def test_a_generic_list_cut_short_by_its_writer_is_refused(pbx, pbx_lists):
    pbx.misbehave("LIST", "cut short")

    with pytest.raises(ListNotBelievedError):
        await listed(pbx_lists)


async def test_a_platform_without_an_address_has_no_list():
    assert generic().lists is None


@pytest.mark.parametrize(
    "address",
    [
        "https://pbx.example.com/calls",
        "https://other.example.com/{day}",
        "http://pbx.example.com/{day}",
        "{day}",
    ],
)
async def test_an_address_that_cannot_be_right_is_refused_at_the_start(address):
    with pytest.raises(SettingsError) as refusal:
        generic(call_list_url=address)

    assert refusal.value.field == "call_list_url"


def as_csv(*lines, heading=HEADING, end=True):
    last = [f"total,{len(lines)}"] if end is True else [end] if end else []
    return "\n".join([heading, *lines, *last]).encode()


ROW = "c-1,,2026-11-17T12:00:00Z,0,"
REFUSED = {
    "empty": b"",
    "heading only": HEADING.encode(),
    "no total": as_csv(ROW, end=""),
    "another total": as_csv(ROW, end="total,2"),
    "a total in words": as_csv(ROW, end="total,one"),
    "more after the total": as_csv(ROW) + b"\n" + ROW.encode(),
    "two totals": as_csv(ROW) + b"\ntotal,1",
    "half a line": as_csv(ROW[:8]),
    "a column too many": as_csv(ROW + ","),
    "a misspelt column": as_csv(ROW, heading=HEADING.replace("_url", "_uri")),
    "a column twice": as_csv(ROW + ",x", heading=HEADING + ",call_id"),
    "a column missing": as_csv("c-1,,0", heading="call_id,root_call_id,recorded"),
    "an open quotation": as_csv('"c-1,,2026-11-17T12:00:00Z,0,'),
    "no call": as_csv(ROW.removeprefix("c-1")),
    "a time without offset": as_csv(ROW.replace("Z", "")),
    "no such time": as_csv(ROW.replace("12:00", "25:00")),
    "a flag in words": as_csv(ROW.replace(",0,", ",yes,")),
    "no flag": as_csv(ROW.replace(",0,", ",,")),
    "an endless name": as_csv(ROW.replace("c-1", "c" * 201)),
    "a name with a line's end": as_csv(ROW.replace("c-1", '"c\n1"')),
    "not UTF-8": as_csv(ROW).replace(b"c-1", b"\xff"),
    "an array": b"[]",
    "no JSON": b"{",
    "JSON without calls": b'{"day": "2026-11-17", "total": 0}',
    "JSON of another day": b'{"day": "2026-11-18", "total": 0, "calls": []}',
    "JSON of another total": b'{"day": "2026-11-17", "total": 1, "calls": []}',
    "JSON without its total": b'{"day": "2026-11-17", "calls": []}',
    "JSON of something else": b'{"day": "2026-11-17", "total": 1, "calls": [1]}',
    "JSON with a field too many": json.dumps(
        {
            "day": "2026-11-17",
            "total": 1,
            "calls": [
                {
                    "call_id": "c-1",
                    "root_call_id": None,
                    "started_at": "2026-11-17T12:00:00Z",
                    "recorded": 0,
                    "caller": "+33612345678",
                }
            ],
        }
    ).encode(),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_list_that_does_not_keep_the_contract_is_refused(name):
    with pytest.raises(ListNotBelievedError) as refusal:
        await listed(GivenList(REFUSED[name]))

    assert "c-1" not in str(refusal.value)


async def test_a_list_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr("proxy.platforms.call_list.LARGEST_LIST", 100)

    with pytest.raises(ListNotBelievedError, match="larger"):
        await listed(GivenList(as_csv(*[ROW] * 9)))


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "excel"])
async def test_csv_as_common_programs_write_it_is_read(newline, mark):
    text = as_csv(ROW, '"c,2","c-1",2026-11-17T13:00:00+01:00,1,').decode()
    raw = mark + text.replace("\n", newline).encode()

    calls, recordings = await listed(GivenList(raw))

    assert [(call.call_id, call.root_call_id) for call in calls] == [
        ("c-1", "c-1"),
        ("c,2", "c-1"),
    ]
    assert calls[1].started_at == NOON
    assert recordings == []


async def test_json_says_the_same_as_csv():
    names = HEADING.split(",")
    rows = [ROW, "c-2,c-1,2026-11-17T12:00:00Z,1,https://pbx.example.com/r/2"]
    calls = [
        dict(zip(names, line.split(","), strict=True)) | {"recorded": flag}
        for line, flag in zip(rows, (False, 1), strict=True)
    ]
    document = {"day": "2026-11-17", "total": 2, "calls": calls}

    of_json = await listed(GivenList(json.dumps(document).encode()))

    assert of_json == await listed(GivenList(as_csv(*rows)))


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=20))
def test_a_list_cut_anywhere_is_refused(place, count):
    raw = as_csv(*[ROW.replace("c-1", f"c-{number}") for number in range(count)])
    cut = raw[: place % len(raw)]

    with pytest.raises((ListNotBelievedError, csv.Error)) as refusal:
        list(read_rows(cut, DAY))

    assert refusal.type is ListNotBelievedError
