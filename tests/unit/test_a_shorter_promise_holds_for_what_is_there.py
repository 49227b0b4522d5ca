"""Which of a site's policies says how long older recordings are kept at most."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from sampling.budget import Budget
from sampling.keeping import promises
from sampling.mixing import Mode
from sampling.policy import NO_POLICY, SamplingPolicy, Stratum
from sampling.schedule import PolicySchedule, ScheduledPolicy

BEGIN = date(2026, 1, 1)
DAYS = st.integers(1, 180)
NAMES = st.sampled_from(["a_in", "b_in", "c_out"])


def stratum(name: str, kept_days: int, days: int) -> Stratum:
    return Stratum(
        purpose=NO_POLICY.purpose,
        rate_ppm=0,
        budget=Budget(0, 1, 1),
        starts_on=BEGIN,
        ends_on=BEGIN + timedelta(days=days),
        max_seconds=60,
        kept_days=kept_days,
        name=name,
    )


@st.composite
def schedules(draw: st.DrawFn) -> PolicySchedule:
    steps = draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    schedule = PolicySchedule.empty(Mode.OPERATOR)
    for version, epoch in enumerate(accumulate(steps, initial=1), 1):
        named = draw(
            st.dictionaries(NAMES, st.tuples(DAYS, st.integers(0, 1)), max_size=3)
        )
        policy = replace(
            NO_POLICY,
            version=version,
            kept_days=draw(DAYS),
            starts_on=BEGIN,
            ends_on=BEGIN + timedelta(days=draw(st.integers(0, 1))),
            strata=tuple(stratum(name, *each) for name, each in named.items()),
        )
        schedule = schedule.then(ScheduledPolicy(epoch, policy, Mode.OPERATOR))
    return schedule


def own_days(policy: SamplingPolicy) -> dict[str, int]:
    return {own.name: own.kept_days for own in policy.strata if own.has_days}


def longest(policy: SamplingPolicy) -> int:
    said = [own.kept_days for own in (policy, *policy.strata) if own.has_days]
    return max(said, default=0)


@given(schedules(), st.integers(0, 30), st.integers(0, 30))
def test_only_policies_that_began_to_hold_meanwhile_promise_anything(
    schedule: PolicySchedule, since: int, now: int
) -> None:
    found = list(promises(schedule, since, now))

    began = [
        entry
        for entry in schedule.entries
        if since <= entry.from_epoch <= now and longest(entry.policy)
    ]
    assert [each.from_epoch for each in found] == [each.from_epoch for each in began]
    for promise, entry in zip(found, began, strict=True):
        base = (
            entry.policy.kept_days if entry.policy.has_days else longest(entry.policy)
        )
        assert promise.kept_days == base
        for name, days in own_days(entry.policy).items():
            assert promise.by_stratum[name] == days


@given(schedules())
def test_a_stratum_that_is_gone_or_has_no_day_is_kept_as_long_as_anything_is(
    schedule: PolicySchedule,
) -> None:
    known: set[str] = set()
    by_version = {entry.policy.version: entry for entry in schedule.entries}
    found = iter(promises(schedule, 0, 99))
    for version in sorted(by_version):
        policy = by_version[version].policy
        known |= {own.name for own in policy.strata}
        if not longest(policy):
            continue
        promise = next(found)
        assert promise.by_stratum.keys() == known
        for name in known - own_days(policy).keys():
            assert promise.by_stratum[name] == longest(policy)


def test_a_policy_that_is_taken_away_promises_nothing() -> None:
    taken_away = replace(NO_POLICY, version=2)
    schedule = PolicySchedule.empty(Mode.OPERATOR)
    schedule = schedule.then(ScheduledPolicy(5, taken_away, Mode.OPERATOR))

    assert list(promises(schedule, 0, 99)) == []


def test_no_policy_promises_nothing() -> None:
    assert list(promises(PolicySchedule.empty(Mode.OPERATOR), 0, 99)) == []
