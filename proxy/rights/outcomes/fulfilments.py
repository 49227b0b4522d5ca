"""When the desk may say that it is done, and what its letter states."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from typing_extensions import override

from proxy.database.pool import Connection
from proxy.letters import facts
from proxy.rights.faults import NotDoneError
from proxy.rights.fulfilling import Done
from proxy.rights.outcomes.erasing import Erasing
from proxy.rights.outcomes.recipients import Recipients, Told
from proxy.rights.outcomes.rectifying import Rectifying
from proxy.rights.outcomes.restricting import LIFTED, Restricting
from proxy.rights.outcomes.wants import Fate, Wanted, What
from proxy.rights.records import Request
from proxy.rights.requests import Requests
from retention.holds import Authority
from retention.rights.deadlines import Kind

_TURNS = frozenset({What.RESTRICTION.value, LIFTED})
_NOT_LASTING = NotDoneError(
    "it was lifted",
    field="recordings",
    fix="restrict it again; where a recipient knows that it ended, refuse, and say why",
)


@dataclass(frozen=True, slots=True)
class Common:
    """What is the same for all of them."""

    requests: Requests
    recipients: Recipients
    clock: Callable[[], datetime]

    async def check(self, request: Request, wanted: Sequence[Wanted]) -> Done:
        """Nothing of the request is left out, and each is done or kept by the law."""
        asked = {each.recording_id for each in wanted}
        open_ones = [
            item
            for item in await self.requests.items(request.request_id)
            if item.state.is_wanted and item.recording_id not in asked
        ]
        pending = [each for each in wanted if each.fate is Fate.PENDING]
        if open_ones or pending:
            raise NotDoneError(
                f"{len(open_ones)} not begun, {len(pending)} under way",
                field="recordings",
                fix="carry it out first; what is under way is tried each minute, and "
                "waits for other requests about the same recordings",
            )
        return _done(wanted)

    async def told(self, request: Request) -> int:
        """How many recipients were told so far."""
        notices = await self.recipients.notices(request.request_id)
        return len({each.recipient for each in notices if each.outcome is Told.TOLD})

    def day(self, moments: Collection[datetime]) -> date:
        """The last of them, as the clock on the site's wall has it; today without."""
        return self.requests.local(max(moments, default=self.clock())).date()


def _done(wanted: Sequence[Wanted]) -> Done:
    done = sum(each.fate is Fate.DONE for each in wanted)
    return Done(done, any(each.fate is Fate.BLOCKED for each in wanted))


def _moments(wanted: Sequence[Wanted]) -> list[datetime]:
    return [each.done_at for each in wanted if each.done_at]


class _AnsweredAtOnce:
    """What is done when it is answered has no delivery."""

    async def check_still_done(self, _: Connection, _request: Request) -> None:
        """Nothing brings back what is erased, or takes words away from a recording."""

    async def is_over(self, _request: Request) -> bool:
        return True

    async def end(self, _request: Request) -> None:
        """What is still to be done goes on without the request."""


class _OfRecordingsAlone(_AnsweredAtOnce):
    """Without recordings there is nothing to do."""

    async def check_nothing_held(self, _request: Request) -> None:
        return


class Erased(_AnsweredAtOnce):
    """Of requests of erasure, and of objection."""

    def __init__(self, common: Common, erasing: Erasing) -> None:
        self._common = common
        self._erasing = erasing

    async def check_done(self, request: Request) -> Done:
        """Raises NotDoneError."""
        await self._erasing.check_listed(request)
        wanted = await self._erasing.of(request.request_id)
        return await self._common.check(request, wanted)

    async def check_nothing_held(self, request: Request) -> None:
        """Whoever objects is to stay unrecorded. Raises NotDoneError."""
        await self._erasing.check_listed(request)

    async def facts(self, request: Request, head: Mapping[str, Any]) -> facts.Facts:
        wanted = await self._erasing.of(request.request_id)
        blocked = [each for each in wanted if each.fate is Fate.BLOCKED]
        kept = [each for each in blocked if each.authority is not Authority.RESTRICTION]
        ends = [each.until for each in kept if each.until]
        stated = dict(head) | {
            "destroyed": _done(wanted).recordings,
            "done_on": self._common.day(_moments(wanted)),
            "kept": len(kept),
            "kept_until": self._common.day(ends) if ends else None,
            "restricted": len(blocked) - len(kept),
            "told": await self._common.told(request),
            "grounds": request.told.grounds,
        }
        if request.kind is not Kind.OBJECTION:
            return facts.DoneErasure(**stated)
        until = await self._erasing.listed_until(request)
        return facts.DoneObjection(**stated, not_drawn_until=until)


class Restricted(_OfRecordingsAlone):
    """Of requests of restriction."""

    def __init__(self, common: Common, restricting: Restricting) -> None:
        self._common = common
        self._restricting = restricting

    async def check_done(self, request: Request) -> Done:
        """Raises NotDoneError, also for what was lifted, and where nothing is left."""
        wanted = await self._restricting.of(request.request_id)
        _check_lasts(wanted)
        done = await self._common.check(request, wanted)
        is_partial = done.is_partial or any(each.ended_at for each in wanted)
        if not done.recordings and not is_partial:
            raise NotDoneError(
                "nothing is restricted",
                field="recordings",
                fix="say that nothing is held",
            )
        return Done(done.recordings, is_partial)

    @override
    async def check_still_done(self, connection: Connection, request: Request) -> None:
        """Whoever lifts notes it under this lock first. Raises NotDoneError."""
        which = connection, request.request_id
        history = await self._common.requests.history_in(*which)
        turns = [line.event for line in history if line.event in _TURNS]
        if turns[-1:] == [LIFTED]:
            raise _NOT_LASTING
        _check_lasts(await self._restricting.of_in(*which))

    async def facts(self, request: Request, head: Mapping[str, Any]) -> facts.Facts:
        """As it stood when it was answered: read again, the letter says no less."""
        at = request.standing.answered_at or self._common.clock()
        wanted = await self._restricting.of(request.request_id)
        lasting = [each for each in wanted if _is_restricted(each, at)]
        return facts.DoneRestriction(
            **head,
            recordings=len(lasting),
            done_on=self._common.day(_moments(lasting)),
            told=await self._common.told(request),
            grounds=request.told.grounds,
        )


def _check_lasts(wanted: Sequence[Wanted]) -> None:
    """What went by itself is no restriction that was lifted. Raises NotDoneError."""
    for each in wanted:
        if each.fate is Fate.ENDED and each.is_there and not each.is_doomed:
            raise _NOT_LASTING


def _is_restricted(wanted: Wanted, at: datetime) -> bool:
    if wanted.done_at is None or wanted.done_at > at:
        return False
    return wanted.ended_at is None or wanted.ended_at > at


class Rectified(_OfRecordingsAlone):
    """Of requests of rectification: at least one recording has a statement."""

    def __init__(self, common: Common, rectifying: Rectifying) -> None:
        self._common = common
        self._rectifying = rectifying

    async def check_done(self, request: Request) -> Done:
        """Raises NotDoneError. People choose which of their recordings it is about."""
        wanted = await self._rectifying.of(request.request_id)
        done = _done(wanted)
        if not done.recordings or any(each.fate is Fate.PENDING for each in wanted):
            raise NotDoneError(
                "no statement is attached", field="statement", fix="attach it first"
            )
        is_partial = any(each.fate is Fate.ENDED for each in wanted)
        return Done(done.recordings, is_partial)

    async def facts(self, request: Request, head: Mapping[str, Any]) -> facts.Facts:
        wanted = await self._rectifying.of(request.request_id)
        texts = await self._rectifying.texts(request.request_id)
        return facts.DoneRectification(
            **head,
            recordings=_done(wanted).recordings,
            done_on=self._common.day(_moments(wanted)),
            told=await self._common.told(request),
            grounds=request.told.grounds,
            statement="\n\n".join(texts),
        )
