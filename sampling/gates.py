"""Legal preconditions. A missing one makes the probability 0 and says which.

The codes are the closed set of the `code` label of `ponctuel_excluded_total`.
"""

from dataclasses import dataclass
from datetime import date

from sampling.policy import NO_POLICY, SamplingPolicy

OTHER_GROUP = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalBasis:
    """References that must exist before a line group may be sampled; "" is missing.

    Software can force these answers to exist; only people can give them.
    """

    article_6: str = ""
    article_9: str = ""
    practice_authorisation: str = ""
    dpia: str = ""
    staff_information: str = ""
    hosting: str = ""

    def missing_code(self) -> str | None:
        """The first missing reference, as an exclusion code."""
        needed = (
            ("no_basis", self.article_6 and self.article_9),
            ("no_basis", self.practice_authorisation),
            ("no_dpia", self.dpia),
            ("no_cse", self.staff_information),
            ("no_hds", self.hosting),
        )
        return next((code for code, reference in needed if not reference), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A dialled number's group and whether it is never recorded."""

    group: str
    basis: LegalBasis
    is_excluded: bool = False


UNKNOWN_LINE = Line(group=OTHER_GROUP, basis=LegalBasis())


def closed_gate(policy: SamplingPolicy, line: Line, today: date) -> str | None:
    """The code of the first closed gate, or None when the call may be drawn."""
    return closed_policy_gate(policy, today) or closed_line_gate(line)


def closed_policy_gate(policy: SamplingPolicy, today: date) -> str | None:
    """What keeps every call of the site from being drawn on this day, if anything."""
    if policy.starts_on == NO_POLICY.starts_on:
        return "policy_none"
    return None if policy.is_running(today) else "campaign_ended"


def closed_line_gate(line: Line) -> str | None:
    """What keeps the calls of this line from being drawn, if anything."""
    return "line_excluded" if line.is_excluded else line.basis.missing_code()
