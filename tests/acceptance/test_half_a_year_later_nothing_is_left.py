"""A site that has been at work for days, half a year and a year later: nothing is left.

Everything goes in through the service; the clock then goes on a week at a time, and at
each step the service does what it does by itself.
"""

import asyncio
import uuid
from collections import Counter
from datetime import timedelta

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.vault.reach import EVERYTHING
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import SITE, wav
from tests.fakes.trainers import TINA, analysed, keys_of

FILLED_ON = (0, 1, 2, 5)  # days
CLOSED_ON = 1  # an analysis
A_DAYS_CALLS = 16
KEPT_A_DAY = 3  # at least; one of them is refused later, two are analysed


async def let_run(centre):
    """What a replica does by itself, once."""
    await centre.site.tend()
    await centre.site.keep_up()
    await centre.site.sweep()


async def a_days_calls(centre):
    """Calls, all ended; those whose recordings are kept, each with the recording."""
    drawn = []
    while len(drawn) <= KEPT_A_DAY:
        calls = await asyncio.gather(
            *(centre.start_call() for _ in range(A_DAYS_CALLS))
        )
        for call in calls:
            if call.is_record:
                drawn.append(call)
            else:
                await centre.tell("call.ended", call)
    objected, *kept = drawn
    await centre.tell("call.opt_out", objected)
    await centre.tell("call.ended", objected)
    return [await a_recording(centre, call) for call in kept]


async def a_recording(centre, call):
    await centre.tell("call.announced", call)
    reply = await centre.upload(call.decision_id, wav(0.1))
    assert reply.status == 201
    await centre.tell("call.ended", call)
    return call, uuid.UUID(reply.body["recording_id"])


@pytest.fixture
async def filled(centre, clock):
    """Days of calls, all kept as long as the law allows."""
    last_day = (clock() + timedelta(days=max(FILLED_ON) + 1)).date()
    policy = centre.policy(kept_days=180, ends_on=last_day)
    sites = centre.plan(policy=policy)["sites"]
    sites[SITE]["analyses"] = {"kept_days": 365}
    await centre.open(sites=sites, draw={"epoch_seconds": 86_400, "epochs_ahead": 2})
    await centre.stop_worker()
    before = 0
    for day in FILLED_ON:
        clock.advance(days=day - before)
        before = day
        await let_run(centre)
        (refused, _), (_, heard), (_, heard_too), *_ = await a_days_calls(centre)
        written = await analysed(centre, heard)
        await analysed(centre, heard_too)
        if day == CLOSED_ON:
            await centre.site.parts.analyses.close(written, TINA, EVERYTHING)
        await centre.tell("call.opt_out", refused)
    return centre


async def weeks_pass(centre, clock, until):
    """Let the service be at work until a moment, exactly."""
    while clock() < until:
        clock.now = min(clock() + timedelta(days=7), until)
        await let_run(centre)


async def the_verifier_is_clean(centre):
    site = centre.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    said = await asyncio.to_thread(
        verdict, centre.folder, bundle, auditor_text(site.signer.key), centre.clock()
    )
    assert (said["status"], said["findings"]) == (0, [])


async def test_181_days_later_no_audio_is_left_and_366_days_later_no_analysis(
    filled, clock
):
    last = clock()
    recorded = {leaf["draw"] for leaf in await filled.leaves("OUT") if "rec" in leaf}
    assert len(recorded) >= len(FILLED_ON) * KEPT_A_DAY
    written = await filled.value("SELECT count(*) FROM analyses")
    assert written == 2 * len(FILLED_ON)
    await the_verifier_is_clean(filled)

    await weeks_pass(filled, clock, last + timedelta(days=181))

    await no_audio_is_left(filled, recorded)
    assert await filled.value("SELECT count(*) FROM analyses") == written
    for row in await filled.site.parts.analyses.list(EVERYTHING):
        assert await filled.site.parts.analyses.show(row["analysis_id"], EVERYTHING)
    await the_verifier_is_clean(filled)

    await weeks_pass(filled, clock, last + timedelta(days=366))

    sizes = await filled.sizes()
    assert (sizes["public.analyses"], sizes["public.recording_keys"]) == (0, 0)
    assert keys_of(filled, "analysis") == []
    assert await filled.site.keys.day_keys() == []
    assert await keys_said(filled, "KEK+") == await keys_said(filled, "KEK-")
    await the_verifier_is_clean(filled)


async def no_audio_is_left(centre, recorded):
    assert centre.objects() == []
    sizes = await centre.sizes()
    assert (sizes["public.recordings"], sizes["public.object_writes"]) == (0, 0)
    left = "SELECT count(*) FROM recording_keys WHERE kind <> 'analysis'"
    assert await centre.value(left) == 0
    receipts = [leaf["draw"] for leaf in await centre.leaves("DEL")]
    assert sorted(receipts) == sorted(recorded)
    assert keys_of(centre, "audio") == keys_of(centre, "hold") == []
    made, gone = await keys_said(centre, "KEK+"), await keys_said(centre, "KEK-")
    assert {key for key in made if key[0] == "audio"} <= set(gone)
    # A refusal on each day, and on one an analysis: so often was a key renewed.
    generations = Counter(key[2] for key in gone if key[0] == "audio")
    assert generations == {1: len(FILLED_ON), 2: len(FILLED_ON), 3: 1}


async def keys_said(centre, kind):
    """The keys that the ledger names: class, day and generation."""
    return sorted(
        (leaf.get("of", "audio"), leaf["day"], leaf.get("gen", 1))
        for leaf in await centre.leaves(kind)
    )
