"""People who objected, and whose later calls are not drawn (GDPR Art. 21).

Kept only where a site wants it. What is kept of a person is a keyed hash of the number:
with the draw of a call that may be recorded until its outcome, for the refusal itself
names the call only; and, once refused, on the list, until a day far from the call's.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from proxy.intake.binds import Bind
from proxy.intake.due import Due
from proxy.intake.numbers import number_outside
from proxy.intake.store import QUERIES, DrawnCall
from proxy.ledger.transaction import add_counts
from proxy.platforms.base import CallStarted

OPTED_OUT = "opted_out"
# No text fixes this number: three years, after which people are asked anew.
KEPT = timedelta(days=3 * 365)


class OptOuts:
    """One site's list. Without `is_on` nobody is looked up, and nobody is added."""

    def __init__(
        self,
        database: SiteDatabase,
        clock: Callable[[], datetime],
        name_caller: Callable[[str], bytes],
        on_unanswered: Callable[[UUID], None],
        *,
        is_on: bool,
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose platform is told "skip"."""
        self._database = database
        self._clock = clock
        self._name_caller = name_caller
        self._on_unanswered = on_unanswered
        self.is_on = is_on

    # --- At a call's start ------------------------------------------------------------

    async def gate_code(self, bind: Bind, event: CallStarted, due: Due) -> str | None:
        """The bind's closed gate; theirs, if the person outside has objected.

        Raises PonctuelError when that cannot be told in time: then nothing is drawn.
        """
        number = number_outside(event)
        if bind.gate_code or not self.is_on or number is None:
            return bind.gate_code
        found = self._is_listed(self._name_caller(number))
        return OPTED_OUT if await due.wait_for(found) else None

    async def note_caller(self, call: DrawnCall, event: CallStarted, due: Due) -> None:
        """Be ready for a refusal. Raises PonctuelError: then nothing may be recorded.

        By the root call alone: the number of a leg may be an agent's.
        """
        if not self.is_on or not call.may_be_recorded:
            return
        number = number_outside(event)
        if number is None or event.call_id != event.root_call_id:
            return
        try:
            noted = self._execute(
                "note_caller", call.decision_id, self._name_caller(number)
            )
            await due.wait_for(noted)
        except PonctuelError:
            self._on_unanswered(call.decision_id)
            raise

    async def _is_listed(self, caller_key: bytes) -> bool:
        async with self._database.connection() as connection:
            listed: bool = await connection.fetchval(
                QUERIES["is_opted_out"], self._database.site, caller_key, self._today
            )
        return listed

    # --- The list ---------------------------------------------------------------------

    async def remember(self, call: DrawnCall) -> None:
        """The caller refused: durable before the call's outcome forgets who it was.

        Where consent is asked for, not to have said yes is no objection for ever.
        """
        if self.is_on and not call.lacks_opt_in:
            await self._execute("keep_opt_out", call.decision_id, self._until)

    async def add(self, number: str) -> date:
        """Put somebody on the list by hand; the first day without is returned."""
        async with self._database.transaction() as connection:
            is_new = await connection.fetchval(
                QUERIES["add_opt_out"],
                self._database.site,
                self._name_caller(number),
                self._until,
            )
            if is_new:
                counted = {("opt_outs", "after_call"): 1}
                await add_counts(connection, self._database.site, counted)
        return self._until

    async def remove(self, number: str) -> bool:
        """Take somebody off the list; False when they were not on it."""
        key = self._name_caller(number)
        return await self._execute("remove_opt_out", key) == "DELETE 1"

    async def forget_over(self) -> None:
        """Forget those whose time is over, also when the list is not kept any more."""
        await self._execute("forget_opt_outs", self._today)

    @property
    def _today(self) -> date:
        return self._clock().date()

    @property
    def _until(self) -> date:
        """A day only: with its hour it could be told which call was refused."""
        return self._today + KEPT

    async def _execute(self, query: str, *arguments: object) -> str:
        async with self._database.connection() as connection:
            return await connection.execute(
                QUERIES[query], self._database.site, *arguments
            )
