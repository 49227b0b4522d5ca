"""Emergency access: off by default, one recording, half an hour, told of, reviewed."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from proxy.access.accounts.faults import StaleFactorError
from proxy.access.break_glass.faults import (
    GlassOffError,
    GlassOpenError,
    GlassReasonError,
    OwnUseError,
    ReviewedError,
    SuspendedError,
    UnknownUseError,
)
from proxy.access.break_glass.records import Outcome
from proxy.access.permissions import Grant, Item, Permission, Subject, permits
from proxy.access.trace.acts import Act
from proxy.access.watch.alerts import AlertStepError, Decision
from proxy.access.words import WordsError
from proxy.errors import UnauthorizedError
from tests.fakes.named_people import SITE
from tests.fakes.overseen import (
    DPO,
    OTHER_DPO,
    REASON,
    TRAINER,
    Overseen,
    overseen_clinic,
)

HALF_AN_HOUR = timedelta(minutes=30)


@pytest.fixture
async def clinic(dsn, tmp_path, clock):
    async with overseen_clinic(dsn, tmp_path, clock) as clinic:
        yield clinic


@pytest.fixture
def glass(clinic: Overseen):
    return clinic.access.break_glass


async def everything_kept(clinic: Overseen) -> str:
    """All text of all tables, as whoever reads the database sees it."""
    async with clinic.database.connection() as connection:
        rows = await connection.fetch(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            " AND tablename <> 'schema_migrations'"
        )
        kept = [
            await connection.fetch(f"SELECT * FROM {row['tablename']}")  # noqa: S608  # ours
            for row in rows
        ]
    return repr(kept)


async def test_it_opens_one_recording_for_half_an_hour(clinic, glass, clock):
    item, other = await clinic.recording(), await clinic.recording()

    use = await glass.use(clinic.session(), item, REASON)

    assert use.until == clock() + HALF_AN_HOUR
    grants = await clinic.access.grants.of("t-1", clock())
    assert grants == (Grant(until=use.until, recording_id=item),)
    assert await clinic.access.grants.of("t-2", clock()) == ()
    assert hears(grants, item)
    assert not hears(grants, other)

    clock.advance(seconds=HALF_AN_HOUR.total_seconds())
    assert await clinic.access.grants.of("t-1", clock()) == ()


def hears(grants, item) -> bool:
    trainer = TRAINER.__class__(
        "t-1", TRAINER.role, SITE, TRAINER.shown_by, grants=grants
    )
    return permits(trainer, Permission.RECORDINGS_PLAY, Subject(SITE, Item(item)))


async def test_whoever_protects_data_is_told_at_once(clinic, glass):
    item = await clinic.recording()

    use = await glass.use(clinic.session(), item, REASON)

    [alert] = await clinic.open_alerts()
    assert (alert.alert_id, alert.rule, alert.actor) == (
        use.alert_id,
        "break-glass",
        "t-1",
    )
    _, _, counts = await clinic.oversight.anchoring.ledger.figures()
    assert counts["break_glass", ""] == 1
    figures = await clinic.oversight.figures(clinic.clock())
    assert figures["break_glass_unreviewed",] == figures["access_alerts_open",] == 1
    assert await clinic.clinic.traced(Act.GLASS_BROKEN) == ["t-1"]


async def test_why_is_read_by_whoever_reviews_and_is_nowhere_in_clear(clinic, glass):
    use = await glass.use(clinic.session(), await clinic.recording(), REASON)

    assert "complaint" not in await everything_kept(clinic)
    assert await glass.reason_of(DPO, use.use_id) == REASON
    assert await clinic.clinic.traced(Act.VIEWED) == ["d-1"]


# --- Refused --------------------------------------------------------------------------


async def test_it_is_off_unless_switched_on_and_says_where(dsn, tmp_path, clock):
    async with overseen_clinic(dsn, tmp_path, clock, has_break_glass=False) as clinic:
        item = await clinic.recording()
        glass = clinic.access.break_glass
        with pytest.raises(GlassOffError) as refused:
            await glass.use(clinic.session(), item, REASON)

        assert refused.value.field == "sites.clinic.access.break_glass"
        assert await clinic.clinic.traced(Act.REFUSED) == ["t-1"]
        assert await clinic.open_alerts() == []


@pytest.mark.parametrize(
    "reason", ["", "urgent", "urgenturgenturgenturgent", " " * 40, "a b c"]
)
async def test_it_asks_for_a_reason_in_words(clinic, glass, reason):
    with pytest.raises(GlassReasonError):
        await glass.use(clinic.session(), await clinic.recording(), reason)

    assert await clinic.access.grants.of("t-1", clinic.clock()) == ()


async def test_the_reason_names_nobody_by_number(clinic, glass):
    with pytest.raises(WordsError):
        await glass.use(
            clinic.session(), await clinic.recording(), "She called from 06 12 34 56 78"
        )


@pytest.mark.parametrize("minutes", [5.1, 60, -1])
async def test_it_asks_for_a_fresh_second_factor(clinic, glass, minutes):
    session = clinic.session(factor_ago=timedelta(minutes=minutes))

    with pytest.raises(StaleFactorError):
        await glass.use(session, await clinic.recording(), REASON)

    assert await clinic.clinic.traced(Act.REFUSED) == ["t-1"]


async def test_what_is_not_there_does_not_open(clinic, glass):
    with pytest.raises(UnknownUseError):
        await glass.use(clinic.session(), uuid4(), REASON)


async def test_one_at_a_time(clinic, glass, clock):
    first, second = await clinic.recording(), await clinic.recording()
    await glass.use(clinic.session(), first, REASON)

    with pytest.raises(GlassOpenError):
        await glass.use(clinic.session(), second, REASON)

    clock.advance(minutes=30)
    await glass.use(clinic.session(), second, REASON)


async def test_two_at_once_are_one(clinic, glass):
    items = [await clinic.recording() for _ in range(4)]

    answers = await asyncio.gather(
        *(glass.use(clinic.session(), item, REASON) for item in items),
        return_exceptions=True,
    )

    kinds = sorted(type(each).__name__ for each in answers)
    assert kinds == ["GlassOpenError"] * 3 + ["Use"]


async def test_asking_again_because_no_answer_came_is_the_same_use(clinic, glass):
    item = await clinic.recording()

    first = await glass.use(clinic.session(), item, REASON)
    again = await glass.use(clinic.session(), item, REASON)

    assert first == again
    assert len(await glass.list()) == 1


# --- Reviews --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "decision", "incidents"),
    [
        (Outcome.JUSTIFIED, Decision.JUSTIFIED, 0),
        (Outcome.NOT_JUSTIFIED, Decision.INCIDENT, 1),
    ],
)
async def test_a_review_decides_on_its_alert(
    clinic, glass, outcome, decision, incidents
):
    use = await glass.use(clinic.session(), await clinic.recording(), REASON)

    reviewed = await glass.review(DPO, use.use_id, outcome)

    assert (reviewed.outcome, reviewed.reviewed_by) == (outcome, "d-1")
    alert = await clinic.oversight.alerts.find(use.alert_id)
    assert alert.decision is decision
    assert len(await clinic.incidents()) == incidents
    assert await clinic.clinic.traced(Act.GLASS_REVIEWED) == ["d-1"]
    assert await glass.count_unreviewed() == 0


async def test_an_alert_of_two_uses_is_decided_with_the_second_by_the_worse(
    clinic, glass, clock
):
    first = await glass.use(clinic.session(), await clinic.recording(), REASON)
    clock.advance(minutes=30)
    second = await glass.use(clinic.session(), await clinic.recording(), REASON)
    assert first.alert_id == second.alert_id

    await glass.review(DPO, first.use_id, Outcome.NOT_JUSTIFIED)
    assert len(await clinic.open_alerts()) == 1
    await glass.review(DPO, second.use_id, Outcome.JUSTIFIED)

    alert = await clinic.oversight.alerts.find(first.alert_id)
    assert alert.decision is Decision.INCIDENT


async def test_its_alert_is_not_decided_on_without_a_review(clinic, glass):
    use = await glass.use(clinic.session(), await clinic.recording(), REASON)

    with pytest.raises(AlertStepError, match="review the use"):
        await clinic.oversight.alerts.decide(
            DPO, use.alert_id, Decision.JUSTIFIED, last_seq=0
        )


async def test_nobody_reviews_their_own_use(clinic, glass):
    use = await glass.use(clinic.session(DPO), await clinic.recording(), REASON)

    with pytest.raises(OwnUseError):
        await glass.review(DPO, use.use_id, Outcome.JUSTIFIED)

    await glass.review(OTHER_DPO, use.use_id, Outcome.JUSTIFIED)


async def test_a_use_is_reviewed_once(clinic, glass):
    use = await glass.use(clinic.session(), await clinic.recording(), REASON)
    await glass.review(DPO, use.use_id, Outcome.JUSTIFIED)

    with pytest.raises(ReviewedError):
        await glass.review(OTHER_DPO, use.use_id, Outcome.NOT_JUSTIFIED)
    with pytest.raises(UnknownUseError):
        await glass.review(OTHER_DPO, uuid4(), Outcome.JUSTIFIED)


async def test_whose_use_nobody_reviews_in_72_hours_is_suspended(clinic, glass, clock):
    """No session works and no sign-in, until somebody has reviewed it."""
    member = await clinic.clinic.join("t-1")
    made = await clinic.clinic.sign_in(member)
    identity = clinic.clinic.identity
    session = await identity.by_session(made.secret)
    use = await glass.use(session, await clinic.recording(), REASON)

    clock.advance(seconds=timedelta(hours=72).total_seconds() - 60)
    again = await clinic.clinic.signed_in_now(member)
    assert (await identity.by_session(again.secret)).actor.code == "t-1"

    clock.advance(minutes=1)
    with pytest.raises(SuspendedError):
        await identity.by_session(again.secret)
    with pytest.raises(SuspendedError):
        await clinic.clinic.signed_in_now(member)
    with pytest.raises(UnauthorizedError):
        await identity.by_session(again.secret)

    await glass.review(DPO, use.use_id, Outcome.JUSTIFIED)
    clock.advance(minutes=1)
    assert await clinic.clinic.signed_in_now(member)


async def test_a_suspended_persons_sign_in_is_on_the_trace(clinic, glass, clock):
    member = await clinic.clinic.join("t-1")
    await glass.use(clinic.session(), await clinic.recording(), REASON)
    clock.advance(hours=73)
    before = await clinic.clinic.count("sessions")

    with pytest.raises(SuspendedError):
        await clinic.clinic.signed_in_now(member)

    assert await clinic.clinic.traced(Act.SIGN_IN_FAILED) == ["t-1"]
    assert await clinic.clinic.count("sessions") == before


async def test_others_are_not_suspended_with_them(clinic, glass, clock):
    await glass.use(clinic.session(), await clinic.recording(), REASON)
    clock.advance(hours=73)

    await glass.check_not_suspended("t-2")
    with pytest.raises(SuspendedError):
        await glass.check_not_suspended("t-1")
