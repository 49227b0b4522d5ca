"""Restriction (GDPR Art. 18): kept, unheard while it lasts, and told when it ends."""

from datetime import timedelta

import pytest

from proxy.errors import ObjectMissingError, RestrictedError
from proxy.rights.faults import MoveRefusedError, NoLetterheadError, NotDoneError
from proxy.rights.outcomes.recipients import Told
from proxy.rights.outcomes.restricting import NotToldError
from proxy.rights.outcomes.wants import Fate
from proxy.rights.records import Because
from retention.holds import Authority, Hold
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.auditing import verdict_on
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, trainer
from tests.fakes.persons import THEIRS, asked, rights_of

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def restricted(quiet):
    """A recording whose person asked that it be kept unused, and was answered."""
    recording, audio = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RESTRICTION)
    [done] = await outcomes(quiet).restricting.restrict(OFFICER, request)
    assert done.fate is Fate.DONE
    return recording, request, audio


def flat(text):
    return " ".join(text.split())


def outcomes(house):
    return rights_of(house.site).outcomes


async def fate(house, request):
    [row] = await outcomes(house).restricting.of(request)
    return row.fate


async def answer(house, request, outcome=Outcome.GRANTED, grounds=""):
    return await rights_of(house.site).desk.answer(OFFICER, request, outcome, grounds)


async def days_pass(house, clock, days):
    for _ in range(days):
        clock.advance(days=1)
        await rights_of(house.site).tend()
        await house.site.sweep()


async def test_a_trainer_is_refused_it_and_its_list_shows_it_apart(quiet, restricted):
    tess = await trainer(quiet)

    refused = await tess.begin(restricted[0])

    assert (refused.status, refused.problem) == (423, "restricted")
    listed = (await tess.ask("GET", "/recordings")).body["items"]
    assert [each["is_held"] for each in listed] == [True]


async def test_it_is_answered_once_it_is_so_and_not_before(quiet):
    await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RESTRICTION)
    with pytest.raises(NotDoneError):
        await answer(quiet, request)

    await outcomes(quiet).restricting.restrict(OFFICER, request)

    assert await answer(quiet, request)


async def test_there_is_no_moment_between_the_freeze_and_the_restriction(quiet, clock):
    """Past its own end: nothing but a hold keeps it."""
    recording, _ = await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RESTRICTION)
    clock.advance(days=35)
    await rights_of(quiet.site).tend()

    [done] = await outcomes(quiet).restricting.restrict(OFFICER, request)
    await answer(quiet, request)
    await quiet.site.sweep()

    assert done.fate is Fate.DONE
    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    leaves = [leaf["authority"] for leaf in await quiet.leaves("HOLD")]
    assert (leaves[0], leaves[-1]) == ("request", "restriction")


async def test_it_lasts_as_long_as_nobody_lifts_it(quiet, restricted, clock):
    recording, request, _ = restricted
    await answer(quiet, request)

    await days_pass(quiet, clock, 70)

    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    assert await fate(quiet, request) is Fate.DONE
    await quiet.site.tend()
    assert (await verdict_on(quiet))["findings"] == []


async def test_it_is_lifted_only_after_the_person_was_told(quiet, restricted):
    recording, request, audio = restricted
    await answer(quiet, request)
    restricting = outcomes(quiet).restricting
    with pytest.raises(NotToldError):
        await restricting.lift(OFFICER, request)
    assert await fate(quiet, request) is Fate.DONE

    await restricting.tell_lifting(OFFICER, request)
    [lifted] = await restricting.lift(OFFICER, request)

    assert lifted.fate is Fate.ENDED
    assert await quiet.heard(str(recording)) == audio
    await rights_of(quiet.site).tend()
    assert await quiet.heard(str(recording)) == audio


async def test_the_letter_that_tells_of_the_lifting_is_the_same_one_again(
    quiet, restricted, clock
):
    _, request, _ = restricted
    await answer(quiet, request)
    await rights_of(quiet.site).desk.close(OFFICER, request)
    clock.advance(days=2)
    restricting = outcomes(quiet).restricting

    letter = await restricting.tell_lifting(OFFICER, request)
    clock.advance(days=1)

    assert await restricting.tell_lifting(OFFICER, request) == letter
    assert "Le 20 novembre 2026" in letter.replace("\u00a0", " ")
    assert "18(3)" in letter
    assert THEIRS not in letter
    await restricting.lift(OFFICER, request)
    with pytest.raises(MoveRefusedError):
        await restricting.tell_lifting(OFFICER, request)


async def test_without_a_letterhead_nobody_was_told_and_nothing_is_lifted(
    quiet, restricted
):
    _, request, _ = restricted
    nameless = rights_of(quiet.site, controller="").outcomes.restricting
    with pytest.raises(NoLetterheadError):
        await nameless.tell_lifting(OFFICER, request)

    with pytest.raises(NotToldError):
        await nameless.lift(OFFICER, request)


async def test_lifted_past_its_own_end_it_is_gone_with_the_next_sweep(
    quiet, restricted, clock
):
    recording, request, _ = restricted
    await answer(quiet, request)
    await days_pass(quiet, clock, 40)
    restricting = outcomes(quiet).restricting
    await restricting.tell_lifting(OFFICER, request)

    await restricting.lift(OFFICER, request)
    await quiet.site.sweep()

    with pytest.raises(ObjectMissingError):
        await quiet.site.vault.find(recording, set(Authority))
    assert quiet.objects() == []


async def test_two_who_asked_for_it_are_two_restrictions(quiet, restricted):
    recording, request, _ = restricted
    await answer(quiet, request)
    second = await asked(quiet, Kind.RESTRICTION)
    await outcomes(quiet).restricting.restrict(OFFICER, second)
    restricting = outcomes(quiet).restricting

    await restricting.tell_lifting(OFFICER, request)
    await restricting.lift(OFFICER, request)

    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    assert await fate(quiet, second) is Fate.DONE


@pytest.mark.parametrize("is_released", [True, False])
async def test_where_another_right_holds_it_it_follows_that_one(
    quiet, clock, is_released
):
    recording, _ = await recorded(quiet, caller=THEIRS)
    until = clock() + timedelta(days=29)
    claim = Hold(Authority.CLAIM, "claim 2026/7", "a claim is defended", until)
    hold = await quiet.site.parts.holds.place(recording, claim, "dpo-1")
    request = await asked(quiet, Kind.RESTRICTION)
    [waits] = await outcomes(quiet).restricting.restrict(OFFICER, request)
    assert (waits.fate, waits.authority) == (Fate.BLOCKED, Authority.CLAIM)
    await answer(quiet, request, Outcome.PARTLY, "held for a claim until then")

    if is_released:
        await quiet.site.parts.holds.release(hold, "dpo-1")
        await quiet.site.sweep()
        await rights_of(quiet.site).tend()
    await days_pass(quiet, clock, 35)

    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    assert await fate(quiet, request) is Fate.DONE


async def test_a_restricted_recording_is_not_erased_before_that_is_lifted(
    quiet, restricted
):
    recording, request, _ = restricted
    await answer(quiet, request)
    erasure = await asked(quiet, Kind.ERASURE)

    [waits] = await outcomes(quiet).erasing.erase(OFFICER, erasure)

    assert (waits.fate, waits.authority) == (Fate.BLOCKED, Authority.RESTRICTION)
    restricting = outcomes(quiet).restricting
    await restricting.tell_lifting(OFFICER, request)
    await restricting.lift(OFFICER, request)
    await rights_of(quiet.site).tend()
    with pytest.raises(ObjectMissingError):
        await quiet.site.vault.find(recording, set(Authority))
    [gone] = await outcomes(quiet).erasing.of(erasure)
    assert gone.fate is Fate.DONE
    assert quiet.objects() == []


# --- What was lifted is not in force --------------------------------------------------


async def lift(house, request):
    restricting = outcomes(house).restricting
    await restricting.tell_lifting(OFFICER, request)
    await restricting.lift(OFFICER, request)


async def test_what_was_lifted_before_the_answer_is_granted_to_nobody(
    quiet, restricted
):
    recording, request, _ = restricted
    await lift(quiet, request)
    with pytest.raises(NotDoneError, match="lifted"):
        await answer(quiet, request)
    with pytest.raises(NotDoneError, match="lifted"):
        await answer(quiet, request, Outcome.PARTLY, "it was lifted")

    [again] = await outcomes(quiet).restricting.restrict(OFFICER, request)

    assert again.fate is Fate.DONE
    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    assert "pour 1 enregistrement" in flat(await answer(quiet, request))
    with pytest.raises(NotToldError):  # of this one nobody was told
        await outcomes(quiet).restricting.lift(OFFICER, request)


@pytest.mark.parametrize("is_only_begun", [False, True])
async def test_what_is_lifted_while_the_answer_is_written_is_not_granted(
    quiet, restricted, monkeypatch, is_only_begun
):
    """Lifted to the end, or only begun: that is written down first."""
    _, request, _ = restricted
    rights = rights_of(quiet.site)
    restricting = rights.outcomes.restricting
    await restricting.tell_lifting(OFFICER, request)
    facts = rights.desk._facts

    async def meanwhile(answered):
        told = await facts(answered)
        await restricting.lift(OFFICER, request)
        if is_only_begun:
            await quiet.rows("UPDATE request_outcomes SET ended_at = NULL")
        return told

    monkeypatch.setattr(rights.desk, "_facts", meanwhile)
    with pytest.raises(NotDoneError, match="lifted"):
        await rights.desk.answer(OFFICER, request, Outcome.GRANTED)

    assert await quiet.value("SELECT outcome FROM requests") is None


async def test_restricted_anew_while_it_is_being_lifted_it_stays_restricted(
    quiet, restricted, monkeypatch
):
    recording, request, _ = restricted
    restricting = outcomes(quiet).restricting
    await restricting.tell_lifting(OFFICER, request)
    lifting = restricting._lift

    async def meanwhile(wanted, actor):
        await outcomes(quiet).restricting.restrict(OFFICER, request)
        await lifting(wanted, actor)

    monkeypatch.setattr(restricting, "_lift", meanwhile)
    [left] = await restricting.lift(OFFICER, request)

    assert left.fate is Fate.DONE
    with pytest.raises(RestrictedError):
        await quiet.site.vault.find(recording)
    assert await answer(quiet, request)


async def test_where_a_recipient_knows_that_it_ended_it_does_not_begin_anew(
    quiet, restricted
):
    """They are told once of each: of the second restriction they would not hear."""
    recording, request, _ = restricted
    recipients = outcomes(quiet).recipients
    today = quiet.clock().date()
    await recipients.hand_over(OFFICER, recording, "court-lyon", "claim", today)
    [notice] = await recipients.notices(request)
    which = (OFFICER, request, notice.handover_id, Told.TOLD)
    await recipients.note(*which)
    await lift(quiet, request)
    await recipients.note(*which)

    [left] = await outcomes(quiet).restricting.restrict(OFFICER, request)

    assert left.fate is Fate.ENDED
    with pytest.raises(NotDoneError, match="lifted"):
        await answer(quiet, request)
    assert await answer(quiet, request, Outcome.REFUSED, "ask anew")


async def test_with_nothing_restricted_nothing_is_granted(quiet):
    await recorded(quiet, caller=THEIRS)
    request = await asked(quiet, Kind.RESTRICTION)
    [item] = await rights_of(quiet.site).requests.items(request)
    await rights_of(quiet.site).desk.drop_item(
        OFFICER, request, item.recording_id, Because.NOT_THEIRS
    )
    with pytest.raises(NotDoneError, match="nothing is restricted"):
        await answer(quiet, request)


# --- What the person is told ----------------------------------------------------------


async def test_the_answer_gives_it_no_end_and_says_the_same_once_it_is_lifted(
    quiet, restricted, clock
):
    _, request, _ = restricted
    letter = await answer(quiet, request)
    clock.advance(hours=1)
    await lift(quiet, request)

    assert "18 décembre" not in flat(letter)
    assert "ce que nous levions cette limitation" in flat(letter)
    assert await rights_of(quiet.site).desk.letter(OFFICER, request) == letter


async def test_who_has_it_erased_is_told_that_a_restriction_keeps_it_and_no_law(
    quiet, restricted
):
    await answer(quiet, restricted[1])
    erasure = await asked(quiet, Kind.ERASURE)
    await outcomes(quiet).erasing.erase(OFFICER, erasure)

    letter = flat(await answer(quiet, erasure, Outcome.PARTLY, "it is restricted"))

    assert "utiliser (article 18 du RGPD)" in letter
    assert "17(3)" not in letter
    assert "est prévu" not in letter
    assert "CNIL" in letter
