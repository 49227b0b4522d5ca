"""Rectification (GDPR Art. 16): a statement beside the recording, which stays as it is.

What somebody said cannot be made to have been something else. So the person's words
are attached, and shown to whoever listens.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from proxy.access.permissions import Actor
from proxy.rights.outcomes.wants import Wanted, Wants, What
from proxy.vault.statements import Statements


class Rectifying:
    """One site's recordings with something to be said about them."""

    def __init__(
        self, wants: Wants, statements: Statements, clock: Callable[[], datetime]
    ) -> None:
        self._wants = wants
        self._statements = statements
        self._clock = clock

    async def attach(
        self, by: Actor, request_id: UUID, recording_id: UUID, text: str
    ) -> None:
        """Attach the person's words to a recording of their request, or change them.

        Raises UnknownRequestError, MoveRefusedError, StatementError, StorageError.
        """
        now = self._clock()
        await self._wants.note(
            by, request_id, What.RECTIFICATION, now, only=[recording_id]
        )
        await self._statements.attach(recording_id, request_id, text)
        for each in await self.of(request_id):
            if each.recording_id == recording_id:
                await self._wants.note_done(each, now)

    async def of(self, request_id: UUID) -> Sequence[Wanted]:
        return await self._wants.of(request_id, What.RECTIFICATION)

    async def texts(self, request_id: UUID) -> Sequence[str]:
        """What was attached with a request and is still there; each text once.

        Raises StorageError.
        """
        said = [
            statement.text
            for each in await self.of(request_id)
            if each.is_there and not each.is_doomed
            for statement in await self._statements.of(each.recording_id)
            if statement.request_id == request_id
        ]
        return list(dict.fromkeys(said))

    async def tend(self) -> None:
        """A wish whose recording went before words were attached ends undone."""
        for each in await self._wants.running(What.RECTIFICATION):
            if not each.is_there:
                await self._wants.note_ended(each, self._clock())
