"""Four eyes hang on this: no call may gain anything by what passes for a decrease."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sampling.budget import Budget
from sampling.coverage import AgentCalls, rate_for
from sampling.increases import above_soft_ceiling, is_increase
from sampling.policy import (
    NO_POLICY,
    Consent,
    Coverage,
    Purpose,
    SamplingPolicy,
    Stratum,
)
from sampling.strata import WAYS, Facts, stratum_of

MONDAY = date(2026, 11, 16)
BASE = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=18_000,
    budget=Budget(ceiling_ppm=20_000, burst=50, smooth=20),
    starts_on=MONDAY,
    ends_on=MONDAY + timedelta(28),
    max_seconds=600,
    kept_days=30,
    announcement="Cet appel sera enregistré.",
    opt_out_key="9",
)


def stratum(name="cardio_in", **changes):
    """The policy's conditions under a name of their own, but for what is changed."""
    usual = {
        "name": name,
        "purpose": BASE.purpose,
        "rate_ppm": BASE.rate_ppm,
        "budget": BASE.budget,
        "starts_on": BASE.starts_on,
        "ends_on": BASE.ends_on,
        "max_seconds": BASE.max_seconds,
        "kept_days": BASE.kept_days,
    }
    return Stratum(**usual | changes)


def changed(**changes):
    return replace(BASE, **changes)


def in_stratum(**changes):
    return changed(strata=(stratum(**changes),))


COVERED = Coverage(1, 60, 5_000, 50_000)
RAISED = [
    ("purpose", {"purpose": Purpose.EVALUATION}),
    ("rate", {"rate_ppm": 18_001}),
    ("ceiling", {"budget": Budget(20_001, 50, 20)}),
    ("burst", {"budget": Budget(20_000, 51, 20)}),
    ("smooth", {"budget": Budget(20_000, 50, 19)}),
    ("starts_on", {"starts_on": MONDAY - timedelta(1)}),
    ("ends_on", {"ends_on": MONDAY + timedelta(29)}),
    ("max_seconds", {"max_seconds": 601}),
    ("kept_days", {"kept_days": 31}),
    ("coverage", {"coverage": COVERED}),
]
LOWERED = [
    {"rate_ppm": 17_999},
    {"budget": Budget(19_999, 50, 20)},
    {"budget": Budget(20_000, 49, 20)},
    {"budget": Budget(20_000, 50, 21)},
    {"starts_on": MONDAY + timedelta(1)},
    {"ends_on": MONDAY + timedelta(27)},
    {"max_seconds": 599},
    {"kept_days": 29},
    {"consent": Consent.OPT_IN},
    {"rate_ppm": 0},
    {"excluded_lines": frozenset({"+33140000001"})},
    {"excluded_agents": frozenset({"blue"})},
]
NAMES = [name for name, _ in RAISED]


@pytest.mark.parametrize(("field", "change"), RAISED, ids=NAMES)
def test_each_thing_that_can_be_raised_is_named(field, change):
    assert is_increase(BASE, changed(**change)) == [field]


@pytest.mark.parametrize(("field", "change"), RAISED, ids=NAMES)
def test_it_is_named_in_a_stratum_too(field, change):
    found = is_increase(in_stratum(), in_stratum(**change))

    assert found == [f"strata.cardio_in.{field}"]


@pytest.mark.parametrize("change", LOWERED, ids=str)
def test_what_allows_less_is_no_increase(change):
    assert is_increase(BASE, changed(**change)) == []


@pytest.mark.parametrize(
    "words",
    [
        {"announcement": "Merci de patienter."},
        {"request": "Pour parler, appuyez sur 1."},
        {"opt_out_key": "#"},
        {"opt_in_key": "2"},
    ],
    ids=lambda words: next(iter(words)),
)
def test_what_people_hear_and_press_is_no_operators_alone_to_change(words):
    assert is_increase(BASE, changed(**words)) == list(words)


def test_silence_that_comes_to_mean_consent_is_an_increase():
    asked = changed(consent=Consent.OPT_IN)

    assert is_increase(asked, BASE) == ["consent"]


@pytest.mark.parametrize(
    ("field", "who"), [("excluded_lines", "+33140000001"), ("excluded_agents", "blue")]
)
def test_an_exclusion_that_is_taken_away_is_an_increase(field, who):
    assert is_increase(changed(**{field: frozenset({who})}), BASE) == [field]


def test_a_stratum_that_kept_a_rate_down_cannot_just_be_removed():
    kept_down = in_stratum(rate_ppm=1_000, queues=frozenset({"oncology"}))

    assert is_increase(BASE, kept_down) == []
    assert is_increase(kept_down, BASE) == ["rate"]


def test_a_stratum_widened_to_more_calls_is_an_increase_for_those():
    narrow = in_stratum(rate_ppm=40_000, queues=frozenset({"a"}))
    wide = in_stratum(rate_ppm=40_000, queues=frozenset({"a", "b"}))

    assert is_increase(wide, narrow) == []
    assert is_increase(narrow, wide) == ["strata.cardio_in.rate"]


AFRESH = ["strata.again_in.name"]
VIP = frozenset({"vip"})


def test_a_stratum_by_another_name_would_find_its_tokens_again():
    """A bucket goes by its name, and begins full."""
    renamed = in_stratum(name="again_in")

    assert is_increase(in_stratum(), renamed) == AFRESH


@pytest.mark.parametrize("rate", [1, 18_000], ids=["lower", "same"])
def test_part_of_a_stratum_would_too_even_at_a_lower_rate(rate):
    whole = in_stratum(queues=VIP | {"usual"})
    part = stratum("again_in", queues=VIP, rate_ppm=rate)
    rest = stratum(queues=frozenset({"usual"}))

    assert is_increase(whole, changed(strata=(rest, part))) == AFRESH


def test_joining_strata_under_a_new_name_would_too():
    two = (stratum("x_in", queues=VIP), stratum("y_in", queues=frozenset({"b"})))

    assert is_increase(changed(strata=two), in_stratum(name="again_in")) == AFRESH


def test_a_stratum_that_had_all_calls_is_not_taken_away_by_an_operator_alone():
    """They would find the full buckets of their line groups."""
    every = in_stratum(name="own_in", line_groups=frozenset({"cardio"}))
    some = in_stratum(name="own_in", line_groups=frozenset({"cardio"}), queues=VIP)

    assert is_increase(every, BASE) == ["strata"]
    assert is_increase(some, BASE) == []


def test_a_name_of_ones_own_is_given_at_a_lower_rate_only():
    """A way round by no strata at all thus costs a lower rate each time."""
    own = stratum("again_in", queues=VIP)

    assert is_increase(BASE, changed(strata=(own,))) == AFRESH
    assert is_increase(BASE, changed(strata=(replace(own, rate_ppm=17_999),))) == []
    assert is_increase(BASE, changed(strata=(replace(own, rate_ppm=0),))) == []


def test_a_stratum_that_keeps_its_name_keeps_its_tokens():
    narrower = in_stratum(queues=VIP)

    assert is_increase(in_stratum(), in_stratum(rate_ppm=17_999)) == []
    assert is_increase(narrower, narrower) == []


def test_what_only_shows_once_another_campaign_has_ended_is_found():
    short = stratum("x_in", rate_ppm=18_000, ends_on=MONDAY + timedelta(14))
    before = changed(strata=(short, stratum("y_in", rate_ppm=10_000)))
    after = changed(strata=(short, stratum("y_in", rate_ppm=12_000)))

    assert is_increase(before, after) == ["strata.y_in.rate"]


def test_a_lower_top_of_the_ladder_can_be_nearer_than_the_old_one():
    before = changed(rate_ppm=10_000, coverage=Coverage(1, 60, 10_000, 50_000))
    after = changed(rate_ppm=10_000, coverage=Coverage(1, 60, 10_000, 45_000))

    assert is_increase(before, after) == ["coverage"]


def test_a_wish_withdrawn_raises_the_chance_of_those_already_heard():
    covered = changed(coverage=COVERED)

    assert is_increase(covered, BASE) == ["coverage"]
    assert is_increase(covered, changed(rate_ppm=5_000)) == []


@pytest.mark.parametrize(
    "coverage",
    [Coverage(2, 60, 5_000, 50_000), Coverage(1, 59, 5_000, 50_000)],
    ids=["more often", "fewer calls left"],
)
def test_a_wish_that_makes_agents_more_urgent_is_an_increase(coverage):
    assert is_increase(changed(coverage=COVERED), changed(coverage=coverage)) == [
        "coverage"
    ]


def test_a_campaign_begun_anew_forgets_who_was_heard():
    covered = changed(coverage=COVERED)
    later = replace(covered, starts_on=MONDAY + timedelta(7))

    assert is_increase(covered, later) == ["coverage"]


def test_taking_the_policy_away_is_never_an_increase():
    assert is_increase(BASE, NO_POLICY) == []


def test_the_first_policy_is_an_increase():
    assert "rate" in is_increase(NO_POLICY, BASE)


def test_too_many_kinds_of_calls_to_compare_is_an_increase():
    """Each code is in the strata whose bits its number has: all are told apart."""
    codes = [frozenset(f"{n}" for n in range(128) if n >> k & 1) for k in range(7)]
    strata = tuple(
        stratum(f"s{k}_in", queues=codes[k], agent_groups=codes[k]) for k in range(7)
    )
    policy = changed(strata=strata)

    assert is_increase(policy, policy) == ["strata"]


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        (changed(rate_ppm=50_000), []),
        (changed(rate_ppm=50_001), ["rate"]),
        (changed(budget=Budget(50_001, 10, 1)), ["ceiling"]),
        (in_stratum(rate_ppm=50_001), ["strata.cardio_in.rate"]),
        (in_stratum(budget=Budget(50_000, 10, 1)), []),
    ],
)
def test_the_soft_ceiling_is_5_percent_of_rate_and_ceiling_anywhere(policy, fields):
    assert above_soft_ceiling(policy) == fields


# --- Whatever two policies are, no call gains by a decrease -------------------------

RATES = st.integers(1, 12).map(lambda n: n * 1_000)
DAYS = st.integers(0, 5).map(lambda n: MONDAY + timedelta(n))
QUEUES = st.frozensets(st.sampled_from(["a", "b"]), max_size=2)
COVERAGES = st.none() | st.builds(
    Coverage, st.integers(1, 2), st.integers(2, 6), RATES, RATES.map(lambda n: 3 * n)
)
BUDGETS = st.builds(
    Budget, st.sampled_from([20_000, 30_000]), st.integers(5, 6), st.integers(1, 2)
)


@st.composite
def conditions(draw):
    coverage = draw(COVERAGES)
    assume(coverage is None or coverage.min_ppm <= coverage.max_ppm)
    first = draw(DAYS)
    return {
        "purpose": Purpose.TRAINING,
        "rate_ppm": draw(RATES),
        "budget": draw(BUDGETS),
        "starts_on": first,
        "ends_on": first + timedelta(draw(st.integers(1, 3))),
        "max_seconds": draw(st.sampled_from([60, 600])),
        "kept_days": draw(st.sampled_from([7, 30])),
        "consent": draw(st.sampled_from(Consent)),
        "coverage": coverage,
    }


@st.composite
def policies(draw):
    strata = tuple(
        Stratum(name=name, queues=draw(QUEUES), **draw(conditions()))
        for name in draw(st.sets(st.sampled_from(["x_in", "y_in", "z_out"])))
    )
    excluded = draw(st.frozensets(st.sampled_from(["blue", "red"])))
    own = draw(conditions())
    return replace(BASE, **own, strata=strata, excluded_agents=excluded)


PAIRS = policies().flatmap(
    lambda old: st.tuples(st.just(old), policies() | lowered(old))
)


@st.composite
def lowered(draw, old):
    """Often a decrease: random pairs hardly ever are."""

    def less(each):
        return (
            replace(
                each,
                rate_ppm=draw(st.integers(0, each.rate_ppm)),
                ends_on=each.ends_on - timedelta(draw(st.integers(0, 1))),
                coverage=draw(st.sampled_from([each.coverage, None])),
                queues=draw(QUEUES),
            )
            if isinstance(each, Stratum)
            else replace(each, rate_ppm=draw(st.integers(0, each.rate_ppm)))
        )

    strata = [less(each) for each in old.strata if draw(st.booleans())]
    return replace(less(old), strata=tuple(strata))


AGENTS = [None, *(AgentCalls(seen, drawn) for seen in range(7) for drawn in range(3))]


def gains(old, new, facts, day, agent):
    """What calls of this kind get more of, in the words of the law's limits."""
    before = old.conditions(stratum_of(old, facts, day))
    after = new.conditions(stratum_of(new, facts, day))
    if not after.is_running(day) or not rate_for(after, agent):
        return False
    if not before.is_running(day):
        return True
    return (
        rate_for(after, agent) > rate_for(before, agent)
        or after.budget.ceiling_ppm > before.budget.ceiling_ppm
        or after.budget.burst > before.budget.burst
        or after.max_seconds > before.max_seconds
        or after.kept_days > before.kept_days
        or (before.consent, after.consent) == (Consent.OPT_IN, Consent.OPT_OUT)
    )


@given(PAIRS)
@example((in_stratum(rate_ppm=1), BASE))
def test_by_what_is_called_no_increase_no_call_of_any_agent_gains(pair):
    old, new = pair
    if is_increase(old, new):
        return
    for way in WAYS:
        for queue in ("a", "b", "elsewhere", None):
            for days in range(9):
                facts, day = Facts("cardio", way, queue), MONDAY + timedelta(days)
                for agent in AGENTS:
                    assert not gains(old, new, facts, day, agent), (facts, day, agent)
    assert old.excluded_agents <= new.excluded_agents


@given(policies())
def test_a_policy_is_no_increase_over_itself(policy):
    assert is_increase(policy, policy) == []
