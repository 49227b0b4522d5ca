"""Settings that change without anybody's approval leave a trace, by their kind.

Whoever can write the file can name people, open gates and add lines. The ledger gets a
digest of each kind, as it is and as it was; so whoever is shown a file later can tell
since when it was the one. Digests are salted: nobody tries numbers on them.
"""

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

import structlog

from proxy.database.pool import Connection
from proxy.governance.store import FILE, QUERIES, SALT_SIZE, Event, Store
from proxy.governance.versions import PolicyEvent
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError

log = structlog.get_logger()

_CHANGED = "settings"


class _Seen(NamedTuple):
    """One kind of settings, as it was found: hexadecimal digits."""

    digest: str
    salt: str

    @classmethod
    def now(cls, text: str) -> "_Seen":
        salt = secrets.token_bytes(SALT_SIZE)
        return cls(_digest(salt, text), salt.hex())

    def is_of(self, text: str) -> bool:
        return self.digest == _digest(bytes.fromhex(self.salt), text)


def _digest(salt: bytes, text: str) -> str:
    return sha256(salt + text.encode()).hexdigest()


class SettingsTrace:
    """One site's settings, by kind, in one spelling each."""

    def __init__(
        self, ledger: Ledger, kinds: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._kinds = kinds
        self._clock = clock

    async def follow(self) -> None:
        """Note what has changed since the last time, once, whoever sees it first."""
        async with self._ledger.database.connection() as connection:
            if not self._changed(await self._seen(connection)):
                return
        with suppress(NothingToRecordError):  # another replica did it
            async with self._ledger.transaction() as change:
                await self._note(change, await self._seen(change.connection))

    async def last(self) -> PolicyEvent | None:
        """When they were last found changed, and which kinds of them."""
        async with self._ledger.database.connection() as connection:
            return await self._last(connection)

    async def _last(self, connection: Connection) -> PolicyEvent | None:
        row = await connection.fetchrow(QUERIES["find_settings"], self._site)
        return None if row is None else PolicyEvent.read(row)

    async def _seen(self, connection: Connection) -> dict[str, _Seen]:
        last = await self._last(connection)
        kinds = last.detail["kinds"] if last else {}
        return {kind: _Seen(**seen) for kind, seen in kinds.items()}

    def _changed(self, seen: Mapping[str, _Seen]) -> list[str]:
        return [
            kind
            for kind, text in sorted(self._kinds.items())
            if kind not in seen or not seen[kind].is_of(text)
        ]

    async def _note(self, change: LedgerTransaction, seen: Mapping[str, _Seen]) -> None:
        """The event has the salts; it is as much a secret as the settings are."""
        changed = self._changed(seen)
        if not changed:
            return
        now = {kind: _Seen.now(self._kinds[kind]) for kind in changed}
        said = [_in_words(kind, now[kind], seen.get(kind)) for kind in changed]
        change.append(Kind.NOTE, {"text": f"settings changed: {', '.join(said)}"})
        kinds = {kind: each._asdict() for kind, each in {**seen, **now}.items()}
        detail = {"changed": changed, "kinds": kinds}
        event = Event(FILE, _CHANGED, self._clock(), None, detail)
        await Store(change.connection, self._site).note(event)
        say = log.warning if seen else log.info
        say("settings changed", site=self._site, kinds=changed)


def _in_words(kind: str, now: _Seen, before: _Seen | None) -> str:
    was = before.digest if before else "nothing"
    return f"{kind} {now.digest} (was {was})"
