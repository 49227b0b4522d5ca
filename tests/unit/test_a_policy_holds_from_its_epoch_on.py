"""A change of rules waits for its epoch; until then the rules before go on."""

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.mixing import Mode
from sampling.policy import NO_POLICY
from sampling.schedule import PolicySchedule, ScheduledPolicy

modes = st.sampled_from(list(Mode))
adoptions = st.lists(st.tuples(st.integers(0, 5), modes), max_size=12)


def scheduled(steps: list[tuple[int, Mode]]) -> PolicySchedule:
    """Versions 1, 2, … each from `step` epochs after the one before."""
    schedule, first = PolicySchedule.empty(Mode.OPERATOR), 100
    for version, (step, mode) in enumerate(steps, 1):
        first += step
        policy = dataclasses.replace(NO_POLICY, version=version)
        schedule = schedule.then(ScheduledPolicy(first, policy, mode))
    return schedule


def test_before_anything_is_adopted_nothing_may_be_drawn() -> None:
    schedule = PolicySchedule.empty(Mode.DRAND)

    assert schedule.at(0) == NO_POLICY
    assert schedule.at(500_000) == NO_POLICY
    assert schedule.newest_version == 0
    assert schedule.mode_at(500_000) is Mode.DRAND


def test_the_old_rules_and_mode_go_on_until_the_new_ones_hold() -> None:
    schedule = scheduled([(0, Mode.OPERATOR), (25, Mode.DRAND)])

    assert [schedule.at(e).version for e in (99, 100, 124, 125, 126)] == [0, 1, 1, 2, 2]
    assert schedule.mode_at(124) is Mode.OPERATOR
    assert schedule.mode_at(125) is Mode.DRAND
    assert schedule.newest_version == schedule.newest.version == 2


def test_of_two_that_hold_from_the_same_epoch_the_later_one_does() -> None:
    schedule = scheduled([(0, Mode.OPERATOR), (25, Mode.DRAND), (0, Mode.OPERATOR)])

    assert schedule.at(125).version == 3
    assert schedule.mode_at(125) is Mode.OPERATOR


def test_a_policy_that_would_hold_before_its_predecessor_is_refused() -> None:
    schedule = scheduled([(0, Mode.OPERATOR)])

    with pytest.raises(ValueError, match="cannot hold before"):
        schedule.then(ScheduledPolicy(99, NO_POLICY, Mode.OPERATOR))


@given(adoptions, st.integers(95, 170))
def test_it_is_what_an_auditor_reads_from_the_leaves(
    steps: list[tuple[int, Mode]], epoch: int
) -> None:
    """The verifier's rule, written as the verifier walks: in order, while they hold."""
    schedule = scheduled(steps)
    current = schedule.entries[0]
    for entry in schedule.entries[1:]:
        if entry.from_epoch > epoch:
            break
        current = entry

    assert schedule.at(epoch) == current.policy
    assert schedule.mode_at(epoch) is current.mode


@given(adoptions)
def test_versions_never_go_back_from_one_epoch_to_the_next(
    steps: list[tuple[int, Mode]],
) -> None:
    versions = [scheduled(steps).at(epoch).version for epoch in range(95, 170)]

    assert all(one <= two for one, two in itertools.pairwise(versions))
    assert versions[-1] == len(steps)
