"""Who may hand a code over, and when: a link and its code make a voice one's own.

Where a code goes to the number of the request, the telephone is a proof of its own.
Handed over by the desk it is none: then two people of the desk take part, so that
nobody alone, and no stolen token, opens the recordings of anybody.
"""

from collections.abc import Sequence

from proxy.rights.faults import MoveRefusedError
from proxy.rights.packages.faults import SamePersonError
from proxy.rights.proving import (
    CODE_CONFIRMED,
    DETAILS_CONFIRMED,
    NOT_SENT,
    PROVED_BY_DOCUMENT,
    PROVED_OTHERWISE,
)
from proxy.rights.records import Happened, Request
from retention.rights.request import Identity

LINK_ISSUED = "link-issued"
HANDED_OVER = "code-handed-over"
_PROOFS = frozenset(
    {CODE_CONFIRMED, DETAILS_CONFIRMED, PROVED_BY_DOCUMENT, PROVED_OTHERWISE}
)
History = Sequence[Happened]


def check_handing_over(
    by: str, request: Request, history: History, *, can_send: bool
) -> None:
    """Raises MoveRefusedError where a code can be sent, SamePersonError."""
    if request.told.number:
        _check_unreachable(history, can_send=can_send)
        _check_details(request)
    issued = [each.actor for each in history if each.event == LINK_ISSUED]
    proved = {each.actor for each in history if each.event in _PROOFS}
    if by in proved | set(issued[-1:]):
        raise SamePersonError(fix="another officer hands over the code")


def is_handed_over(history: History) -> bool:
    """Whether the code of the running link is the desk's: then none is sent."""
    events = [
        each.event for each in history if each.event in (LINK_ISSUED, HANDED_OVER)
    ]
    return events[-1:] == [HANDED_OVER]


def _check_unreachable(history: History, *, can_send: bool) -> None:
    if can_send and all(each.event != NOT_SENT for each in history):
        raise MoveRefusedError(
            "codes go to the number of the request",
            field="number",
            fix="the page sends one to it",
        )


def _check_details(request: Request) -> None:
    """Nothing has shown that the number is theirs: then they know of a call from it."""
    if request.standing.identity is not Identity.CODE and request.details_at is None:
        raise MoveRefusedError(
            "nothing shows that the number is theirs",
            field="details",
            fix="ask when one of their calls was, and on which line, first",
        )
