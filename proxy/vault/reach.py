"""Which recordings and analyses somebody may reach, in the vault's own words.

Who that is and why is decided elsewhere; here it is only looked up, in the database, so
that what nobody may see is not even read.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """One way in: to whatever agrees with all that is not None."""

    practice: str | None = None
    campaign: str | None = None
    recording_id: UUID | None = None
    agent_key: bytes | None = None


Reach = tuple[Opening, ...]
"""Any of its openings is enough; without one nothing is reached."""

EVERYTHING: Reach = (Opening(),)


def columns_of_reach(reach: Reach) -> tuple[list[Any], ...]:
    """Practices, campaigns, recordings and agents, as a query takes them."""
    return (
        [each.practice for each in reach],
        [each.campaign for each in reach],
        [each.recording_id for each in reach],
        [each.agent_key for each in reach],
    )
