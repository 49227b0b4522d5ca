"""A batch: the order of tags and nothing else, each call under the name of its week."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.intake.binds import Bind
from proxy.intake.drawing import Terms, draw_all, first_of_each
from proxy.intake.epochs import Tags
from proxy.ledger.entry import decode
from proxy.ledger.transaction import Head
from sampling.budget import Budget
from sampling.coverage import AgentCalls
from sampling.policy import Coverage, Purpose, SamplingPolicy
from sampling.seed import WEEK_SECONDS

WEEK = 2968
EDGE = datetime.fromtimestamp((WEEK + 1) * WEEK_SECONDS, UTC)
HEAD = Head(7, {}, 0, 0, 1)
POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(20_000, 50, 20),
    starts_on=date(2026, 1, 1),
    ends_on=date(2027, 1, 1),
    max_seconds=60,
    kept_days=30,
    announcement="…",
    opt_out_key="9",
)


def name(number, week):
    return sha256(f"{number} {week}".encode()).digest()[:16]


def bind(number, week=WEEK, agent=None, gate=None):
    tags = Tags(week, *(name(number, w) for w in (week, week - 1, week + 1)))
    return Bind(
        tags=tags,
        leg_key=None,
        connection="pbx",
        stratum="cardio_in",
        gate_code=gate,
        agent_key=agent,
    )


def terms(now=EDGE - timedelta(days=2), policy=POLICY):
    return Terms(policy=policy, key=b"k" * 32, epoch=1, now=now)


def leaves(batch):
    return [decode(body) for body in batch.bodies]


@given(st.permutations(range(12)))
def test_who_came_first_makes_no_difference(order):
    batch = draw_all(HEAD, terms(), [bind(n) for n in order], {})
    again = draw_all(HEAD, terms(), [bind(n) for n in range(12)], {})

    tags = [leaf["c"] for leaf in leaves(batch)]
    assert tags == sorted(tags)
    assert leaves(batch) == leaves(again)
    assert [leaf.get("b") for leaf in leaves(batch)] == [1] + [None] * 11
    assert [call.draw_seq for call in batch.calls] == list(range(7, 19))


@pytest.mark.parametrize(
    ("drawn_at", "week", "names_last"),
    [
        (EDGE - timedelta(seconds=1), WEEK, False),
        (EDGE, WEEK + 1, True),
        (EDGE + timedelta(hours=1), WEEK + 1, True),
        (EDGE - timedelta(days=6, hours=23), WEEK, True),
        (EDGE - timedelta(days=7, seconds=1), WEEK - 1, False),
    ],
)
def test_a_call_is_named_by_the_week_of_its_draw_not_by_that_of_its_ring(
    drawn_at, week, names_last
):
    [leaf] = leaves(draw_all(HEAD, terms(drawn_at), [bind(1)], {}))

    assert leaf["c"] == name(1, week).hex()
    assert leaf.get("c_prev") == (name(1, week - 1).hex() if names_last else None)


def test_a_call_without_a_name_in_the_week_of_the_draw_is_left_out_and_no_other():
    day = EDGE + timedelta(days=8)

    batch = draw_all(HEAD, terms(day), [bind(1), bind(2, WEEK + 2)], {})

    assert [leaf["c"] for leaf in leaves(batch)] == [name(2, WEEK + 2).hex()]


def test_a_call_that_rang_on_both_sides_of_the_weeks_edge_is_drawn_once():
    before, after = bind(1), bind(1, WEEK + 1)

    assert first_of_each([before, after], {}) == [before]
    assert first_of_each([after, before], {}) == [after]
    [call] = draw_all(HEAD, terms(EDGE), [before], {}).calls
    assert first_of_each([after], {call.call_key: call}) == []


COVERED = SamplingPolicy(
    **{f: getattr(POLICY, f) for f in POLICY.__dataclass_fields__}
    | {"rate_ppm": 5_000, "coverage": Coverage(1, 150, 5_000, 50_000)}
)


def test_an_agent_nobody_has_heard_gets_a_higher_probability_and_the_leaf_says_so():
    heard = {b"unheard": AgentCalls(149, 0), b"heard": AgentCalls(149, 1)}
    binds = [bind(1, agent=b"unheard"), bind(2, agent=b"heard"), bind(3)]

    batch = draw_all(HEAD, terms(policy=COVERED), binds, heard)

    rates = {leaf["c"]: leaf["p"] for leaf in leaves(batch)}
    assert [rates[name(n, WEEK).hex()] for n in (1, 2, 3)] == [50_000, 5_000, 5_000]
    assert batch.heard[b"unheard"].calls.seen == 150
    assert batch.heard[b"heard"].calls.seen == 150


def test_calls_that_could_not_be_drawn_do_not_count_as_an_agents_chance():
    binds = [bind(1, agent=b"a", gate="line_excluded"), bind(2, agent=b"a")]

    batch = draw_all(HEAD, terms(policy=COVERED), binds, {})

    assert batch.heard[b"a"].calls.seen == 1


def test_without_the_wish_for_coverage_no_agent_is_counted():
    batch = draw_all(HEAD, terms(), [bind(1, agent=b"a")], {})

    assert batch.heard == {}
    assert "p" not in leaves(batch)[0]
