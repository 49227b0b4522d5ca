"""Rectification (GDPR Art. 16): shown to whoever listens; the audio stays as it was."""

import pytest

from proxy.errors import (
    KeyMissingError,
    ObjectMissingError,
    StorageError,
    TamperedError,
)
from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.vault.day_keys import key_of
from proxy.vault.statements import StatementError
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.broken_keys import day_key, unreadable
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, trainer
from tests.fakes.persons import THEIRS, asked, rights_of

pytestmark = pytest.mark.acceptance

WORDS = "J'ai dit « mardi », pas « jeudi » : le rendez-vous était pris."


async def attach(house, request, recording, text=WORDS):
    rectifying = rights_of(house.site).outcomes.rectifying
    await rectifying.attach(OFFICER, request, recording, text)


async def answer(house, request):
    desk = rights_of(house.site).desk
    return await desk.answer(OFFICER, request, Outcome.GRANTED)


async def statements(house, recording):
    return [each.text for each in await house.site.parts.statements.of(recording)]


@pytest.fixture
async def stated(quiet):
    recording, audio = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RECTIFICATION)
    await attach(quiet, request, recording)
    return recording, request, audio


async def test_whoever_listens_reads_it_first(quiet, stated):
    recording, request, audio = stated
    letter = await answer(quiet, request)
    tess = await trainer(quiet)

    begun = await tess.begin(recording)

    assert begun.status == 201
    assert [each["text"] for each in begun.body["statements"]] == [WORDS]
    assert "mardi" in letter
    pieces = await tess.hear_all(begun.body["address"], len(audio))
    assert b"".join(piece.content for piece in pieces) == audio


async def test_nothing_is_answered_as_done_before_it_is_attached(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RECTIFICATION)

    with pytest.raises(NotDoneError):
        await answer(quiet, request)

    await attach(quiet, request, recording)
    assert await answer(quiet, request)


@pytest.mark.parametrize("text", ["", "   ", "x" * 2001])
async def test_a_statement_says_something_and_not_too_much(quiet, text):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RECTIFICATION)

    with pytest.raises(StatementError):
        await attach(quiet, request, recording, text)

    with pytest.raises(NotDoneError):
        await answer(quiet, request)


async def test_said_again_before_the_answer_it_is_corrected(quiet, stated):
    recording, request, _ = stated

    await attach(quiet, request, recording, "x" * 2000)

    assert await statements(quiet, recording) == ["x" * 2000]


async def test_nobody_attaches_words_to_somebody_elses_recording(quiet, stated):
    other, _ = await recorded(quiet, caller="+33699999999")

    with pytest.raises(MoveRefusedError):
        await attach(quiet, stated[1], other)

    assert await statements(quiet, other) == []


async def test_it_dies_with_the_recording_in_every_copy(quiet, stated):
    recording, request, _ = stated
    copies = await quiet.rows("SELECT * FROM recording_keys")
    await answer(quiet, request)
    copies += await quiet.rows("SELECT * FROM recording_keys")
    erasure = await asked(quiet, Kind.ERASURE)

    await rights_of(quiet.site).outcomes.erasing.erase(OFFICER, erasure)

    assert await quiet.value("SELECT count(*) FROM recording_statements") == 0
    with pytest.raises(ObjectMissingError):
        await quiet.site.parts.statements.attach(recording, request, WORDS)
    assert {row["kind"] for row in copies} == {"audio", "hold"}
    for row in copies:
        with pytest.raises(KeyMissingError):
            await quiet.site.keys.unwrap(key_of(row).name, [row["wrapped_key"]])


async def test_it_ends_with_the_recordings_own_day(quiet, stated, clock):
    await answer(quiet, stated[1])
    clock.advance(days=31)

    await quiet.site.sweep()

    assert await quiet.value("SELECT count(*) FROM recording_statements") == 0


async def test_it_lies_sealed_and_moves_with_the_recordings_key(quiet, stated):
    recording, request, _ = stated
    assert await statements(quiet, recording) == [WORDS]  # under the freeze's key
    await answer(quiet, request)
    await quiet.site.parts.destroying.renew(await day_key(quiet))

    assert await statements(quiet, recording) == [WORDS]
    sealed = await quiet.value("SELECT sealed FROM recording_statements")
    assert b"mardi" not in sealed


async def test_one_that_was_changed_keeps_everybody_from_listening(quiet, stated):
    recording, request, _ = stated
    await answer(quiet, request)
    await quiet.rows("UPDATE recording_statements SET sealed = '\\x01'")
    tess = await trainer(quiet)

    with pytest.raises(TamperedError):
        await statements(quiet, recording)
    assert (await tess.begin(recording)).status == 503


async def test_words_that_could_not_be_sealed_were_not_attached(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RECTIFICATION)
    [row] = await quiet.rows("SELECT * FROM recording_keys")

    with unreadable(quiet, key_of(row)), pytest.raises(StorageError):
        await attach(quiet, request, recording)

    with pytest.raises(NotDoneError):
        await answer(quiet, request)
