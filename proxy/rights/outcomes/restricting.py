"""Restriction (GDPR Art. 18): kept, and used for nothing, until it is lifted.

A restriction is a hold of 30 days at most, renewed while it lasts. It takes the place
of the request's freeze with no moment in between. Where another right holds the
recording, it follows that one. Before it is lifted the person is told (Art. 18(3)).
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from proxy.access.permissions import Actor
from proxy.access.trace.acts import SERVICE
from proxy.database.pool import Connection
from proxy.errors import PonctuelError, StorageError
from proxy.letters.facts import Lifting
from proxy.rights.faults import MoveRefusedError
from proxy.rights.freezing import BEYOND
from proxy.rights.outcomes.wants import QUERIES, Wanted, Wants, What
from proxy.rights.records import Request
from proxy.rights.requests import QUERIES as REQUEST_QUERIES
from proxy.rights.wording import Wording
from proxy.vault.holding import HeldAlreadyError, Holds, NoHoldError
from retention.holds import LONGEST_HOLD, Authority, Hold

log = structlog.get_logger()

LIFTED = "lifted"
WHY = "the person asked that it be kept unused (GDPR Art. 18)"
# A service that was away for two weeks still finds it restricted.
_RENEWED_BEFORE = LONGEST_HOLD / 2


class NotToldError(MoveRefusedError):
    """Before a restriction is lifted, the person is told (GDPR Art. 18(3))."""

    error_id = "lifting-not-told"


class Restricting:
    """One site's restricted recordings."""

    def __init__(
        self,
        wants: Wants,
        holds: Holds,
        wording: Wording,
        clock: Callable[[], datetime],
    ) -> None:
        self._wants = wants
        self._database = wants.database
        self._site = wants.site
        self._holds = holds
        self._wording = wording
        self._clock = clock

    async def restrict(self, by: Actor, request_id: UUID) -> Sequence[Wanted]:
        """Restrict the recordings of a request; return how it stands with each.

        What was lifted since is restricted anew; what cannot be restricted now is tried
        again each minute. Raises UnknownRequestError, MoveRefusedError.
        """
        await self._wants.note(by, request_id, What.RESTRICTION, self._clock())
        await self._go_on(await self.of(request_id), by.code)
        return await self.of(request_id)

    async def of(self, request_id: UUID) -> Sequence[Wanted]:
        return await self._wants.of(request_id, What.RESTRICTION)

    async def of_in(self, connection: Connection, request_id: UUID) -> Sequence[Wanted]:
        """The same, in the caller's transaction."""
        return await self._wants.read_in(connection, request_id, What.RESTRICTION)

    async def tend(self) -> None:
        """Renew what ends soon, and go on with what is not restricted yet."""
        await self._go_on(await self._wants.running(What.RESTRICTION), SERVICE)

    async def tell_lifting(self, by: Actor, request_id: UUID) -> str:
        """The letter that tells the person that it will be lifted (Art. 18(3)).

        From here on it may be lifted: the letter is sent first. Asked for again it is
        the same one. Raises UnknownRequestError, MoveRefusedError where nothing is
        restricted, NoLetterheadError: then nobody was told.
        """
        async with self._database.transaction() as connection:
            request = await self._wants.requests.lock(connection, request_id)
            told = await connection.fetch(
                QUERIES["note_lifting_told"], self._site, request_id, self._clock()
            )
            if not told:
                raise MoveRefusedError(
                    "nothing is restricted", field="state", fix="nobody has to be told"
                )
            letter = self._lifting(request, [row["lifting_told_at"] for row in told])
            await self._wants.note_act(connection, by, request_id, "lifting-told")
        return letter

    def _lifting(self, request: Request, told: Sequence[datetime]) -> str:
        first = min(told)
        head = dict(self._wording.head(request, first))
        head["written_on"] = self._wording.day(first)  # not the day of the answer
        return self._wording.letter(request, Lifting(**head, recordings=len(told)))

    async def lift(self, by: Actor, request_id: UUID) -> Sequence[Wanted]:
        """Give the recordings of a request back to their own life, and their own end.

        Raises UnknownRequestError, NotToldError, StorageError: what is not lifted then
        stays restricted.
        """
        running = [each for each in await self.of(request_id) if not each.ended_at]
        if any(each.lifting_told_at is None for each in running):
            raise NotToldError(field="state", fix="tell the person, and say so")
        async with self._database.transaction() as connection:
            await self._wants.note_act(connection, by, request_id, LIFTED)
        for each in running:
            await self._lift(each, by.code)
        await self._go_on(await self.of(request_id), by.code)  # restricted anew since
        return await self.of(request_id)

    async def _lift(self, wanted: Wanted, actor: str) -> None:
        """Let go first: a crash in between leaves it restricted, and said to be so."""
        hold = await self._holds.running(wanted.recording_id)
        is_ours = hold is not None and hold.authority is Authority.RESTRICTION
        if hold and is_ours and not await self._is_restricted_elsewhere(wanted):
            await self._release(hold.hold_id, actor)
        await self._wants.note_lifted(wanted, self._clock())
        await self._let_go_unwanted(wanted.recording_id, actor)

    async def _let_go_unwanted(self, recording_id: UUID, actor: str) -> None:
        """Another replica may have restricted it anew while it was being lifted.

        Whoever lifts looks after that is noted, whoever restricts looks afterwards: one
        of the two sees what the other did. And what was put off goes back to its end.
        """
        which = (self._site, recording_id)
        async with self._database.connection() as connection:
            if await connection.fetchval(QUERIES["is_restricted"], *which):
                return
        hold = await self._holds.running(recording_id)
        if hold and hold.authority is Authority.RESTRICTION:
            await self._release(hold.hold_id, actor)
        async with self._database.transaction() as connection:
            await connection.execute(REQUEST_QUERIES["lock_recording"], *which)
            await connection.execute(REQUEST_QUERIES["restore_end"], *which)

    async def _release(self, hold_id: UUID, actor: str) -> None:
        try:
            await self._holds.release(hold_id, actor)
        except NoHoldError:
            log.info("a restriction was ended by another")

    async def _is_restricted_elsewhere(self, wanted: Wanted) -> bool:
        which = (self._site, wanted.request_id, wanted.recording_id)
        async with self._database.connection() as connection:
            return bool(
                await connection.fetchval(QUERIES["is_restricted_for_another"], *which)
            )

    async def _go_on(self, wanted: Sequence[Wanted], actor: str) -> None:
        for each in wanted:
            if each.ended_at is not None:
                continue
            try:
                await self._keep(each, actor)
            except PonctuelError as error:  # tried again each minute
                log.warning("recording not restricted", problem=error.error_id)
                is_keys = isinstance(error, StorageError)
                if is_keys and not await self._holds.can_be_asked():
                    return
            except Exception as error:  # noqa: BLE001  # it must not cost the others
                log.critical("unforeseen in restricting", error=type(error).__name__)

    async def _keep(self, wanted: Wanted, actor: str) -> None:
        now = self._clock()
        if not wanted.is_there or wanted.is_doomed:
            await self._wants.note_done(wanted, now)  # there is nothing to restrict
            return
        if not self._is_good(wanted, now):
            try:
                await self._place(wanted, now, actor)
            except HeldAlreadyError:
                await self._keep_beyond(wanted)
                return
        if wanted.done_at is None:
            await self._wants.note_done(wanted, now, is_over=False)

    def _is_good(self, wanted: Wanted, now: datetime) -> bool:
        is_ours = wanted.authority is Authority.RESTRICTION
        return is_ours and _runs_for(wanted, now) > _RENEWED_BEFORE

    async def _place(self, wanted: Wanted, now: datetime, actor: str) -> None:
        hold = Hold(
            Authority.RESTRICTION, wanted.reference, WHY, until=now + LONGEST_HOLD
        )
        await self._holds.place(
            wanted.recording_id, hold, actor, instead_of=Authority.REQUEST
        )
        await self._let_go_unwanted(wanted.recording_id, actor)

    async def _keep_beyond(self, wanted: Wanted) -> None:
        """It follows the other right's hold: nothing may sweep it in between."""
        if wanted.until is None:
            return
        async with self._database.connection() as connection:
            await connection.execute(
                QUERIES["keep_until_restricted"],
                *(self._site, wanted.recording_id, wanted.until + BEYOND),
            )


def _runs_for(wanted: Wanted, now: datetime) -> timedelta:
    return timedelta() if wanted.until is None else wanted.until - now
