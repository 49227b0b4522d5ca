"""An agent who is at the desk as well does nothing with the request of that agent."""

from dataclasses import replace

import pytest

from proxy.access.trace.acts import Act
from proxy.rights.faults import OwnRequestError
from proxy.rights.outcomes.recipients import Told
from proxy.rights.outcomes.wants import Fate
from retention.rights.deadlines import Kind
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, traced
from tests.fakes.persons import AGENT, THEIRS, asked, rights_of

pytestmark = pytest.mark.acceptance
RECIPIENT = "insurer-3"


@pytest.fixture
def themselves(quiet):
    return replace(OFFICER, agent_key=quiet.site.keys.name_agent(AGENT))


@pytest.fixture
async def restricted(quiet):
    """A recording that its agent wants restricted, and somebody has a copy of."""
    recording, _ = await recorded(quiet, caller=THEIRS, agent=AGENT)
    outcomes = rights_of(quiet.site).outcomes
    day = quiet.clock().date()
    await outcomes.recipients.hand_over(OFFICER, recording, RECIPIENT, "claim", day)
    request = await asked(quiet, Kind.RESTRICTION, agent=AGENT)
    await outcomes.restricting.restrict(OFFICER, request)
    return request


async def noted(house, request):
    """What its history and the trace say was done with it."""
    history = await rights_of(house.site).requests.history(request)
    entries = await traced(house, Act.REQUEST)
    words = [each.purpose for each in entries if each.item == request]
    return [each.event for each in history], words


async def test_they_neither_lift_their_restriction_nor_tell_anybody_of_it(
    quiet, restricted, themselves
):
    outcomes = rights_of(quiet.site).outcomes
    [notice] = await outcomes.recipients.notices(restricted)
    before = await noted(quiet, restricted)

    with pytest.raises(OwnRequestError):
        await outcomes.restricting.tell_lifting(themselves, restricted)
    with pytest.raises(OwnRequestError):
        await outcomes.telling.letter(themselves, restricted, RECIPIENT)
    with pytest.raises(OwnRequestError):
        await outcomes.recipients.note(
            themselves, restricted, notice.handover_id, Told.TOLD
        )
    await outcomes.restricting.tell_lifting(OFFICER, restricted)
    with pytest.raises(OwnRequestError):
        await outcomes.restricting.lift(themselves, restricted)

    [left] = await outcomes.restricting.of(restricted)
    assert left.fate is Fate.DONE
    [notice] = await outcomes.recipients.notices(restricted)
    assert notice.outcome is None
    after = await noted(quiet, restricted)
    assert [new[len(old) :] for old, new in zip(before, after, strict=True)] == [
        ["lifting-told"],
        ["lifting-told"],
    ]


async def test_that_a_colleague_told_a_recipient_is_written_down_once(
    quiet, restricted
):
    recipients = rights_of(quiet.site).outcomes.recipients
    [notice] = await recipients.notices(restricted)

    for _ in range(2):
        await recipients.note(OFFICER, restricted, notice.handover_id, Told.TOLD)

    history, trace = await noted(quiet, restricted)
    assert (history[-1], trace[-1]) == ("recipient-told", "recipient-told")
    assert history.count("recipient-told") == 1


async def test_they_look_at_nothing_of_their_copy(quiet, themselves):
    recording, _ = await recorded(quiet, caller=THEIRS, agent=AGENT)
    request = await asked(quiet, Kind.ACCESS, agent=AGENT)
    rights = rights_of(quiet.site)
    try:
        await rights.packages.make(OFFICER, request)
        with pytest.raises(OwnRequestError):
            await rights.packages.show(themselves, request)
        with pytest.raises(OwnRequestError):
            await rights.packages.muted(themselves, request, recording)
        assert await rights.packages.show(OFFICER, request)
        assert await rights.packages.muted(OFFICER, request, recording) == ()
    finally:
        await rights.close()
