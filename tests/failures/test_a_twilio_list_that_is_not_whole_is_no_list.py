"""What Twilio's list lacks must never pass for calls that never were.

A list is read to its end and believed, or refused with nothing concluded from it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from proxy.errors import (
    ForbiddenSourceError,
    ListNotBelievedError,
    SourceUnavailableError,
)
from proxy.platforms import twilio_lists
from proxy.platforms.twilio import TwilioPlatform
from proxy.platforms.twilio_config import TwilioConfig
from tests.failures.call_lists import NOON, listed
from tests.failures.source_suite import IMPATIENT
from tests.fakes.twilio_api import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    FakeCall,
    FakeRecording,
    FakeTwilio,
)


@pytest.fixture
def account():
    """Five calls and five recordings, two to a page."""
    fake = FakeTwilio(page_size=2)
    for number in range(5):
        sid = f"{number:032x}"
        fake.add_call(FakeCall(f"CA{sid}", NOON))
        fake.add(FakeRecording(f"RE{sid}", f"CA{sid}", created_at=NOON))
    return fake


@asynccontextmanager
async def lists_at(address: str, **changes: timedelta) -> AsyncIterator[object]:
    platform = TwilioPlatform(
        TwilioConfig(
            account_sid=ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            public_url="https://rec.example.com/webhooks/twilio-main",
            default_forward_to="+33199000001",
            api_base=address,
            allow_private_addresses=True,
            **changes,
        )
    )
    yield platform.lists
    await platform.source.close()


@pytest.fixture
async def server_url(account, aiohttp_server) -> str:
    server = await aiohttp_server(account.app())
    return str(server.make_url("")).rstrip("/")


@pytest.fixture
async def lists(server_url: str) -> AsyncIterator[object]:
    async with lists_at(server_url) as lists:
        yield lists


@pytest.fixture
async def hasty(server_url: str) -> AsyncIterator[object]:
    """The same, for what is to fail: a slow machine makes no difference to that."""
    async with lists_at(server_url, idle_timeout=IMPATIENT) as hasty:
        yield hasty


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
async def test_a_page_that_breaks_off_fails_the_list(account, hasty, kind):
    account.faults.add(kind, asked="PageToken")

    with pytest.raises(SourceUnavailableError):
        await listed(hasty)


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
