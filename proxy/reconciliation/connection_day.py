"""One connection's day: its platform's lists against our binds and draws.

1. The part of the day in which the connection asked us about its calls.
2. The platform's lists, read to their end and believed, or nothing is claimed.
3. Its calls and our binds, one to one. What a list lacks is counted, never acted on.
4. Its recordings and our draws: what nobody drew is purged unheard, and waited for.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256

from proxy.errors import PonctuelError
from proxy.intake.sightings import Sightings, Source
from proxy.intake.store import DrawnCall
from proxy.platforms.base import CallLists, ListedRecording
from proxy.reconciliation.calls import BoundCalls, Names
from proxy.reconciliation.comparing import (
    CLOCK_SLACK,
    Comparison,
    RootCall,
    check_plausible,
    counted,
    normalised,
    of_period,
    unlisted,
)
from proxy.reconciliation.listing import Listing, read_day
from proxy.reconciliation.recordings import Found, Recordings
from proxy.reconciliation.reports import ComparedDay, RecordingCounts
from proxy.reconciliation.results import Results
from proxy.reconciliation.runs import Look, Run, Runs


def _ignored(_: object) -> None:
    """For those who want to hear nothing."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Who wants every line of the normalised list, or how many rows are read.

    Lines are given in another thread.
    """

    on_line: Callable[[bytes], object] = _ignored
    on_rows: Callable[[int], None] = _ignored


_OBSERVED_AT_ONCE = 1000


class CannotReconcileError(PonctuelError):
    """This day cannot be reconciled."""

    status = 409
    error_id = "cannot-reconcile"


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def end_of(day: date) -> datetime:
    return start_of(day) + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """What of a day is compared: from `since` on the connection asked us."""

    day: date
    since: datetime
    is_first_look: bool

    @property
    def start(self) -> datetime:
        return start_of(self.day)

    @property
    def end(self) -> datetime:
        return end_of(self.day)

    def has(self, moment: datetime) -> bool:
        return moment >= self.since - CLOCK_SLACK


@dataclass(slots=True, kw_only=True)
class ConnectionDays:
    """Compares days of one site's connections."""

    calls: BoundCalls
    recordings: Recordings
    runs: Runs
    results: Results
    sightings: Sightings
    clock: Callable[[], datetime]

    async def compare(
        self, look: Look, names: Names, lists: CallLists, listener: Listener
    ) -> ComparedDay:
        """Compare, settle and store.

        Raises CannotReconcile-, SourceUnavailable-, ListNotBelieved- and
        ForbiddenSourceError: then nothing was concluded and nothing done.
        """
        period = await self._period(look)
        listing = await read_day(lists, look.day, listener.on_rows)
        keys = await self._keys(names, listing)
        # In threads: a hundred thousand calls take a while, and others must be drawn.
        listed, known = await asyncio.to_thread(_listed, listing, period, keys)
        comparison = Comparison(
            calls=len(listed),
            platform_only=len(listed.keys() - known),
            **await self._ours(names.connection, period, set(keys.values())),
        )
        check_plausible(comparison)
        digest = await asyncio.to_thread(
            _digest, normalised(names.connection, listed), listener.on_line
        )
        run = await self.runs.begin(look, self.clock())
        done = ComparedDay(
            connection=look.connection,
            day=look.day,
            source=look.source,
            comparison=comparison,
            recordings=await self._settle(names, period, listing, run),
            export_sha256=digest,
        )
        return await self.results.keep_day(look, done, self.clock())

    async def _period(self, look: Look) -> Period:
        """1. Before its first call a platform's recordings were none of our business.

        Recordings from before it was connected must not be taken for unsolicited ones.
        """
        day, connection = look.day, look.connection
        is_known, is_known_before = await self.results.known(
            connection, look.source, day
        )
        since: datetime | None = start_of(day)
        if not is_known_before:
            since = await self.calls.first_bound(connection, start_of(day), end_of(day))
        if since is None:
            raise CannotReconcileError(
                f"no call of {connection} was bound on {day}, nor before",
                fix="reconcile from the first day on which the platform asked",
            )
        return Period(day, since, not is_known)

    async def _keys(self, names: Names, listing: Listing) -> dict[str, bytes]:
        """Of all ids listed those that lead to a bound call, and to which."""
        starts = await asyncio.to_thread(listing.starts)
        return {
            name: call.call_key async for name, call in self.calls.find(names, starts)
        }

    async def _ours(
        self, connection: str, period: Period, listed: Collection[bytes]
    ) -> dict[str, int]:
        """3. Of the calls we bound, how many are not listed."""
        bound, lacking = 0, []
        async for key, bound_at in self.calls.bound_in(
            connection, period.since, period.end
        ):
            bound += 1
            if key not in listed:
                lacking.append(bound_at)
        ledger_only, undecided = unlisted(lacking, period.start, period.end)
        return {"bound": bound, "ledger_only": ledger_only, "undecided": undecided}

    async def _settle(
        self, names: Names, period: Period, listing: Listing, run: Run
    ) -> RecordingCounts:
        """4. What is listed is judged by its call's draw, whenever that call was."""
        held = list(listing.recordings.values())
        nowhere = listing.recorded_nowhere()
        recordings = [each for each in held + nowhere if period.has(each.started_at)]
        calls = await self._drawn_calls(names, listing, recordings)
        found = [
            Found(
                recording=each,
                call=calls.get(each.call_id)
                or calls.get(listing.root_of(each.call_id)),
                reference=_reference(names, each),
            )
            for each in recordings
        ]
        await self._observe(found)
        return await self.recordings.settle(
            names.connection,
            # Whoever recorded on our word and says no more than that has done nothing.
            [each for each in found if each.recording.source_ref or not each.is_drawn],
            run,
            is_first_look=period.is_first_look,
        )

    async def _observe(self, found: Sequence[Found]) -> None:
        """Which calls were recorded, by the platform's own word: the monitors judge."""
        keys = list({each.call.call_key for each in found if each.call})
        for first in range(0, len(keys), _OBSERVED_AT_ONCE):
            some = keys[first : first + _OBSERVED_AT_ONCE]
            await self.sightings.observe(some, Source.CDR)

    async def _drawn_calls(
        self, names: Names, listing: Listing, recordings: Sequence[ListedRecording]
    ) -> dict[str, DrawnCall]:
        wanted = {
            name: each.started_at
            for each in recordings
            for name in (each.call_id, listing.root_of(each.call_id))
        }
        return {
            name: call
            async for name, call in self.calls.find(names, list(wanted.items()))
        }


def _listed(
    listing: Listing, period: Period, keys: Iterable[str]
) -> tuple[dict[str, RootCall], set[str]]:
    """The calls to compare, and those of all calls listed that were bound."""
    roots = of_period(listing.roots(), period.since, period.start, period.end)
    known = {listing.root_of(name) for name in keys}
    return counted(roots, known), known


def _digest(lines: Iterable[bytes], on_line: Callable[[bytes], object]) -> str:
    digest = sha256()
    for line in lines:
        digest.update(line)
        on_line(line)
    return digest.hexdigest()


def _reference(names: Names, recording: ListedRecording) -> str:
    """A keyed name, of no use to anybody once its week's tag key is gone."""
    named = recording.source_ref or recording.call_id
    return names.of(named, recording.started_at)[-1].hex()
