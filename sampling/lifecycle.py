"""A policy's way into force: who may move it from which state to which, and when.

One table; what is not in it is refused. Four eyes: what allows more than before, or
goes above the soft ceiling, is proposed by an operator and approved by a DPO who did
not propose it. What allows less, an operator may decide alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sampling.seed import epoch_at, epoch_start

NOTICE = timedelta(hours=24)


class State(StrEnum):
    """How far a policy has come."""

    DRAFT = "draft"
    SIMULATED = "simulated"
    PROPOSED = "proposed"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    ACTIVE = "active"
    ENDED = "ended"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Move(StrEnum):
    """What can be done with a policy."""

    EDIT = "edit"
    SIMULATE = "simulate"
    PROPOSE = "propose"
    APPROVE = "approve"
    REFUSE = "refuse"
    WITHDRAW = "withdraw"
    REPLACE = "replace"
    SCHEDULE = "schedule"
    ACTIVATE = "activate"
    END = "end"


class Mover(StrEnum):
    """Who moves a policy: people, or the service itself as time passes."""

    OPERATOR = "operator"
    DPO = "dpo"
    SERVICE = "service"


class RefusedMoveError(Exception):
    """This move is not allowed; the message says why, for people."""


class WrongMoverError(RefusedMoveError):
    """Not by this role, or not by this person alone."""


class WrongMomentError(RefusedMoveError):
    """Not in this state."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """One move: from where, to where, and by whom."""

    sources: frozenset[State]
    target: State
    movers: frozenset[Mover]


_PEOPLE = frozenset({Mover.OPERATOR, Mover.DPO})
_SERVICE = frozenset({Mover.SERVICE})
_OPERATOR = frozenset({Mover.OPERATOR})
_UNDECIDED = frozenset({State.DRAFT, State.SIMULATED})
_WAITING = frozenset({State.APPROVED, State.SCHEDULED})

RULES: Mapping[Move, _Rule] = {
    Move.EDIT: _Rule(_UNDECIDED | {State.PROPOSED}, State.DRAFT, _OPERATOR),
    Move.SIMULATE: _Rule(_UNDECIDED, State.SIMULATED, _PEOPLE),
    Move.PROPOSE: _Rule(_UNDECIDED, State.PROPOSED, _OPERATOR),
    Move.APPROVE: _Rule(frozenset({State.PROPOSED}), State.APPROVED, _PEOPLE),
    Move.REFUSE: _Rule(
        frozenset({State.PROPOSED}), State.REFUSED, frozenset({Mover.DPO})
    ),
    # Until its leaf is written. What has one can only be replaced by another.
    Move.WITHDRAW: _Rule(
        _UNDECIDED | {State.PROPOSED, State.APPROVED}, State.WITHDRAWN, _PEOPLE
    ),
    Move.REPLACE: _Rule(_WAITING, State.WITHDRAWN, _SERVICE),
    Move.SCHEDULE: _Rule(frozenset({State.APPROVED}), State.SCHEDULED, _SERVICE),
    Move.ACTIVATE: _Rule(frozenset({State.SCHEDULED}), State.ACTIVE, _SERVICE),
    Move.END: _Rule(frozenset({State.ACTIVE}), State.ENDED, _SERVICE),
}


def next_state(
    state: State, move: Move, mover: Mover, *, is_proposer: bool, needs_dpo: bool
) -> State:
    """Where a move leads.

    `is_proposer`: whoever moves it is the one who proposed it. `needs_dpo`: it takes
    four eyes. Raises WrongMoverError or WrongMomentError, which say why not.
    """
    rule = RULES[move]
    if mover not in rule.movers:
        raise WrongMoverError(f"{move} is for {_either(rule.movers)}, not {mover}")
    if state not in rule.sources:
        raise WrongMomentError(
            f"it is {state}; {move} is possible while {_either(rule.sources)}"
        )
    if move is Move.PROPOSE and needs_dpo and state is State.DRAFT:
        raise WrongMomentError(
            "it allows more than before, or is above 5 %: simulate it first"
        )
    if move is Move.APPROVE and needs_dpo:
        _check_four_eyes(mover, is_proposer=is_proposer)
    return rule.target


def _check_four_eyes(mover: Mover, *, is_proposer: bool) -> None:
    if mover is not Mover.DPO:
        raise WrongMoverError(
            "it allows more than before, or is above 5 %: only a dpo can approve it"
        )
    if is_proposer:
        raise WrongMoverError("whoever proposed it cannot also approve it")


def _either(words: frozenset[Mover] | frozenset[State]) -> str:
    return " or ".join(sorted(words))


def effective_from(now: datetime, epoch_seconds: int, *, is_increase: bool) -> int:
    """The first epoch a change approved now may hold in.

    An increase: the first that begins 24 hours from now or later. A decrease: the next.
    """
    if not is_increase:
        return epoch_at(now, epoch_seconds) + 1
    earliest = now + NOTICE
    epoch = epoch_at(earliest, epoch_seconds)
    return epoch if epoch_start(epoch, epoch_seconds) >= earliest else epoch + 1
