"""What forgetting needs from outside, and the guarantees it relies on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from retention.keys import DayKey


@dataclass(frozen=True, slots=True)
class Doomed:
    """A recording whose destruction has been decided and made durable."""

    recording_id: UUID
    draw_seq: int
    due_at: datetime


class RecordingShelf(Protocol):
    """Recordings, as something that can be destroyed step by step."""

    async def doom_due(self, now: datetime, limit: int) -> Sequence[Doomed]:
        """Mark what is due, durably, and return it, what is due longest first.

        Whatever an earlier run marked and did not finish is returned as well; at most
        `limit` in all.
        """
        ...

    async def destroy_object(self, doomed: Doomed) -> bool:
        """Delete the sealed bytes; True only when reading back shows they are gone."""
        ...

    async def can_be_asked(self) -> bool:
        """Whether the store of sealed bytes answers at all."""
        ...

    async def remember(self, gone: Sequence[Doomed], now: datetime) -> Sequence[Doomed]:
        """Note where no restore reaches what dies before its day; return what is noted.

        What dies with its day's key needs no note, and is returned as well. The rest
        may not go on: it could come back.
        """
        ...

    async def write_receipts(self, told: Sequence[Doomed], now: datetime) -> int:
        """Delete keys and index, append one receipt each, in one transaction.

        Returns the number of receipts: one that another sweep has written is not ours.
        """
        ...


class Documents(Protocol):
    """What was written about recordings, as something that can be destroyed."""

    async def doom_due(self, now: datetime, limit: int) -> Sequence[UUID]:
        """Mark what is due, durably, and return it with what an earlier run left."""
        ...

    async def remember(self, doomed: Sequence[UUID], now: datetime) -> Sequence[UUID]:
        """Note what dies before its day, as with recordings; return what may go on."""
        ...

    async def empty(self, doomed: Sequence[UUID]) -> None:
        """Destroy what the documents say."""
        ...

    async def delete(self, emptied: Sequence[UUID], now: datetime) -> int:
        """Delete keys and index of what is empty, in one transaction; return how many.

        One that another sweep has deleted is not ours.
        """
        ...


class Holds(Protocol):
    """What defers the end of recordings, one by one."""

    async def end_due(self, now: datetime) -> int:
        """End the holds that are over, so that their recordings' own end applies."""
        ...


class Keys(Protocol):
    """The wrapping keys, as something that can be destroyed day by day."""

    async def living(self) -> Sequence[DayKey]:
        """Keys not known to be destroyed, oldest first."""
        ...

    async def destroy(self, key: DayKey) -> bool:
        """Destroy the key, verify that, append the receipt; False if it lives."""
        ...

    async def stale(self, now: datetime) -> Sequence[DayKey]:
        """Keys under which something died early, and that must be renewed now."""
        ...

    async def renew(self, key: DayKey) -> bool:
        """Move what is left under the key to a newer generation, and destroy it.

        False if it lives.
        """
        ...
