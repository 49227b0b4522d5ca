"""A service that dies between a request's receipt and its hold, and is back days later.

The first thing a start does is to sweep: what is wanted is frozen before that.
"""

from proxy.rights.records import ItemState, NewRequest
from retention.rights.deadlines import Kind
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.persons import THEIRS, rights_of


async def nothing_yet(_request_id, _actor):
    """It died before."""


async def test_what_was_received_on_its_last_day_is_frozen_before_the_next_sweep(
    centre, monkeypatch
):
    await centre.open()
    await centre.stop_worker()
    recording, _ = await recorded(centre, caller=THEIRS)
    centre.clock.advance(days=29, hours=23)
    rights = rights_of(centre.site)
    monkeypatch.setattr(rights.freezing, "freeze", nothing_yet)
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS)
    await rights.desk.receive(OFFICER, new)

    centre.clock.advance(hours=20)  # the day of its key is over
    await centre.open()
    await centre.stop_worker()

    await rights.tend()
    [item] = await rights.requests.items(new.request_id)
    assert item.state is ItemState.FROZEN
    assert await centre.kept() == [str(recording)]
