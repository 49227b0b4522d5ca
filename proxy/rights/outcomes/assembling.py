"""What requests other than access do to recordings, joined."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.access.trace.trace import Trace
from proxy.rights.fulfilling import Fulfilments
from proxy.rights.outcomes.erasing import Callers, Erasing
from proxy.rights.outcomes.fulfilments import Common, Erased, Rectified, Restricted
from proxy.rights.outcomes.recipients import Recipients
from proxy.rights.outcomes.rectifying import Rectifying
from proxy.rights.outcomes.restricting import Restricting
from proxy.rights.outcomes.telling import Telling
from proxy.rights.outcomes.wants import Wants
from proxy.rights.wording import Wording
from proxy.upkeep import each_in_turn
from proxy.vault.assembling import VaultParts
from retention.rights.deadlines import Kind


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One site's erasing, restricting, rectifying, and whom it told."""

    erasing: Erasing
    restricting: Restricting
    rectifying: Rectifying
    recipients: Recipients
    telling: Telling
    common: Common

    def register(self, fulfilments: Fulfilments) -> None:
        """Tell the desk who says when each kind is done."""
        erased = Erased(self.common, self.erasing)
        fulfilments.register(Kind.ERASURE, erased)
        fulfilments.register(Kind.OBJECTION, erased)
        fulfilments.register(
            Kind.RESTRICTION, Restricted(self.common, self.restricting)
        )
        fulfilments.register(
            Kind.RECTIFICATION, Rectified(self.common, self.rectifying)
        )

    async def tend(self) -> None:
        """Go on with what is not done; each part may be repeated."""
        await each_in_turn(
            self.restricting.tend, self.erasing.tend, self.rectifying.tend
        )


def make_outcomes(
    wants: Wants,
    parts: VaultParts,
    trace: Trace,
    callers: Callers,
    wording: Wording,
    clock: Callable[[], datetime],
) -> Outcomes:
    requests = wants.requests
    recipients = Recipients(wants, trace, clock)
    rectifying = Rectifying(wants, parts.statements, clock)
    return Outcomes(
        Erasing(wants, parts, callers, clock),
        Restricting(wants, parts.holds, wording, clock),
        rectifying,
        recipients,
        Telling(wants, wording, recipients, rectifying, clock),
        Common(requests, recipients, clock),
    )
