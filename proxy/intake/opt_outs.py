"""People who objected, and whose later calls are not drawn (GDPR Art. 21).

Kept only where a site wants it. What is kept of a person is a keyed hash of the number:
with the draw of a call that may be recorded until its outcome, for the refusal itself
names the call only; and, once refused, on the list, until a day far from the call's.

It is a hash of the number's last digits, so that an objection counts however the number
is spelt. Somebody else's in another country may end alike: they are not recorded, then.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from uuid import UUID

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError
from proxy.intake.binds import Bind
from proxy.intake.due import Due
from proxy.intake.numbers import (
    HOME_COUNTRY,
    all_spellings,
    ending,
    number_outside,
)
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
        country: str = HOME_COUNTRY,
    ) -> None:
        """`on_unanswered` hears of RECORD draws whose platform is told "skip".

        `country`: whose plan numbers without one are read by (ISO 3166-1).
        """
        self._database = database
        self._clock = clock
        self._name_caller = name_caller
        self._on_unanswered = on_unanswered
        self._country = country
        self.is_on = is_on

    # --- At a call's start ------------------------------------------------------------

    async def gate_code(self, bind: Bind, event: CallStarted, due: Due) -> str | None:
        """The bind's closed gate; theirs, if the person outside has objected.

        Raises PonctuelError when that cannot be told in time: then nothing is drawn.
        """
        number = number_outside(event)
        if bind.gate_code or not self.is_on or number is None:
            return bind.gate_code
        # Refusals of before this was so are listed as the platform spelt the number.
        found = self._is_listed(self._names([ending(number), number]))
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
                "note_caller", call.decision_id, self._name_caller(ending(number))
            )
            await due.wait_for(noted)
        except PonctuelError:
            self._on_unanswered(call.decision_id)
            raise

    async def _is_listed(self, names: list[bytes]) -> bool:
        async with self._database.connection() as connection:
            listed: bool = await connection.fetchval(
                QUERIES["is_opted_out"], self._database.site, names, self._today
            )
        return listed

    def _names(self, spellings: Iterable[str]) -> list[bytes]:
        return [self._name_caller(each) for each in dict.fromkeys(spellings)]

    # --- The list ---------------------------------------------------------------------

    async def remember(self, call: DrawnCall) -> None:
        """The caller refused: durable before the call's outcome forgets who it was.

        Where consent is asked for, not to have said yes is no objection for ever.
        """
        if self.is_on and not call.lacks_opt_in:
            await self._execute("keep_opt_out", call.decision_id, self._until)

    async def add(self, number: str) -> date:
        """Put somebody on the list by hand; the first day without is returned.

        `number` as `one_spelling` has it. Where numbers are short, its spellings do not
        all end alike: then each ending is listed.
        """
        endings = map(ending, all_spellings(number, self._country))
        async with self._database.transaction() as connection:
            rows = await connection.fetch(
                QUERIES["add_opt_out"],
                self._database.site,
                self._names(endings),
                self._until,
            )
            if any(row["is_new"] for row in rows):
                counted = {("opt_outs", "after_call"): 1}
                await add_counts(connection, self._database.site, counted)
        return self._until

    async def has(self, number: str) -> bool:
        """Whether somebody is on the list; `number` as `one_spelling` has it."""
        endings = map(ending, all_spellings(number, self._country))
        return self.is_on and await self._is_listed(self._names(endings))

    async def until(self, number: str) -> date | None:
        """The first day somebody is on the list no more; None: they are not on it."""
        names = self._names(map(ending, all_spellings(number, self._country)))
        async with self._database.connection() as connection:
            until: date | None = await connection.fetchval(
                QUERIES["find_opted_out_until"],
                *(self._database.site, names, self._today),
            )
        return until if self.is_on else None

    async def remove(self, number: str) -> bool:
        """Take somebody off the list; False when they were not on it."""
        spellings = all_spellings(number, self._country)
        names = self._names([*map(ending, spellings), *spellings])
        return await self._execute("remove_opt_out", names) != "DELETE 0"

    async def forget_over(self, now: datetime) -> None:
        """Forget those whose time is over, also when the list is not kept any more."""
        await self._execute("forget_opt_outs", now.date())

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
