"""Trainers who hear what comes, at sites of any size: nobody has anything to decide."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random  # noqa: TID251  # simulated chance, with fixed seeds
from uuid import UUID

import pytest

from proxy.access.hours import Hours
from proxy.access.trace.acts import Act
from proxy.access.watch.rules import Known, Rule, Seen, signs

MONDAY = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
PLAYS = 16  # of each of five days
RECORDINGS = 400
PICKED = b"agent-0"


def recordings(chance: Random, agents: int) -> list[tuple[UUID, bytes]]:
    """What lies there: some agents take more calls than others."""
    names = [b"agent-%d" % n for n in range(agents)]
    shares = [1 + n % 3 for n in range(agents)]
    drawn = chance.choices(names, shares, k=RECORDINGS)
    return [(UUID(int=n), agent) for n, agent in enumerate(drawn)]


def week(chance: Random, there: list[tuple[UUID, bytes]]) -> Iterator[Seen]:
    """A play each half hour, of whatever comes."""
    for number in range(5 * PLAYS):
        day, turn = divmod(number, PLAYS)
        item, agent = chance.choice(there)
        yield Seen(
            place=number,
            at=MONDAY + timedelta(days=day, minutes=30 * turn),
            act=Act.PLAY,
            actor="t-1",
            role="trainer",
            item=item,
            campaign="training-2026-11-02",
            practice="cardio",
            agent=agent,
        )


def known(there: list[tuple[UUID, bytes]]) -> Known:
    return Known(Hours(), {}, recorded={"cardio": Counter(a for _, a in there)})


@pytest.mark.parametrize("agents", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(20))
def test_an_honest_week_has_no_sign(agents, seed):
    chance = Random(seed)  # noqa: S311  # a simulation that can be repeated
    there = recordings(chance, agents)

    assert signs(week(chance, there), known(there)) == []


@pytest.mark.parametrize("agents", [3, 5])
@pytest.mark.parametrize("seed", range(20))
def test_a_week_of_one_colleague_has_one_for_each_day(agents, seed):
    chance = Random(seed)  # noqa: S311  # a simulation that can be repeated
    there = recordings(chance, agents)
    of_one = [each for each in there if each[1] == PICKED]

    found = signs(week(chance, of_one), known(there))

    assert {(sign.rule, sign.day.day) for sign in found} == {
        (Rule.SINGLED_OUT, day) for day in range(16, 21)
    }
