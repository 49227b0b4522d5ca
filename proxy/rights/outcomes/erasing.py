"""Erasure, and objection after the call (GDPR Art. 17 and 21): now, and provably.

For each recording, in this order, and any step may be repeated:

1. Which keys copies of its data key lie under is written down.
2. Its freeze ends and it is marked, in one moment: nobody listens in between.
3. Object, data key, index and the caller's keyed name go by the shelf's own path, with
   a receipt in the ledger. What was written about it goes, too.
4. Those keys are destroyed now, not next night: no older copy opens it.
5. Read back that nothing of it is left: only then is it done.

Analyses go although their form has no place for a caller: they have free words, which
nobody can check without reading them; they keep the day of the call; and an agent could
not contest a judgement of what can be heard no more.

What another right keeps is not touched. It is due from then on, so it goes with the end
of that hold, by the sweep, and `tend` sees to what is left.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg
import structlog

from proxy.access.permissions import Actor
from proxy.access.trace.acts import SERVICE
from proxy.errors import StorageError
from proxy.intake.numbers import one_spelling
from proxy.intake.opt_outs import OptOuts
from proxy.ledger.entry import Kind as LeafKind
from proxy.ledger.entry import decode
from proxy.rights.faults import NotDoneError
from proxy.rights.finding import RunningCalls
from proxy.rights.outcomes.wants import QUERIES, Fate, Wanted, Wants, What
from proxy.rights.records import Request
from proxy.rights.requests import QUERIES as REQUEST_QUERIES
from proxy.vault.assembling import VaultParts
from proxy.vault.holding import NoHoldError
from retention.ports import Doomed
from retention.rights.deadlines import Kind

log = structlog.get_logger()

_LOOKS = 3  # a hold may come or go between a look and the mark


@dataclass(frozen=True, slots=True)
class Callers:
    """What there is of a number beside its recordings."""

    opt_outs: OptOuts
    running: RunningCalls


class Erasing:
    """One site's recordings that persons had erased."""

    def __init__(
        self,
        wants: Wants,
        parts: VaultParts,
        callers: Callers,
        clock: Callable[[], datetime],
    ) -> None:
        self._wants = wants
        self._database = wants.database
        self._site = wants.site
        self._parts = parts
        self._opt_outs = callers.opt_outs
        self._running = callers.running
        self._clock = clock

    async def erase(self, by: Actor, request_id: UUID) -> Sequence[Wanted]:
        """Destroy the recordings of a request; return how it stands with each.

        Of a call of theirs that may still be recorded nothing is kept, and an objection
        puts the number on the standing list as well, where one is kept.
        Raises UnknownRequestError, MoveRefusedError. What cannot be done now is gone on
        with each minute.
        """
        request = await self._wants.note(by, request_id, What.ERASURE, self._clock())
        number = self._to_list(request)
        if number is not None:
            await self._opt_outs.add(number)
        await self._running.refuse(request.told.number)
        wanted = await self._wants.of(request_id, What.ERASURE)
        return await self._go_on(wanted, by.code)

    async def of(self, request_id: UUID) -> Sequence[Wanted]:
        return await self._wants.of(request_id, What.ERASURE)

    async def tend(self) -> None:
        """Go on with what is not done: after a crash, a fault, another right's end."""
        await self._go_on(await self._wants.running(What.ERASURE), SERVICE)

    def _to_list(self, request: Request) -> str | None:
        """The number of somebody who objected, where there is a list for it."""
        if request.kind is not Kind.OBJECTION or not self._opt_outs.is_on:
            return None
        return one_spelling(request.told.number)

    async def listed_until(self, request: Request) -> date | None:
        """The first day somebody who objected may be drawn again, as it is kept."""
        number = self._to_list(request)
        return None if number is None else await self._opt_outs.until(number)

    async def check_listed(self, request: Request) -> None:
        """Raises NotDoneError while somebody who objected is not on the list."""
        number = self._to_list(request)
        if number is not None and not await self._opt_outs.has(number):
            raise NotDoneError(
                "the number is not on the list of those who objected",
                field="number",
                fix="carry the objection out first",
            )

    # --- Step by step ---------------------------------------------------------------

    async def _go_on(self, wanted: Sequence[Wanted], actor: str) -> Sequence[Wanted]:
        await self._parts.agree_on_time()
        left = [each for each in wanted if each.done_at is None]
        for each in left:
            is_gone = await self._destroy(each, actor)
            if not is_gone and not await self._parts.holds.can_be_asked():
                break  # the key store is away: it takes its time to say so
        await self._finish({(each.request_id, each.recording_id) for each in left})
        requests = {each.request_id for each in wanted}
        return [row for each in sorted(requests) for row in await self.of(each)]

    async def _destroy(self, wanted: Wanted, actor: str) -> bool:
        try:
            await self._note_keys(wanted)
            doomed = await self._doom(wanted, actor)
            is_gone = doomed is None or await self._parts.shelf.destroy(doomed)
            if not await self._is_kept(wanted):
                await self._destroy_analyses(wanted)
        except StorageError as error:  # tried again each minute
            log.warning("recording not erased", problem=error.error_id)
            return False
        return is_gone

    async def _note_keys(self, wanted: Wanted) -> None:
        if wanted.was_gone_before and wanted.key_names:
            return  # asked once: what was begun since has never wrapped it
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                QUERIES["find_analyses_of"], self._site, wanted.recording_id
            )
        items = [wanted.recording_id, *(row["analysis_id"] for row in rows)]
        if names := await self._parts.burying.keys_of(items):
            await self._wants.note_keys(wanted, names)

    async def _doom(self, wanted: Wanted, actor: str) -> Doomed | None:
        """Mark it; None where there is nothing, or another right keeps it."""
        for _ in range(_LOOKS):
            hold = await self._hold_on(wanted)
            is_freeze = hold is not None and hold["request_id"] is not None
            if hold and is_freeze and not await self._is_wanted_elsewhere(wanted):
                try:
                    await self._parts.holds.release(
                        hold["hold_id"], actor, is_doomed=True
                    )
                except NoHoldError:
                    continue  # somebody was faster
            async with self._database.transaction() as connection:
                found = await self._parts.shelf.doom(connection, wanted.recording_id)
            if found or hold:
                return found[0] if found else None
        return None

    async def _hold_on(self, wanted: Wanted) -> asyncpg.Record | None:
        """A freeze has a request's id; what a person placed for a request has none."""
        async with self._database.connection() as connection:
            return await connection.fetchrow(
                REQUEST_QUERIES["find_hold_on"], self._site, wanted.recording_id
            )

    async def _is_wanted_elsewhere(self, wanted: Wanted) -> bool:
        which = (self._site, wanted.request_id, wanted.recording_id)
        async with self._database.connection() as connection:
            return bool(
                await connection.fetchval(QUERIES["is_frozen_for_another"], *which)
            )

    async def _is_kept(self, wanted: Wanted) -> bool:
        async with self._database.connection() as connection:
            row = await connection.fetchrow(
                QUERIES["find_doomed_at"], self._site, wanted.recording_id
            )
        return row is not None and row["doomed_at"] is None

    async def _destroy_analyses(self, wanted: Wanted) -> None:
        now, documents = self._clock(), self._parts.documents
        if doomed := await documents.doom_of(wanted.recording_id, now):
            await documents.destroy(doomed, now)

    # --- Is it done? ----------------------------------------------------------------

    async def _finish(self, which: set[tuple[UUID, UUID]]) -> None:
        """Bury the keys of what is destroyed, and say done where nothing is left."""
        gone = [
            each
            for each in await self._wants.running(What.ERASURE)
            if (each.request_id, each.recording_id) in which and not each.is_there
        ]
        names = {name for each in gone for name in each.key_names}
        alive = await self._parts.burying.bury(names)
        for each in gone:
            if not alive & set(each.key_names) and await self._is_nothing_left(each):
                await self._wants.note_done(each, self._clock())

    async def _is_nothing_left(self, wanted: Wanted) -> bool:
        """Object, keys, index, what was written about it; and it has its receipt."""
        try:
            is_absent = await self._parts.shelf.is_absent(wanted.recording_id)
        except StorageError:
            return False
        async with self._database.connection() as connection:
            is_left = await connection.fetchval(
                QUERIES["find_left"], self._site, wanted.recording_id
            )
            receipt = await connection.fetchval(
                QUERIES["read_receipt"], self._site, wanted.receipt_seq
            )
        # Without one it was gone before it was asked for, and has one of that time.
        is_receipt = wanted.receipt_seq is None or (
            receipt is not None and decode(receipt)["leaf"] == LeafKind.DELETED
        )
        return is_absent and not is_left and is_receipt


def fates(wanted: Sequence[Wanted]) -> dict[Fate, int]:
    """How many of each."""
    return {fate: sum(each.fate is fate for each in wanted) for fate in Fate}
