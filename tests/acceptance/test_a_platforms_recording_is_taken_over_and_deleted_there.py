"""What the platform recorded on our word is fetched once and deleted there, proven."""

import asyncio
import json

from tests.fakes.call_centre import until, wav


async def is_done(house):
    return await house.value("SELECT bool_and(step = 'done') FROM takeovers")


async def test_a_recording_is_fetched_sealed_deleted_there_and_confirmed_gone(house):
    call = await house.drawn_call(is_announced=True)
    audio = wav(seconds=2)
    url = house.platform.hold("rec-1", audio)

    reply = await house.offer(url, call.decision_id)

    assert reply.status == 204
    await until(lambda: is_done(house), "the take-over")
    assert house.platform.asked == [
        ("GET", "rec-1"),
        ("DELETE", "rec-1"),
        ("HEAD", "rec-1"),
    ]
    assert house.platform.audio == {}
    assert await house.outcome(call) == ("recorded", None)
    assert [await house.heard(each) for each in await house.kept()] == [audio]
    assert not house.holds_clear(audio)
    assert (await house.counts())["_purged_at_source", ""] == 1


async def test_an_event_sent_again_and_again_fetches_once(house):
    call = await house.drawn_call(is_announced=True)
    url = house.platform.hold("rec-1", wav())

    first = await asyncio.gather(
        *(house.offer(url, call.decision_id) for _ in range(10))
    )
    await until(lambda: is_done(house), "the take-over")
    later = await house.offer(url, call.decision_id)

    assert {reply.status for reply in [*first, later]} == {204}
    await house.site.tend()
    assert house.platform.count("GET", "rec-1") == 1
    assert house.platform.count("DELETE", "rec-1") == 1
    assert len(await house.kept()) == 1


async def test_two_replicas_told_at_once_fetch_once(centre):
    await centre.open()
    await centre.open()
    call = await centre.drawn_call(is_announced=True)
    url = centre.platform.hold("rec-1", wav())

    await asyncio.gather(
        *(centre.offer(url, call.decision_id, service=each) for each in centre.services)
    )

    await until(lambda: is_done(centre), "the take-over")
    assert centre.platform.count("GET", "rec-1") == 1
    assert len(await centre.kept()) == 1


async def test_the_end_of_the_call_may_be_told_after_its_recording(house):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)
    await until(lambda: is_done(house), "the take-over")

    await house.tell("call.ended", call)
    await house.tell("call.announced", call)

    assert await house.outcome(call) == ("recorded", None)
    assert len(await house.kept()) == 1


async def test_a_second_recording_of_the_same_call_is_deleted_and_not_kept(house):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)
    await until(lambda: is_done(house), "the first take-over")

    await house.offer(house.platform.hold("rec-2", wav()), call.decision_id)

    await until(lambda: is_done(house), "the second take-over")
    assert house.platform.audio == {}
    assert house.platform.count("GET", "rec-2") == 0
    assert len(await house.kept()) == 1
    assert len(await house.outcome_leaves(call)) == 1


async def _is_deleted_unread(house, decision_id, call_was_known):
    url = house.platform.hold("rec-1", wav())

    reply = await house.offer(url, decision_id)
    again = await house.offer(url, decision_id)

    assert (reply.status, again.status) == (204, 204)
    await until(lambda: is_done(house), "the deletion")
    assert house.platform.audio == {}
    assert house.platform.count("GET", "rec-1") == 0
    assert house.platform.count("DELETE", "rec-1") == 1
    assert house.objects() == []
    counts = await house.counts()
    assert counts["unsolicited_recordings", ""] == 1
    assert counts["media_refused", "not_drawn"] == 1
    [incident] = await house.rows("SELECT kind, reference FROM incidents")
    assert incident["kind"] == "unsolicited-recording"
    assert "rec-1" not in incident["reference"]
    assert call_was_known == (
        decision_id in json.dumps(await takeover_decisions(house))
    )


async def takeover_decisions(house):
    rows = await house.rows("SELECT decision_id::text AS id FROM takeovers")
    return [row["id"] for row in rows]


async def test_a_recording_of_a_call_not_drawn_is_deleted_unread_and_an_incident(house):
    call = await house.skipped_call()

    await _is_deleted_unread(house, call.decision_id, call_was_known=True)


async def test_a_recording_nobody_can_place_is_deleted_unread_and_an_incident(house):
    await _is_deleted_unread(house, "no-such-decision", call_was_known=False)


async def test_another_connections_decision_does_not_let_a_recording_in(house):
    call = await house.drawn_call(is_announced=True)
    url = house.platform.hold("rec-1", wav())

    await house.offer(url, call.decision_id, connection="other-pbx")

    await until(lambda: is_done(house), "the deletion")
    assert house.platform.count("GET", "rec-1") == 0
    assert house.platform.audio == {}
    assert await house.outcome(call) == (None, None)


async def test_a_recording_whose_caller_was_not_told_is_deleted_unread(house):
    call = await house.drawn_call()

    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)

    await until(lambda: is_done(house), "the deletion")
    assert house.platform.count("GET", "rec-1") == 0
    assert house.platform.audio == {}
    assert await house.outcome(call) == ("failed", "announcement")
    assert (await house.counts())["unsolicited_recordings", ""] == 0


async def test_what_is_no_audio_is_deleted_there_and_not_kept(house):
    call = await house.drawn_call(is_announced=True)

    await house.offer(
        house.platform.hold("rec-1", b"\x89PNG" + bytes(500)), call.decision_id
    )

    await until(lambda: is_done(house), "the deletion")
    assert house.platform.audio == {}
    assert house.objects() == []
    assert await house.outcome(call) == ("failed", "media")
    assert (await house.counts())["media_refused", "kind"] == 1


async def test_an_address_off_the_platforms_hosts_is_refused_and_not_asked(house):
    call = await house.drawn_call(is_announced=True)

    for url in ("http://127.0.0.1:1/x", "https://evil.example.com/x", "file:///etc"):
        reply = await house.offer(url, call.decision_id)

        assert (reply.status, reply.problem) == (422, "forbidden-source")
        assert reply.body["field"] == "data.url"
    assert house.platform.asked == []
    assert (await house.sizes())["public.takeovers"] == 0


async def test_the_platforms_own_name_of_a_recording_is_forgotten_in_time(house, clock):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", wav()), call.decision_id)
    await until(lambda: is_done(house), "the take-over")

    clock.advance(hours=71)
    await house.site.sweep()
    assert (await house.sizes())["public.takeovers"] == 1

    clock.advance(hours=2)
    await house.site.sweep()
    assert (await house.sizes())["public.takeovers"] == 0
