"""Legal preconditions. A missing one makes the probability 0 and says which.

The codes are the closed set of the `code` label of `ponctuel_excluded_total`.
"""

from dataclasses import dataclass
from datetime import date

from sampling.legal import LegalBasis
from sampling.policy import Conditions, SamplingPolicy

OTHER_GROUP = "other"
EXCLUDED = "line_excluded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A dialled number's group and whether it is never recorded."""

    group: str
    basis: LegalBasis
    is_excluded: bool = False
    practice: str = ""


UNKNOWN_LINE = Line(group=OTHER_GROUP, basis=LegalBasis())


def closed_gate(policy: SamplingPolicy, line: Line, today: date) -> str | None:
    """The code of the first closed gate, or None when the call may be drawn."""
    return closed_policy_gate(policy, today) or closed_line_gate(line, today)


def closed_policy_gate(conditions: Conditions, today: date) -> str | None:
    """What keeps every call under these conditions from being drawn on this day."""
    if conditions.starts_on >= conditions.ends_on:  # as where there is no policy
        return "policy_none"
    return None if conditions.is_running(today) else "campaign_ended"


def exclusion_code(policy: SamplingPolicy, line: str, agent: str | None) -> str | None:
    """Whether the policy leaves out this dialled number or this agent.

    One code for both: which of the two it was would say something about a person.
    """
    is_excluded = line in policy.excluded_lines or agent in policy.excluded_agents
    return EXCLUDED if is_excluded else None


def closed_line_gate(line: Line, today: date) -> str | None:
    """What keeps the calls of this line from being drawn on this day, if anything."""
    return EXCLUDED if line.is_excluded else line.basis.missing_code(today)
