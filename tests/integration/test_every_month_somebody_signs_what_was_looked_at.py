"""The monthly review: numbers, every alert decided, a sample judged, a signature."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.reviews.drafts import (
    Judgement,
    OwnSampleError,
    ReviewIncompleteError,
    ReviewStepError,
)
from proxy.access.reviews.sampling import drawn
from proxy.access.trace.acts import Act
from proxy.access.watch.alerts import Decision
from retention.promises import ACCOUNTABLE_FOR
from tests.fakes.overseen import DPO, OTHER_DPO, Overseen, overseen_clinic

OCTOBER = date(2026, 10, 1)
IN_OCTOBER = datetime(2026, 10, 7, 10, 0, tzinfo=UTC)
IN_NOVEMBER = datetime(2026, 11, 3, 10, 0, tzinfo=UTC)
IN_ORDER = Judgement.IN_ORDER
ROOTS = st.binary(min_size=32, max_size=32)
PLACES = st.lists(st.integers(0, 10**6), unique=True, max_size=60).map(sorted)


@pytest.fixture
async def clinic(dsn, tmp_path, clock):
    clock.now = IN_OCTOBER
    async with overseen_clinic(dsn, tmp_path, clock) as clinic:
        yield clinic


async def a_month(clinic: Overseen, plays: int = 25, **of_whom) -> None:
    for day in range(plays):
        await clinic.play(await clinic.recording(), **of_whom)
        clinic.clock.now = IN_OCTOBER + timedelta(hours=day // 12, minutes=day)
    await clinic.oversight.tend()
    clinic.clock.now = IN_NOVEMBER


async def judged(clinic: Overseen, by=DPO, **doubts) -> dict[int, Judgement]:
    draft = await clinic.access.reviews.draft(by, OCTOBER)
    found = {noted.place: IN_ORDER for noted in draft.sample}
    return found | {int(place): each for place, each in doubts.items()}


async def test_it_shows_numbers_alerts_and_twenty_lines(clinic):
    await a_month(clinic)

    draft = await clinic.access.reviews.draft(DPO, OCTOBER)

    assert draft.acts["play"] == 25
    assert len(draft.sample) == 20
    assert {noted.entry.act for noted in draft.sample} == {Act.PLAY}
    assert await clinic.clinic.traced(Act.VIEWED) == ["d-1"]


async def test_signing_it_is_in_the_ledger_and_on_the_trace(clinic):
    await a_month(clinic)
    before = await clinic.ledger_notes()

    signed = await clinic.access.reviews.sign(DPO, OCTOBER, await judged(clinic))

    assert (signed.month, signed.signed_by) == (OCTOBER, "d-1")
    assert signed.found["looked_at"] == 20
    [told] = (await clinic.ledger_notes())[len(before) :]
    assert told == (
        f"access review 2026-10: {signed.size} entries, root {signed.root.hex()},"
        " 0 alerts decided, 20 entries looked at, 0 doubtful"
    )
    assert await clinic.clinic.traced(Act.REVIEW_SIGNED) == ["d-1"]


async def test_a_month_is_signed_once(clinic):
    await a_month(clinic)
    sample = await judged(clinic)
    await clinic.access.reviews.sign(DPO, OCTOBER, sample)

    with pytest.raises(ReviewStepError, match="before"):
        await clinic.access.reviews.sign(OTHER_DPO, OCTOBER, sample)

    assert len(await clinic.access.reviews.list()) == 1


async def test_a_month_is_not_signed_before_it_is_over(clinic):
    with pytest.raises(ReviewStepError, match="not over"):
        await clinic.access.reviews.sign(DPO, OCTOBER, {})
    with pytest.raises(ReviewStepError, match="not over"):
        await clinic.access.reviews.draft(DPO, OCTOBER)


async def test_it_is_not_signed_while_an_alert_is_open(clinic):
    await clinic.play(await clinic.recording(campaign=""))
    await a_month(clinic)
    [alert] = await clinic.open_alerts()
    sample = await judged(clinic)

    with pytest.raises(ReviewStepError, match="decide on each"):
        await clinic.access.reviews.sign(DPO, OCTOBER, sample)
    assert await clinic.access.reviews.list() == []

    await clinic.decide(alert, Decision.REMINDED)
    signed = await clinic.access.reviews.sign(DPO, OCTOBER, sample)
    assert signed.found["alerts"] == {"no-campaign reminded": 1}


async def test_every_line_is_judged_and_no_other(clinic):
    await a_month(clinic)
    sample = await judged(clinic)
    short = dict(list(sample.items())[1:])

    for wrong in ({}, short, {**sample, 9999: IN_ORDER}):
        with pytest.raises(ReviewIncompleteError):
            await clinic.access.reviews.sign(DPO, OCTOBER, wrong)


async def test_a_doubtful_line_opens_an_alert(clinic):
    await a_month(clinic)
    sample = await judged(clinic)
    doubted = next(iter(sample))

    signed = await clinic.access.reviews.sign(
        DPO, OCTOBER, {**sample, doubted: Judgement.DOUBTFUL}
    )

    assert signed.found["doubtful"] == 1
    [alert] = await clinic.open_alerts()
    assert (alert.rule, alert.actor, alert.first_seq) == ("sample", "t-1", doubted)


async def test_nobody_judges_what_they_heard_themselves(clinic):
    await a_month(clinic, plays=3, actor=DPO)
    sample = await judged(clinic)

    with pytest.raises(OwnSampleError):
        await clinic.access.reviews.sign(DPO, OCTOBER, sample)

    await clinic.access.reviews.sign(OTHER_DPO, OCTOBER, sample)


async def test_a_month_in_which_nothing_happened_is_signed_too(clinic, clock):
    clock.now = IN_NOVEMBER

    signed = await clinic.access.reviews.sign(DPO, OCTOBER, {})

    assert signed.size == 0


async def test_what_is_not_signed_within_ten_days_is_overdue(clinic):
    await a_month(clinic, plays=1)
    sample = await judged(clinic)
    ends = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)  # midnight in Paris

    overdue = clinic.access.reviews.overdue
    assert await overdue(ends + timedelta(days=10, seconds=-1)) == []
    assert await overdue(ends + timedelta(days=10)) == [OCTOBER]
    assert len(await overdue(ends + timedelta(days=41))) == 2
    figures = await clinic.oversight.figures(ends + timedelta(days=10))
    assert figures["reviews_overdue", "abuse"] == 1

    await clinic.access.reviews.sign(DPO, OCTOBER, sample)
    assert await overdue(ends + timedelta(days=10)) == []


async def test_what_was_signed_so_long_ago_that_it_is_forgotten_is_not_due_again(
    clinic,
):
    """The hashes of the trace stay; its signatures go after five years."""
    await a_month(clinic, plays=1)
    years_later = IN_NOVEMBER + ACCOUNTABLE_FOR + timedelta(days=1)

    overdue = await clinic.access.reviews.overdue(years_later)

    assert OCTOBER not in overdue
    assert overdue[0] == date(2026, 11, 1)


# --- The draw -------------------------------------------------------------------------


@given(ROOTS, PLACES, st.integers(0, 30))
def test_the_sample_is_drawn_by_the_root_alone(root, places, size):
    sample = drawn(root, places, size)

    assert sample == drawn(root, places, size)
    assert sample == sorted(set(sample))
    assert set(sample) <= set(places)
    assert len(sample) == min(size, len(places))


def test_another_root_draws_others():
    places = range(1000)

    assert drawn(bytes(32), places, 20) != drawn(bytes([1] * 32), places, 20)


def test_every_place_is_drawn_about_as_often():
    """2 of 10 over 2000 roots: 400 each, give or take five standard deviations."""
    counts = [0] * 10
    for n in range(2000):
        for place in drawn(n.to_bytes(32, "big"), range(10), 2):
            counts[place] += 1

    assert all(abs(count - 400) < 90 for count in counts)
