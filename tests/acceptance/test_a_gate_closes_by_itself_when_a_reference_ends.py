"""A reference that ends stops the draws of that day on, and changes no draw before."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from proxy.intake.binds import Bind
from proxy.intake.drawing import Terms, draw_all
from proxy.intake.epochs import Tags
from proxy.intake.relay import Relay, waiting_binds
from proxy.ledger.entry import decode
from proxy.ledger.transaction import Head
from sampling.legal import Expiry
from sampling.seed import week_at
from tests.fakes.call_centre import SITE
from tests.fakes.clinic import wav

CALLS = 60


async def opened_until(centre, **ends):
    """A service whose line group has references that end in so many days."""
    plan = centre.plan(policy=centre.policy(starts_on=centre.clock().date()))
    group = plan["sites"][SITE]["line_groups"]["cardio"]
    for name, days in ends.items():
        until = centre.clock().date() + timedelta(days=days)
        group[name] = group[name] | {"until": until}
    return await centre.open(sites=plan["sites"])


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("article_6", "no_basis"),
        ("balancing_test", "no_basis"),
        ("article_9", "no_basis"),
        ("dpia", "no_dpia"),
        ("dpo_opinion", "no_dpia"),
        ("staff_information", "no_cse"),
        ("hosting", "no_hds"),
    ],
)
async def test_from_the_day_a_reference_ends_nothing_is_drawn(
    centre, clock, name, code
):
    await opened_until(centre, **{name: 1})
    await centre.drawn_call()
    clock.advance(days=1)
    await centre.site.tend()

    calls = [await centre.start_call() for _ in range(CALLS)]

    assert {call.decision for call in calls} == {"skip"}
    assert (await centre.counts())["excluded", code] == CALLS
    last = (await centre.leaves("DRAW"))[-1]
    assert (last["x"], last["T"], last["d"]) == (code, "0" * 16, 0)


async def test_a_gate_that_closes_mid_call_leaves_the_call_its_answer(centre, clock):
    await opened_until(centre, dpia=1)
    clock.advance(hours=13, minutes=59)  # a minute to midnight
    await centre.site.tend()
    call = await centre.drawn_call(is_announced=True)
    clock.advance(minutes=5)
    await centre.site.tend()

    asked_again = await centre.start_call(call.call_id)
    kept = await centre.upload(call.decision_id, wav())
    after = [await centre.start_call() for _ in range(CALLS)]

    assert asked_again.is_record
    assert kept.status == 201
    assert {each.decision for each in after} == {"skip"}
    assert (await centre.counts())["excluded", "no_dpia"] == CALLS


# --- Between a bind and its draw -----------------------------------------------------


def bind(expiry, now, gate=None):
    return Bind(
        tags=Tags(week_at(now), uuid4().bytes, uuid4().bytes, uuid4().bytes),
        leg_key=None,
        connection="pbx",
        stratum="cardio_in",
        gate_code=gate,
        expiry=expiry,
    )


def draws(centre, binds, now):
    policy = centre.settings().sites[SITE].policy
    terms = Terms(policy=policy.to_policy(1), key=b"k" * 32, epoch=1, now=now)
    batch = draw_all(Head(7, {}, 0, 0, 1), terms, binds, {})
    return [decode(body).get("x") for body in batch.bodies]


async def test_a_gate_that_closes_between_bind_and_draw_is_closed_at_the_draw(
    centre, clock
):
    now = clock()
    tomorrow = Expiry(now.date() + timedelta(days=1), "no_hds")

    bound = [bind(tomorrow, now) for _ in range(CALLS)]

    assert "no_hds" not in draws(centre, bound, now)
    assert draws(centre, bound, now + timedelta(days=1)) == ["no_hds"] * CALLS


async def test_a_gate_that_was_closed_at_the_bind_keeps_its_own_reason(centre, clock):
    today = Expiry(clock().date(), "no_hds")

    assert draws(centre, [bind(today, clock(), "no_basis")], clock()) == ["no_basis"]


@pytest.mark.parametrize("code", [None, "no_cse"])
async def test_another_replica_that_draws_knows_when_the_gate_closes(
    house, clock, code
):
    expiry = Expiry(clock().date() + timedelta(days=1), code) if code else None
    forwarded = bind(expiry, clock())
    caller = SimpleNamespace(bind=forwarded, deadline=float("inf"))

    async with house.site.database.transaction() as connection:
        caller.deadline = 1e9
        await Relay(SITE).forward(connection, [caller])
        [found] = await waiting_binds(connection, SITE, 10)

    assert found.bind == forwarded
