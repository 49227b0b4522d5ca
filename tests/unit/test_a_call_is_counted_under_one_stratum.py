"""Overlapping strata give a call one draw, at the highest probability: never a sum."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.intake.binds import Bind
from proxy.intake.drawing import Terms, draw_all
from proxy.intake.epochs import Tags
from proxy.ledger.entry import decode
from proxy.ledger.transaction import Head
from proxy.metrics_contract import MAX_STRATA
from sampling.budget import Budget
from sampling.coverage import AgentCalls
from sampling.gates import exclusion_code
from sampling.policy import Conditions, Coverage, Purpose, SamplingPolicy, Stratum
from sampling.seed import week_at
from sampling.strata import MOST_STRATA, Facts, misfits, names_of, stratum_of

TODAY = date(2026, 11, 17)
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(20_000, 50, 20),
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="…",
    opt_out_key="9",
)
SHARED = {field.name: getattr(POLICY, field.name) for field in fields(Conditions)}
CALL = Facts("cardio", "in", queue="day", agent_group="new")


def stratum(name, **changes):
    return Stratum(**SHARED | {"name": name} | changes)


def with_strata(*strata, **changes):
    return replace(POLICY, strata=strata, **changes)


def counted(policy, facts=CALL, today=TODAY):
    return stratum_of(policy, facts, today)


# Which stratum


def test_without_strata_a_call_is_counted_by_its_line_group_and_direction():
    assert counted(POLICY) == "cardio_in"
    assert counted(POLICY, Facts("desk", "out")) == "desk_out"


def spelled(selector):
    """A set has no order of its own, and a test's name must have one."""
    named = {key: sorted(value) for key, value in selector.items() if key != "name"}
    return str(named or selector)


@pytest.mark.parametrize(
    "selector",
    [
        {},
        {"line_groups": frozenset({"cardio", "desk"})},
        {"queues": frozenset({"day"})},
        {"agent_groups": frozenset({"new"})},
        {
            "line_groups": frozenset({"cardio"}),
            "queues": frozenset({"day", "night"}),
            "agent_groups": frozenset({"new"}),
        },
    ],
    ids=spelled,
)
def test_a_stratum_has_the_calls_that_all_its_selectors_want(selector):
    assert counted(with_strata(stratum("some_in", **selector))) == "some_in"


@pytest.mark.parametrize(
    "selector",
    [
        {"name": "some_out"},
        {"line_groups": frozenset({"desk"})},
        {"queues": frozenset({"night"})},
        {"agent_groups": frozenset({"old"})},
        {"queues": frozenset({"day"}), "agent_groups": frozenset({"old"})},
    ],
    ids=spelled,
)
def test_one_selector_that_does_not_fit_is_enough_to_leave_a_call_out(selector):
    policy = with_strata(stratum(**{"name": "some_in"} | selector))

    assert counted(policy) == "cardio_in"


def test_a_call_whose_queue_or_agents_are_not_known_is_in_no_stratum_that_names_them():
    by_queue = stratum("queue_in", queues=frozenset({"day"}))
    by_agents = stratum("agents_in", agent_groups=frozenset({"new"}))

    assert counted(with_strata(by_queue, by_agents), Facts("cardio", "in")) == (
        "cardio_in"
    )


def test_of_several_strata_the_one_with_the_highest_probability_has_the_call():
    low, high = stratum("low_in", rate_ppm=5_000), stratum("high_in", rate_ppm=20_000)

    assert counted(with_strata(low, high)) == "high_in"
    assert counted(with_strata(high, low)) == "high_in"


def test_a_stratum_may_be_drawn_more_rarely_than_the_policy_does():
    assert counted(with_strata(stratum("rare_in", rate_ppm=1_000))) == "rare_in"


def test_of_equals_the_name_decides_in_whatever_order_they_are_written():
    one, two = stratum("a_in"), stratum("b_in")

    assert counted(with_strata(one, two)) == counted(with_strata(two, one)) == "a_in"


def test_a_stratum_that_does_not_run_today_leaves_its_calls_to_one_that_does():
    ended = stratum("ended_in", rate_ppm=20_000, ends_on=TODAY)
    running = stratum("running_in", rate_ppm=1_000)

    assert counted(with_strata(ended, running)) == "running_in"


def test_the_end_of_a_stratums_campaign_does_not_hand_its_calls_to_the_policy():
    """The policy's own rate may be higher: an end must never record more."""
    ended = stratum("ended_in", rate_ppm=1_000, ends_on=TODAY)
    to_come = stratum("later_in", rate_ppm=2_000, starts_on=date(2026, 11, 18))

    assert counted(with_strata(ended)) == "ended_in"
    assert counted(with_strata(ended, to_come)) == "later_in"


strata = st.builds(
    stratum,
    st.sampled_from(["a_in", "b_in", "c_in", "a_out", "b_out"]),
    rate_ppm=st.integers(0, 20_000),
    line_groups=st.frozensets(st.sampled_from(["cardio", "desk"])),
    queues=st.frozensets(st.sampled_from(["day", "night"])),
    agent_groups=st.frozensets(st.sampled_from(["new", "old"])),
    ends_on=st.sampled_from([TODAY, POLICY.ends_on]),
)
facts = st.builds(
    Facts,
    st.sampled_from(["cardio", "desk", "other"]),
    st.sampled_from(["in", "out"]),
    st.sampled_from([None, "day", "night"]),
    st.sampled_from([None, "new", "old"]),
)


@given(st.lists(strata, max_size=5, unique_by=lambda own: own.name), facts)
def test_a_call_has_one_legal_name_and_no_higher_rate_than_the_highest_it_may_have(
    several, call
):
    policy = with_strata(*several)

    name = counted(policy, call)

    rate = policy.conditions(name).rate_ppm
    alone = [with_strata(own) for own in several]
    applying = [one for one in alone if counted(one, call) == one.strata[0].name]
    running = [one for one in applying if one.strata[0].is_running(TODAY)]
    rates = [one.strata[0].rate_ppm for one in running or applying]
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)", name)
    assert name.endswith(f"_{call.way}")
    assert rate == max(rates, default=POLICY.rate_ppm)


# Exclusions

EXCLUDING = replace(
    POLICY, excluded_lines=frozenset({"+33100000000"}), excluded_agents=frozenset({"x"})
)


@pytest.mark.parametrize(
    ("line", "agent"), [("+33100000000", None), ("+33100000001", "x")]
)
def test_an_excluded_line_and_an_excluded_agent_have_one_neutral_reason(line, agent):
    assert exclusion_code(EXCLUDING, line, agent) == "line_excluded"


def test_who_is_not_excluded_may_be_drawn():
    assert exclusion_code(EXCLUDING, "+33100000001", "y") is None
    assert exclusion_code(EXCLUDING, "+33100000001", None) is None


# Its draw


def bind(number, name, **more):
    tag = sha256(b"%d" % number).digest()[:16]
    return Bind(
        tags=Tags(week_at(NOON), tag, None, None),
        leg_key=None,
        connection="pbx",
        stratum=name,
        gate_code=None,
        **more,
    )


def drawn(policy, binds, heard=None, tokens=None):
    head = Head(7, tokens or {}, 0, 0, 1)
    terms = Terms(policy=policy, key=b"k" * 32, epoch=1, now=NOON)
    batch = draw_all(head, terms, binds, heard or {})
    return batch, {leaf["s"]: leaf for leaf in map(decode, batch.bodies)}


def test_a_call_has_the_conditions_of_its_stratum():
    own = stratum(
        "vip_in", rate_ppm=10_000, max_seconds=60, kept_days=7, purpose=Purpose.QUALITY
    )

    batch, leaves = drawn(with_strata(own), [bind(1, "vip_in"), bind(2, "cardio_in")])

    found = {
        call.stratum: (call.max_seconds, call.kept_days, call.purpose)
        for call in batch.calls
    }
    assert found == {"vip_in": (60, 7, "quality"), "cardio_in": (600, 30, "training")}
    assert leaves["vip_in"]["T"] == f"{(10_000 << 64) // 10**6:016x}"
    assert leaves["cardio_in"]["T"] == f"{(18_000 << 64) // 10**6:016x}"


def test_the_emptier_of_the_sites_and_the_stratums_own_bucket_counts():
    policy = with_strata(stratum("vip_in", budget=Budget(20_000, 2, 1)))
    token = 1_000_000

    of_site, _ = drawn(policy, [bind(1, "vip_in")], tokens={"all": 0})
    of_own, _ = drawn(policy, [bind(1, "vip_in")], tokens={"vip_in": 0})
    full, leaves = drawn(policy, [bind(1, "vip_in")], tokens={"all": 20 * token})

    assert "budget" in of_site.bodies[0].decode()
    assert "budget" in of_own.bodies[0].decode()
    assert full.tokens["vip_in"] == 2 * token, "it starts full, with its own size"
    assert leaves["vip_in"]["T"] == f"{(18_000 << 64) // 10**6:016x}"


def test_a_stratum_ends_for_itself_alone():
    ended = stratum("vip_in", ends_on=TODAY)

    _, leaves = drawn(with_strata(ended), [bind(1, "vip_in"), bind(2, "cardio_in")])

    assert leaves["vip_in"]["x"] == "campaign_ended"
    assert "x" not in leaves["cardio_in"]


def test_a_stratum_may_go_on_when_the_policys_own_campaign_is_over():
    longer = stratum("vip_in", ends_on=date(2026, 12, 1))
    policy = with_strata(longer, ends_on=TODAY)

    _, leaves = drawn(policy, [bind(1, "vip_in"), bind(2, "cardio_in")])

    assert "x" not in leaves["vip_in"]
    assert leaves["cardio_in"]["x"] == "campaign_ended"


def test_a_name_that_the_policy_of_the_draw_does_not_know_gets_its_own_conditions():
    """The policy changed between the ring and the draw."""
    batch, leaves = drawn(POLICY, [bind(1, "gone_in")])

    assert leaves["gone_in"]["T"] == f"{(18_000 << 64) // 10**6:016x}"
    assert batch.calls[0].kept_days == POLICY.kept_days


def test_coverage_is_that_of_the_stratum_and_so_is_the_probability_told():
    wish = Coverage(1, 150, 5_000, 20_000)
    covered = stratum("vip_in", rate_ppm=5_000, coverage=wish)
    binds = [
        bind(1, "vip_in", agent_key=b"unheard"),
        bind(2, "cardio_in", agent_key=b"other"),
    ]

    batch, leaves = drawn(with_strata(covered), binds, {b"unheard": AgentCalls(149, 0)})

    assert leaves["vip_in"]["p"] == 20_000
    assert "p" not in leaves["cardio_in"]
    assert {name: each.campaign for name, each in batch.heard.items()} == {
        b"unheard": covered
    }


def test_agents_are_counted_apart_where_the_stratum_has_a_wish_of_its_own():
    wish, other = Coverage(1, 150, 5_000, 50_000), Coverage(1, 60, 5_000, 50_000)
    policy = with_strata(
        stratum("same_in", coverage=wish),
        stratum("own_in", coverage=other),
        stratum("later_in", coverage=wish, starts_on=TODAY),
        stratum("none_in", coverage=None),
        coverage=wish,
    )

    names = ("cardio_in", "same_in", "own_in", "later_in", "none_in")
    own = {name for name in names if policy.has_own_coverage(name)}

    assert own == {"own_in", "later_in"}


# Whether they fit the site

GROUPS, LINES = ("cardio", "desk"), ("+33100000000",)


def test_strata_that_fit_have_no_fault():
    policy = with_strata(
        stratum("vip_in", line_groups=frozenset({"cardio"})),
        stratum("cardio_out", line_groups=frozenset({"cardio"})),
        stratum("desk_in"),
        excluded_lines=frozenset(LINES),
    )

    assert misfits(policy, GROUPS, LINES) == []


@pytest.mark.parametrize(
    ("own", "field", "word"),
    [
        (
            stratum("vip_in", line_groups=frozenset({"dermato"})),
            "vip_in.line_groups",
            "dermato",
        ),
        (stratum("cardio_in", queues=frozenset({"day"})), "cardio_in", "not all of it"),
        (stratum("cardio_in", line_groups=frozenset({"desk"})), "cardio_in", "not all"),
        (stratum("cardio_in", agent_groups=frozenset({"new"})), "cardio_in", "not all"),
        (stratum("other_in"), "other_in", "unknown lines"),
    ],
)
def test_a_stratum_that_does_not_fit_the_site_is_named_with_what_to_do(
    own, field, word
):
    [fault] = misfits(with_strata(own), GROUPS, LINES)

    assert fault.field == f"strata.{field}"
    assert word in fault.wrong
    assert fault.fix


def test_an_excluded_line_must_be_one_of_the_sites():
    policy = with_strata(excluded_lines=frozenset({*LINES, "+33199999999"}))

    [fault] = misfits(policy, GROUPS, LINES)

    assert fault.field == "excluded_lines"
    assert "+33199999999" not in fault.wrong  # it is a number, and this is shown


def test_no_more_names_than_metrics_may_show():
    five = ("a", "b", "c", "d", "e")
    all_taken = with_strata(stratum("a_in"), stratum("e_out"))

    assert misfits(all_taken, five, LINES) == []
    [fault] = misfits(with_strata(stratum("vip_in")), five, LINES)
    assert fault.field == "strata"
    assert "11" in fault.wrong
    assert MOST_STRATA == MAX_STRATA


def test_a_site_knows_all_names_its_calls_can_have():
    found = names_of([stratum("vip_in"), stratum("desk_in")], GROUPS)

    assert found == ["cardio_in", "cardio_out", "desk_in", "desk_out", "vip_in"]
