"""Twilio recorded what nobody drew: found, purged, confirmed gone, within one look.

The account is simulated by a server that Twilio's own client takes for the real one;
the webhooks are signed by Twilio's own library.
"""

import asyncio
import hashlib
from datetime import UTC, date, datetime

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.fakes.call_centre import CALLER, LINE
from tests.fakes.twilio_api import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    FakeCall,
    FakeRecording,
    FakeTwilio,
)

DAY = date(2026, 11, 18)
PUBLIC_URL = "https://rec.example.com/webhooks/twilio-main"
CONNECTION = "twilio-main"


@pytest.fixture
async def account():
    fake = FakeTwilio(page_size=3)
    runner = web.AppRunner(fake.app())
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield fake
    await runner.cleanup()


@pytest.fixture
async def at_twilio(centre, account):
    """A service with an account at Twilio, and eight calls it was asked about."""
    twilio = {
        "kind": "twilio",
        "account_sid": ACCOUNT_SID,
        "auth_token": AUTH_TOKEN,
        "public_url": PUBLIC_URL,
        "default_forward_to": "+33199000009",
        "api_base": account.address,
    }
    await centre.open(more_connections={CONNECTION: twilio})
    for number in range(8):
        await incoming(centre, account, f"call-{number}")
    return centre


async def incoming(centre, account, name):
    """A call comes in at Twilio, which asks what to do; return it and the answer."""
    sid = "CA" + hashlib.sha256(name.encode()).hexdigest()[:32]
    call = account.add_call(FakeCall(sid, centre.clock()))
    form = {
        "AccountSid": ACCOUNT_SID,
        "CallSid": call.sid,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": CALLER,
        "To": LINE,
    }
    signature = RequestValidator(AUTH_TOKEN).compute_signature(PUBLIC_URL, form)
    reply = await centre.ask(
        "POST",
        f"{centre.service.address}/webhooks/{CONNECTION}",
        data=form,
        headers={"X-Twilio-Signature": signature},
    )
    assert reply.status == 200
    return call, "<Gather" in reply.body


async def undrawn(centre, account):
    for number in range(100):
        call, is_drawn = await incoming(centre, account, f"more-{number}")
        if not is_drawn:
            return call
    raise AssertionError


def record(account, call, mark, **facts):
    """Twilio records a call, whoever told it to."""
    recording = FakeRecording(
        f"RE{mark * 32}", call.sid, b"RIFF", created_at=call.started_at, **facts
    )
    return account.add(recording)


async def reconciled(centre):
    centre.clock.now = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
    await centre.site.tend()
    report = await centre.site.reconciliation.run(DAY, CONNECTION)
    [done] = report.connections
    return done


def since_last_deletion(account):
    """What was asked of Twilio since: methods, and paths' last parts."""
    asked = [(method, path.rpartition("/")[2]) for method, path in account.requests]
    last = max(n for n, (method, _) in enumerate(asked) if method == "DELETE")
    return asked[last + 1 :]


async def test_it_is_found_purged_confirmed_counted_and_an_incident(at_twilio, account):
    call = await undrawn(at_twilio, account)
    native = record(account, call, "e")

    done = await reconciled(at_twilio)

    assert native.status == "deleted"
    assert account.reads() == 0
    assert ("GET", f"{native.sid}.json") in since_last_deletion(account)
    assert (done.recordings.unsolicited, done.recordings.purged) == (1, 1)
    assert done.recordings.still_there == 0
    assert done.comparison.platform_only == done.comparison.ledger_only == 0
    assert (await at_twilio.counts())["unsolicited_recordings", ""] == 1
    assert (await at_twilio.counts())["_purged_at_source", ""] == 1
    [incident] = await at_twilio.rows("SELECT kind, reference FROM incidents")
    assert incident["kind"] == "unsolicited-recording"
    assert native.sid not in incident["reference"]
    [leaf] = await at_twilio.leaves("RECON")
    assert leaf["n"] == len(account.calls)


async def test_the_same_day_looked_at_again_says_the_same(at_twilio, account):
    """What was deleted is listed as deleted, so the export does not change."""
    record(account, await undrawn(at_twilio, account), "e")
    first = await reconciled(at_twilio)

    again = await reconciled(at_twilio)

    assert again.export_sha256 == first.export_sha256
    assert again.recordings.unsolicited == 0
    assert len(await at_twilio.leaves("RECON")) == 1


async def test_one_made_and_deleted_by_hand_is_an_incident_all_the_same(
    at_twilio, account
):
    record(account, await undrawn(at_twilio, account), "e", status="deleted")

    first = await reconciled(at_twilio)
    again = await reconciled(at_twilio)

    assert (first.recordings.unsolicited, first.recordings.purged) == (1, 0)
    assert again.recordings.unsolicited == 0
    assert (await at_twilio.counts())["unsolicited_recordings", ""] == 1


async def test_one_that_still_runs_is_ended_and_purged(at_twilio, account):
    call = await undrawn(at_twilio, account)
    running = record(account, call, "e", status="in-progress")

    done = await reconciled(at_twilio)

    stop = f"/Calls/{call.sid}/Recordings/Twilio.CURRENT.json"
    assert any(path.endswith(stop) for _, path in account.requests)
    assert running.status == "deleted"
    assert done.recordings.purged == 1


async def test_a_recording_of_no_known_call_is_purged(at_twilio, account):
    """Of a conference, or of a call that never asked."""
    stranger = FakeCall("CA" + "f" * 32, at_twilio.clock())
    account.add_call(stranger)
    record(account, stranger, "e")
    nameless = record(account, stranger, "d")
    nameless.call_sid = ""

    done = await reconciled(at_twilio)

    assert done.recordings.purged == 2
    assert done.comparison.platform_only == 1
    assert account.reads() == 0


async def test_a_deletion_that_is_only_claimed_is_found_out(at_twilio, account):
    native = record(account, await undrawn(at_twilio, account), "e")
    account.faults.add("status", method="DELETE", status=204)

    done = await reconciled(at_twilio)

    assert native.status == "deleted"
    assert [method for method, _ in account.requests].count("DELETE") >= 2
    assert done.recordings.purged == 1


async def test_an_unanswered_call_nobody_asked_about_is_no_gap(at_twilio, account):
    account.add_call(
        FakeCall(
            "CA" + "f" * 32,
            at_twilio.clock(),
            status="no-answer",
            direction="outbound-api",
        )
    )

    done = await reconciled(at_twilio)

    assert done.is_clean
    assert done.comparison.calls == len(account.calls) - 1


async def test_legs_of_legs_that_never_asked_are_their_calls(at_twilio, account):
    root = next(iter(account.calls.values()))
    leg = FakeCall("CA" + "e" * 32, at_twilio.clock(), parent_sid=root.sid)
    account.add_call(leg)
    account.add_call(FakeCall("CA" + "d" * 32, at_twilio.clock(), leg.sid))

    done = await reconciled(at_twilio)

    assert done.is_clean
    assert done.comparison.calls == len(account.calls) - 2


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 429, "suffix": "Calls.json", "asked": "PageToken"},
        {"kind": "status", "status": 500, "suffix": "Recordings.json"},
        {"kind": "cut", "suffix": "Calls.json"},
        {"kind": "garbage", "suffix": "Recordings.json"},
    ],
    ids=lambda fault: f"{fault['kind']} {fault['suffix']}",
)
async def test_a_list_that_was_not_given_claims_nothing(at_twilio, account, fault):
    native = record(account, await undrawn(at_twilio, account), "e")
    kind = fault["kind"]
    account.faults.add(kind, **{k: v for k, v in fault.items() if k != "kind"})

    done = await reconciled(at_twilio)

    assert done.problem in {"source-unavailable", "list-not-believed"}
    assert native.status == "completed"
    assert await at_twilio.leaves("RECON") == []
    figures = await at_twilio.site.reconciliation.figures()
    assert figures["reconciliation_timestamp_seconds", "cdr"] == 0

    await at_twilio.site.reconciliation.run_due()  # an hour later

    assert native.status == "deleted"
    assert len(await at_twilio.leaves("RECON")) == 1


async def test_two_replicas_purge_what_one_counts(at_twilio, account):
    twilio_settings = at_twilio.service.settings.sites["clinic"].connections[CONNECTION]
    plan = twilio_settings.model_dump() | {"auth_token": AUTH_TOKEN}
    await at_twilio.open(more_connections={CONNECTION: plan})
    native = record(account, await undrawn(at_twilio, account), "e")
    at_twilio.clock.now = datetime(2026, 11, 19, 5, 30, tzinfo=UTC)
    await at_twilio.site.tend()

    await asyncio.gather(
        *(
            each.sites["clinic"].reconciliation.run(DAY, CONNECTION)
            for each in at_twilio.services
        )
    )

    assert native.status == "deleted"
    assert (await at_twilio.counts())["unsolicited_recordings", ""] == 1
    assert len(await at_twilio.leaves("RECON")) == 1
