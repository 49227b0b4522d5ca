"""Whether what is to be answered is so: looked at once more, just before it is said."""

from collections.abc import Sequence
from uuid import UUID

from proxy.access.permissions import Actor
from proxy.database.pool import Connection
from proxy.rights.faults import DocumentLeftError, MoveRefusedError, NotDoneError
from proxy.rights.moving import Opened, refusing
from proxy.rights.receiving import Receiving
from proxy.rights.records import Document, ItemState, Request, RequestItem
from proxy.rights.requests import QUERIES
from proxy.rights.unsettled import check_practices, check_question, is_question_open
from retention.rights.deadlines import Kind
from retention.rights.request import Event, Outcome, Told, move

DONE_FIRST = frozenset({Outcome.GRANTED, Outcome.PARTLY})
DOCUMENT_LEFT = DocumentLeftError(
    field="document", fix="destroy it and every copy of it, and say so"
)
_SAYS_WHAT_THERE_IS = DONE_FIRST | {Outcome.NOTHING_HELD}
_DECIDES = DONE_FIRST | {Outcome.REFUSED}
_UNPROVED = frozenset({Outcome.NOT_IDENTIFIED, Outcome.WITHDRAWN, Outcome.REFUSED})
_ENDS_CALLS = frozenset({Kind.ERASURE, Kind.OBJECTION})
_MORE_FOUND = "looked-again"


class Checking(Receiving):
    """The part of the desk that keeps what is not so from being answered."""

    async def _is_fulfilled(
        self,
        by: Actor,
        request: Request,
        items: Sequence[RequestItem],
        outcome: Outcome,
    ) -> bool:
        """Raises NotDoneError, DocumentLeftError for what would not be true.

        And MoveRefusedError while it is not settled who asks, or who decides.
        """
        _check_document(request, outcome)
        with refusing():  # nobody is asked what the rules refuse anyway
            told = Told(reason="-", outcome=outcome, is_fulfilled=True)
            move(request.standing, Event.ANSWER, self._now(), told)
        if outcome in _SAYS_WHAT_THERE_IS:
            await self._look_again(by, request, items)
        await self._check_settled(request, items, outcome)
        if outcome is Outcome.NOTHING_HELD:
            await self._check_nothing(request, items)
        if outcome not in DONE_FIRST:
            return False
        await self._check_done(request, items, outcome)
        return True

    async def _check_settled(
        self, request: Request, items: Sequence[RequestItem], outcome: Outcome
    ) -> None:
        """What is begun was settled then; whatever came up since, it is told."""
        if outcome in _SAYS_WHAT_THERE_IS and not await self._is_begun(request):
            check_question(request, items)
        if outcome in _DECIDES:
            history = await self.requests.history(request.request_id)
            check_practices(self.parts.config.practices, items, history)

    async def _is_begun(self, request: Request) -> bool:
        async with self.requests.database.connection() as connection:
            return await is_begun(connection, self.requests.site, request.request_id)

    # --- What there is ----------------------------------------------------------------

    async def _look_again(
        self, by: Actor, request: Request, items: Sequence[RequestItem]
    ) -> None:
        """A call may have been taken over since it was received, or be just now.

        Calls first: one that is over by then has its recording found.
        """
        await self._check_no_call_runs(request)
        known = {each.recording_id for each in items}
        found = await self.find(by, request.told)
        new = [each for each in found if each.recording_id not in known]
        if not new:
            return
        async with self._moving(by, request.request_id, _MORE_FOUND) as opened:
            connection = opened.connection
            await connection.execute(QUERIES["lock_receipts"], self.requests.site)
            added = await self.requests.add_items(connection, request.request_id, new)
            await self._end_if_doubtful(opened)
        await self.parts.freezing.freeze(request.request_id, by.code)
        if added:
            raise NotDoneError(
                f"{len(added)} more recordings were found",
                field="items",
                fix="they are frozen now: do with them what is asked, or drop those "
                "that are not theirs",
            )

    async def _end_if_doubtful(self, opened: Opened) -> None:
        """What was just found may show that somebody else has the telephone as well."""
        which = (opened.connection, opened.request.request_id)
        if is_question_open(opened.request, await self.requests.items_in(*which)):
            await self._end_package(opened, "changed")

    async def _check_no_call_runs(self, request: Request) -> None:
        running = await self.parts.running.of(request.told.number)
        if not running:
            return
        last = self.requests.local(max(each.ends_by for each in running))
        fix = f"come back when it is over, at {last:%Y-%m-%d %H:%M} at the latest"
        if request.kind in _ENDS_CALLS:
            fix = f"carry it out: nothing is kept of their calls then; or {fix}"
        raise NotDoneError("a call of theirs may be recorded", field="items", fix=fix)

    async def _check_nothing(
        self, request: Request, items: Sequence[RequestItem]
    ) -> None:
        wanted = sum(each.state.is_wanted for each in items)
        if wanted:
            raise NotDoneError(
                f"{wanted} recordings are held",
                field="items",
                fix="answer what is asked of them, or drop those that are not theirs",
            )
        await self.parts.fulfilments.of(request.kind).check_nothing_held(request)

    # --- What was done ----------------------------------------------------------------

    async def _check_done(
        self, request: Request, items: Sequence[RequestItem], outcome: Outcome
    ) -> None:
        if any(each.state is ItemState.TO_FREEZE for each in items):
            raise NotDoneError(
                "not everything is frozen yet", field="items", fix="wait a minute"
            )
        done = await self.parts.fulfilments.of(request.kind).check_done(request)
        if done.is_partial and outcome is Outcome.GRANTED:
            raise NotDoneError(
                "it is done in part only",
                field="outcome",
                fix="answer it as partly, and say why",
            )

    async def _check_still_done(self, opened: Opened) -> None:
        fulfilment = self.parts.fulfilments.of(opened.request.kind)
        await fulfilment.check_still_done(opened.connection, opened.request)

    async def _check_unchanged(
        self, opened: Opened, request: Request, items: Sequence[RequestItem]
    ) -> None:
        now_there = await self.requests.items_in(opened.connection, request.request_id)
        if opened.request != request or _kept(now_there) != _kept(items):
            raise NotDoneError(
                "it was changed meanwhile", field="state", fix="look, and answer again"
            )


async def is_begun(
    connection: Connection,
    site: str,
    request_id: UUID,
    recording_id: UUID | None = None,
) -> bool:
    """Whether something was done to a recording of it and stays, or is being done.

    To that one, or to any.
    """
    which = (site, request_id, recording_id)
    return bool(await connection.fetchval(QUERIES["is_begun"], *which))


async def check_not_begun(
    opened: Opened, site: str, recording_id: UUID | None = None
) -> None:
    """What is begun is gone on with each minute, whatever is answered.

    Of a recording, or of all of them; under the request's lock, so that nothing is
    begun meanwhile. Raises MoveRefusedError.
    """
    request_id = opened.request.request_id
    if await is_begun(opened.connection, site, request_id, recording_id):
        raise MoveRefusedError(
            "what was asked is begun",
            field="state",
            fix="answer granted or partly; a restriction may be lifted first",
        )


def _check_document(request: Request, outcome: Outcome) -> None:
    """A document that was asked for and never came does not keep anybody waiting."""
    is_asked = request.document is Document.ASKED and outcome not in _UNPROVED
    if request.document is Document.SEEN or is_asked:
        raise DOCUMENT_LEFT


def _kept(items: Sequence[RequestItem]) -> set[tuple[UUID, bool, str | None]]:
    return {
        (each.recording_id, each.state.is_wanted, each.dropped_because)
        for each in items
    }
