"""Holds: one recording kept longer, because somebody with the right to ask for it did.

GDPR Art. 17(3)(e) and 18, and Art. 15 while a request is being answered. A hold has a
reason, a reference, a person and an end, and is of one recording: there is no other
kind. Whoever may place one is decided elsewhere (`proxy.access`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_HOLD = timedelta(days=30)  # renewable, each time with its own reason
LONGEST_FREEZE = timedelta(days=92)  # a request: one month, and two more (Art. 12(3))
LONGEST_TEXT = 500


class Authority(StrEnum):
    """By what right a recording is held."""

    REQUISITION = "requisition"  # a court, police or authority asked for it
    CLAIM = "claim"  # a legal claim is made or defended, Art. 17(3)(e)
    RESTRICTION = "restriction"  # the person asked that it be kept unused, Art. 18
    REQUEST = "request"  # a person's request is being answered, Art. 15

    @property
    def longest(self) -> timedelta:
        return LONGEST_FREEZE if self is Authority.REQUEST else LONGEST_HOLD


@dataclass(frozen=True, slots=True)
class Hold:
    """What is asked for: nothing of it can be left out."""

    authority: Authority
    reference: str
    reason: str
    until: datetime

    def faults(self, now: datetime) -> dict[str, str]:
        """What is wrong, by field, with what to write instead; empty if nothing is."""
        found = {
            name: f"say it in 1 to {LONGEST_TEXT} characters"
            for name in ("reference", "reason")
            if not 1 <= len(getattr(self, name).strip()) <= LONGEST_TEXT
        }
        if self.until <= now:
            found["until"] = "give a time to come"
        elif self.until > now + self.authority.longest:
            found["until"] = (
                f"at most {self.authority.longest.days} days from now; renew it then"
            )
        return found


def due_at(expires_at: datetime, held_until: datetime | None) -> datetime:
    """When a recording must be gone: a hold may defer that, and never hastens it."""
    return max(expires_at, held_until or expires_at)
