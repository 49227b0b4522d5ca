"""Answering: said only of what is done, and closed only when nothing is left of it.

The letter is written first, then the answer commits, then the letter is handed over; it
can be read again until the request closes. What was granted is asked of whoever does it
before, and nothing may have changed since. After it the recordings go back to their own
end, as soon as whoever delivers them needs them no more; then what names the person
goes, and with it the request's recordings and codes.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from proxy.access.permissions import Actor
from proxy.errors import PonctuelError
from proxy.ledger.transaction import add_counts
from proxy.letters.facts import Facts
from proxy.rights.checking import (
    DOCUMENT_LEFT,
    DONE_FIRST,
    Checking,
    check_not_begun,
)
from proxy.rights.faults import MoveRefusedError, NotDoneError, StillFrozenError
from proxy.rights.figures import counted
from proxy.rights.moving import Opened, Somebody, TheService, refusing
from proxy.rights.proving import BY_CODE, Proving
from proxy.rights.records import Document, Request
from proxy.rights.requests import QUERIES
from retention.rights.request import Event, Outcome, Standing, Told, move

log = structlog.get_logger()

# The letter can be read again for a day; what names the person stays no longer.
READ_AGAIN_FOR = timedelta(days=1)
LETTER_READ = "letter-read"


class Answering(Proving, Checking):
    """The part of the desk that answers, and ends what was answered."""

    async def answer(
        self,
        by: Actor,
        request_id: UUID,
        outcome: Outcome,
        grounds: str = "",
        articles: Sequence[str] = (),
    ) -> str:
        """Answer, and return the letter.

        Raises NotDoneError: what is to be told is not so (yet); DocumentLeftError,
        MoveRefusedError, NoLetterheadError.
        """
        request = await self.requests.find(request_id)
        self._check_not_own(by, request)
        items = await self.requests.items(request_id)
        said = Told(
            reason=grounds,
            outcome=outcome,
            is_fulfilled=await self._is_fulfilled(by, request, items, outcome),
        )
        answered = _answered(request, said, self._now(), tuple(articles))
        text = self.wording.letter(answered, await self._facts(answered))
        async with self._moving(by, request_id, Event.ANSWER) as opened:
            await self._check_unchanged(opened, request, items)
            if outcome in DONE_FIRST:
                await self._check_still_done(opened)
            else:
                await check_not_begun(opened, self.requests.site)
            opened.request = _answered(request, said, self._now(), tuple(articles))
            opened.about = outcome.value
            counts = counted(opened.request.standing)
            await add_counts(opened.connection, self.requests.site, counts)
        await self._end_quietly(opened.request, by)
        return text

    async def letter(self, by: Actor, request_id: UUID) -> str:
        """The answer's letter again. Raises UnknownRequestError once it is closed."""
        async with self._moving(by, request_id, LETTER_READ) as opened:
            request = opened.request
            if request.standing.outcome is None:
                raise MoveRefusedError("it is not answered", field="state")
        return self.wording.letter(request, await self._facts(request))

    async def close(self, by: Actor, request_id: UUID) -> Request:
        """End an answered request: give everything back, forget who it was.

        Raises NotDoneError while what was granted is not delivered, StillFrozenError.
        """
        request = await self.requests.find(request_id)
        self._check_not_own(by, request)
        return await self._close(by, request)

    async def end_answered(self) -> None:
        """What was answered and delivered goes, each minute; nothing keeps another."""
        for request in await self.requests.answered():
            await self._end_quietly(request, TheService())

    # --- What is said ---------------------------------------------------------------

    async def _facts(self, request: Request) -> Facts:
        now = self._now()
        if request.standing.outcome not in DONE_FIRST:
            history = await self.requests.history(request.request_id)
            was_sent = any(line.about == BY_CODE for line in history)
            return self.wording.answer_facts(request, now, was_code_sent=was_sent)
        fulfilment = self.parts.fulfilments.of(request.kind)
        return await fulfilment.facts(request, self.wording.head(request, now))

    # --- The end ----------------------------------------------------------------------

    async def _is_over(self, request: Request) -> bool:
        if request.standing.outcome not in DONE_FIRST:
            return True
        return await self.parts.fulfilments.of(request.kind).is_over(request)

    async def _end_quietly(self, request: Request, by: Somebody) -> None:
        """Its recordings as soon as it is delivered; itself after a day."""
        try:
            if not await self._is_over(request):
                return
            if request.standing.outcome not in DONE_FIRST:
                await self._end_delivery(request)  # prepared before it was taken back
            await self.parts.freezing.let_go(request.request_id, None, by.code)
            answered = request.standing.answered_at or self._now()
            if self._now() >= answered + READ_AGAIN_FOR:
                await self._close(by, request)
        except PonctuelError as error:  # each minute again
            log.warning("request not ended", problem=error.error_id)

    async def _close(self, by: Somebody, request: Request) -> Request:
        request_id = request.request_id
        with refusing():
            move(request.standing, Event.CLOSE, self._now())
        if request.document is Document.SEEN:
            raise DOCUMENT_LEFT
        if not await self._is_over(request):
            raise NotDoneError(
                "it is not delivered", field="state", fix="wait until its link is over"
            )
        await self.parts.freezing.let_go(request_id, None, by.code)
        await self._end_delivery(request)
        async with self._moving(by, request_id, Event.CLOSE) as opened:
            opened.move(Event.CLOSE, self._now())
            await self._forget(opened)
        return opened.request

    async def _end_delivery(self, request: Request) -> None:
        await self.parts.fulfilments.of(request.kind).end(request)

    async def _forget(self, opened: Opened) -> None:
        """Only once no recording is held for it; then nothing says whose it was."""
        which = (self.requests.site, opened.request.request_id)
        if await opened.connection.fetchval(QUERIES["count_unreleased"], *which):
            raise StillFrozenError(fix="it is tried again each minute")
        await opened.connection.execute(QUERIES["delete_request_items"], *which)
        await opened.connection.execute(
            QUERIES["empty_request_codes"], *which, self._now()
        )
        opened.request = replace(opened.request, particulars=None)


def _answered(
    request: Request, said: Told, now: datetime, articles: tuple[str, ...]
) -> Request:
    """As it will stand. Raises MoveRefusedError."""
    with refusing():
        standing: Standing = move(request.standing, Event.ANSWER, now, said)
    told = replace(request.told, grounds=said.reason.strip(), articles=articles)
    return replace(request, standing=standing, particulars=told)
