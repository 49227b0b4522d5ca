"""The desk: everything those who answer do with a request, and what goes on by itself.

Each method is one thing somebody says or does. All but looking at lists is noted in the
request's history and in the trace, in the transaction that does it.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import structlog
from typing_extensions import override

from proxy.access.permissions import Actor
from proxy.errors import PonctuelError
from proxy.letters.facts import Acknowledgement, Escalation, Extension, Transferred
from proxy.rights.answering import LETTER_READ, Answering
from proxy.rights.checking import check_not_begun
from proxy.rights.faults import BadRequestError, MoveRefusedError, NoSenderError
from proxy.rights.moving import Opened, check_open
from proxy.rights.records import Because, Happened, Place, Request, RequestItem
from proxy.rights.requests import QUERIES
from proxy.rights.unsettled import check_practices, check_question
from proxy.rights.wording import ending_of
from proxy.upkeep import each_in_turn
from retention.rights.request import Event, State, Told

log = structlog.get_logger()

_ANSWER_WITHIN = timedelta(days=10)  # asked of a practice that is controller
SHOWN = "shown"
_DROPPED = "item-dropped"


@dataclass(frozen=True, slots=True)
class Shown:
    """A request as whoever handles it sees it."""

    request: Request
    items: Sequence[RequestItem]
    history: Sequence[Happened]


@dataclass(frozen=True, slots=True)
class Passed:
    """What goes out when a practice decides: to it, and to the person."""

    to_practice: str
    to_person: str | None
    """None until it is proved who asks: that would tell a stranger whom they called."""


class Desk(Answering):
    """One site's desk."""

    # --- Looking ----------------------------------------------------------------------

    async def list(
        self, *, is_open: bool = True, after: Place | None = None, limit: int = 100
    ) -> Sequence[Request]:
        """By due date, without what names anybody; `after` is (due_on, request_id)."""
        return await self.requests.list(is_open=is_open, after=after, limit=limit)

    async def show(self, by: Actor, request_id: UUID) -> Shown:
        """With what names the person; that somebody looked is noted first."""
        async with self.requests.database.transaction() as connection:
            request = await self.requests.read(connection, request_id)
            self._check_not_own(by, request)
            items = await self.requests.items_in(connection, request_id)
            history = await self.requests.history_in(connection, request_id)
            await self._trace(by, Opened(connection, request, SHOWN))
        return Shown(request, items, history)

    async def acknowledge(self, by: Actor, request_id: UUID) -> str:
        """The letter that says it was received, and by when it is answered."""
        async with self._moving(by, request_id, "acknowledged") as opened:
            check_open(opened.request)
            now, request = self._now(), opened.request
            dates = request.standing.deadlines(now)
            facts = Acknowledgement(
                **self.wording.head(request, now),
                due=self.requests.dated(request, now).due_on,
                earliest=dates.earliest,
                number_ending=ending_of(request) if self._can_send(request) else "",
            )
            return self.wording.letter(request, facts)

    def _can_send(self, request: Request) -> bool:
        """Whether a code will be sent: nothing is announced that does not come."""
        try:
            self.parts.sender.check()
        except NoSenderError:
            return False
        return request.told.number.startswith("+")

    # --- Clocks -----------------------------------------------------------------------

    async def extend(self, by: Actor, request_id: UUID, reason: str) -> str:
        """By two months, inside the first; return the letter that says why."""
        async with self._moving(by, request_id, Event.EXTEND) as opened:
            now = self._now()
            opened.move(Event.EXTEND, now, Told(reason=reason))
            told = replace(opened.request.told, extension=reason.strip())
            opened.request = replace(opened.request, particulars=told)
            dates = opened.request.standing.deadlines(now)
            facts = Extension(
                **self.wording.head(opened.request, now),
                due=dates.due,
                extended_due=dates.extended_due or dates.due,
                reason=told.extension,
            )
            return self.wording.letter(opened.request, facts)

    # --- Whose decision it is ---------------------------------------------------------

    async def escalate(self, by: Actor, request_id: UUID, practice: str) -> Passed:
        """Pass it to the practice that is controller; return both letters.

        The person's once it is proved who asks, then or later (`letter`).
        Raises BadRequestError for a practice that is none.
        """
        listed = self.parts.config.practices.get(practice)
        if listed is None or not listed.is_controller:
            raise BadRequestError(
                "this practice decides about no recordings itself",
                field="practice",
                fix="name one whose settings say is_controller",
            )
        items = await self._wanted(request_id)
        async with self._moving(by, request_id, Event.ESCALATE) as opened:
            opened.move(Event.ESCALATE, self._now())
            opened.request = replace(opened.request, escalated_to=practice)
            opened.about = practice
            theirs = sum(each.practice == practice for each in items)
            return self._passed(opened.request, practice, theirs)

    def _passed(self, request: Request, practice: str, recordings: int) -> Passed:
        now = self._now()
        head = self.wording.head(request, now)
        due = self.requests.dated(request, now).due_on
        to_practice = Escalation(
            **head,
            practice=practice,
            due=due,
            answer_by=_answer_by(self.wording.day(now), due),
            recordings=recordings,
        )
        letter = self.wording.letter
        is_known = request.standing.identity is not None
        to_person = self._transferred(request) if is_known else None
        return Passed(letter(request, to_practice), to_person)

    def _transferred(self, request: Request) -> str:
        now = self._now()
        facts = Transferred(
            **self.wording.head(request, now),
            practice=request.escalated_to or "",
            due=self.requests.dated(request, now).due_on,
        )
        return self.wording.letter(request, facts)

    @override
    async def letter(self, by: Actor, request_id: UUID) -> str:
        """What the person is to be sent again: that it was passed on, or the answer.

        Raises MoveRefusedError where there is none, or not yet.
        """
        request = await self.requests.find(request_id)
        if request.standing.state is not State.ESCALATED:
            return await super().letter(by, request_id)
        async with self._moving(by, request_id, LETTER_READ) as opened:
            if opened.request.standing.identity is None:
                raise MoveRefusedError(
                    "it is not known who asks", field="identity", fix="find out first"
                )
            return self._transferred(opened.request)

    async def controller_answered(
        self, by: Actor, request_id: UUID, instruction: str
    ) -> Request:
        """The practice said what is to be done; it is back at the desk.

        Of several practices each one's word is kept, with whose it is.
        """
        async with self._moving(by, request_id, Event.CONTROLLER_ANSWERED) as opened:
            said = Told(reason=instruction)
            opened.move(Event.CONTROLLER_ANSWERED, self._now(), said)
            opened.about = opened.request.escalated_to or ""
            before = opened.request.told.instruction
            words = f"{opened.about}: {instruction.strip()}"
            both = "\n".join(filter(None, (before, words)))
            told = replace(opened.request.told, instruction=both)
            opened.request = replace(opened.request, particulars=told)
        return opened.request

    # --- Its recordings ---------------------------------------------------------------

    async def drop_item(
        self, by: Actor, request_id: UUID, recording_id: UUID, why: Because
    ) -> Request:
        """A recording is not theirs after all: it goes back to its own end.

        A copy that was made is over with this: nothing more of it leaves. Raises
        BadRequestError, and MoveRefusedError once something is done to it.
        """
        async with self._moving(by, request_id, _DROPPED) as opened:
            check_open(opened.request)
            await check_not_begun(opened, self.requests.site, recording_id)
            dropped = await opened.connection.execute(
                QUERIES["drop_item"],
                self.requests.site,
                request_id,
                recording_id,
                why.value,
            )
            if dropped != "UPDATE 1":
                raise BadRequestError("not one of this request", field="recording")
            await self._end_package(opened, "gone")
            opened.about = why.value
        await self._let_go_quietly(request_id, recording_id, by)
        return opened.request

    async def _let_go_quietly(
        self, request_id: UUID, recording_id: UUID, by: Actor
    ) -> None:
        try:
            await self.parts.freezing.let_go(request_id, [recording_id], by.code)
        except PonctuelError as error:  # each minute again
            log.warning("recording not let go", problem=error.error_id)

    @asynccontextmanager
    async def fulfilling(
        self, by: Actor, request_id: UUID, event: str
    ) -> AsyncIterator[Opened]:
        """For whoever does what is asked: an identified request, locked.

        What they write commits with a line of its history, and of the trace. Raises
        MoveRefusedError for one that is not identified, or is answered; while a shared
        telephone takes one question more; while a practice has not said what to do.
        """
        async with self._moving(by, request_id, event) as opened:
            if opened.request.standing.state is not State.IDENTIFIED:
                raise MoveRefusedError(
                    f"it is {opened.request.standing.state}",
                    field="state",
                    fix="have it proved who asks first",
                )
            await self._check_settled_in(opened)
            yield opened

    async def _check_settled_in(self, opened: Opened) -> None:
        which = (opened.connection, opened.request.request_id)
        items = await self.requests.items_in(*which)
        history = await self.requests.history_in(*which)
        check_question(opened.request, items)
        check_practices(self.parts.config.practices, items, history)

    # --- By itself --------------------------------------------------------------------

    async def tend(self) -> None:
        """Each minute, on one replica; all of it may be repeated."""
        await each_in_turn(self.parts.freezing.tend, self.end_answered)


def _answer_by(today: date, due: date) -> date:
    """Half of what is left, at most some days; never a day that is over."""
    half = timedelta(days=max((due - today).days, 0) // 2)
    return today + min(half, _ANSWER_WITHIN)
