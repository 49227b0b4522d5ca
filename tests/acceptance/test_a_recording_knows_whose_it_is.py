"""Practice, campaign and agent go with a call to its recording, and no further."""

import uuid
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest

from proxy.intake.policy_book import PolicyBook
from proxy.intake.store import find_decision
from proxy.intake.whose import Whose, note_whose
from sampling.mixing import Mode
from sampling.policy import NO_POLICY
from sampling.schedule import PolicySchedule, ScheduledPolicy
from tests.fakes.call_centre import wav
from tests.fakes.clinic import OUTBOUND_LINE, SITE
from tests.fakes.listeners import grant, recorded, signed_in, trainer

pytestmark = pytest.mark.acceptance

FACTS = "practice, campaign, agent_key"


async def facts(centre, call):
    """What is noted with a call."""
    [row] = await centre.rows(
        f"SELECT {FACTS} FROM calls WHERE decision_id = $1",  # noqa: S608  # ours
        uuid.UUID(call.decision_id),
    )
    return tuple(row)


async def drawn(centre, agent=None, **call):
    """A call for recording, and who answers it: known once it is drawn."""
    while not (started := await centre.start_call(**call)).is_record:
        pass
    if agent is not None:
        await centre.start_call(started.call_id, agent=agent, **call)
    return started


def campaign(centre):
    return f"training-{centre.policy()['starts_on']}"


async def test_a_recording_has_the_practice_the_campaign_and_the_agent(house):
    await recorded(house, agent="a-104")

    [row] = await house.rows(f"SELECT {FACTS} FROM recordings")  # noqa: S608  # ours

    named = house.site.keys.name_agent("a-104")
    assert tuple(row) == ("cardio", campaign(house), named)


async def test_an_agent_who_is_known_from_the_start_is_noted_with_the_draw(house):
    for (
        number
    ) in count():  # another each time: an agent's chance falls with their calls
        call = await house.start_call(agent=f"a-{number}")
        if call.is_record:
            break

    assert (await facts(house, call))[2] == house.site.keys.name_agent(f"a-{number}")


async def test_a_call_forgets_its_agent_with_its_outcome(house):
    call = await drawn(house, agent="a-104")
    assert (await facts(house, call))[2] is not None

    await house.tell("call.opt_out", call)

    assert await facts(house, call) == ("cardio", campaign(house), None)


async def test_nothing_is_noted_of_a_call_that_is_not_recorded(house):
    call = await house.skipped_call()

    assert await facts(house, call) == ("", "", None)


async def test_nothing_of_it_is_in_the_ledger(house):
    await recorded(house, agent="a-104")

    leaves = str([x for x in await house.all_leaves() if x["leaf"] in {"DRAW", "OUT"}])

    assert "cardio_in" in leaves  # the stratum, as ever
    assert "'cardio'" not in leaves
    assert campaign(house) not in leaves
    assert house.site.keys.name_agent("a-104").hex() not in leaves


async def test_whoever_answers_first_is_its_agent(house):
    call = await drawn(house)
    for leg, agent in (("leg-1", "a-104"), ("leg-2", "a-105")):
        again = await house.start_call(leg, root_call_id=call.call_id, agent=agent)
        assert again.decision_id == call.decision_id

    assert (await facts(house, call))[2] == house.site.keys.name_agent("a-104")


async def test_a_legs_line_is_not_its_practice(house):
    """The number a call was passed on to may be another practice's."""
    call = await drawn(house)
    await house.rows("UPDATE calls SET practice = ''")

    await house.start_call("leg-1", root_call_id=call.call_id, line=OUTBOUND_LINE)

    assert (await facts(house, call))[0] == ""


async def test_a_webhook_that_is_repeated_notes_what_was_lost_and_changes_nothing(
    house,
):
    call = await drawn(house, agent="a-104")
    noted = await facts(house, call)
    await house.rows("UPDATE calls SET practice = '', campaign = '', agent_key = NULL")

    await house.start_call(call.call_id, agent="a-104")
    assert await facts(house, call) == noted

    await house.start_call(call.call_id, agent="a-105")
    assert await facts(house, call) == noted


async def test_it_is_noted_as_well_of_what_another_replica_draws(house):
    second = await house.open()

    call = await drawn(house, service=second, agent="a-104")

    named = house.site.keys.name_agent("a-104")
    assert await facts(house, call) == ("cardio", campaign(house), named)


async def note_under(house, call, *, from_next_epoch, version):
    """Note it where another campaign begins in a later epoch, or with the call's."""
    epoch = await house.value(
        "SELECT epoch FROM calls WHERE decision_id = $1", uuid.UUID(call.decision_id)
    )
    policy = house.site.calls.policy
    later = replace(policy, starts_on=policy.starts_on + timedelta(days=7))
    book = PolicyBook(SITE, Mode.OPERATOR, 3600)
    book.schedule = PolicySchedule(
        (
            ScheduledPolicy(0, NO_POLICY, Mode.OPERATOR),
            ScheduledPolicy(epoch, policy, Mode.OPERATOR),
            ScheduledPolicy(
                epoch + from_next_epoch, replace(later, version=version), Mode.OPERATOR
            ),
        )
    )
    await house.rows("UPDATE calls SET campaign = ''")
    async with house.site.database.transaction() as connection:
        found = await find_decision(connection, SITE, uuid.UUID(call.decision_id))
    await note_whose(house.site.database, book, found, Whose(practice="cardio"))
    return (await facts(house, call))[1]


async def test_the_campaign_is_the_one_it_was_drawn_in(house):
    call = await drawn(house)
    version = house.site.calls.policies.version
    began = house.policy()["starts_on"]

    before = await note_under(house, call, from_next_epoch=1, version=version)
    with_it = await note_under(house, call, from_next_epoch=0, version=version)

    assert before == f"training-{began}"
    assert with_it == f"training-{began + timedelta(days=7)}"


async def test_of_a_policy_nobody_here_knows_yet_no_campaign_is_guessed(house):
    call = await drawn(house)
    version = house.site.calls.policies.version

    assert await note_under(house, call, from_next_epoch=0, version=version - 1) == ""


async def test_what_cannot_be_noted_changes_no_draw_and_opens_it_to_the_whole_only(
    house,
):
    """The call is recorded all the same; only who reaches all of the site hears it.

    Without a number, that is: with one it must be found by it, or is not recorded.
    """
    for_all = await trainer(house, "trainer-all")
    for_one = await signed_in(house, "trainer-one")
    await grant(house, "trainer-one", practice="cardio")
    await house.rows(
        "CREATE FUNCTION refuse_facts() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'no room'; END $$"
    )
    await house.rows(
        "CREATE TRIGGER refuse_facts BEFORE UPDATE OF practice ON calls"
        " FOR EACH ROW EXECUTE FUNCTION refuse_facts()"
    )

    recording, _ = await recorded(house, wav(), agent="a-104", caller="anonymous")

    [row] = await house.rows(f"SELECT {FACTS} FROM recordings")  # noqa: S608  # ours
    assert tuple(row) == ("", "", None)
    assert (await for_one.begin(recording)).status == 404
    assert (await for_all.begin(recording)).status == 201
