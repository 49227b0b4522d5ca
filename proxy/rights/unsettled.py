"""What must be settled before anything is done with recordings, or said of them.

Asked anew each time. After somebody was identified the desk may hear that a telephone
is shared, or find a recording of another practice: what the proof was of has changed.
"""

from collections.abc import Mapping, Sequence

from proxy.rights.config import Practice
from proxy.rights.faults import MoveRefusedError
from proxy.rights.finding import MatchedBy
from proxy.rights.records import Happened, Request, RequestItem
from retention.rights.request import Event, Identity

Items = Sequence[RequestItem]
History = Sequence[Happened]
Practices = Mapping[str, Practice]


def asks_more(request: Request, items: Items) -> bool:
    """Whether a code alone is not enough: several people may have that telephone.

    The desk says so; or it called several practices, as households do; or a recording
    may be of another number, of which only the ending is known.
    """
    if request.is_agents:
        return False
    wanted = [each for each in items if each.state.is_wanted]
    practices = {each.practice for each in wanted if each.practice}
    is_doubtful = any(each.matched_by == MatchedBy.ENDING for each in wanted)
    return request.is_shared or len(practices) > 1 or is_doubtful


def is_question_open(request: Request, items: Items) -> bool:
    """Whether whoever has that telephone is still to be asked for one of their calls.

    Not of whom call times led to and who is known without a code: what was given can
    be asked of nobody.
    """
    is_askable = request.standing.identity is Identity.CODE or not request.told.windows
    return request.details_at is None and is_askable and asks_more(request, items)


def check_question(request: Request, items: Items) -> None:
    """Raises MoveRefusedError while several people may have that telephone.

    Also where nothing is held: there a code on a shared telephone proves as little.
    """
    if is_question_open(request, items):
        raise MoveRefusedError(
            "several people may have this telephone",
            field="details",
            fix="ask when one of their calls was, and on which line, first; whoever "
            "cannot say it is not identified: record the doubt, and answer that",
        )


def check_practices(practices: Practices, items: Items, history: History) -> None:
    """Raises MoveRefusedError while a practice that is controller has not said what.

    GDPR Art. 28(3)(a): its recordings are handed over, destroyed or kept from somebody
    on its instruction.
    """
    theirs = {each.practice for each in items if each.state.is_wanted}
    deciding = {code for code in theirs if _decides(practices, code)}
    for practice in sorted(deciding - _instructed(history)):
        raise MoveRefusedError(
            f"{practice} decides about its recordings, and has not said what",
            field="practice",
            fix=f"pass it on with `ponctuel requests escalate --practice {practice}`, "
            "and say what it decided with `ponctuel requests instructed`",
        )


def _decides(practices: Practices, code: str) -> bool:
    return code in practices and practices[code].is_controller


def _instructed(history: History) -> set[str]:
    """The practices that answered: each word is of the one that was asked last."""
    asked, instructed = "", set[str]()
    for each in history:
        if each.event == Event.ESCALATE:
            asked = each.about
        elif each.event == Event.CONTROLLER_ANSWERED:
            instructed.add(asked)
    return instructed
