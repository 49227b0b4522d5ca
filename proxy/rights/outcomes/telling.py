"""The letter to somebody who was given a recording: what has become of it (Art. 19)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from proxy.access.permissions import Actor
from proxy.letters.facts import RecipientsNotice
from proxy.rights.outcomes.recipients import Notice, NoticeError, Recipients
from proxy.rights.outcomes.rectifying import Rectifying
from proxy.rights.outcomes.wants import Wants, What
from proxy.rights.records import Request
from proxy.rights.wording import Wording


class Telling:
    """One site's letters to recipients; what became of them `Recipients` notes."""

    def __init__(
        self,
        wants: Wants,
        wording: Wording,
        recipients: Recipients,
        rectifying: Rectifying,
        clock: Callable[[], datetime],
    ) -> None:
        self._wants = wants
        self._wording = wording
        self._recipients = recipients
        self._rectifying = rectifying
        self._clock = clock

    async def letter(self, by: Actor, request_id: UUID, recipient: str) -> str:
        """About all that they were given of a request; nothing says whose it was.

        It may have a person's statement in it, so that it was read is on the trace.
        Raises UnknownRequestError, OwnRequestError, NoLetterheadError, LetterFactError,
        NoticeError where there is nothing to tell them.
        """
        requests = self._wants.requests
        request = await requests.find(request_id)
        self._wants.check_not_own(by, request)
        theirs = [
            each
            for each in await self._recipients.notices(request_id)
            if each.recipient == recipient
        ]
        if not theirs:
            raise NoticeError(field="recipient", fix="choose one of the request's")
        letter = self._wording.letter(request, await self._facts(request, theirs))
        async with requests.database.transaction() as connection:
            await self._wants.note_act(connection, by, request_id, "notice-read")
        return letter

    async def _facts(
        self, request: Request, theirs: Sequence[Notice]
    ) -> RecipientsNotice:
        lifted = [each for each in theirs if each.is_lifting]
        done_at = max(each.done_at for each in lifted or theirs)
        is_stated = theirs[0].what is What.RECTIFICATION
        texts = await self._rectifying.texts(request.request_id) if is_stated else ()
        return RecipientsNotice(
            desk=self._wording.desk,
            reference=request.reference,
            written_on=self._wording.day(self._clock()),
            kind=request.kind.value,
            recipient=theirs[0].recipient,
            recordings=tuple(
                dict.fromkeys(str(each.recording_id) for each in lifted or theirs)
            ),
            is_lifted=bool(lifted),
            done_on=self._wording.day(done_at),
            statement="\n\n".join(texts),
        )
