"""Versions and their history in the database. Every move is saved with its event."""

import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from proxy.access.permissions import Actor
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.errors import UnknownPolicyError
from proxy.governance.versions import PolicyEvent, PolicyVersion
from proxy.intake.documents import Document, digest_of
from proxy.ledger.transaction import add_counts
from sampling.lifecycle import State

QUERIES = queries_beside(__file__)
SALT_SIZE = 16
_REFUSED = ("policy_refused", "")


class By(NamedTuple):
    """Who moves something: a person, the settings file, or time itself."""

    code: str
    role: str

    @classmethod
    def of(cls, actor: Actor) -> "By":
        return cls(actor.code, actor.role.value)


FILE = By("file", "file")
SERVICE = By("service", "service")


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be written into the history."""

    by: By
    move: str
    at: datetime
    number: int | None = None
    detail: Mapping[str, object] = field(default_factory=dict)
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Store:
    """One site's rows, over a connection that the caller has borrowed."""

    connection: Connection
    site: str

    async def find(self, number: int, *, is_locked: bool = False) -> PolicyVersion:
        """One version; locked, nobody else moves it until the transaction ends."""
        query = QUERIES["lock_version" if is_locked else "find_version"]
        row = await self.connection.fetchrow(query, self.site, number)
        if row is None:
            raise UnknownPolicyError(f"there is no policy {number} at this site")
        return PolicyVersion.read(row)

    async def every(
        self, after: int = 0, limit: int | None = None
    ) -> list[PolicyVersion]:
        rows = await self.connection.fetch(
            QUERIES["list_versions"], self.site, after, limit
        )
        return [PolicyVersion.read(row) for row in rows]

    async def locked_in(self, states: Iterable[State]) -> list[PolicyVersion]:
        rows = await self.connection.fetch(
            QUERIES["lock_versions_in"], self.site, [state.value for state in states]
        )
        return [PolicyVersion.read(row) for row in rows]

    async def has_any_in(self, states: Iterable[State]) -> bool:
        return bool(
            await self.connection.fetchval(
                QUERIES["is_work_waiting"], self.site, [each.value for each in states]
            )
        )

    async def in_force(self) -> PolicyVersion | None:
        """What the newest POLICY leaf is about."""
        number: int | None = await self.connection.fetchval(
            QUERIES["find_number_in_force"], self.site
        )
        return None if number is None else await self.find(number)

    async def insert(
        self, state: State, document: Document, by: By, now: datetime
    ) -> PolicyVersion:
        """A new version under the next number."""
        await self.connection.execute(QUERIES["lock_numbers"], self.site)
        number: int = await self.connection.fetchval(QUERIES["next_number"], self.site)
        salt = secrets.token_bytes(SALT_SIZE)
        await self.connection.execute(
            QUERIES["insert_version"],
            self.site,
            number,
            state.value,
            json.dumps(document),
            salt,
            digest_of(document, salt),
            by.code,
            now,
        )
        return await self.find(number)

    async def save(self, version: PolicyVersion) -> None:
        simulation = version.simulation
        await self.connection.execute(
            QUERIES["save_version"],
            self.site,
            version.number,
            version.state.value,
            json.dumps(version.document),
            bytes.fromhex(version.salt),
            bytes.fromhex(version.digest),
            version.proposer,
            version.approver,
            version.justification,
            version.reason,
            list(version.increases),
            None if simulation is None else json.dumps(simulation),
            version.proposed_at,
            version.approved_at,
            version.effective_from_epoch,
            version.version,
            version.from_epoch,
            version.approvals,
        )

    async def note(self, event: Event) -> None:
        """Add a line to the history; an attempt that changed nothing is counted too."""
        await self.connection.execute(
            QUERIES["insert_event"],
            self.site,
            event.number,
            event.move,
            event.by.code,
            event.by.role,
            event.at,
            event.is_refused,
            json.dumps(event.detail),
        )
        if event.is_refused:
            await self.count_refused()

    async def count_refused(self) -> None:
        await add_counts(self.connection, self.site, {_REFUSED: 1})

    async def events(
        self, number: int | None, after: int = 0, limit: int | None = None
    ) -> list[PolicyEvent]:
        """The history of one version, or all there is, behind a place."""
        if number is None:
            return await self._events("list_events", after, limit)
        await self.find(number)
        return await self._events("list_events_of", after, limit, number)

    async def refused(self, after: int, limit: int) -> list[PolicyEvent]:
        """What was tried and refused, behind a place."""
        return await self._events("list_refused_events", after, limit)

    async def _events(self, query: str, *arguments: int | None) -> list[PolicyEvent]:
        rows = await self.connection.fetch(QUERIES[query], self.site, *arguments)
        return [PolicyEvent.read(row) for row in rows]
