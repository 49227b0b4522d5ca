"""Hand over what was asked for, destroy the rest.

The recording folder is the queue, so nothing is lost or kept by a crash: what still has
its note is looked at again. A capture goes
  1. unread, when nobody asked for it or the service does not want it;
  2. after the service has sealed it;
  3. after `Patience.keep_for` without an answer: clear audio is not left lying about.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from proxy.errors import BadAudioError
from proxy.ship.spool import Capture, Spool, open_ordinary
from proxy.ship.stereo import stereo_samples
from proxy.ship.ticket import Ticket
from proxy.ship.upload import Uploader, Verdict
from proxy.ship.wav import stereo_wav

Clock = Callable[[], datetime]

_FIRST_WAIT: Final = timedelta(seconds=1)
# Within a minute of an objection nothing is left: so it is heard of in half of one.
_LONGEST_WAIT: Final = timedelta(seconds=30)
_SWEEP_EVERY: Final = timedelta(minutes=1)


class Fate(Enum):
    """What became of a capture. All but `WAITING` end with its removal."""

    DELIVERED = "delivered"
    REFUSED = "refused"  # by the service, unread
    UNASKED = "unasked"  # no decision in its note, unread
    EMPTY = "empty"  # nobody spoke
    UNREADABLE = "unreadable"  # wanted, but damaged or in another codec
    LEFTOVER = "leftover"  # a note whose audio was removed before a crash
    OVERDUE = "overdue"  # could not be delivered for too long
    ORPHANED = "orphaned"  # audio that no note names: rtpengine died mid-call
    WAITING = "waiting"


_LOUD: Final = frozenset({Fate.UNREADABLE, Fate.OVERDUE, Fate.ORPHANED, Fate.WAITING})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the shipper waits, and for what.

    Four hours after a call was bound the service closes its outcome and takes nothing
    any more, so there is no reason to keep clear audio for longer.
    """

    poll_every: timedelta = timedelta(seconds=1)
    keep_for: timedelta = timedelta(hours=4)
    orphaned_after: timedelta = timedelta(minutes=5)


class Shipper:
    """Works through one recording folder, round after round."""

    def __init__(
        self,
        spool: Spool,
        uploader: Uploader,
        patience: Patience,
        log: FilteringBoundLogger,
        clock: Clock,
    ) -> None:
        self._spool = spool
        self._uploader = uploader
        self._patience = patience
        self._log = log
        self._clock = clock
        self._waits: dict[Path, _Wait] = {}
        self._swept_at: datetime | None = None
        self.counts: Counter[Fate] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Rounds until `stop` is set; the recording being sent is finished first."""
        while not stop.is_set():
            await self.round(stop)
            try:
                async with asyncio.timeout(self._patience.poll_every.total_seconds()):
                    await stop.wait()
            except TimeoutError:
                continue

    async def round(self, stop: asyncio.Event) -> None:
        """Every finished capture that is due, oldest first; then the orphans."""
        captures = self._spool.finished()
        for capture in captures:
            if stop.is_set() or not await self._settle_if_due(capture):
                break
        left = {capture.note for capture in captures if capture.note.exists()}
        self._waits = {note: self._waits[note] for note in left & self._waits.keys()}
        self.counts[Fate.WAITING] = len(left)
        self._sweep_orphans()

    async def _settle_if_due(self, capture: Capture) -> bool:
        """False when the service does not answer: no use in offering the next one."""
        wait = self._waits.get(capture.note)
        if wait is not None and self._clock() < wait.until:
            return True
        verdict, fate = await self._settle(capture)
        is_done = fate is not Fate.WAITING and self._remove(capture)
        if not is_done:
            self._waits[capture.note] = _Wait.after(wait, self._clock())
        self._report(fate if is_done else Fate.WAITING, capture.ticket)
        return verdict is not Verdict.UNREACHABLE

    async def _settle(self, capture: Capture) -> tuple[Verdict | None, Fate]:
        if capture.audio is None or capture.audio_bytes() is None:
            return None, Fate.LEFTOVER
        if capture.ticket is None:
            return None, Fate.UNASKED
        if capture.is_empty:
            return None, Fate.EMPTY
        if self._clock() - capture.finished_at > self._patience.keep_for:
            return None, Fate.OVERDUE
        return await self._offer(capture.audio, capture.ticket)

    async def _offer(self, audio: Path, ticket: Ticket) -> tuple[Verdict | None, Fate]:
        def make_audio() -> bytes:
            with open_ordinary(audio) as raw_capture:
                return stereo_wav(stereo_samples(raw_capture, ticket))

        try:
            verdict = await self._uploader.offer(ticket.decision_id, make_audio)
        except BadAudioError:
            return None, Fate.UNREADABLE
        fates = {Verdict.TAKEN: Fate.DELIVERED, Verdict.REFUSED: Fate.REFUSED}
        return verdict, fates.get(verdict, Fate.WAITING)

    def _remove(self, capture: Capture) -> bool:
        """A removal that failed is tried again, and is never counted as done."""
        try:
            capture.remove()
        except OSError as error:
            self._log.error("capture:not-removed", reason=error.strerror)
            return False
        return True

    def _sweep_orphans(self) -> None:
        now = self._clock()
        if self._swept_at is not None and now - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = now
        for orphan in self._spool.orphans(now - self._patience.orphaned_after):
            orphan.unlink(missing_ok=True)
            self._report(Fate.ORPHANED, None)

    def _report(self, fate: Fate, ticket: Ticket | None) -> None:
        """The decision id is the only name that a call has in the log."""
        self.counts[fate] += 1
        write = self._log.warning if fate in _LOUD else self._log.info
        write(f"capture:{fate.value}", decision_id=ticket and ticket.decision_id)


@dataclass(frozen=True, slots=True)
class _Wait:
    """How long a capture waits for its next offer: twice as long each time."""

    length: timedelta
    until: datetime

    @classmethod
    def after(cls, earlier: "_Wait | None", now: datetime) -> "_Wait":
        length = min(2 * earlier.length, _LONGEST_WAIT) if earlier else _FIRST_WAIT
        return cls(length, now + length)
