"""What forgetting needs from outside, and the guarantees it relies on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Doomed:
    """A recording whose destruction has been decided and made durable."""

    recording_id: UUID
    draw_seq: int
    expires_at: datetime


class RecordingShelf(Protocol):
    """Recordings, as something that can be destroyed step by step."""

    async def doom_due(self, now: datetime, limit: int) -> Sequence[Doomed]:
        """Mark what has expired, durably, and return it, oldest expiry first.

        Whatever an earlier run marked and did not finish is returned as well; at most
        `limit` in all.
        """
        ...

    async def destroy_object(self, doomed: Doomed) -> bool:
        """Delete the sealed bytes; True only when reading back shows they are gone."""
        ...

    async def write_receipts(self, gone: Sequence[Doomed], now: datetime) -> int:
        """Delete keys and index, append one receipt each, in one transaction.

        Returns the number of receipts: one that another sweep has written is not ours.
        """
        ...


class DayKeys(Protocol):
    """The wrapping keys, as something that can be destroyed day by day."""

    async def living_days(self) -> Sequence[date]:
        """Days whose key is not known to be destroyed, oldest first."""
        ...

    async def destroy_day(self, day: date) -> bool:
        """Destroy the key, verify that, append the receipt; False if it lives."""
        ...
