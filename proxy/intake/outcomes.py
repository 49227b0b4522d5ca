"""How a drawn call ends: recorded, failed or objected; once, and in the ledger.

Each RECORD draw gets exactly one OUT leaf, in the transaction that sets the call's
outcome. An objection that comes after the recording was sealed destroys it at once; if
the store refuses, the mark stays and it is tried again every minute.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from proxy.errors import AudioTooLongError, BadAudioError, PonctuelError
from proxy.intake.store import QUERIES, DrawnCall, find_decision
from proxy.ledger.entry import Kind, Leaf, salted
from proxy.ledger.transaction import (
    Ledger,
    LedgerTransaction,
    NothingToRecordError,
    add_counts,
)
from proxy.vault.shelf import Shelf

# Later than this no recording of the call is expected any more.
OUTCOME_DEADLINE = timedelta(hours=4)
_CLOSED_AT_ONCE = 500


class Failure(StrEnum):
    """Why a drawn call was not recorded: the codes of `ponctuel_failed_total`."""

    ANNOUNCEMENT = "announcement"
    PLATFORM = "platform"
    MEDIA = "media"
    STORAGE = "storage"
    HANGUP = "hangup"
    PRIVATE = "private"
    CAP = "cap"
    DEADLINE = "deadline"


class Outcomes:
    """One site's outcomes."""

    def __init__(
        self, ledger: Ledger, shelf: Shelf, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._shelf = shelf
        self._clock = clock

    async def note_announced(self, call: DrawnCall) -> None:
        """The caller has heard the announcement; from here on audio may be taken."""
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["note_announced"], self._site, call.decision_id, self._clock()
            )

    async def note_opted_in(self, call: DrawnCall) -> None:
        """The caller was asked and said yes, in time."""
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["note_opted_in"], self._site, call.decision_id, self._clock()
            )

    async def note_ended(self, call: DrawnCall) -> None:
        """The call is over. Ended before the announcement means: nothing to come."""
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["note_ended"], self._site, call.decision_id, self._clock()
            )
        if call.may_be_recorded and call.lacks_opt_in:
            await self.object(call)
        elif call.may_be_recorded and call.announced_at is None:
            await self.fail(call.decision_id, Failure.HANGUP)

    async def fail(self, decision_id: UUID, code: Failure) -> bool:
        """Close a drawn call as not recorded; False when it had an outcome already."""
        return await self._close(decision_id, "failed", code) is not None

    async def object(self, call: DrawnCall) -> None:
        """The caller refused: nothing is kept, whatever had been captured."""
        if await self._close(call.decision_id, "objected", _stage(call)) is None:
            await self._destroy(call.decision_id, "opt_outs", "after_call")

    async def make_private(self, call: DrawnCall) -> None:
        """The agent marked the call private: nothing is kept, no reason asked."""
        if not await self.fail(call.decision_id, Failure.PRIVATE):
            await self._destroy(call.decision_id, "", "")

    async def refuse_media(self, call: DrawnCall, error: BadAudioError) -> None:
        """What came is not audio we may keep; nothing of it was."""
        code = "too_long" if isinstance(error, AudioTooLongError) else "kind"
        await self._close(call.decision_id, "failed", Failure.MEDIA, refused_as=code)

    async def close_overdue(self) -> int:
        """Give an outcome to drawn calls whose recording never came."""
        before = self._clock() - OUTCOME_DEADLINE
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_overdue"], self._site, before, _CLOSED_AT_ONCE
            )
        closed = [await self.fail(row["decision_id"], Failure.DEADLINE) for row in rows]
        return closed.count(True)

    async def _close(
        self, decision_id: UUID, outcome: str, code: str, refused_as: str = ""
    ) -> DrawnCall | None:
        """Set an outcome with its leaf; None when there was nothing left to close."""
        try:
            async with self._ledger.transaction() as change:
                call = await find_decision(change.connection, self._site, decision_id)
                if call is not None and call.may_be_recorded:
                    await close_call(change, call, outcome, code, self._clock())
                    change.append(Kind.OUTCOME, _leaf(call, outcome, code))
                    if refused_as:
                        change.count("media_refused", refused_as)
        except NothingToRecordError:
            return None
        return call

    async def _destroy(self, decision_id: UUID, metric: str, label: str) -> None:
        """Destroy a recording that is kept already; the mark is durable first."""
        async with self._ledger.database.transaction() as connection:
            found = await self._shelf.doom_decision(connection, decision_id)
            if found is None:
                return
            doomed, is_new = found
            if is_new and metric:
                await add_counts(connection, self._site, {(metric, label): 1})
        await self._shelf.destroy(doomed)


async def close_call(
    change: LedgerTransaction,
    call: DrawnCall,
    outcome: str,
    code: str | None,
    now: datetime,
) -> None:
    """Set a locked call's outcome and count it; the leaf is the caller's."""
    updated = await change.connection.execute(
        QUERIES["set_outcome"], change.site, call.decision_id, outcome, code, now
    )
    if updated != "UPDATE 1":
        raise PonctuelError("the call has an outcome already")
    if outcome != "recorded":  # there is no recording of this caller, then
        await change.connection.execute(
            QUERIES["forget_caller"], change.site, call.decision_id
        )
    counted = {"failed": "failed", "objected": "opt_outs", "recorded": "recorded"}
    change.count(counted[outcome], code or call.stratum)


def _stage(call: DrawnCall) -> str:
    if call.lacks_opt_in:
        return "no_opt_in"
    return "during_call" if call.announced_at else "before_capture"


def _leaf(call: DrawnCall, outcome: str, code: str) -> Leaf:
    if outcome == "objected":
        return salted({"draw": call.draw_seq, "objected": 1})
    return salted({"draw": call.draw_seq, "fail": code})
