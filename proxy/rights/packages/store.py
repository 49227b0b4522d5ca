"""Packages as they are written down: rows in, records out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Self
from uuid import UUID

import asyncpg

from proxy.access.permissions import Actor, Role
from proxy.access.surroundings import Seal
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection, SiteDatabase
from proxy.errors import PonctuelError
from proxy.rights.packages.archive import Entry
from proxy.rights.packages.audio import RECIPE
from proxy.rights.packages.faults import NoPackageError, PackageOverError
from proxy.rights.packages.keys import PackageKeys
from proxy.rights.packages.muting import Cut, Why

QUERIES = queries_beside(__file__)


class Ended(StrEnum):
    """Why a package can be made no more."""

    FETCHED = "fetched"
    LINK_OVER = "link-over"
    CHANGED = "changed"  # what is muted, which recordings, or who may: made anew
    GONE = "gone"  # a recording was erased or dropped meanwhile
    CLOSED = "closed"  # with its request


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package as it stands; `root` is wrapped here, and None once it is over.

    `assembled` of `recordings` are in it already; `size` is the archive's, in bytes.
    """

    package_id: UUID
    request_id: UUID
    root: bytes | None
    made_at: datetime
    made_by: str
    made_as: str
    left_out: Sequence[UUID]
    assembled_at: datetime | None
    size: int | None
    fault: str | None
    fault_item: UUID | None
    traced: int
    link_digest: bytes | None
    link_until: datetime | None
    link_by: str
    link_as: str
    codes: int
    fetched_at: datetime | None
    ended_at: datetime | None
    ended_because: Ended | None
    recordings: int = 0
    assembled: int = 0

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        fields = {name: row[name] for name in cls.__slots__ if name in row}
        because = fields.pop("ended_because")
        return cls(**fields, ended_because=because and Ended(because))

    @property
    def is_assembled(self) -> bool:
        return self.assembled_at is not None

    @property
    def is_link_void(self) -> bool:
        """Whether too many wrong codes ended its link: only a new one leads to it."""
        is_issued = self.link_until is not None and self.ended_at is None
        return is_issued and self.link_digest is None

    def is_fetchable(self, now: datetime) -> bool:
        """Whether a link leads to it."""
        if self.link_digest is None or self.link_until is None:
            return False
        return self.link_until > now

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done for it: it is assembled, or cannot be."""
        return self.is_assembled or self.fault is not None

    @property
    def in_words(self) -> str:
        """How far it has come."""
        return f"assembled {self.assembled} of {self.recordings}"

    def maker(self, site: str) -> Actor:
        """In whose name what goes into it is looked up."""
        return Actor(self.made_by, Role(self.made_as), site)


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of a package, by its number in it."""

    place: int
    recording_id: UUID
    draw_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the archive. `part` orders what belongs to one recording.

    Its bytes are `sealed`, if it is a text; otherwise a copy of the recording is made,
    of that many `frames`, or undecoded where that is None.
    """

    place: int
    part: int
    entry: Entry
    sealed: bytes | None = None
    frames: int | None = None
    recording_id: UUID | None = None

    @property
    def is_text(self) -> bool:
        return self.recording_id is None or self.sealed is not None


class PackageStore:
    """One site's packages."""

    def __init__(
        self, database: SiteDatabase, seal: Seal, clock: Callable[[], datetime]
    ) -> None:
        self.database = database
        self.site = database.site
        self._seal = seal
        self.clock = clock

    def keys(self, package: Package) -> PackageKeys:
        """Raises PackageOverError once what they follow from is gone."""
        if package.root is None:
            raise PackageOverError
        return PackageKeys(self._seal.unwrap_service(package.root), RECIPE)

    async def begin(
        self,
        connection: Connection,
        by: Actor,
        package: tuple[UUID, UUID, bytes],
        draws: Mapping[UUID, int],
        left_out: Sequence[UUID],
    ) -> None:
        """Write down what is to be in it: its id, its request's and its secret first.

        `draws`: its recordings, and where in the ledger each was drawn.
        """
        package_id, request_id, root = package
        await connection.execute(
            QUERIES["begin_package"],
            self.site,
            package_id,
            request_id,
            self._seal.wrap_service(root),
            self.clock(),
            by.code,
            by.role.value,
            left_out,
        )
        await connection.execute(
            QUERIES["add_package_items"],
            self.site,
            package_id,
            list(draws),
            list(draws.values()),
        )

    async def finish_item(
        self, connection: Connection, package_id: UUID, item: Item
    ) -> bool:
        """Whether this caller is the one who does so; a package that is over has none.

        Whoever ends or finishes the package waits until the caller has.
        """
        if not await connection.fetchval(
            QUERIES["lock_package"], self.site, package_id
        ):
            return False
        done = await connection.fetchval(
            QUERIES["finish_item"], self.site, package_id, item.place, self.clock()
        )
        return done is not None

    async def finish(self, connection: Connection, package_id: UUID, size: int) -> bool:
        """Whether this caller is the one who does so."""
        done = await connection.fetchval(
            QUERIES["finish_package"], self.site, package_id, self.clock(), size
        )
        return done is not None

    async def fault(
        self, package_id: UUID, error: PonctuelError, item: UUID | None
    ) -> None:
        """It cannot be made, because of this recording, or of a letter."""
        async with self.database.connection() as connection:
            await connection.execute(
                QUERIES["fault_package"], self.site, package_id, error.error_id, item
            )

    async def living(self, request_id: UUID) -> Package:
        """Raises NoPackageError."""
        if (package := await self.find(request_id)) is None:
            raise NoPackageError(fix="have one made")
        return package

    async def find(self, request_id: UUID) -> Package | None:
        """The one that is not over, if there is one."""
        return await self._one("find_living_package", request_id)

    async def last(self, request_id: UUID) -> Package | None:
        """The newest there ever was, over or not."""
        return await self._one("find_last_package", request_id)

    async def by_link(self, digest: bytes) -> Package | None:
        return await self._one("find_by_link", digest, self.clock())

    async def by_ticket(self, digest: bytes) -> Package | None:
        return await self._one("find_by_ticket", digest, self.clock())

    async def _one(self, query: str, *arguments: object) -> Package | None:
        async with self.database.connection() as connection:
            row = await connection.fetchrow(QUERIES[query], self.site, *arguments)
        return None if row is None else Package.read(row)

    async def find_in(self, connection: Connection, request_id: UUID) -> Package | None:
        row = await connection.fetchrow(
            QUERIES["find_living_package"], self.site, request_id
        )
        return None if row is None else Package.read(row)

    async def faulty(self, connection: Connection, request_id: UUID) -> frozenset[UUID]:
        """Recordings that kept a package of this request from being made."""
        rows = await connection.fetch(QUERIES["find_faulty"], self.site, request_id)
        return frozenset(row["fault_item"] for row in rows)

    async def rows(self, query: str, *arguments: object) -> Sequence[asyncpg.Record]:
        async with self.database.connection() as connection:
            return list(await connection.fetch(QUERIES[query], self.site, *arguments))

    async def next_item(self, package_id: UUID) -> Item | None:
        """The first whose members have not been measured."""
        rows = await self.rows("next_package_items", package_id)
        return Item(**rows[0]) if rows else None

    async def members(self, package_id: UUID) -> Sequence[Member]:
        """In the order of the archive; texts without their text."""
        rows = await self.rows("list_members", package_id)
        return [_member(row) for row in rows]

    async def keep_members(
        self, connection: Connection, package_id: UUID, members: Sequence[Member]
    ) -> None:
        rows = [
            (
                *(self.site, package_id, each.place, each.part),
                *(each.entry.name, each.entry.size, each.entry.crc32),
                *(each.sealed, each.frames),
            )
            for each in members
        ]
        await connection.executemany(QUERIES["add_member"], rows)

    async def end(
        self, connection: Connection, package_id: UUID, because: Ended
    ) -> None:
        """From here on nothing of it can be made: its secret is gone."""
        await connection.execute(
            QUERIES["end_package"], self.site, package_id, self.clock(), because.value
        )

    async def cuts(self, request_id: UUID, recording_id: UUID) -> tuple[Cut, ...]:
        rows = await self.rows("list_cuts", request_id, recording_id)
        return tuple(
            Cut(row["start_ms"], row["stop_ms"], Why(row["why"])) for row in rows
        )


def _member(row: asyncpg.Record) -> Member:
    return Member(
        place=row["place"],
        part=row["part"],
        entry=Entry(row["name"], row["size"], row["crc32"]),
        frames=row["frames"],
        sealed=b"" if row["is_text"] else None,
        recording_id=row["recording_id"],
    )
