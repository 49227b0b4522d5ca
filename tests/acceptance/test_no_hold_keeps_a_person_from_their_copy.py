"""A copy is made of what is held as well, by whatever right: theirs, or another's.

To be handed their copy is no use of it against a person's will (GDPR Art. 18(2)), and
what another claims or requires suspends nobody's Art. 15. Everybody else is kept out.
"""

from datetime import timedelta

import pytest

from proxy.errors import RestrictedError
from proxy.rights.records import ItemState
from retention.holds import Authority, Hold
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing
from tests.fakes.persons import AGENT, THEIRS, asked

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def restricted(house, desk, **whose):
    request = await asked(house, Kind.RESTRICTION, **whose)
    await desk.rights.outcomes.restricting.restrict(OFFICER, request)
    return request


async def granted(desk, request):
    return await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)


async def test_who_restricts_it_keeps_the_copy_they_were_granted(house, desk):
    recording, _ = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)
    await granted(desk, request)

    await restricted(house, desk)

    assert len(await desk.fetched(shown.ticket)) == shown.size
    with pytest.raises(RestrictedError):
        await house.site.vault.find(recording)


async def test_what_another_restricts_first_is_packed_and_granted_whole(house, desk):
    """The restriction takes the place of the freeze that the request waits for."""
    await recorded(house, caller=THEIRS, agent=AGENT)
    request = await desk.asked()
    await restricted(house, desk, agent=AGENT)
    await desk.rights.tend()
    [item] = await desk.rights.requests.items(request)
    assert item.state is ItemState.HELD

    assert (await desk.assembled(request)).recordings == 1
    shown = await desk.opened(request)
    letter = await granted(desk, request)

    assert "Nous vous remettons 1 enregistrement" in letter.replace("\u00a0", " ")
    assert len(await desk.fetched(shown.ticket)) == shown.size


@pytest.mark.parametrize("authority", [Authority.CLAIM, Authority.REQUISITION])
async def test_what_is_held_for_another_right_is_packed_and_nothing_tells_of_it(
    house, desk, authority
):
    recording, _ = await recorded(house, caller=THEIRS)
    until = house.clock() + timedelta(days=29)
    hold = Hold(authority, "case 2026/7", "it is kept for that", until)
    await house.site.parts.holds.place(recording, hold, "dpo-1")
    request = await desk.asked()

    assert (await desk.assembled(request)).is_assembled
    shown = await desk.opened(request)
    letter = await granted(desk, request)

    assert "2026/7" not in letter
    assert "CNIL" in letter
    assert len(await desk.fetched(shown.ticket)) == shown.size
    with pytest.raises(RestrictedError):
        await house.site.vault.find(recording)
