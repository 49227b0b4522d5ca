"""A platform's lists of one day, read to their end before anything is concluded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from proxy.errors import ListNotBelievedError
from proxy.platforms.base import CallLists, ListedCall, ListedRecording
from proxy.reconciliation.comparing import (
    MOST_LISTED,
    RootCall,
    by_call_id,
    by_reference,
    root_calls,
    root_of,
)

_BREATH = 200  # rows, after which others have their turn

_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Listing:
    """What a platform lists of one day.

    `parents` leads from each leg to the call it belongs to, perhaps a leg itself.
    """

    rows: dict[str, ListedCall]
    recordings: dict[str, ListedRecording]
    parents: dict[str, str]

    def root_of(self, call_id: str) -> str:
        return root_of(call_id, self.parents)

    def starts(self) -> list[tuple[str, datetime]]:
        """Every id that is named, also by legs alone, and when its call began."""
        started = {name: row.started_at for name, row in self.rows.items()}
        for name, parent in self.parents.items():
            started.setdefault(parent, started[name])
        return list(started.items())

    def roots(self) -> dict[str, RootCall]:
        recorded = {each.call_id for each in self.recordings.values()}
        return root_calls(self.rows, self.parents, recorded)

    def recorded_nowhere(self) -> list[ListedRecording]:
        """Recordings the platform admits to without saying where they are."""
        placed = {self.root_of(each.call_id) for each in self.recordings.values()}
        return [
            ListedRecording(
                source_ref="",
                call_id=name,
                started_at=row.started_at,
                is_held=False,
            )
            for name, row in self.rows.items()
            if row.is_recorded and self.root_of(name) not in placed
        ]


async def read_day(
    lists: CallLists, day: date, on_rows: Callable[[int], None]
) -> Listing:
    """Both lists; `on_rows` is told now and then how many rows there are so far.

    Raises SourceUnavailable-, ListNotBelieved- or ForbiddenSourceError.
    """
    listed = await _all(lists.calls_of(day), on_rows)
    rows = await asyncio.to_thread(by_call_id, listed)
    parents = {
        name: row.root_call_id for name, row in rows.items() if row.root_call_id != name
    }
    recordings = by_reference(await _all(lists.recordings_of(day), on_rows), parents)
    return Listing(rows, recordings, parents)


async def _all(
    listed: AsyncIterator[_Row], on_rows: Callable[[int], None]
) -> list[_Row]:
    rows: list[_Row] = []
    async for row in listed:
        rows.append(row)
        if len(rows) > MOST_LISTED:
            raise ListNotBelievedError(f"more than {MOST_LISTED} rows")
        if len(rows) % _BREATH == 0:
            on_rows(len(rows))
            await asyncio.sleep(0)
    return rows
