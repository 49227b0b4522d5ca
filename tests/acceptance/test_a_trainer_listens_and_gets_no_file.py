"""Listening over HTTP: in pieces, on the record, and nothing to keep."""

import asyncio
from datetime import timedelta

import pytest

from proxy.access.permissions import Grant, Role
from proxy.access.trace.acts import Act
from proxy.playback.ranges import LARGEST_PIECE
from tests.fakes.call_centre import wav
from tests.fakes.listeners import grant, recorded, signed_in, traced, trainer

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def tess(house):
    return await trainer(house)


async def test_every_piece_is_what_was_said_and_carries_nothing_to_keep_it_by(
    house, tess
):
    recording, audio = await recorded(house)

    began = await tess.begin(recording)
    pieces = await tess.hear_all(began.body["address"], len(audio))

    assert b"".join(piece.content for piece in pieces) == audio
    assert began.body["media_type"] == "audio/wav"
    assert began.body["seconds"] == 4.0
    first = pieces[0].headers
    half = len(audio) // 2
    assert first["Content-Range"] == f"bytes 0-{half - 1}/{len(audio)}"
    assert first["Content-Type"] == "audio/wav"
    assert first["Accept-Ranges"] == "bytes"
    assert first["Cache-Control"] == "no-store"
    assert first["X-Content-Type-Options"] == "nosniff"
    assert first["Cross-Origin-Resource-Policy"] == "same-origin"
    for never in ("Content-Disposition", "ETag", "Last-Modified", "Expires"):
        assert never not in first


async def test_the_trace_has_the_play_and_each_range_by_ids_and_nothing_else(
    house, tess
):
    recording, audio = await recorded(house)

    address = await tess.play(recording)
    pieces = await tess.hear_all(address, len(audio))

    play = address.rpartition("/")[2]
    [began] = await traced(house, Act.PLAY)
    assert (began.actor, began.role, began.item, began.purpose, began.about) == (
        *("trainer-tess", "trainer", recording, "training", play),
    )
    heard = await traced(house, Act.HEARD)
    assert {(e.actor, e.item, e.purpose, e.about) for e in heard} == {
        ("trainer-tess", recording, "training", play)
    }
    ends = [entry.last + 1 for entry in heard]
    assert [entry.first for entry in heard] == [0, *ends[:-1]]
    assert len(heard) == len(pieces)
    assert ends[-1] == len(audio)


@pytest.mark.parametrize(
    "wanted",
    [None, "bytes=0-9,20-29", "bytes=-", "bytes=9999999-", "bytes=5-2", "lines=0-", ""],
    ids=["none", "two", "empty", "behind", "backwards", "lines", "nothing"],
)
async def test_whatever_asks_for_no_one_range_is_told_to(house, tess, wanted):
    recording, audio = await recorded(house)
    address = await tess.play(recording)

    answer = await tess.hear(address, wanted)

    assert (answer.status, answer.problem) == (416, "no-range")
    assert answer.headers["Content-Range"] == f"bytes */{len(audio)}"
    assert b"bytes=0-" in answer.content  # what would be right
    assert await traced(house, Act.HEARD) == []
    assert (await tess.hear(address)).status == 206  # the play goes on


async def test_a_long_recording_comes_in_pieces_of_half_a_mebibyte(house, tess):
    recording, audio = await recorded(house, wav(70.0))

    piece = await tess.hear(await tess.play(recording), "bytes=100-")

    assert len(piece.content) == LARGEST_PIECE
    assert piece.content == audio[100 : 100 + LARGEST_PIECE]


async def test_the_last_bytes_may_be_asked_for_by_their_number(house, tess):
    recording, audio = await recorded(house)

    piece = await tess.hear(await tess.play(recording), "bytes=-10")

    assert piece.content == audio[-10:]


async def test_only_those_within_reach_are_listed_and_that_is_noted(house):
    tess = await signed_in(house)
    tom = await trainer(house, "trainer-tom2")
    campaign = f"training-{house.policy()['starts_on']}"
    await grant(house, practice="cardio", campaign=campaign)
    await grant(house, "trainer-tom2", campaign="training-2020-01-01")
    recording, _ = await recorded(house)

    [item] = (await tess.ask("GET", "/recordings")).body["items"]

    assert item == {
        "recording_id": str(recording),
        "day": f"{house.clock():%Y-%m-%d}",
        "seconds": 4,
        "practice": "cardio",
        "campaign": campaign,
        "purpose": "training",
        "stratum": "cardio_in",
        "until": item["until"],
        "is_held": False,
    }
    assert len((await tom.ask("GET", "/recordings")).body["items"]) == 1
    listed = await traced(house, Act.LISTED)
    assert [(entry.actor, entry.about) for entry in listed] == [
        ("trainer-tess", "recordings"),
        ("trainer-tom2", "recordings"),
    ]


async def test_without_a_grant_there_is_nothing(house):
    nobody = await signed_in(house)
    recording, _ = await recorded(house)

    assert (await nobody.ask("GET", "/recordings")).body["items"] == []
    answer = await nobody.begin(recording)

    assert (answer.status, answer.problem) == (404, "object-missing")
    [refused] = await traced(house, Act.REFUSED)
    assert (refused.actor, refused.item, refused.purpose) == (
        *("trainer-tess", recording, "training"),
    )


async def test_a_list_goes_on_where_its_last_page_ended(house, tess):
    for _ in range(5):
        await recorded(house)
    everything = (await tess.ask("GET", "/recordings")).body["items"]

    pages, after = [], ""
    while after is not None:
        page = (await tess.ask("GET", f"/recordings?limit=2&after={after}")).body
        pages.append(page["items"])
        after = page["next"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item for page in pages for item in page] == everything


async def test_an_agent_hears_the_calls_they_took_and_no_others(house):
    anna = await signed_in(house, "agent-anna", Role.AGENT, agent="a-104")
    hers, audio = await recorded(house, agent="a-104")
    others, _ = await recorded(house, agent="a-105")
    nobodys, _ = await recorded(house)

    listed = (await anna.ask("GET", "/recordings")).body["items"]
    assert [item["recording_id"] for item in listed] == [str(hers)]
    address = await anna.play(hers, "own")
    pieces = await anna.hear_all(address, len(audio))

    assert b"".join(piece.content for piece in pieces) == audio
    for recording in (others, nobodys):
        assert (await anna.begin(recording, "own")).status == 404
    assert (await anna.begin(hers, "training")).problem == "wrong-use"


@pytest.mark.parametrize("purpose", ["evaluation", "quality", "own", "case"])
async def test_nobody_listens_for_what_it_was_not_recorded_for(house, tess, purpose):
    recording, _ = await recorded(house)

    answer = await tess.begin(recording, purpose)

    assert (answer.status, answer.problem) == (403, "wrong-use")
    assert await traced(house, Act.PLAY) == []


async def test_a_purpose_that_nobody_knows_is_no_purpose(house, tess):
    recording, _ = await recorded(house)

    assert (await tess.begin(recording, "curiosity")).status == 422


@pytest.mark.parametrize(
    "role", [Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR], ids=str
)
async def test_those_who_do_not_listen_by_trade_cannot_begin(house, role):
    someone = await signed_in(house, "some-one", role)
    recording, _ = await recorded(house)

    assert (await someone.begin(recording)).status == 403
    assert (await someone.ask("GET", "/recordings")).status == 403
    assert (await someone.hear("/listen/clinic/x")).status == 403


@pytest.mark.parametrize("role", [Role.DPO, Role.RIGHTS_OFFICER], ids=str)
async def test_who_hears_for_a_case_only_hears_nothing_without_one(house, role):
    someone = await signed_in(house, "some-one", role)
    recording, _ = await recorded(house)

    assert (await someone.begin(recording, "case")).status == 404


async def test_plays_are_counted_by_role_and_by_what_they_were_recorded_for(
    house, tess
):
    recording, _ = await recorded(house)
    for _ in range(3):
        await tess.play(recording)

    await house.service.publish()
    page = (await house.ask("GET", house.service.metrics_address + "/metrics")).body

    assert (
        'ponctuel_plays_total{purpose="training",role="trainer",site="clinic"} 3.0'
        in page
    )


async def test_a_play_ends_with_the_next_of_its_session(house, tess):
    recording, _ = await recorded(house)
    first = await tess.play(recording)
    second = await tess.play(recording)

    over = await tess.hear(first)

    assert (over.status, over.problem) == (410, "play-over")
    assert (await tess.hear(second)).status == 206


async def test_an_account_listens_in_two_sessions_and_not_in_three(house, tess):
    recording, _ = await recorded(house)
    second, third = await signed_in(house), await signed_in(house)
    running = [await tess.play(recording), await second.play(recording)]

    answer = await third.begin(recording)

    assert (answer.status, answer.problem) == (429, "too-many-plays")
    assert [(await tess.hear(running[0])).status] == [206]
    play = running[1].rpartition("/")[2]
    assert (await second.ask("POST", f"/plays/{play}/end")).status == 200
    assert (await third.begin(recording)).status == 201


async def test_plays_of_sessions_that_ended_count_no_more(house, tess):
    recording, _ = await recorded(house)
    second = await signed_in(house)
    for listener in (tess, second):
        await listener.play(recording)
        await listener.sign_out()

    third = await signed_in(house)

    assert (await third.begin(recording)).status == 201


async def test_of_many_plays_begun_at_once_an_account_has_two(house, tess):
    recording, _ = await recorded(house)
    sessions = [tess, *[await signed_in(house) for _ in range(5)]]

    answers = await asyncio.gather(*(each.begin(recording) for each in sessions))

    assert sorted(answer.status for answer in answers) == [201, 201, *[429] * 4]
    running = await house.value("SELECT count(*) FROM plays WHERE ended_at IS NULL")
    assert running == 2


async def test_a_play_nobody_goes_on_with_is_over(house, tess, clock):
    recording, _ = await recorded(house)
    address = await tess.play(recording)

    clock.advance(minutes=11)

    assert (await tess.hear(address)).problem == "play-over"


async def test_what_was_opened_for_a_case_is_heard_for_it_and_nothing_else(
    house, clock
):
    dora = await signed_in(house, "dpo-dora2", Role.DPO)
    opened, audio = await recorded(house)
    other, _ = await recorded(house)

    async def broken_glass(code, now):
        until = clock() + timedelta(minutes=30)
        is_hers = code == "dpo-dora2" and now < until
        return [Grant(until=until, recording_id=opened)] if is_hers else []

    house.site.access.grants._sources = [broken_glass]
    address = await dora.play(opened, "case")

    pieces = await dora.hear_all(address, len(audio))

    assert b"".join(piece.content for piece in pieces) == audio
    assert (await dora.begin(opened, "training")).problem == "wrong-use"
    assert (await dora.begin(other, "case")).status == 404
    assert (await house.counts())["plays", "dpo training"] == 1
    house.site.access.grants._sources = []
    assert (await dora.hear(address)).status == 404
