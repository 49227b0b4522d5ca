"""Taking audio in: the one way, for what we fetch and for what is pushed to us.

1. Refuse: no committed RECORD, no announcement, no consent where it is asked for, or an
   outcome already: nothing is read. An outcome that comes meanwhile cuts it off.
2. Look at the clear audio as it streams: type by content, length, size.
3. Seal it as it streams, under a fresh key, to a durable object nobody owns yet; and
   have that key wrapped by the key of the day it must be gone.
4. One transaction: the recording's index, its wrapped key, the outcome and its leaf.

If step 4 fails for a reason we know, the object is removed at once. If the database's
answer was lost, or nobody waited for it, the transaction may have committed: the object
stays, and only the list of unfinished objects decides later.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from proxy.errors import (
    BadAudioError,
    DatabaseUnavailableError,
    NotAnnouncedError,
    NotConsentedError,
    NotDrawnError,
    OutcomeClosedError,
    PonctuelError,
    UnknownCallError,
)
from proxy.intake.audio import AudioFacts, AudioProbe
from proxy.intake.outcomes import Failure, Outcomes, close_call
from proxy.intake.store import DrawnCall, find_decision
from proxy.ledger.transaction import Ledger
from proxy.vault.day_keys import KeyMovedError
from proxy.vault.recordings import Captured, Enclosed, SealedObject, Vault

# A platform stops on its own clock; this much over the policy's length is not a fault.
OVERRUN_SECONDS = 5
# How often it is looked up, while audio arrives, whether anybody has objected since.
LOOKED_AGAIN_SECONDS = 2.0
_CLOSED_MEANWHILE = "the call was closed while it was taken over"


class Intake:
    """Where a site's audio comes in."""

    def __init__(
        self,
        ledger: Ledger,
        vault: Vault,
        outcomes: Outcomes,
        clock: Callable[[], datetime],
        max_bytes: int,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._vault = vault
        self._outcomes = outcomes
        self._clock = clock
        self._max_bytes = max_bytes

    async def admit(self, decision_id: UUID, connection_name: str) -> DrawnCall:
        """Step 1. Raises Unknown-, NotDrawn-, NotAnnounced- or OutcomeClosedError.

        NotConsentedError is a NotAnnouncedError.
        """
        async with self._ledger.database.transaction() as connection:
            call = await find_decision(connection, self._site, decision_id)
        if call is None or call.connection != connection_name:
            raise UnknownCallError("no call of this connection has that decision")
        if not call.is_record:
            raise NotDrawnError
        if call.outcome is not None:
            raise OutcomeClosedError(f"it is {call.outcome}")
        if call.lacks_opt_in:
            await self._outcomes.object(call)
            raise NotConsentedError(fix="send call.opt_in before the recording")
        if call.announced_at is None:
            await self._outcomes.fail(decision_id, Failure.ANNOUNCEMENT)
            raise NotAnnouncedError(fix="send call.announced before the recording")
        return call

    async def take(self, call: DrawnCall, clear_audio: AsyncIterator[bytes]) -> UUID:
        """Steps 2 to 4; return the recording's id."""
        watched = _Watched(
            self._while_wanted(call, clear_audio),
            AudioProbe(
                max_seconds=call.max_seconds + OVERRUN_SECONDS,
                max_bytes=self._max_bytes,
            ),
        )
        try:
            sealed = await self._vault.seal(watched.stream())
        except BadAudioError as error:
            await self._outcomes.refuse_media(call, error)
            raise
        try:
            await self._keep(call, sealed, watched.facts)
        except DatabaseUnavailableError:
            raise
        except PonctuelError:
            await self._vault.discard(sealed.recording_id)
            raise
        return sealed.recording_id

    async def _while_wanted(
        self, call: DrawnCall, clear_audio: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Cut off what is no longer wanted: no object waits for the end of a slow one.

        The last word is `_keep_enclosed`'s; a database that is away is asked again.
        """
        loop = asyncio.get_running_loop()
        look_at = loop.time() + LOOKED_AGAIN_SECONDS
        async for piece in clear_audio:
            if loop.time() >= look_at:
                look_at = loop.time() + LOOKED_AGAIN_SECONDS
                with suppress(DatabaseUnavailableError):
                    await self._check_wanted(call.decision_id)
            yield piece

    async def _check_wanted(self, decision_id: UUID) -> None:
        async with self._ledger.database.transaction() as connection:
            call = await find_decision(connection, self._site, decision_id)
        if call is None or not call.may_be_recorded:
            raise OutcomeClosedError(_CLOSED_MEANWHILE)

    async def _keep(
        self, call: DrawnCall, sealed: SealedObject, facts: AudioFacts
    ) -> None:
        captured = Captured(
            decision_id=call.decision_id,
            draw_seq=call.draw_seq,
            media_type=facts.media_type,
            seconds=facts.seconds,
            channels=facts.channels,
            purpose=call.purpose,
        )
        enclosed = await self._vault.enclose(sealed, call.kept_days)
        try:
            await self._keep_enclosed(enclosed, captured)
        except KeyMovedError:  # renewed in between, which happens once a night
            enclosed = await self._vault.enclose(sealed, call.kept_days)
            await self._keep_enclosed(enclosed, captured)

    async def _keep_enclosed(self, enclosed: Enclosed, captured: Captured) -> None:
        async with self._ledger.transaction() as change:
            call = await find_decision(
                change.connection, self._site, captured.decision_id
            )
            if call is None or not call.may_be_recorded:
                raise OutcomeClosedError(_CLOSED_MEANWHILE)
            await self._vault.keep(change, enclosed, captured)
            await close_call(change, call, "recorded", None, self._clock())


class _Watched:
    """A stream of clear audio and, once it has ended, what it was."""

    def __init__(self, clear_audio: AsyncIterator[bytes], probe: AudioProbe) -> None:
        self._clear_audio = clear_audio
        self._probe = probe
        self._facts: AudioFacts | None = None

    @property
    def facts(self) -> AudioFacts:
        if self._facts is None:
            raise RuntimeError("the stream has not ended")
        return self._facts

    async def stream(self) -> AsyncIterator[bytes]:
        async for chunk in self._clear_audio:
            self._probe.feed(chunk)
            yield chunk
        self._facts = self._probe.finish()
