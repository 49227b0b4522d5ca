"""A copy leaves for whoever is known, while nothing else was decided, on the record."""

import platform
from contextlib import aclosing
from datetime import timedelta

import pytest
import soundfile

from proxy.access.trace.acts import Act
from proxy.api.request_packages import PackageState
from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.packages.audio import RECIPE
from proxy.rights.packages.faults import (
    LinkOverError,
    PackageOverError,
    WrongCodeError,
)
from proxy.rights.packages.muting import Cut, Why
from proxy.rights.records import ItemState
from retention.rights.request import Event, Outcome
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, traced
from tests.fakes.packages import handing
from tests.fakes.persons import THEIRS

pytestmark = pytest.mark.acceptance
CUT = Cut(0, 500, Why.THIRD_PARTY)


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


@pytest.fixture
async def recording(house):
    recording, _ = await recorded(house, caller=THEIRS)
    return recording


@pytest.fixture
async def request_id(desk, recording):
    """A request whose package, of that recording, is assembled."""
    assert recording
    request_id = await desk.asked()
    await desk.assembled(request_id)
    return request_id


async def granted(desk, request_id):
    return await desk.rights.desk.answer(OFFICER, request_id, Outcome.GRANTED)


async def escalated(house, desk, request_id):
    """As the desk does, without a practice to tell."""
    async with desk.rights.desk._moving(OFFICER, request_id, "escalate") as opened:
        opened.move(Event.ESCALATE, house.clock())


# --- While a practice is asked --------------------------------------------------------


async def test_while_the_practice_is_asked_no_link_is_issued(house, desk, request_id):
    await escalated(house, desk, request_id)
    with pytest.raises(MoveRefusedError, match="escalated"):
        await desk.packages.issue(OFFICER, request_id)


async def test_while_the_practice_is_asked_a_link_of_before_leads_nowhere(
    house, desk, request_id
):
    link = await desk.packages.issue(OFFICER, request_id)
    shown = await desk.opened_by(link)
    await escalated(house, desk, request_id)

    with pytest.raises(LinkOverError):
        await desk.packages.links.send_code(link.secret)
    with pytest.raises(LinkOverError):
        await desk.packages.links.opened(shown.ticket)
    with pytest.raises(LinkOverError):
        await desk.fetched(shown.ticket)
    assert await traced(house, Act.EXPORTED) == []

    await desk.rights.desk.controller_answered(OFFICER, request_id, "grant it")
    assert len(await desk.fetched(shown.ticket)) == shown.size


async def test_a_download_that_runs_is_cut_off_when_the_practice_is_asked(
    house, desk, request_id
):
    shown = await desk.opened(request_id)
    sending = desk.packages.sending
    look = await sending.look(shown.ticket)
    await escalated(house, desk, request_id)
    async with sending.sending(look) as blocks, aclosing(blocks):
        with pytest.raises(PackageOverError):
            async for _ in blocks:
                pass


# --- Nothing is said that is not so ---------------------------------------------------


async def test_a_link_that_died_of_wrong_codes_is_told_and_granted_to_nobody(
    desk, request_id
):
    link = await desk.packages.issue(OFFICER, request_id)
    await desk.packages.links.send_code(link.secret)
    wrong = f"{(int(desk.gateway.code) + 1) % 10**6:06}"
    for _ in range(5):
        with pytest.raises(WrongCodeError):
            await desk.packages.links.open(link.secret, wrong)

    with pytest.raises(NotDoneError, match="wrong codes"):
        await granted(desk, request_id)
    shown = await desk.packages.show(OFFICER, request_id)
    assert PackageState.model_validate(shown, from_attributes=True).is_link_void

    await desk.packages.issue(OFFICER, request_id)
    assert not (await desk.packages.show(OFFICER, request_id)).is_link_void
    await granted(desk, request_id)


async def test_a_link_that_is_over_and_not_ended_yet_is_granted_to_nobody(
    house, desk, request_id
):
    await desk.packages.issue(OFFICER, request_id)
    house.clock.advance(days=7, seconds=1)
    with pytest.raises(NotDoneError, match="link is over"):
        await granted(desk, request_id)


async def test_what_was_fetched_before_the_answer_is_granted(desk, request_id):
    shown = await desk.opened(request_id)
    await desk.fetched(shown.ticket)
    await granted(desk, request_id)


@pytest.mark.parametrize("how", ["muted", "dead"])
async def test_a_package_that_ends_while_the_answer_is_written_is_not_granted(
    house, desk, request_id, recording, how, monkeypatch
):
    link = await desk.packages.issue(OFFICER, request_id)
    facts = desk.rights.desk._facts

    async def meanwhile(answered):
        told = await facts(answered)
        if how == "muted":
            await desk.packages.mute(OFFICER, request_id, recording, [CUT])
        else:
            await desk.packages.store.rows("end_link", link.package_id)
        return told

    monkeypatch.setattr(desk.rights.desk, "_facts", meanwhile)
    with pytest.raises(NotDoneError):
        await granted(desk, request_id)
    assert await house.value("SELECT outcome FROM requests") is None


# --- After the answer -----------------------------------------------------------------


async def test_nothing_is_muted_once_the_person_was_told(desk, request_id, recording):
    await desk.packages.issue(OFFICER, request_id)
    await granted(desk, request_id)
    with pytest.raises(MoveRefusedError, match="answered"):
        await desk.packages.mute(OFFICER, request_id, recording, [CUT])


async def test_a_package_that_went_after_the_answer_is_made_anew_from_what_is_frozen(
    house, desk, request_id
):
    link = await desk.packages.issue(OFFICER, request_id)
    shown = await desk.opened_by(link)
    await granted(desk, request_id)
    # As a recording that is restricted for a day and then is not.
    [[package_id]] = await house.rows("SELECT package_id FROM packages")
    await house.rows("UPDATE recordings SET doomed_at = now()")
    with pytest.raises(PackageOverError):
        await desk.fetched(shown.ticket)
    await house.rows("UPDATE recordings SET doomed_at = NULL")

    house.clock.advance(days=6)
    await desk.rights.tend()
    items = await desk.rights.requests.items(request_id)
    assert [each.state for each in items] == [ItemState.FROZEN]
    package = await desk.assembled(request_id)
    assert package.is_assembled
    assert package.package_id != package_id

    again = await desk.opened(request_id)
    assert len(await desk.fetched(again.ticket)) == again.size


async def test_what_went_after_the_answer_is_kept_no_longer_than_its_link_was_good(
    house, desk, request_id
):
    link = await desk.packages.issue(OFFICER, request_id)
    shown = await desk.opened_by(link)
    await granted(desk, request_id)
    await house.rows("UPDATE recordings SET doomed_at = now()")
    with pytest.raises(PackageOverError):
        await desk.fetched(shown.ticket)
    await house.rows("UPDATE recordings SET doomed_at = NULL")

    assert link.until - house.clock() == timedelta(days=7)
    house.clock.advance(days=7)
    await desk.rights.tend()

    assert await house.rows("SELECT FROM holds WHERE ended_at IS NULL") == []


# --- Who, and with what ---------------------------------------------------------------


async def test_the_trace_names_whoever_issued_the_link(house, desk, request_id):
    shown = await desk.opened(request_id)
    await desk.fetched(shown.ticket)
    [entry] = await traced(house, Act.EXPORTED)
    assert (entry.actor, entry.role) == (OFFICER.code, OFFICER.role)


def test_another_kind_of_machine_makes_other_bytes():
    assert RECIPE.split()[1:] == [
        soundfile.__libsndfile_version__,
        platform.machine(),
    ]
