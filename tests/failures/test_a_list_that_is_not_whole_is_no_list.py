"""What a platform's list lacks must never pass for calls that never were.

A list is read to its end and believed, or refused with nothing concluded from it.
"""

import csv
import json
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import (
    ForbiddenSourceError,
    ListNotBelievedError,
    SettingsError,
    SourceUnavailableError,
)
from proxy.platforms import twilio_lists
from proxy.platforms.call_list import GivenList, read_rows
from proxy.platforms.generic import GenericConfig, GenericPlatform
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import TwilioConfig
from tests.failures.source_suite import IMPATIENT
from tests.fakes.generic_platform import HeldRecordings
from tests.fakes.twilio_api import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    FakeCall,
    FakeRecording,
    FakeTwilio,
)

DAY = date(2026, 11, 17)
NOON = datetime(2026, 11, 17, 12, 0, tzinfo=UTC)
HEADING = "call_id,root_call_id,started_at,recorded,recording_url"


async def listed(lists):
    """All calls and recordings of the day."""
    calls = [call async for call in lists.calls_of(DAY)]
    return calls, [recording async for recording in lists.recordings_of(DAY)]


# --- Twilio -----------------------------------------------------------------------


@pytest.fixture
def account():
    """Five calls and five recordings, two to a page."""
    fake = FakeTwilio(page_size=2)
    for number in range(5):
        sid = f"{number:032x}"
        fake.add_call(FakeCall(f"CA{sid}", NOON))
        fake.add(FakeRecording(f"RE{sid}", f"CA{sid}", created_at=NOON))
    return fake


@pytest.fixture
async def lists(account, aiohttp_server) -> AsyncIterator[object]:
    server = await aiohttp_server(account.app())
    platform = TwilioPlatform(
        TwilioConfig(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            public_url="https://rec.example.com/webhooks/twilio-main",
            default_forward_to="+33199000001",
            api_base=str(server.make_url("")).rstrip("/"),
            allow_private_addresses=True,
            idle_timeout=IMPATIENT,
        )
    )
    yield platform.lists
    await platform.source.close()


async def test_all_pages_are_read(account, lists):
    calls, recordings = await listed(lists)

    assert [call.call_id for call in calls] == list(account.calls)
    assert [each.source_ref for each in recordings] == list(account.recordings)


async def test_only_the_day_that_was_asked_for_is_listed(account, lists):
    for other in (datetime(2026, 11, 16, 23, 59, 59, tzinfo=UTC), *_midnight()):
        account.add_call(FakeCall(f"CA{other:%d%H}".ljust(34, "f"), other))

    assert len((await listed(lists))[0]) == 5


def _midnight():
    return [datetime(2026, 11, 18, tzinfo=UTC)]


async def test_legs_name_their_call_and_unanswered_calls_are_marked(account, lists):
    root, leg, unanswered = list(account.calls.values())[:3]
    leg.parent_sid = root.sid
    unanswered.status = "no-answer"

    calls, _ = await listed(lists)

    assert [call.root_call_id for call in calls[:3]] == [
        root.sid,
        root.sid,
        unanswered.sid,
    ]
    assert [call.is_connected for call in calls[:3]] == [True, True, False]


async def test_what_was_recorded_and_deleted_by_hand_is_listed_as_made(account, lists):
    states = ["deleted", "in-progress", "absent", "completed", "something new"]
    for recording, status in zip(account.recordings.values(), states, strict=True):
        recording.status = status

    _, recordings = await listed(lists)

    assert [(each.is_held, each.is_running) for each in recordings] == [
        (False, False),
        (True, True),
        (True, False),
        (True, False),
    ]


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("asked", ["", "PageToken"], ids=["first", "second"])
async def test_a_page_that_fails_fails_the_list(account, lists, status, asked):
    account.faults.add("status", status=status, asked=asked)

    with pytest.raises(SourceUnavailableError):
        await listed(lists)

    assert len((await listed(lists))[0]) == 5


@pytest.mark.parametrize("kind", ["silence", "cut", "lost-answer"])
async def test_a_page_that_breaks_off_fails_the_list(account, lists, kind):
    account.faults.add(kind, asked="PageToken")

    with pytest.raises(SourceUnavailableError):
        await listed(lists)


async def test_a_page_that_redirects_is_not_followed(account, lists):
    account.faults.add("redirect", location="https://evil.example.com/Calls.json")

    with pytest.raises(ForbiddenSourceError):
        await listed(lists)


async def test_a_maintenance_page_is_no_list(account, lists):
    account.faults.add("garbage", asked="PageToken")

    with pytest.raises(ListNotBelievedError):
        await listed(lists)


SPOILED = {
    "no word on whether it goes on": lambda page: page.pop("next_page_uri"),
    "goes on nowhere": lambda page: page.update(next_page_uri=""),
    "goes on at a number": lambda page: page.update(next_page_uri=3),
    "goes on for ever": lambda page: page.update(next_page_uri=page["uri"]),
    "an empty page goes on": lambda page: page.update(
        calls=[], next_page_uri=page["uri"]
    ),
    "no rows": lambda page: page.pop("calls", None),
    "rows of something else": lambda page: page.update(calls=["CA"]),
    "rows without a name": lambda page: page["calls"][0].update(sid=None),
    "a name that is a number": lambda page: page["calls"][0].update(sid=1),
    "one row twice": lambda page: page["calls"].append(page["calls"][0]),
    "another day": lambda page: page["calls"][0].update(
        start_time="Wed, 18 Nov 2026 00:00:00 +0000"
    ),
    "no time": lambda page: page["calls"][0].update(start_time=None),
    "a time without a zone": lambda page: page["calls"][0].update(
        start_time="Tue, 17 Nov 2026 12:00:00"
    ),
}


@pytest.mark.parametrize("name", SPOILED)
async def test_a_page_that_cannot_be_right_spoils_the_list(account, lists, name):
    account.spoil = SPOILED[name]

    with pytest.raises(ListNotBelievedError):
        await listed(lists)

    assert len(account.requests) <= 3


ELSEWHERE = [
    "https://evil.example.com/2010-04-01/Accounts/AC/Calls.json?Page=1",
    "//evil.example.com/Calls.json",
    f"/2010-04-01/Accounts/AC{'ff' * 16}/Calls.json?Page=1",
    f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json?Page=1",
    f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls.json/../Keys.json",
    "http://[",
]


@pytest.mark.parametrize("address", ELSEWHERE)
async def test_no_page_leads_out_of_its_list(account, lists, address):
    account.spoil = lambda page: page.update(next_page_uri=address)

    with pytest.raises(ForbiddenSourceError):
        await listed(lists)

    assert len(account.requests) == 1


async def test_a_list_without_an_end_is_given_up(lists, monkeypatch):
    monkeypatch.setattr(twilio_lists, "MOST_PAGES", 2)

    with pytest.raises(ListNotBelievedError, match="more than 2 pages"):
        await listed(lists)


# --- Generic ----------------------------------------------------------------------


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
        "idle_timeout": IMPATIENT,
    }
    return GenericPlatform(GenericConfig(**usual | changes))


@pytest.fixture
async def pbx_lists(pbx):
    host = pbx.address.removeprefix("http://")
    platform = generic(host, call_list_url=f"{pbx.address}/calls?day={{day}}")
    yield platform.lists
    await platform.source.close()


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
async def test_a_generic_list_that_fails_is_unavailable(pbx, pbx_lists, kind):
    pbx.misbehave("LIST", kind, times=2)  # a dropped connection is tried once more

    with pytest.raises(SourceUnavailableError):
        await listed(pbx_lists)


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
