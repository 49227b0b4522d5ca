"""Guessed ids, abused ranges: nothing is learnt, no file is had, all is noted."""

import math
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.access.trace.acts import Act
from proxy.playback import plays
from proxy.playback.ranges import LARGEST_PIECE, NoRangeError, piece_of
from tests.fakes.clinic import LINE, SITE, lawful_references, written
from tests.fakes.listeners import grant, recorded, signed_in, traced, trainer

pytestmark = pytest.mark.acceptance

DENTAL_LINE = "+33140000009"


@pytest.fixture
async def two_practices(centre):
    """A site with another practice on another line, and a second site."""
    sites = centre.plan()["sites"]
    site = sites[SITE]
    site["practices"]["dental"] = {"authorisation": written("signed-2026")}
    site["line_groups"]["dental"] = {"practice": "dental"} | lawful_references()
    site["lines"][DENTAL_LINE] = {"group": "dental"}
    await centre.open(sites=sites | {"other-clinic": {}})
    return centre


async def test_what_is_not_theirs_is_answered_like_what_is_not_there(two_practices):
    house = two_practices
    tess = await signed_in(house)
    await grant(house, practice="dental")
    hers, _ = await recorded(house, line=DENTAL_LINE)
    others, _ = await recorded(house, line=LINE)

    answers = [await tess.begin(guess) for guess in (others, uuid.uuid4())]

    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].text == answers[1].text
    assert (await tess.begin(hers)).status == 201
    listed = (await tess.ask("GET", "/recordings")).body["items"]
    assert [item["recording_id"] for item in listed] == [str(hers)]
    assert [item["practice"] for item in listed] == ["dental"]


async def test_what_is_not_theirs_costs_the_same_questions_as_what_is_not_there(
    two_practices, monkeypatch
):
    """How long an answer takes is made of these."""
    house = two_practices
    tess = await signed_in(house)
    await grant(house, practice="dental")
    others, _ = await recorded(house, line=LINE)
    asked = []
    for part, name in (
        (house.site.parts.catalogue, "find"),
        (house.site.vault, "find"),
        (house.site.access.trace, "note"),
        (house.site.access.trace, "note_in"),
    ):
        whole, told = getattr(part, name), (type(part).__name__, name)

        async def noted(*given, whole=whole, told=told):
            asked.append(told)
            return await whole(*given)

        monkeypatch.setattr(part, name, noted)

    await tess.begin(others)
    for_others = asked.copy()
    asked.clear()
    await tess.begin(uuid.uuid4())

    assert asked == for_others
    assert ("Vault", "find") not in asked


async def test_a_play_is_of_its_site(two_practices):
    house = two_practices
    tess = await trainer(house)
    recording, _ = await recorded(house)
    address = await tess.play(recording)

    answers = [
        await tess.hear(address.replace(SITE, "other-clinic")),
        await tess.hear(address.replace(SITE, "nowhere")),
        await tess.hear(f"/listen/{SITE}/{uuid.uuid4()}"),
        await tess.hear(f"/listen/{SITE}/7"),
    ]

    assert {(a.status, a.content) for a in answers} == {(404, answers[0].content)}
    assert (await tess.hear(address)).status == 206


@pytest.fixture
async def playing(house):
    tess = await trainer(house)
    recording, audio = await recorded(house)
    return tess, await tess.play(recording), audio


async def test_a_file_sewn_together_is_traced_piece_by_piece(house, playing):
    tess, address, audio = playing

    sewn = [
        await tess.hear(address, f"bytes={at}-{at + 3_999}")
        for at in range(0, len(audio), 4_000)
    ]

    assert b"".join(piece.content for piece in sewn) == audio
    heard = await traced(house, Act.HEARD)
    assert [(entry.first, entry.last) for entry in heard] == [
        (at, min(at + 3_999, len(audio) - 1)) for at in range(0, len(audio), 4_000)
    ]


async def test_three_times_the_recording_is_all_a_play_gives(house, playing):
    tess, address, audio = playing
    half, given = len(audio) // 2, 0

    while (answer := await tess.hear(address, f"bytes=0-{half - 1}")).status == 206:
        given += len(answer.content)

    assert (answer.status, answer.problem) == (429, "play-spent")
    assert given == 6 * half
    assert (await tess.hear(address)).problem == "play-over"
    refused = await traced(house, Act.REFUSED)
    assert [entry.about for entry in refused] == ["play-spent", "play-over"]


async def test_so_many_little_pieces_are_no_listening(playing, monkeypatch):
    monkeypatch.setattr(plays, "LEAST_PIECES", 40)
    tess, address, _ = playing

    for at in range(40):
        piece = await tess.hear(address, f"bytes={at}-{at}")
        assert (piece.status, len(piece.content)) == (206, 1)

    assert (await tess.hear(address, "bytes=40-40")).problem == "play-spent"


def test_the_longest_recording_there_may_be_needs_fewer_pieces_than_a_play_gives():
    """An hour of stereo as studios have it: more than any telephone sends."""
    size = 3600 * 48_000 * 2 * 2

    needed = plays.MOST_TIMES * math.ceil(size / LARGEST_PIECE)

    assert plays.most_pieces(size) >= needed


WANTED = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.builds("bytes={}-{}".format, st.integers(0, 4000), st.integers(0, 4000)),
    st.builds("bytes={}-".format, st.integers(0, 4000)),
    st.builds("bytes=-{}".format, st.integers(0, 4000)),
    st.builds("bytes={}-{},{}-".format, *[st.integers(0, 4000)] * 3),
    st.sampled_from(
        ["bytes=0-", "bytes=0-0,1-", "bytes=-99999999999", "bytes=0-999999999999999"]
    ),
)


@given(wanted=WANTED, size=st.integers(0, 4 * LARGEST_PIECE))
def test_no_range_has_more_than_half_of_it_or_reaches_outside(wanted, size):
    try:
        piece = piece_of(wanted, size)
    except NoRangeError:
        return
    assert 0 <= piece.first <= piece.last < size
    assert 1 <= piece.length <= min(LARGEST_PIECE, size // 2)


@given(
    first=st.integers(0, 5000), length=st.integers(1, 5000), size=st.integers(2, 5000)
)
def test_what_is_answered_begins_where_it_was_asked_for(first, length, size):
    try:
        piece = piece_of(f"bytes={first}-{first + length - 1}", size)
    except NoRangeError:
        assert first >= size
        return
    assert piece.first == first
    assert piece.length == min(length, size - first, size // 2)


async def test_no_sequence_of_requests_gets_the_whole_in_one_answer(house):
    """Whatever a trainer asks for, in whatever order, over HTTP."""
    tess = await trainer(house)
    recording, audio = await recorded(house)
    sequences = []

    @settings(max_examples=25, database=None)
    @given(st.lists(st.tuples(st.booleans(), WANTED), max_size=6))
    def invent(sequence):
        sequences.append(sequence)

    invent()
    for sequence in sequences:
        address = await tess.play(recording)
        for begins_anew, wanted in sequence:
            if begins_anew:
                address = await tess.play(recording)
            sent = None if wanted is None else _as_header(wanted)
            answer = await tess.hear(address, sent)
            assert audio not in answer.content
            assert answer.status in {206, 416, 429, 410}
            if answer.status == 206:
                assert len(answer.content) <= len(audio) // 2


def _as_header(text: str) -> str:
    """What a client can send at all."""
    return "".join(c for c in text if " " <= c <= "~")
