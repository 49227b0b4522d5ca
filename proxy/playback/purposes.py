"""What somebody may listen for. A purpose is stated, and must be the recording's own.

GDPR Art. 5(1)(b): what was recorded to train agents is not listened to for anything
else, except by the agent it is about, and for the one case the glass was broken for.
"""

from enum import StrEnum

from proxy.access.permissions import Actor, Item, Role
from proxy.errors import PonctuelError
from retention.holds import Authority

_ANSWERING = frozenset({Role.DPO, Role.RIGHTS_OFFICER})


class Use(StrEnum):
    """The closed list of what one listens for."""

    TRAINING = "training"
    EVALUATION = "evaluation"
    QUALITY = "quality"
    OWN = "own"
    CASE = "case"


class WrongUseError(PonctuelError):
    """This recording is not there to be listened to for that."""

    status = 403
    error_id = "wrong-use"


def check_use(use: Use, actor: Actor, item: Item, recorded_for: str) -> None:
    """Raises WrongUseError. Whether it is reached at all is not asked here."""
    match use:
        case Use.CASE:
            is_right = any(g.recording_id == item.recording_id for g in actor.grants)
        case Use.OWN:
            is_own = actor.agent_key is not None and actor.agent_key == item.agent_key
            is_right = actor.role is Role.AGENT and is_own
        case _:
            is_right = use.value == recorded_for and _is_assigned(actor, item)
    if not is_right:
        raise WrongUseError(
            field="purpose", fix=f"it was recorded for {recorded_for}; or see the DPO"
        )


def heard_despite(use: Use, actor: Actor) -> frozenset[Authority]:
    """The holds that do not keep somebody from listening, where `use` is right.

    A request's freeze keeps for its answer: whoever answers hears the case they broke
    the glass for. Every other hold keeps what nobody may use (Art. 18(2)).
    """
    if use is Use.CASE and actor.role in _ANSWERING:
        return frozenset({Authority.REQUEST})
    return frozenset()


def _is_assigned(actor: Actor, item: Item) -> bool:
    """By a grant of a practice or campaign: one of a single item is for its case."""
    granted = (grant for grant in actor.grants if grant.recording_id is None)
    return actor.role is Role.TRAINER and any(grant.covers(item) for grant in granted)
