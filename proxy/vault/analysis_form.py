"""What an assessor fills in: how an agent did in one call; nothing about the caller.

Every field is a code, a score or one short line of text. Facts about the call are not
typed in: the service knows them. What a program can recognise as a person's (a
telephone number, an address) is refused; the rest is the assessor's care, so `WARNING`
stands wherever a form is filled in.
"""

import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from proxy.policy_document import Code, Part, PlatformCode

WARNING = (
    "Say how the agent did. Name or describe no caller, no patient and no illness, "
    "and quote nothing that was said."
)
MOST_CRITERIA = 30
HIGHEST_SCORE = 10
_LONG_NUMBER = re.compile(r"(?:\d[\W_]{0,3}){9}")


def _about_nobody(text: str) -> str:
    if _LONG_NUMBER.search(text):
        raise ValueError("looks like somebody's number; leave it out")
    if "@" in text:
        raise ValueError("looks like somebody's address; leave it out")
    return text


# \P{C}: one line, no control or private-use characters.
_Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=300, pattern=r"^\P{C}*$"),
    AfterValidator(_about_nobody),
]


class CriterionPart(Part):
    """One thing looked at, and how well it was done."""

    criterion: Code
    score: Annotated[int, Field(strict=True, ge=0, le=HIGHEST_SCORE)]
    comment: _Line = ""


class AnalysisForm(Part):
    """An agent's evaluation. Who assesses is known from the token, and not asked."""

    agent: PlatformCode
    criteria: Annotated[
        tuple[CriterionPart, ...], Field(min_length=1, max_length=MOST_CRITERIA)
    ]
    conclusion: _Line = ""

    @field_validator("criteria")
    @classmethod
    def are_each_scored_once(
        cls, criteria: tuple[CriterionPart, ...]
    ) -> tuple[CriterionPart, ...]:
        if len({each.criterion for each in criteria}) < len(criteria):
            raise ValueError("a criterion stands there twice; score each once")
        return criteria
