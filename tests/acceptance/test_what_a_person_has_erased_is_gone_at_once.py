"""Erasure and objection after the call: gone with every key, and said only once it is.

GDPR Art. 17 and 21. Done means: the object is absent when it is asked for, no data
key, no index, no keyed name of the caller, nothing written about it, a receipt in the
ledger, and no living key that would open an older copy.
"""

import asyncio
from contextlib import aclosing
from functools import partial

import asyncpg
import pytest

from proxy.access.trace.acts import Act
from proxy.errors import KeyMissingError, ObjectMissingError
from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.outcomes.wants import Fate
from proxy.rights.records import NewRequest
from proxy.vault.day_keys import key_of
from proxy.vault.recordings import LOOKED_AGAIN
from retention.holds import Authority
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.broken_keys import unreadable
from tests.fakes.call_centre import SITE, until, wav
from tests.fakes.desk import OFFICER
from tests.fakes.erasing import (
    answer,
    erase,
    fates,
    hold,
    nothing_is_left,
    tend,
    the_verifier_is_clean,
)
from tests.fakes.listeners import recorded, traced, trainer
from tests.fakes.persons import AGENT, THEIRS, asked, rights_of, today
from tests.fakes.trainers import analysed
from tests.fakes.yesterday import backup

pytestmark = pytest.mark.acceptance

OTHERS = "+33699999999"


# --- Done, and only then --------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.ERASURE, Kind.OBJECTION])
async def test_all_and_only_the_persons_recordings_are_gone_when_it_is_answered(
    quiet, kind
):
    theirs = [(await recorded(quiet, agent=AGENT))[0] for _ in range(2)]
    other, audio = await recorded(quiet, agent="a-105")
    request = await asked(quiet, kind, agent=AGENT)
    with pytest.raises(NotDoneError):
        await answer(quiet, request)

    done = await erase(quiet, request)
    letter = await answer(quiet, request)

    assert [each.fate for each in done] == [Fate.DONE] * 2
    assert "2" in letter
    for each in theirs:
        await nothing_is_left(quiet, each)
    assert await quiet.heard(str(other)) == audio
    assert await quiet.value("SELECT count(*) FROM recorded_callers") == 1
    assert len(await quiet.leaves("DEL")) == 2
    await the_verifier_is_clean(quiet)


async def test_no_older_copy_of_a_wrapped_key_opens_it_from_that_moment_on(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    kept, audio = await recorded(quiet, caller=OTHERS)
    copies = await quiet.rows("SELECT * FROM recording_keys")
    request = await asked(quiet, Kind.ERASURE)
    copies += await quiet.rows("SELECT * FROM recording_keys")

    await erase(quiet, request)

    of_it = [row for row in copies if row["recording_id"] == recording]
    assert {row["kind"] for row in of_it} == {"audio", "hold"}
    for row in of_it:
        with pytest.raises(KeyMissingError):
            await quiet.site.keys.unwrap(key_of(row).name, [row["wrapped_key"]])
    assert await quiet.heard(str(kept)) == audio
    await the_verifier_is_clean(quiet)


async def test_nor_does_a_copy_from_under_a_hold_of_before(quiet, clock):
    """A hold that was renewed left a copy under the key of its former last day."""
    recording, _ = await recorded(quiet, caller=THEIRS)
    copies = []
    for days in (20, 25):
        placed = await hold(quiet, recording, Authority.CLAIM, days)
        copies += await quiet.rows("SELECT * FROM recording_keys")
        clock.advance(days=1)
    await quiet.site.parts.holds.release(placed, "dpo-1")
    copies += await quiet.rows("SELECT * FROM recording_keys")

    await erase(quiet, await asked(quiet, Kind.ERASURE))

    assert len({key_of(row).name for row in copies}) == 3
    for row in copies:
        with pytest.raises(KeyMissingError):
            await quiet.site.keys.unwrap(key_of(row).name, [row["wrapped_key"]])


async def test_a_backup_of_before_brings_nothing_back(centre):
    await centre.open()
    await centre.stop_worker()
    recording, _ = await recorded(centre, caller=THEIRS)
    async with backup(centre) as restore:
        await centre.stop_worker()
        await erase(centre, await asked(centre, Kind.ERASURE))
        await nothing_is_left(centre, recording)

        await restore()
        await centre.open()

        await nothing_is_left(centre, recording)


async def test_what_was_written_about_it_goes_with_it(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    other, _ = await recorded(quiet, caller=OTHERS)
    await analysed(quiet, recording)
    await analysed(quiet, other)
    copies = await quiet.rows("SELECT * FROM recording_keys WHERE kind = 'analysis'")

    await erase(quiet, await asked(quiet, Kind.ERASURE))

    await nothing_is_left(quiet, recording)
    assert await quiet.value("SELECT count(*) FROM analyses") == 1
    for row in copies:
        with pytest.raises(KeyMissingError):
            await quiet.site.keys.unwrap(
                f"analysis-{row['key_day']}", [row["wrapped_key"]]
            )


async def test_what_is_just_being_written_about_it_is_not_written(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    head = await asyncpg.connect(quiet.dsn)
    async with head.transaction():
        await head.execute("SELECT FROM ledger_heads FOR UPDATE")
        writing = asyncio.create_task(analysed(quiet, recording))
        await until(
            partial(quiet.value, "SELECT count(*) FROM pg_locks WHERE NOT granted")
        )
        await head.execute("UPDATE recordings SET doomed_at = now()")
    await head.close()

    with pytest.raises(ObjectMissingError):
        await writing
    assert await quiet.value("SELECT count(*) FROM analyses") == 0


async def test_whoever_listens_is_cut_off(quiet, clock):
    recording, _ = await recorded(quiet, wav(seconds=150), caller=THEIRS)
    found = await quiet.site.vault.find(recording)
    async with aclosing(await quiet.site.vault.open(found)) as listener:
        await anext(listener)

        await erase(quiet, await asked(quiet, Kind.ERASURE))
        clock.now += LOOKED_AGAIN

        with pytest.raises(ObjectMissingError):
            await anext(listener)


async def test_a_play_at_the_console_ends_with_it(quiet):
    tess = await trainer(quiet)
    recording, _ = await recorded(quiet, caller=THEIRS)
    address = await tess.play(recording)

    await erase(quiet, await asked(quiet, Kind.ERASURE))

    assert (await tess.hear(address)).status == 404
    assert (await tess.begin(recording)).status == 404


async def test_who_asked_for_what_is_in_the_trace_and_nothing_personal_is(quiet):
    await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.ERASURE)

    await erase(quiet, request)

    entries = await traced(quiet, Act.REQUEST)
    [erased] = [each for each in entries if each.purpose == "erasure"]
    assert (erased.actor, erased.item) == (OFFICER.code, request)


# --- Who may have it done -------------------------------------------------------------


async def test_nothing_is_erased_before_it_is_proved_who_asks(quiet):
    await recorded(quiet, caller=THEIRS)
    wanted = NewRequest(kind=Kind.ERASURE, number=THEIRS, contact="by post")
    request = await rights_of(quiet.site).desk.receive(OFFICER, wanted)

    with pytest.raises(MoveRefusedError):
        await erase(quiet, request.request_id)

    assert await quiet.value("SELECT count(*) FROM request_outcomes") == 0
    assert len(await quiet.kept()) == 1


async def test_a_request_of_another_kind_erases_nothing(quiet):
    await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.ACCESS)

    with pytest.raises(MoveRefusedError):
        await erase(quiet, request)

    assert len(await quiet.kept()) == 1


# --- What another right keeps ---------------------------------------------------------


@pytest.mark.parametrize(
    "authority", [Authority.REQUISITION, Authority.CLAIM, Authority.REQUEST]
)
async def test_what_another_right_keeps_is_told_and_goes_when_that_ends(
    quiet, authority
):
    recording, _ = await recorded(quiet, agent=AGENT)
    free, _ = await recorded(quiet, agent=AGENT)
    await analysed(quiet, recording)
    placed = await hold(quiet, recording, authority)
    request = await asked(quiet, Kind.ERASURE, agent=AGENT)

    done = {each.recording_id: each for each in await erase(quiet, request)}

    assert (done[recording].fate, done[recording].authority) == (
        Fate.BLOCKED,
        authority,
    )
    assert done[free].fate is Fate.DONE
    with pytest.raises(NotDoneError):
        await answer(quiet, request, Outcome.GRANTED)
    letter = await answer(quiet, request, Outcome.PARTLY, "a court asked for one")
    assert letter
    assert len(await quiet.kept()) == 1
    assert await quiet.value("SELECT count(*) FROM analyses") == 1

    await quiet.site.parts.holds.release(placed, "dpo-1")
    await quiet.site.sweep()
    await tend(quiet)

    await nothing_is_left(quiet, recording)
    assert await fates(quiet, request) == [Fate.DONE] * 2
    await the_verifier_is_clean(quiet)


async def test_a_hold_that_runs_out_lets_it_go_within_the_day(quiet, clock):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await hold(quiet, recording, days=5)
    request = await asked(quiet, Kind.ERASURE)
    await erase(quiet, request)
    await answer(quiet, request, Outcome.PARTLY, "a court asked for it")
    for _ in range(5):
        clock.advance(days=1)
        await tend(quiet)
        await quiet.site.sweep()

    await tend(quiet)

    await nothing_is_left(quiet, recording)
    assert await fates(quiet, request) == [Fate.DONE]


async def test_who_wants_a_copy_of_it_is_answered_first(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    copy = await asked(quiet, Kind.ACCESS)
    request = await asked(quiet, Kind.ERASURE)

    [waits] = await erase(quiet, request)

    assert waits.fate is Fate.PENDING
    assert await quiet.site.vault.find(recording, {Authority.REQUEST})
    with pytest.raises(NotDoneError):
        await answer(quiet, request, Outcome.PARTLY, "a copy is asked for")
    desk = rights_of(quiet.site).desk
    await desk.answer(OFFICER, copy, Outcome.WITHDRAWN)
    await tend(quiet)
    await tend(quiet)
    await quiet.site.sweep()
    await tend(quiet)
    await nothing_is_left(quiet, recording)
    assert await answer(quiet, request)


# --- Objection ------------------------------------------------------------------------


async def test_who_objects_is_not_drawn_again_where_a_list_is_kept(centre):
    plan = centre.plan()
    plan["sites"][SITE] |= {"keep_opt_outs": True}
    await centre.open(sites=plan["sites"])
    await centre.stop_worker()
    await recorded(centre, caller=THEIRS)
    request = await asked(centre, Kind.OBJECTION)

    await erase(centre, request)
    await answer(centre, request)

    calls = [await centre.start_call(caller="06 12 34 56 78") for _ in range(5)]
    assert not any(call.is_record for call in calls)
    assert ("excluded", "opted_out") in await centre.counts()


# --- Faults ---------------------------------------------------------------------------


async def test_a_key_store_that_is_away_means_not_done_and_it_is_done_later(quiet):
    recording, _ = await recorded(quiet, caller=THEIRS)
    await recorded(quiet, caller=OTHERS)
    request = await asked(quiet, Kind.ERASURE)
    [row] = await quiet.rows("SELECT * FROM day_keys WHERE kind = 'hold'")

    with unreadable(quiet, key_of(row)):
        [waits] = await erase(quiet, request)
        assert waits.fate is Fate.PENDING
        with pytest.raises(NotDoneError):
            await answer(quiet, request)
    await tend(quiet)

    await nothing_is_left(quiet, recording)
    assert await fates(quiet, request) == [Fate.DONE]


async def test_two_officers_and_the_sweep_at_once_destroy_it_once(quiet, clock):
    recordings = [(await recorded(quiet))[0] for _ in range(3)]
    windows = today(quiet)
    clock.advance(days=29, hours=23, minutes=30)
    request = await asked(quiet, Kind.ERASURE, windows=windows)
    clock.advance(hours=1)

    await asyncio.gather(
        erase(quiet, request),
        erase(quiet, request),
        quiet.site.sweep(),
        tend(quiet),
        return_exceptions=True,
    )
    await tend(quiet)

    for each in recordings:
        await nothing_is_left(quiet, each)
    assert await fates(quiet, request) == [Fate.DONE] * 3
    assert len(await quiet.leaves("DEL")) == 3
    await quiet.site.tend()
    await the_verifier_is_clean(quiet)


async def test_a_hold_that_comes_at_the_same_moment_wins_or_is_refused(quiet):
    recordings = [(await recorded(quiet))[0] for _ in range(4)]
    request = await asked(quiet, Kind.ERASURE, windows=today(quiet))

    _, *placed = await asyncio.gather(
        erase(quiet, request),
        *(hold(quiet, each) for each in recordings),
        return_exceptions=True,
    )

    held = [i for i, each in enumerate(placed) if not isinstance(each, Exception)]
    for i, each in enumerate(recordings):
        is_there = await quiet.value(
            "SELECT doomed_at IS NULL FROM recordings WHERE recording_id = $1", each
        )
        assert bool(is_there) == (i in held)
