"""Whether a request stands so that its copies may be handed over."""

from proxy.rights.checking import DONE_FIRST
from retention.rights.request import Standing, State


def is_to_be_handed_over(standing: Standing) -> bool:
    """Known who asks, nobody else asked, and not answered otherwise meanwhile.

    Looked at whenever somebody shows a link or a ticket, not only when it is issued: a
    practice that is asked decides first, and a refusal holds from its first second.
    """
    if standing.state is State.ANSWERED:
        return standing.outcome in DONE_FIRST
    return standing.state is State.IDENTIFIED and standing.identity is not None
