"""Alerts: opened within a minute, once, and closed by somebody else's decision."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from proxy.access.trace.acts import Act
from proxy.access.watch.alerts import (
    Decision,
    GrownAlertError,
    OwnAlertError,
    UnknownAlertError,
)
from proxy.access.words import WordsError
from tests.fakes.overseen import (
    AGENT,
    CAMPAIGN,
    DPO,
    OTHER_DPO,
    TRAINER,
    Overseen,
    overseen_clinic,
)

IN_PARIS = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)  # ten o'clock, a Wednesday


@pytest.fixture
async def clinic(dsn, tmp_path, clock):
    clock.now = IN_PARIS
    async with overseen_clinic(dsn, tmp_path, clock) as clinic:
        yield clinic


OUT_OF_REACH = "object-missing"


async def test_what_was_broken_open_is_no_other_sign_a_day_later_either(clinic):
    """The look of then goes back to between the two."""
    item = await clinic.recording(campaign="")
    await clinic.note(Act.GLASS_BROKEN, TRAINER, item)
    clinic.clock.advance(minutes=20)
    await clinic.play(item)
    await clinic.oversight.tend()

    clinic.clock.advance(hours=23, minutes=50)
    await clinic.note(Act.LISTED, TRAINER)
    await clinic.oversight.tend()

    assert await clinic.open_rules() == []


async def forty_plays(clinic: Overseen) -> None:
    """Forty in ten minutes, by somebody who has a script."""
    items = [await clinic.recording() for _ in range(40)]
    for item in items:
        await clinic.play(item)
        clinic.clock.advance(seconds=15)


async def minutes_until_an_alert(clinic: Overseen) -> int:
    """How often a minute has to pass, looking each time as the service does."""
    for minute in range(1, 10):
        clinic.clock.advance(minutes=1)
        await clinic.oversight.tend()
        if await clinic.open_alerts():
            return minute
    raise AssertionError("no alert in ten minutes")


async def test_forty_plays_in_ten_minutes_alert_within_five(clinic):
    await clinic.oversight.tend()
    await forty_plays(clinic)

    assert await minutes_until_an_alert(clinic) <= 5

    [alert] = await clinic.open_alerts()
    assert (alert.actor, alert.rule, alert.seen) == ("t-1", "burst", 40)
    assert await clinic.incidents() == [("access-abuse", str(alert.alert_id))]


async def test_a_play_at_night_alerts_within_five_minutes(clinic, clock):
    await clinic.oversight.tend()
    clock.now = datetime(2026, 11, 18, 22, 30, tzinfo=UTC)
    await clinic.play(await clinic.recording())

    assert await minutes_until_an_alert(clinic) <= 5
    assert await clinic.open_rules() == [("t-1", "off-hours")]
    assert await clinic.incidents() == []


async def test_colleagues_calls_alert_within_five_minutes(clinic):
    await clinic.oversight.tend()
    for _ in range(3):
        await clinic.note(Act.REFUSED, AGENT, await clinic.recording(), OUT_OF_REACH)

    assert await minutes_until_an_alert(clinic) <= 5
    assert await clinic.open_rules() == [("a-1", "colleagues")]


async def test_a_colleague_who_is_singled_out_alerts_within_five_minutes(clinic):
    await clinic.oversight.tend()
    for _ in range(10):
        for agent in (b"agent-1", b"agent-2", b"agent-3"):
            await clinic.recording(agent=agent)
        await clinic.play(await clinic.recording(agent=b"agent-7"))
        clinic.clock.advance(minutes=12)

    assert await minutes_until_an_alert(clinic) <= 5
    assert await clinic.open_rules() == [("t-1", "singled-out")]
    assert await clinic.incidents() == []


async def test_where_there_is_one_agent_nobody_is_singled_out(clinic):
    for _ in range(15):
        await clinic.play(await clinic.recording(agent=b"agent-7"))
        clinic.clock.advance(minutes=12)
    await clinic.oversight.tend()

    assert await clinic.open_rules() == []


async def test_analyses_read_by_a_script_alert_and_looks_at_the_trace_do_not(clinic):
    await clinic.oversight.tend()
    for _ in range(40):
        await clinic.note(Act.VIEWED, TRAINER, uuid4(), "analysis")
        await clinic.note(Act.VIEWED, DPO, uuid4(), "trace")
        await clinic.note(Act.VIEWED, DPO, uuid4())

    assert await minutes_until_an_alert(clinic) <= 5
    [alert] = await clinic.open_alerts()
    assert (alert.actor, alert.rule, alert.seen) == ("t-1", "burst", 40)


async def test_a_recording_of_no_campaign_alerts_and_one_that_is_gone_does_not(clinic):
    await clinic.play(await clinic.recording(campaign=""))
    await clinic.play(await clinic.recording(campaign=CAMPAIGN))
    await clinic.play(uuid4())

    await clinic.oversight.tend()

    [alert] = await clinic.open_alerts()
    assert (alert.rule, alert.seen, alert.first_seq) == ("no-campaign", 1, 0)
    assert await clinic.incidents() == []


async def test_an_agent_hears_their_own_call_of_no_known_campaign(clinic):
    await clinic.play(await clinic.recording(campaign=""), AGENT)
    await clinic.oversight.tend()

    assert await clinic.open_alerts() == []


async def test_an_alert_is_opened_once_and_grows(clinic, clock):
    clock.now = datetime(2026, 11, 18, 21, 0, tzinfo=UTC)
    for _ in range(3):
        await clinic.play(await clinic.recording())
        await clinic.oversight.tend()
        await clinic.oversight.tend()
        clock.advance(minutes=5)

    [alert] = await clinic.open_alerts()
    assert (alert.seen, alert.first_seq) == (3, 0)
    assert len(await clinic.clinic.traced(Act.ALERT_OPENED)) == 1


async def test_replicas_that_look_at_once_open_one_alert(clinic):
    await clinic.play(await clinic.recording(campaign=""))

    await asyncio.gather(*(clinic.oversight.watch.look() for _ in range(4)))

    assert len(await clinic.open_alerts()) == 1
    assert len(await clinic.clinic.traced(Act.ALERT_OPENED)) == 1


async def test_where_nothing_is_new_nothing_is_looked_at(clinic):
    await clinic.play(await clinic.recording(campaign=""))
    assert len(await clinic.oversight.watch.look()) == 1
    assert await clinic.oversight.watch.look() == []


async def test_once_a_week_all_of_the_week_is_looked_at_again(clinic, clock):
    """What a minute's look never saw: here, what somebody wrote behind its back."""
    await clinic.play(await clinic.recording(campaign=""))
    async with clinic.database.connection() as connection:
        await connection.execute(
            "INSERT INTO access_checks VALUES ('clinic', 'week', $1, 0),"
            " ('clinic', 'minute', $1, 1)",
            clock(),
        )
    clock.advance(days=6, hours=23)
    assert await clinic.oversight.watch.look() == []

    clock.advance(hours=1)
    await clinic.oversight.watch.look()

    assert await clinic.open_rules() == [("t-1", "no-campaign")]


async def test_a_look_that_was_cut_off_is_taken_again(clinic, monkeypatch):
    await clinic.play(await clinic.recording(campaign=""))
    watch = clinic.oversight.watch

    async def killed(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(watch, "_keep", killed)
        with pytest.raises(asyncio.CancelledError):
            await watch.look()
    await watch.look()

    assert len(await clinic.open_alerts()) == 1


# --- Decisions ------------------------------------------------------------------------


@pytest.fixture
async def alert(clinic):
    await clinic.play(await clinic.recording(campaign=""))
    await clinic.oversight.tend()
    [alert] = await clinic.open_alerts()
    return alert


@pytest.mark.parametrize("decision", Decision)
async def test_a_decision_closes_it_and_its_note_stays_out_of_the_trace(
    clinic, alert, decision
):
    decided = await clinic.decide(alert, decision, note=" The campaign was renamed. ")

    assert (decided.decided_by, decided.decision) == ("d-1", decision)
    assert decided.note == "The campaign was renamed."
    assert await clinic.open_alerts() == []
    async with clinic.database.connection() as connection:
        bodies = await connection.fetch("SELECT body FROM access_entries")
    assert str(alert.alert_id) in bodies[-1]["body"]
    assert not any("renamed" in row["body"] for row in bodies)


async def test_nobody_decides_on_themselves(clinic, clock):
    clock.now = datetime(2026, 11, 18, 22, 0, tzinfo=UTC)
    await clinic.play(await clinic.recording(), DPO)
    await clinic.oversight.tend()
    [alert] = await clinic.open_alerts()

    with pytest.raises(OwnAlertError):
        await clinic.decide(alert, Decision.JUSTIFIED)
    assert len(await clinic.open_alerts()) == 1

    await clinic.decide(alert, Decision.JUSTIFIED, OTHER_DPO)
    assert await clinic.open_alerts() == []


@pytest.mark.usefixtures("alert")
async def test_not_even_the_database_lets_somebody_decide_on_themselves(clinic):
    async with clinic.database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE access_alerts SET decided_by = actor, decided_at = now(),"
                " decision = 'justified'"
            )


async def test_it_is_decided_once(clinic, alert):
    both = await asyncio.gather(
        clinic.decide(alert, Decision.REMINDED),
        clinic.decide(alert, Decision.JUSTIFIED, OTHER_DPO),
        return_exceptions=True,
    )

    assert sorted(type(each).__name__ for each in both) == ["Alert", "AlertStepError"]


async def test_what_does_not_exist_is_not_decided(clinic):
    with pytest.raises(UnknownAlertError):
        await clinic.oversight.alerts.decide(
            DPO, uuid4(), Decision.JUSTIFIED, last_seq=0
        )


@pytest.mark.parametrize("note", ["06 12 34 56 78 asked", "a@example.test", "x" * 501])
async def test_a_note_has_no_number_and_no_address(clinic, alert, note):
    with pytest.raises(WordsError):
        await clinic.decide(alert, Decision.JUSTIFIED, note=note)
    assert len(await clinic.open_alerts()) == 1


async def test_what_comes_after_a_decision_is_another_alert(clinic, alert):
    await clinic.decide(alert, Decision.REMINDED)
    clinic.clock.advance(minutes=1)
    await clinic.oversight.tend()
    assert await clinic.open_alerts() == []

    await clinic.play(await clinic.recording(campaign=""))
    await clinic.oversight.tend()

    [again] = await clinic.open_alerts()
    assert (again.day, again.seen) == (alert.day, 1)
    assert again.first_seq > alert.last_seq


async def test_what_came_after_the_alert_was_read_is_not_decided_with_it(clinic, alert):
    for _ in range(3):
        await clinic.play(await clinic.recording(campaign=""))
    await clinic.oversight.tend()

    with pytest.raises(GrownAlertError):
        await clinic.decide(alert, Decision.FALSE_ALARM)

    [grown] = await clinic.open_alerts()
    assert (grown.alert_id, grown.seen) == (alert.alert_id, 4)
    await clinic.decide(grown, Decision.REMINDED)
    assert await clinic.open_alerts() == []


async def test_an_alert_that_is_an_incident_opens_one(clinic, clock):
    clock.now = datetime(2026, 11, 18, 22, 0, tzinfo=UTC)
    await clinic.play(await clinic.recording())
    await clinic.oversight.tend()
    [alert] = await clinic.open_alerts()
    assert await clinic.incidents() == []

    await clinic.decide(alert, Decision.INCIDENT)

    assert await clinic.incidents() == [("access-abuse", str(alert.alert_id))]


async def test_alerts_are_listed_a_page_at_a_time(clinic, clock):
    for _ in range(3):
        await clinic.play(await clinic.recording(campaign=""))
        await clinic.oversight.tend()
        clock.advance(days=1)
    alerts = clinic.oversight.alerts

    first = await alerts.list(limit=2, are_open=True)
    behind = first[-1].opened_at, first[-1].alert_id
    rest = await alerts.list(behind, 2, are_open=True)

    assert [a.day.day for a in (*first, *rest)] == [18, 19, 20]


async def test_the_newest_alerts_come_first_and_the_older_ones_behind_them(
    clinic, clock
):
    for _ in range(3):
        await clinic.play(await clinic.recording(campaign=""))
        await clinic.oversight.tend()
        clock.advance(days=1)
    alerts = clinic.oversight.alerts

    first = await alerts.newest(None, 2, are_open=False)
    await clinic.decide(first[0], Decision.JUSTIFIED)
    before = first[-1].opened_at, first[-1].alert_id
    rest = await alerts.newest(before, 2, are_open=False)
    left = await alerts.newest(None, 3, are_open=True)

    assert [a.day.day for a in (*first, *rest)] == [20, 19, 18]
    assert [a.day.day for a in left] == [19, 18]


async def test_the_figures_tell_of_open_alerts(clinic, alert):
    figures = await clinic.oversight.figures(clinic.clock())
    assert figures["access_alerts_open",] == 1

    await clinic.decide(alert, Decision.FALSE_ALARM)

    figures = await clinic.oversight.figures(clinic.clock() + timedelta(days=1))
    assert figures["access_alerts_open",] == 0


async def test_a_changed_trace_is_an_incident_within_a_day(clinic, dsn, clock):
    await clinic.play(await clinic.recording())
    await clinic.oversight.tend()
    connection = await asyncpg.connect(dsn)
    await connection.execute("SET session_replication_role = replica")
    await connection.execute("DELETE FROM access_entries WHERE seq = 0")
    await connection.close()
    clock.advance(days=1)

    await clinic.oversight.tend()

    assert await clinic.incidents() == [("integrity", "trace-0-1")]
    assert await clinic.oversight.verifying.faults() == 1
    clock.advance(days=1)
    await clinic.oversight.tend()
    assert len(await clinic.incidents()) == 1  # what nobody can mend is told of once
