"""A package leaves the house: once, to one who showed link and code, on the record.

Before the first byte, everything is looked at anew: whether the package is still what
it was, whether each recording may still be handed over. Then the trace says of every
recording that it was handed over, and only then is anything of it made.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from proxy.access.accounts.tokens import digest
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.trace import Trace
from proxy.errors import ObjectMissingError, RestrictedError
from proxy.rights.packages.archive import Archive, stream
from proxy.rights.packages.copying import Copying
from proxy.rights.packages.faults import (
    AlreadySendingError,
    LinkOverError,
    PackageOverError,
    TooManyDownloadsError,
)
from proxy.rights.packages.handing import is_to_be_handed_over
from proxy.rights.packages.keys import PackageKeys
from proxy.rights.packages.ports import PackageSurroundings
from proxy.rights.packages.ranges import Span, span_of
from proxy.rights.packages.store import QUERIES, Ended, Member, Package, PackageStore
from proxy.vault.recordings import Recording

PURPOSE = "access"
MOST_AT_ONCE = 4  # downloads of a site, on one replica
# Of a replica that died another takes over after so long.
_SENDER_FOR = timedelta(seconds=90)
_NOTED_EVERY = 32 * 1024 * 1024  # bytes
_LOOKED_EVERY = 1024 * 1024  # bytes of one recording; a minute of a telephone's sound
_TRACED_AT_ONCE = 200  # recordings; others wait for the trace meanwhile


@dataclass(frozen=True, slots=True)
class Fetched:
    """A part of a package that may leave; `tag` names these very bytes."""

    package: Package
    span: Span
    tag: str


class Sending:
    """One site's packages, on their way."""

    def __init__(self, given: PackageSurroundings, store: PackageStore) -> None:
        self._store = store
        self._requests = given.requests
        self._copying = Copying(given.vault)
        self._trace: Trace = given.trace
        self._turns = asyncio.Semaphore(MOST_AT_ONCE)

    async def look(
        self, ticket: str, wanted: str | None = None, if_range: str | None = None
    ) -> Fetched:
        """What would be sent, for the headers `Range` and `If-Range`.

        Raises LinkOverError, OutsideError; PackageOverError, and the package ends.
        """
        package = await self._store.by_ticket(digest(ticket))
        if package is None or package.size is None:
            raise LinkOverError(fix="ask for another link")
        await self._check_handed_over(package)
        await self._check_unchanged(package)
        tag = self._store.keys(package).tag
        is_of_these = if_range is None or if_range == f'"{tag}"'
        span = span_of(wanted if is_of_these else None, package.size)
        return Fetched(package, span, tag)

    async def _check_handed_over(self, package: Package) -> None:
        request = await self._requests.find(package.request_id)
        if not is_to_be_handed_over(request.standing):
            raise LinkOverError(fix="ask for another link")

    async def _check_unchanged(self, package: Package) -> None:
        if await self._are_gone(package, None):
            await self._end(package.package_id, Ended.GONE)
            raise PackageOverError(fix="ask the desk what became of it")

    async def _are_gone(self, package: Package, only: UUID | None) -> bool:
        """Whether one of its recordings is; or that one."""
        [row] = await self._store.rows(
            *("count_unavailable", package.package_id, self._store.clock(), only)
        )
        return bool(row["count"])

    async def _end(self, package_id: UUID, because: Ended) -> None:
        async with self._store.database.transaction() as connection:
            await self._store.end(connection, package_id, because)

    @asynccontextmanager
    async def sending(
        self, fetched: Fetched
    ) -> AsyncIterator[AsyncGenerator[bytes, None]]:
        """The bytes of the span; each counts as sent once the next is asked for.

        On leaving, what was sent is noted; when that was the last that was left, the
        package is over. Raises AlreadySendingError, TooManyDownloadsError, and what the
        trace raises: then nothing may be sent. The stream raises what stores raise, and
        PackageOverError for what was erased or dropped meanwhile.
        """
        if self._turns.locked():
            raise TooManyDownloadsError(fix="try again in a minute")
        async with self._turns:
            progress = await self._claim(fetched)
            try:
                await self._note_in_trace(fetched.package)
                async with aclosing(self._blocks(fetched, progress)) as blocks:
                    yield blocks
            finally:
                await asyncio.shield(self._let_go(progress))

    async def _claim(self, fetched: Fetched) -> "_Progress":
        now, sender = self._store.clock(), uuid4()
        claimed = await self._store.rows(
            *("claim_sending", fetched.package.package_id, sender),
            *(now, now + _SENDER_FOR),
        )
        if not claimed:
            raise AlreadySendingError(fix="wait until it ends, or a minute and a half")
        return _Progress(fetched.package.package_id, sender, fetched.span.start)

    async def _note_in_trace(self, package: Package) -> None:
        """Once for each recording and package, however often a download goes on.

        In the name of whoever issued the link: it was they who handed it out.
        """
        while rows := await self._store.rows(
            "next_to_trace", package.package_id, package.traced, _TRACED_AT_ONCE
        ):
            last = rows[-1]["place"]
            async with self._store.database.transaction() as connection:
                if await connection.fetchval(
                    QUERIES["set_traced"], self._store.site, package.package_id, last
                ):
                    for row in rows:
                        entry = Entry(
                            *(Act.EXPORTED, package.link_by, package.link_as),
                            *(row["recording_id"], PURPOSE),
                            about=str(package.package_id),
                        )
                        await self._trace.note_in(connection, entry)
            package = replace(package, traced=last)

    async def _blocks(
        self, fetched: Fetched, progress: "_Progress"
    ) -> AsyncGenerator[bytes, None]:
        left = fetched.span.stop - fetched.span.start
        archive = await self._archive(fetched.package)
        async with aclosing(stream(archive, fetched.span.start)) as blocks:
            async for block in blocks:
                yield block[:left]
                progress.at += min(left, len(block))
                left -= min(left, len(block))
                if not left:
                    return
                if progress.at - progress.noted >= _NOTED_EVERY:
                    await self._note_sent(progress)

    async def _archive(self, package: Package) -> Archive:
        members = await self._store.members(package.package_id)
        entries = [member.entry for member in members]
        keys = self._store.keys(package)
        return Archive(
            entries,
            package.made_at,
            keys.password,
            lambda index: keys.salt(index, entries[index]),
            partial(self._open, package, keys, members),
        )

    async def _open(
        self,
        package: Package,
        keys: PackageKeys,
        members: Sequence[Member],
        index: int,
    ) -> AsyncGenerator[bytes, None]:
        member = members[index]
        if member.recording_id is None or member.is_text:
            yield await self._text(package, keys, member)
            return
        try:
            recording = await self._copying.find(member.recording_id)
            cuts = await self._store.cuts(package.request_id, member.recording_id)
            # Whoever changes cuts ends it with that.
            await self._check_lives(package, recording.recording_id)
            copy = self._copying.open(recording, cuts, member.frames)
            async with aclosing(self._watched(copy, package, recording)) as pieces:
                async for piece in pieces:
                    yield piece
        except (ObjectMissingError, RestrictedError) as error:
            await self._end(package.package_id, Ended.GONE)
            raise PackageOverError from error

    async def _watched(
        self,
        copy: AsyncGenerator[bytes, None],
        package: Package,
        recording: Recording,
    ) -> AsyncGenerator[bytes, None]:
        """What becomes of a long recording while it leaves is looked at as well."""
        unwatched = 0
        async with aclosing(copy) as pieces:
            async for piece in pieces:
                if unwatched >= _LOOKED_EVERY:
                    await self._check_lives(package, recording.recording_id)
                    unwatched = 0
                yield piece
                unwatched += len(piece)

    async def _check_lives(self, package: Package, recording_id: UUID) -> None:
        """Of the recordings that one alone: each is looked at before it leaves."""
        if not await self._store.rows("find_lives", package.package_id):
            raise PackageOverError
        request = await self._requests.find(package.request_id)
        if not is_to_be_handed_over(request.standing):
            raise PackageOverError
        if await self._are_gone(package, recording_id):
            await self._end(package.package_id, Ended.GONE)
            raise PackageOverError

    async def _text(self, package: Package, keys: PackageKeys, member: Member) -> bytes:
        rows = await self._store.rows(
            "read_text", package.package_id, member.place, member.part
        )
        if not rows:
            raise PackageOverError
        return keys.unseal(member.entry.name, rows[0]["sealed"])

    async def _note_sent(self, progress: "_Progress") -> bool:
        """Whether that was the last of it."""
        rows = await self._store.rows(
            *("note_sent", progress.package_id, progress.sender),
            *(progress.noted, progress.at, self._store.clock() + _SENDER_FOR),
        )
        if not rows:
            raise PackageOverError
        progress.noted = progress.at
        return bool(rows[0]["is_whole"])

    async def _let_go(self, progress: "_Progress") -> None:
        try:
            if progress.at > progress.noted and await self._note_sent(progress):
                await self._finish(progress.package_id)
        except PackageOverError:
            return  # nothing is left to let go of
        finally:
            await self._store.rows(
                "release_sending", progress.package_id, progress.sender
            )

    async def _finish(self, package_id: UUID) -> None:
        now = self._store.clock()
        async with self._store.database.transaction() as connection:
            await connection.execute(
                QUERIES["set_fetched"], self._store.site, package_id, now
            )
            await self._store.end(connection, package_id, Ended.FETCHED)


@dataclass(slots=True)
class _Progress:
    """How far one download has come, and how much of that is noted."""

    package_id: UUID
    sender: UUID
    at: int
    noted: int = field(init=False)

    def __post_init__(self) -> None:
        self.noted = self.at
