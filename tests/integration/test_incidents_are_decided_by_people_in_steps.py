"""The register: nothing closes undecided, nothing is taken back, words stay inside."""

import math
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest

from proxy.incidents.cases import About, Decision, People, Records, Risk
from proxy.incidents.opening import Incident, settle_incident
from proxy.incidents.register import State, UnknownIncidentError
from proxy.incidents.rules import IncidentStepError
from proxy.incidents.words import IncidentTextError
from tests.fakes.register import SEEN, opened_by_itself


async def said(register, incident):
    return [(note.actor, note.note) for note in await register.notes(incident)]


# --- Its life ------------------------------------------------------------------------


async def test_an_incident_opened_by_itself_is_known_from_that_moment(
    register, database, clock
):
    await opened_by_itself(database, clock)
    clock.advance(hours=3)

    [case] = await register.list()

    assert (case.kind, case.opened_by) == ("unsolicited-recording", "service")
    assert case.opened_at == case.aware_at
    assert case.hours_left(clock()) == 69
    assert await register.figures(clock()) == {
        "incidents_open": 1,
        "incident_hours_left": 69,
    }


async def test_one_that_somebody_noticed_counts_from_when_they_knew(register, clock):
    knew = clock() - timedelta(hours=30)

    incident = await register.open_by_hand("dpo1", SEEN, aware_at=knew)

    case = await register.find(incident)
    assert (case.kind, case.opened_by, case.aware_at) == ("by-hand", "dpo1", knew)
    assert case.alerts_due(clock()) == (24,)
    assert case.hours_left(clock()) == 42


async def test_from_opening_to_closing_every_step_is_noted_with_its_actor(
    register, clock
):
    incident = await register.open_by_hand("op1", SEEN)
    await register.note(incident, "op1", "the disk was found in the safe")
    await register.describe(
        incident,
        "op1",
        {
            "people": (People.CALLERS, People.AGENTS),
            "people_about": About.BELOW_100,
            "records": (Records.VOICE,),
            "risk": Risk.LIKELY,
        },
    )
    await register.decide(incident, "dpo1", Decision.NOTIFY, "voices of callers")
    clock.advance(hours=1)
    await register.notified(incident, "dpo1")
    await register.close(incident, "dpo1", "the authority asked for nothing more")

    case = await register.find(incident)
    assert case.description.people == (People.CALLERS, People.AGENTS)
    assert case.notified_at == case.closed_at == clock()
    assert (case.closed_by, case.decision) == ("dpo1", Decision.NOTIFY)
    assert await said(register, incident) == [
        ("op1", "opened by hand"),
        ("op1", "the disk was found in the safe"),
        ("op1", "described: people, people_about, records, risk"),
        ("dpo1", "decided: notify"),
        ("dpo1", "authority notified at 2026-11-18T11:00+00:00"),
        ("dpo1", "closed"),
    ]
    assert await register.list(State.OPEN) == []
    assert [each.incident_id for each in await register.list(State.ALL)] == [incident]
    assert (await register.figures(clock()))["incident_hours_left"] == math.inf


async def test_one_opened_by_itself_is_closed_by_people_too(register, database, clock):
    await opened_by_itself(database, clock)
    [case] = await register.list()

    await register.decide(case.incident_id, "dpo1", Decision.NOT_NOTIFY, "unheard")
    await register.close(case.incident_id, "dpo1", "purged at the platform")

    assert [each.outcome for each in await register.list(State.CLOSED)] == [
        "purged at the platform"
    ]


async def test_what_ends_by_itself_was_closed_by_nobody(register, database, clock):
    await opened_by_itself(database, clock)
    async with database.connection() as connection:
        await settle_incident(
            connection, "clinic", Incident.UNSOLICITED, "take-over-1", clock()
        )

    [case] = await register.list(State.CLOSED)

    assert (case.closed_by, case.decision) == (None, None)


async def test_the_same_thing_opens_one_incident_even_when_that_is_closed(
    register, database, clock
):
    await opened_by_itself(database, clock)
    [case] = await register.list()
    await register.decide(case.incident_id, "dpo1", Decision.NOT_NOTIFY, "unheard")
    await register.close(case.incident_id, "dpo1", "purged")

    await opened_by_itself(database, clock)

    assert len(await register.list(State.ALL)) == 1


# --- Steps that are refused ----------------------------------------------------------


async def refused(step):
    with pytest.raises(IncidentStepError) as caught:
        await step
    return str(caught.value)


async def test_nothing_closes_before_it_is_decided(register):
    incident = await register.open_by_hand("op1", SEEN)

    told = await refused(register.close(incident, "op1", "nothing happened"))

    assert "nobody decided" in told
    assert [each.incident_id for each in await register.list()] == [incident]


async def test_the_database_too_refuses_to_close_what_nobody_decided(
    register, database, clock
):
    incident = await register.open_by_hand("op1", SEEN)

    async with database._pool.acquire() as connection:
        with pytest.raises(asyncpg.CheckViolationError, match="decided_before_closed"):
            await connection.execute(
                "UPDATE incidents SET closed_at = $2, closed_by = 'op1'"
                " WHERE incident_id = $1",
                incident,
                clock(),
            )


async def test_what_is_to_be_notified_closes_only_once_it_was(register):
    incident = await register.open_by_hand("op1", SEEN)
    await register.decide(incident, "dpo1", Decision.NOTIFY, "voices")

    assert "was not" in await refused(register.close(incident, "dpo1", "done"))


async def test_nobody_keeps_silent_about_a_likely_risk(register):
    incident = await register.open_by_hand("op1", SEEN | {"risk": Risk.HIGH})

    step = register.decide(incident, "dpo1", Decision.NOT_NOTIFY, "no matter")

    assert "its risk is high" in await refused(step)


async def test_a_notification_cannot_be_taken_back(register):
    incident = await register.open_by_hand("op1", SEEN)
    await register.decide(incident, "dpo1", Decision.NOTIFY, "voices")
    await register.notified(incident, "dpo1")

    step = register.decide(incident, "dpo1", Decision.NOT_NOTIFY, "changed my mind")

    assert "notified already" in await refused(step)


async def test_nothing_is_notified_that_nobody_decided_to_notify(register):
    incident = await register.open_by_hand("op1", SEEN)

    assert "decide first" in await refused(register.notified(incident, "dpo1"))


async def test_after_72_hours_the_delay_needs_a_reason(register, clock):
    incident = await register.open_by_hand("op1", SEEN)
    await register.decide(incident, "dpo1", Decision.NOTIFY, "voices")
    clock.advance(hours=72, seconds=1)

    assert "72 hours" in await refused(register.notified(incident, "dpo1"))
    in_time = clock() - timedelta(seconds=2)
    await register.notified(incident, "dpo1", in_time)

    assert (await register.find(incident)).notified_at == in_time


async def test_with_its_reason_a_late_notification_is_taken_note_of(register, clock):
    incident = await register.open_by_hand("op1", SEEN)
    await register.decide(incident, "dpo1", Decision.NOTIFY, "voices")
    clock.advance(hours=80)
    assert (await register.figures(clock()))["incident_hours_left"] == -8

    await register.describe(incident, "dpo1", {"delay_reason": "power cut"})
    await register.notified(incident, "dpo1")

    assert (await register.figures(clock()))["incident_hours_left"] == math.inf


async def test_a_closed_incident_takes_notes_and_nothing_else(register):
    incident = await register.open_by_hand("op1", SEEN)
    await register.decide(incident, "dpo1", Decision.NOT_NOTIFY, "encrypted")
    await register.close(incident, "dpo1", "found again")

    for step in (
        register.describe(incident, "op1", {"nature": "other"}),
        register.decide(incident, "dpo1", Decision.NOTIFY, "yes"),
        register.notified(incident, "dpo1"),
        register.close(incident, "dpo1", "again"),
    ):
        assert "it is closed" in await refused(step)
    await register.note(incident, "op1", "the insurer asked")

    assert (await said(register, incident))[-1] == ("op1", "the insurer asked")


async def test_nobody_knows_or_notifies_in_the_future(register, clock):
    soon = clock() + timedelta(minutes=1)

    assert "to come" in await refused(register.open_by_hand("op1", SEEN, aware_at=soon))
    assert await register.list(State.ALL) == []


async def test_an_unknown_incident_is_a_404(register):
    with pytest.raises(UnknownIncidentError):
        await register.note(uuid4(), "op1", "who is there?")
    with pytest.raises(UnknownIncidentError):
        await register.notes(uuid4())


# --- Words ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("x" * 501, "501 characters"),
        ("called from 06 12 34 56 78", "telephone number"),
        ("+33612345678", "telephone number"),
        ("write to someone@example.org", "address"),
    ],
)
async def test_a_note_is_short_and_names_nobody(register, text, wrong):
    incident = await register.open_by_hand("op1", SEEN)

    with pytest.raises(IncidentTextError, match=wrong) as caught:
        await register.note(incident, "op1", text)

    assert text.strip() not in str(caught.value) or not text.strip()
    assert len(await register.notes(incident)) == 1


async def test_dates_and_times_are_no_telephone_numbers(register):
    incident = await register.open_by_hand("op1", SEEN)

    await register.note(incident, "op1", "from 2026-11-18 10:00 to 19/11/2026 11:30")

    assert len(await register.notes(incident)) == 2


async def test_an_incident_without_a_nature_is_not_opened_by_hand(register):
    with pytest.raises(IncidentTextError, match="nature"):
        await register.open_by_hand("op1", {"nature": " "})

    assert await register.list(State.ALL) == []


async def test_notes_can_be_neither_changed_nor_taken_back(register, database):
    incident = await register.open_by_hand("op1", SEEN)

    for sql in ("UPDATE incident_notes SET note = 'x'", "DELETE FROM incident_notes"):
        async with database._pool.acquire() as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(sql)

    assert await said(register, incident) == [("op1", "opened by hand")]
