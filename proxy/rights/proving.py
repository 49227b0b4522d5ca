"""Proof of who asks, no more of it than is needed (GDPR Art. 12(6)).

A one-time code to the number whose recordings are asked for, and nowhere else. Where
several people may share that telephone, what only one of them knows as well: when a
call was, and on which line. A document is looked at on recorded doubt alone; there is
no place for one here, and nothing is answered before the desk says it is destroyed.

Whatever is refused is refused in the same words whether anything is there or not.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

import structlog

from proxy.access.permissions import Actor
from proxy.intake.numbers import in_full, one_spelling
from proxy.letters.facts import IdentityCode, IdentityDoubt
from proxy.letters.letter import Letter
from proxy.letters.writing import write
from proxy.rights.checking import check_not_begun
from proxy.rights.faults import (
    BadRequestError,
    MoveRefusedError,
    NoSenderError,
    NotSentError,
    ProofRefusedError,
    SomebodyElsesNumberError,
)
from proxy.rights.finding import Found, MatchedBy
from proxy.rights.identity_codes import GOOD_FOR, TRIES
from proxy.rights.moving import AtDesk, DeskParts, Opened, check_open
from proxy.rights.records import Document, Request, RequestItem
from proxy.rights.unsettled import asks_more, check_question
from proxy.rights.wording import Wording
from retention.rights.request import Event, Identity, State, Told

log = structlog.get_logger()

_WHICH = "the number must be the one their recordings are found by"
_LAST_HOUR = 24
BY_CODE = "code"
NOT_SENT = "code-not-sent"
CODE_CONFIRMED = "code-confirmed"
DETAILS_CONFIRMED = "details-confirmed"
PROVED_OTHERWISE = "proved-otherwise"
PROVED_BY_DOCUMENT = "proved-by-document"
_WRONG = {"code": "code-wrong", "details": "details-wrong"}


class Proving(AtDesk):
    """The part of the desk that finds out who asks."""

    def __init__(self, parts: DeskParts) -> None:
        super().__init__(parts)
        self.wording = Wording(parts.requests, parts.config)

    # --- A code to the number ---------------------------------------------------------

    async def send_code(
        self, by: Actor, request_id: UUID, number: str = ""
    ) -> datetime:
        """Send a code to the request's number; return until when it is good.

        `number` is for a request that call times led to: it must be the one all its
        recordings are found by. Raises NoSenderError, SomebodyElsesNumberError,
        TooManyCodesError; NotSentError: it may have been sent all the same, and counts.
        """
        sender = self.parts.sender
        sender.check()
        to = await self._number_of(by, request_id, number)
        async with self._moving(by, request_id, Event.ASK_IDENTITY) as opened:
            check_open(opened.request)
            if opened.request.standing.state is not State.ESCALATED:
                opened.move(Event.ASK_IDENTITY, self._now())
            opened.about = BY_CODE
            told = replace(opened.request.told, number=to)
            opened.request = replace(opened.request, particulars=told)
            code, until = await self.parts.codes.make(opened.connection, request_id, to)
            text = self._code_text(opened.request, code)
        try:
            await sender.send(to, text)
        except (NoSenderError, NotSentError) as error:
            log.warning("code not sent", problem=error.error_id)
            async with self._moving(by, request_id, NOT_SENT):
                """It is noted: then a code may be handed over."""
            raise
        return until

    async def ask_identity(self, by: Actor, request_id: UUID) -> Request:
        """A proof was asked for otherwise: of an employer, of a practice, by letter."""
        async with self._moving(by, request_id, Event.ASK_IDENTITY) as opened:
            opened.move(Event.ASK_IDENTITY, self._now())
        return opened.request

    def _code_text(self, request: Request, code: str) -> str:
        facts = IdentityCode(
            controller=self.wording.desk.controller,
            code=code,
            reference=request.reference,
            minutes=int(GOOD_FOR.total_seconds()) // 60,
        )
        return write(Letter.IDENTITY_CODE, request.language, facts)

    async def _number_of(self, by: Actor, request_id: UUID, given: str) -> str:
        """Where a code goes. Raises SomebodyElsesNumberError, BadRequestError."""
        request = await self.requests.find(request_id)
        self._check_not_own(by, request)
        known = request.told.number
        if given and not request.told.agent:
            written = self._in_full(given)
            if known and written != known:
                raise SomebodyElsesNumberError(field="number", fix=_WHICH)
            known = known or await self._confirmed(by, request_id, written)
        if not known.startswith("+"):
            raise BadRequestError(
                "no number a message could be sent to is known",
                field="number",
                fix="give it, or have them shown to be who they are otherwise",
            )
        return known

    def _in_full(self, given: str) -> str:
        spelling = one_spelling(given)
        if spelling is None:
            raise SomebodyElsesNumberError(field="number", fix=_WHICH)
        return in_full(spelling, self.parts.config.country)

    async def _confirmed(self, by: Actor, request_id: UUID, written: str) -> str:
        """A number given later, once everything call times led to is found by it."""
        found = await self.parts.finder.by_number(by, written)
        theirs = {
            each.recording_id for each in found if each.matched_by is MatchedBy.NUMBER
        }
        wanted = {each.recording_id for each in await self._wanted(request_id)}
        if not wanted or not wanted <= theirs:
            raise SomebodyElsesNumberError(field="number", fix=_WHICH)
        return written

    async def confirm_code(self, by: Actor, request_id: UUID, code: str) -> Request:
        """Take a code as it was read out; one more is needed once it was wrong 5 times.

        Raises ProofRefusedError: wrong, too late, or none was sent.
        """
        async with self._moving(by, request_id, CODE_CONFIRMED) as opened:
            check_open(opened.request)
            codes, connection = self.parts.codes, opened.connection
            is_right = await codes.is_right(connection, request_id, code)
            if is_right:
                opened.request = replace(opened.request, code_at=self._now())
                await self._identify_if_proved(opened)
            else:
                opened.event = _WRONG["code"]
        if not is_right:
            raise ProofRefusedError(
                field="code", fix="read it again, or have another one sent"
            )
        return opened.request

    # --- What only they know ----------------------------------------------------------

    async def confirm_details(
        self, by: Actor, request_id: UUID, day: date, hour: int, line: str
    ) -> Request:
        """Take when one of their calls was, give or take an hour, and on which line.

        Five tries; also once somebody is identified and the question came up later.
        Raises ProofRefusedError, BadRequestError.
        """
        if not line or not 0 <= hour < _LAST_HOUR:
            raise BadRequestError(
                "a proof takes all of it", field="line", fix="day, hour and line"
            )
        request = await self.requests.find(request_id)
        self._check_not_own(by, request)
        window = (max(hour - 1, 0), min(hour + 2, _LAST_HOUR))
        found = await self.parts.finder.by_details(by, day, *window, line)
        async with self._moving(by, request_id, DETAILS_CONFIRMED) as opened:
            check_open(opened.request)
            is_right = await self._are_theirs(opened, found)
            if opened.request.standing.state is State.RECEIVED:
                opened.move(Event.ASK_IDENTITY, self._now())
            self._count_details(opened, is_right=is_right)
            standing = opened.request.standing
            is_awaited = standing.identity is None and standing.suspended_since is None
            if is_right and is_awaited:
                await self._identify_if_proved(opened)
        if not is_right:
            raise ProofRefusedError(field="details", fix="ask again, or otherwise")
        return opened.request

    async def _are_theirs(self, opened: Opened, found: Sequence[Found]) -> bool:
        """What a request was found by proves nothing about who asks."""
        request = opened.request
        if request.told.windows or request.details_tries >= TRIES:
            return False
        items = await self.requests.items_in(opened.connection, request.request_id)
        theirs = _telling(items)
        return any(each.recording_id in theirs for each in found)

    def _count_details(self, opened: Opened, *, is_right: bool) -> None:
        tries = opened.request.details_tries + 1
        at = self._now() if is_right else opened.request.details_at
        opened.request = replace(opened.request, details_tries=tries, details_at=at)
        if not is_right:
            opened.event = _WRONG["details"]

    async def mark_shared(self, by: Actor, request_id: UUID) -> Request:
        """Several people may have this telephone: one question more.

        Said later than a code was confirmed, it is asked before anything goes on; a
        copy that was made is over.
        """
        async with self._moving(by, request_id, "shared") as opened:
            check_open(opened.request)
            if not opened.request.is_shared:
                await self._end_package(opened, "changed")
            opened.request = replace(opened.request, is_shared=True)
        return opened.request

    # --- A document, on recorded doubt ------------------------------------------------

    async def doubt(self, by: Actor, request_id: UUID, why: str) -> str:
        """Record why who asks is doubted; return the letter that asks for a document.

        The clock stands still meanwhile, while there are days left for that and not
        of a medical file. Whoever was identified is so no more, and a copy is over.
        Raises MoveRefusedError once what they asked for is begun.
        """
        async with self._moving(by, request_id, Event.SUSPEND) as opened:
            now = self._now()
            opened.move(Event.SUSPEND, now, Told(reason=why))
            await check_not_begun(opened, self.requests.site)
            await self._end_package(opened, "changed")
            told = replace(opened.request.told, doubt=why.strip())
            opened.request = replace(
                opened.request, particulars=told, document=Document.ASKED
            )
            facts = IdentityDoubt(
                **self.wording.head(opened.request, now),
                doubt=told.doubt,
                suspended_days=opened.request.standing.suspendable_days(now),
            )
            return self.wording.letter(opened.request, facts)

    async def document_checked(
        self, by: Actor, request_id: UUID, *, proves: bool, is_destroyed: bool
    ) -> Request:
        """A document was looked at: whether it proves who asks, and what became of it.

        Raises ProofRefusedError where a telephone is shared and the question is open.
        """
        async with self._moving(by, request_id, Event.RESUME) as opened:
            left = Document.DESTROYED if is_destroyed else Document.SEEN
            opened.request = replace(opened.request, document=left)
            opened.move(Event.RESUME, self._now())
            if proves:
                await self._check_question(opened)
                self._identify(opened, Identity.DOCUMENT)
                opened.event = PROVED_BY_DOCUMENT
        return opened.request

    async def document_destroyed(self, by: Actor, request_id: UUID) -> Request:
        """The desk says that nothing is left of the document, nor of any copy of it."""
        async with self._moving(by, request_id, "document-destroyed") as opened:
            if opened.request.document is not Document.SEEN:
                raise BadRequestError("no document was seen", field="document")
            opened.request = replace(opened.request, document=Document.DESTROYED)
        return opened.request

    # --- Otherwise --------------------------------------------------------------------

    async def identified_otherwise(
        self, by: Actor, request_id: UUID, how: Identity
    ) -> Request:
        """An agent by account, or anybody by the practice or employer that knows them.

        Raises BadRequestError, ProofRefusedError.
        """
        async with self._moving(by, request_id, Event.IDENTIFY) as opened:
            is_account = how is Identity.ACCOUNT and opened.request.is_agents
            if not is_account and how is not Identity.PRACTICE:
                raise BadRequestError(
                    "that proves nothing here",
                    field="how",
                    fix="account (of an agent), or practice",
                )
            await self._check_question(opened)
            self._identify(opened, how)
            opened.event = PROVED_OTHERWISE
        return opened.request

    # --- Enough? ----------------------------------------------------------------------

    async def _identify_if_proved(self, opened: Opened) -> None:
        request = opened.request
        if request.code_at is None:
            return
        if request.details_at is None and await self._asks_more(opened):
            return
        self._identify(opened, Identity.CODE)

    def _identify(self, opened: Opened, how: Identity) -> None:
        opened.move(Event.IDENTIFY, self._now(), Told(identity=how))
        opened.about = how.value

    async def _check_question(self, opened: Opened) -> None:
        """Not of whom call times led to: what was given can be asked of nobody."""
        items = await self.requests.items_in(
            opened.connection, opened.request.request_id
        )
        try:
            check_question(opened.request, items)
        except MoveRefusedError as error:
            raise ProofRefusedError(
                error.detail, field=error.field, fix=error.fix
            ) from error

    async def _asks_more(self, opened: Opened) -> bool:
        items = await self.requests.items_in(
            opened.connection, opened.request.request_id
        )
        return asks_more(opened.request, items)

    async def _wanted(self, request_id: UUID) -> Sequence[RequestItem]:
        items = await self.requests.items(request_id)
        return [each for each in items if each.state.is_wanted]


def _telling(items: Sequence[RequestItem]) -> set[UUID]:
    """The recordings of which one is to be told of, as a proof.

    Of those that are found by an ending, while there are any: the others may be of
    somebody else, and who knows of these has shown nothing about those.
    """
    wanted = [each for each in items if each.state.is_wanted]
    doubtful = [each for each in wanted if each.matched_by == MatchedBy.ENDING]
    return {each.recording_id for each in doubtful or wanted}
