"""The policy in the settings file: it begins a site's first campaign, and may lower.

Only a change of the file counts, so that it does not undo what people have approved
since. One that would allow more is refused: whoever can write a file is one person.
Above the soft ceiling it says where the DPO has allowed that; the ledger repeats it.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import structlog

from proxy.database.pool import Connection
from proxy.governance.adopting import Adopting
from proxy.governance.store import FILE, QUERIES, Event, Store
from proxy.intake.documents import Document, digest_of, policy_of, written
from proxy.intake.policies import content_of
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import (
    Ledger,
    LedgerTransaction,
    NothingToRecordError,
    lock_head,
)
from sampling.increases import above_soft_ceiling, is_increase
from sampling.lifecycle import State
from sampling.policy import NO_POLICY

log = structlog.get_logger()

_BEGIN, _LOWER, _RAISE = "begin", "lower", "raise"
DPOS_WORD = "dpo_approval"


class SettingsFile:
    """One site's policy as the settings have it."""

    def __init__(
        self, ledger: Ledger, adopting: Adopting, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._adopting = adopting
        self._clock = clock

    @property
    def _document(self) -> Document:
        return written(self._adopting.config.file)

    @property
    def _digest(self) -> bytes:
        """Of all that decides what the file may do; without the word, as ever."""
        word = self._dpos_word
        more = {DPOS_WORD: word} if word else {}
        return digest_of({**self._document, **more})

    @property
    def _dpos_word(self) -> str:
        """Where a rate above the soft ceiling was allowed; empty where none is."""
        word = self._adopting.config.dpos_word
        if word is None or not above_soft_ceiling(policy_of(self._document, 0)):
            return ""
        return f"{word.author}, {word.dated_on}: {word.text}"

    def _faults_of_word(self) -> list[str]:
        """The field to mend if the rate needs a DPO's word that does not hold today."""
        if not above_soft_ceiling(policy_of(self._document, 0)):
            return []
        word = self._adopting.config.dpos_word
        is_given = word is not None and word.holds_on(self._clock().date())
        return [] if is_given else [DPOS_WORD]

    async def follow(self) -> None:
        """Adopt it if it is the first, or lowers; otherwise note that it was seen."""
        async with self._ledger.database.transaction() as connection:
            await lock_head(connection, self._site)
            await self._describe_newest(connection)
        refused: Sequence[str] = ()
        with suppress(NothingToRecordError):
            async with self._ledger.transaction() as change:
                refused = await self._follow(change)
        async with self._ledger.database.transaction() as connection:
            await self._note_seen(connection, refused)

    async def refused(self) -> Sequence[str]:
        """The fields in which the file, as it is now, asks for more than it may."""
        async with self._ledger.database.connection() as connection:
            row = await connection.fetchrow(QUERIES["find_file"], self._site)
        is_this_one = row is not None and row["digest"] == self._digest
        return tuple(row["refused"]) if row is not None and is_this_one else ()

    async def _describe_newest(self, connection: Connection) -> None:
        """Give the newest policy its document, where there were none before.

        It has what a leaf does not say: what callers are told.
        """
        config, store = self._adopting.config, Store(connection, self._site)
        schedule = await self._adopting.schedule(connection, self._site)
        held = schedule.entries[-1]
        is_first = held.policy.version == NO_POLICY.version
        if is_first or await store.in_force():
            return
        said, wanted = (
            content_of(policy, held.mode, config.epoch_seconds)
            for policy in (held.policy, policy_of(self._document, 0))
        )
        if said == wanted:
            made = await store.insert(
                State.APPROVED, self._document, FILE, self._clock()
            )
            described = replace(
                made,
                state=State.SCHEDULED,
                version=held.policy.version,
                from_epoch=held.from_epoch,
            )
            await store.save(described)

    async def _follow(self, change: LedgerTransaction) -> Sequence[str]:
        """Write what leaf there is to write; return in which fields it was refused."""
        store = Store(change.connection, self._site)
        schedule = await self._adopting.schedule(change.connection, self._site)
        held, in_force = schedule.entries[-1], await store.in_force()
        if held.policy.version == NO_POLICY.version:
            return await self._begin(change, store)
        refused: Sequence[str] = ()
        if await self._is_new(change.connection):
            increases = is_increase(held.policy, policy_of(self._document, 0))
            refused = increases + self._faults_of_word()
            is_same = in_force is not None and in_force.document == self._document
            if not refused and not is_same:
                await self._adopt(change, _LOWER)
                return refused
            if not refused:
                await self._note_followed(change)
        if in_force and held.mode is not self._adopting.config.mode:
            await self._adopting.adopt_again(change, in_force)
        return refused

    async def _begin(self, change: LedgerTransaction, store: Store) -> Sequence[str]:
        if not self._document:
            return ()
        if await store.every(limit=1):  # people have begun: then it is theirs to decide
            return is_increase(NO_POLICY, policy_of(self._document, 0))
        if faults := self._faults_of_word():
            return faults
        await self._adopt(change, _BEGIN)
        return ()

    async def _adopt(self, change: LedgerTransaction, move: str) -> None:
        store = Store(change.connection, self._site)
        now = self._clock()
        made = await store.insert(State.APPROVED, self._document, FILE, now)
        await store.note(Event(FILE, move, now, made.number))
        await self._adopting.adopt(change, made)
        await self._note_followed(change)

    async def _note_followed(self, change: LedgerTransaction) -> None:
        """It is seen, and whose word it has is on record: an auditor can ask them."""
        if self._dpos_word:
            text = f"above 5 % in the settings, allowed by {self._dpos_word}"
            change.append(Kind.NOTE, {"text": text})
        await change.connection.execute(
            QUERIES["note_followed_file"], self._site, self._digest, self._clock()
        )

    async def _is_new(self, connection: Connection) -> bool:
        """What only a DPO's word kept back is looked at again: its day may come."""
        row = await connection.fetchrow(QUERIES["find_file"], self._site)
        return (
            row is None
            or row["digest"] != self._digest
            or row["refused"] == [DPOS_WORD]
        )

    async def _note_seen(self, connection: Connection, refused: Sequence[str]) -> None:
        now = self._clock()
        is_news = await connection.fetchval(
            QUERIES["note_file"],
            self._site,
            self._digest,
            now,
            list(refused),
        )
        if is_news and refused:
            log.warning(
                "the settings may not raise a policy: propose it",
                site=self._site,
                fields=list(refused),
            )
            detail = {"increases": list(refused)}
            event = Event(FILE, _RAISE, now, None, detail, is_refused=True)
            await Store(connection, self._site).note(event)
