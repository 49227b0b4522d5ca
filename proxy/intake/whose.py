"""Whose a call is that may be recorded: who may hear it later, and who may ask for it.

The practice is that of the dialled line, the campaign that of the stratum it was drawn
in, the agent the first who took it. What is not known stays empty, and then only those
reach the recording who may reach all of the site.

The number is what its recording is found by, when the person asks what there is of them
(GDPR Art. 15). It is no matter of who may hear it, so without it nothing is recorded.
"""

from contextlib import suppress
from dataclasses import dataclass

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from proxy.intake.due import Due
from proxy.intake.policy_book import PolicyBook
from proxy.intake.store import QUERIES, DrawnCall
from sampling.policy import Conditions


class NotFindableError(PonctuelError):
    """Nobody would find the recording for the person it is of."""

    status = 503
    error_id = "not-findable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """What one event says of it; `agent_key` is the agent's keyed name.

    `number_key` names the number outside in full, and `caller_key` does for the cap. A
    leg's may be an agent's: `is_root` says that the number is the person's.
    """

    practice: str = ""
    agent_key: bytes | None = None
    number_key: bytes | None = None
    caller_key: bytes | None = None
    is_root: bool = True

    @property
    def must_be_found(self) -> bool:
        """Whether there must be no recording that this is not noted of."""
        return self.is_root and self.number_key is not None


def campaign_of(conditions: Conditions) -> str:
    """A campaign has no name of its own: what it is for, and since when."""
    return f"{conditions.purpose.value}-{conditions.starts_on.isoformat()}"


async def note_in_time(
    database: SiteDatabase,
    policies: PolicyBook,
    call: DrawnCall,
    whose: Whose,
    due: Due,
) -> None:
    """For who may hear it, and by which number it is found for the person.

    Raises PonctuelError where there is a number that cannot be noted in time: then
    nothing may be recorded. Anything else that cannot be noted changes no answer.
    """
    noted = note_whose(database, policies, call, whose)
    if whose.must_be_found:
        await due.wait_for(noted)
        return
    with suppress(PonctuelError):
        await Due(due.left / 2).wait_for(noted)


async def note_whose(
    database: SiteDatabase, policies: PolicyBook, call: DrawnCall, whose: Whose
) -> None:
    """Note it with the call, until that has its outcome. To be repeated at will.

    Raises NotFindableError where the number is to be noted and there is nothing to note
    it with: the call is over, or there is a recording of that caller already.
    """
    entries = policies.schedule.entries
    async with database.connection() as connection:
        noted = await connection.fetchval(
            QUERIES["note_whose"],
            database.site,
            call.decision_id,
            whose.practice,
            whose.agent_key,
            [entry.from_epoch for entry in entries],
            [campaign_of(entry.policy.conditions(call.stratum)) for entry in entries],
            policies.version,
            whose.number_key,
            whose.is_root,
            whose.caller_key,
        )
    if whose.must_be_found and noted != 1:
        raise NotFindableError
