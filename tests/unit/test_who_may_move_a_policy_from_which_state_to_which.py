"""The whole table of a policy's life: what is not written here is refused."""

from itertools import product

import pytest

from sampling.lifecycle import (
    Move,
    Mover,
    RefusedMoveError,
    State,
    WrongMomentError,
    WrongMoverError,
    next_state,
)

# who            does         from          to           and it must be
#                                                        (e)ither, a (d)ecrease
ALLOWED = """
operator         edit         draft         draft        e
operator         edit         simulated     draft        e
operator         edit         proposed      draft        e
operator         simulate     draft         simulated    e
operator         simulate     simulated     simulated    e
dpo              simulate     draft         simulated    e
dpo              simulate     simulated     simulated    e
operator         propose      draft         proposed     d
operator         propose      simulated     proposed     e
operator         approve      proposed      approved     d
dpo              approve      proposed      approved     e
dpo              refuse       proposed      refused      e
operator         withdraw     draft         withdrawn    e
operator         withdraw     simulated     withdrawn    e
operator         withdraw     proposed      withdrawn    e
operator         withdraw     approved      withdrawn    e
dpo              withdraw     draft         withdrawn    e
dpo              withdraw     simulated     withdrawn    e
dpo              withdraw     proposed      withdrawn    e
dpo              withdraw     approved      withdrawn    e
service          schedule     approved      scheduled    e
service          replace      approved      withdrawn    e
service          replace      scheduled     withdrawn    e
service          activate     scheduled     active       e
service          end          active        ended        e
"""
ROWS = [line.split() for line in ALLOWED.strip().splitlines()]
EXPECTED = {
    (mover, move, source): (target, needs == "e")
    for mover, move, source, target, needs in ROWS
}
# The two pairs of eyes must be two: no matter what else somebody is, their own
# proposal of an increase is not theirs to approve.
OWN_INCREASE = ("approve", True, True)


def expected(mover, move, state, *, is_proposer, needs_dpo):
    """The state it leads to; None where it is refused."""
    target, is_for_increases = EXPECTED.get((mover, move, state), (None, False))
    if (move, is_proposer, needs_dpo) == OWN_INCREASE:
        return None
    return target if is_for_increases or not needs_dpo else None


EVERYTHING = [
    pytest.param(*case, id="-".join(map(str, case)))
    for case in product(Mover, Move, State, (False, True), (False, True))
]


@pytest.mark.parametrize(
    ("mover", "move", "state", "is_proposer", "needs_dpo"), EVERYTHING
)
def test_a_move_leads_where_the_table_says_and_every_other_is_refused(
    mover, move, state, is_proposer, needs_dpo
):
    target = expected(mover, move, state, is_proposer=is_proposer, needs_dpo=needs_dpo)

    def moved():
        return next_state(
            state, move, mover, is_proposer=is_proposer, needs_dpo=needs_dpo
        )

    if target is None:
        with pytest.raises(RefusedMoveError) as refusal:
            moved()
        assert len(str(refusal.value)) > 20  # says why
    else:
        assert moved() == target


def test_an_operator_alone_cannot_raise_anything():
    for is_proposer in (True, False):
        with pytest.raises(WrongMoverError):
            next_state(
                State.PROPOSED,
                Move.APPROVE,
                Mover.OPERATOR,
                is_proposer=is_proposer,
                needs_dpo=True,
            )


def test_what_allows_more_is_simulated_before_it_is_proposed():
    with pytest.raises(WrongMomentError, match="simulate it first"):
        next_state(
            State.DRAFT, Move.PROPOSE, Mover.OPERATOR, is_proposer=False, needs_dpo=True
        )


def test_nothing_leaves_the_states_in_which_a_policy_has_ended():
    ends = {"ended", "refused", "withdrawn"}

    assert [row for row in ROWS if row[2] in ends] == []


def test_every_state_can_be_reached_from_a_draft():
    reached, before = {"draft"}, set()
    while reached != before:
        before = set(reached)
        reached |= {target for _, _, source, target, _ in ROWS if source in reached}

    assert reached == set(State)
