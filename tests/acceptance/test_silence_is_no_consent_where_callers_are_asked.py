"""Explicit opt-in: only a caller who was asked and said yes is recorded (R16)."""

import pytest

from tests.fakes.clinic import wav


@pytest.fixture
async def asking(centre):
    """A service whose callers are asked, and whose calls are drawn very often."""
    await centre.open(policy=centre.policy(consent="opt_in"))
    return centre


async def stages(centre):
    counts = await centre.counts()
    return {label: n for (name, label), n in counts.items() if name == "opt_outs"}


async def test_the_platform_is_told_what_to_ask_and_which_key_means_yes(asking):
    call = await asking.drawn_call()

    reply = await asking.send("call.started", asking.started(call.call_id))

    assert reply.body["opt_in_key"] == "1"
    assert "Pour accepter, appuyez sur la touche 1" in reply.body["announcement"]


async def test_a_caller_who_says_yes_is_recorded(asking):
    call = await asking.drawn_call()
    await asking.tell("call.opt_in", call)

    kept = await asking.upload(call.decision_id, wav())

    assert kept.status == 201
    assert await asking.outcome(call) == ("recorded", None)
    assert await stages(asking) == {}


async def test_audio_of_a_caller_who_said_nothing_is_refused_unread(asking):
    call = await asking.drawn_call()

    refused = await asking.upload(call.decision_id, wav())

    assert (refused.status, refused.problem) == (403, "not-consented")
    assert await asking.outcome(call) == ("objected", "no_opt_in")
    assert await stages(asking) == {"no_opt_in": 1}
    assert await asking.kept() == []


async def test_an_announcement_alone_is_not_acknowledged_where_callers_are_asked(
    asking,
):
    call = await asking.drawn_call()

    told = await asking.send("call.announced", {"call_id": call.call_id})

    assert (told.status, told.problem) == (403, "not-consented")


async def test_a_platform_that_announces_and_never_asks_records_nothing(asking):
    call = await asking.drawn_call()
    await asking.send("call.announced", {"call_id": call.call_id})
    await asking.tell("call.ended", call)

    late = await asking.upload(call.decision_id, wav())

    assert (late.status, late.problem) == (409, "outcome-closed")
    assert await asking.outcome(call) == ("objected", "no_opt_in")
    assert await stages(asking) == {"no_opt_in": 1}


async def test_a_caller_who_says_no_is_not_recorded(asking):
    call = await asking.drawn_call()
    await asking.tell("call.opt_out", call)
    yes = await asking.send("call.opt_in", {"call_id": call.call_id})

    assert (yes.status, yes.problem) == (409, "outcome-closed")
    assert await asking.outcome(call) == ("objected", "no_opt_in")
    [leaf] = await asking.outcome_leaves(call)
    assert leaf["objected"] == 1


async def test_a_caller_may_still_change_their_mind(asking):
    call = await asking.drawn_call()
    await asking.tell("call.opt_in", call)
    await asking.tell("call.opt_out", call)

    late = await asking.upload(call.decision_id, wav())

    assert late.problem == "outcome-closed"
    assert await stages(asking) == {"during_call": 1}


async def test_saying_yes_to_a_call_that_was_not_drawn_changes_nothing(asking):
    call = await asking.skipped_call()

    reply = await asking.send("call.opt_in", {"call_id": call.call_id})

    assert (reply.status, reply.problem) == (403, "not-drawn")


async def test_a_recording_the_platform_made_without_a_yes_is_deleted_unread(asking):
    call = await asking.drawn_call()
    url = asking.platform.hold("rec-1", wav())
    await asking.offer(url, call.decision_id)

    [takeover] = await asking.rows("SELECT step FROM takeovers")

    assert takeover["step"] != "fetching"
    assert await asking.kept() == []


async def test_where_silence_is_consent_nobody_is_asked(house):
    call = await house.drawn_call(is_announced=True)

    reply = await house.send("call.started", house.started(call.call_id))
    kept = await house.upload(call.decision_id, wav())

    assert reply.body["opt_in_key"] is None
    assert kept.status == 201
