"""Every move of a policy on its way into force. Four eyes, in order, and on record.

The ledger knows what was decided: a NOTE when an increase is approved, a day before it
may hold; a POLICY leaf no earlier than the epoch before it holds, so that a decrease
decided meanwhile goes first (first epochs never fall).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from proxy.access.permissions import Actor, Role
from proxy.database.pool import Connection
from proxy.errors import (
    ForbiddenRoleError,
    StaleDocumentError,
    UnlawfulPolicyError,
    WrongStateError,
)
from proxy.governance.adopting import Adopting, GovernanceConfig
from proxy.governance.keeping import check_backups, check_kept
from proxy.governance.passing import Passing
from proxy.governance.refusals import CLOSE_BREAKER, DRAFT, RESUME, STOP, Refusals
from proxy.governance.settings_file import SettingsFile
from proxy.governance.settings_trace import SettingsTrace
from proxy.governance.stops import DrawStops
from proxy.governance.store import By, Event, Store
from proxy.governance.texts import check_text, faults_of_texts
from proxy.governance.versions import (
    BreakerClosing,
    PolicyEvent,
    PolicyVersion,
    Stop,
)
from proxy.incidents.opening import Incident, open_incident
from proxy.intake.documents import Document, UnreadablePolicyError, digest_of, written
from proxy.intake.policy_book import PolicyBook
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.policy_document import PolicyPart
from sampling.increases import is_increase
from sampling.lifecycle import (
    Move,
    Mover,
    State,
    WrongMomentError,
    WrongMoverError,
    effective_from,
    next_state,
)
from sampling.policy import faults_of_keeping
from sampling.strata import misfits

log = structlog.get_logger()

_OPERATOR_ALONE, _OPERATOR_AND_DPO = 1, 2


class Governance:
    """The operations on one site's policies.

    Every refusal is a PolicyRefusedError: it is kept, counted, and raised.
    """

    def __init__(
        self,
        ledger: Ledger,
        policies: PolicyBook,
        config: GovernanceConfig,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._database = ledger.database
        self._policies = policies
        self._config = config
        self._clock = clock
        self._adopting = Adopting(config, clock)
        self._passing = Passing(ledger, self._adopting, clock)
        self._stops = DrawStops(ledger, config.epoch_seconds, clock)
        self._refusals = Refusals(ledger.database, clock)
        self.file = SettingsFile(ledger, self._adopting, clock)
        self.settings = SettingsTrace(ledger, config.kinds, clock)

    # --- Moves of people -----------------------------------------------------------

    async def draft(self, actor: Actor, document: PolicyPart) -> PolicyVersion:
        """A new version, at its beginning."""
        async with self._refusals.noted(actor, DRAFT):
            content = self._lawful(document)
            async with self._database.transaction() as connection:
                store = Store(connection, self._site)
                made = await store.insert(
                    State.DRAFT, content, By.of(actor), self._clock()
                )
                await store.note(self._event(actor, DRAFT, made))
        return made

    async def edit(
        self, actor: Actor, number: int, document: PolicyPart, digest: str
    ) -> PolicyVersion:
        """Another document. What was simulated or proposed is a draft again."""
        async with self._refusals.noted(actor, Move.EDIT, number):
            content = self._lawful(document)
            async with self._moving(number, digest) as (store, version):
                edited = replace(
                    self._moved(version, Move.EDIT, actor),
                    document=content,
                    digest=digest_of(content, bytes.fromhex(version.salt)).hex(),
                    simulation=None,
                    proposer=None,
                    proposed_at=None,
                    justification="",
                )
                await store.save(edited)
                await store.note(self._event(actor, Move.EDIT, edited))
        return edited

    async def note_simulated(
        self, actor: Actor, number: int, digest: str, summary: Mapping[str, Any]
    ) -> PolicyVersion:
        """It is known what it would give; `summary` is kept with it."""
        async with (
            self._refusals.noted(actor, Move.SIMULATE, number),
            self._moving(number, digest) as (store, version),
        ):
            simulated = replace(
                self._moved(version, Move.SIMULATE, actor), simulation=dict(summary)
            )
            await store.save(simulated)
            await store.note(self._event(actor, Move.SIMULATE, simulated))
        return simulated

    async def propose(
        self, actor: Actor, number: int, digest: str, justification: str
    ) -> PolicyVersion:
        """Ask for its approval, and say why."""
        async with self._refusals.noted(actor, Move.PROPOSE, number):
            check_text("justification", justification)
            async with self._moving(number, digest) as (store, version):
                compared = await self._compared(store, version)
                proposed = replace(
                    self._moved(compared, Move.PROPOSE, actor),
                    proposer=actor.code,
                    proposed_at=self._clock(),
                    justification=justification,
                )
                await store.save(proposed)
                await store.note(self._event(actor, Move.PROPOSE, proposed))
        return proposed

    async def approve(self, actor: Actor, number: int, digest: str) -> PolicyVersion:
        """Decide that it shall hold: an increase in a day, anything else next epoch."""
        async with (
            self._refusals.noted(actor, Move.APPROVE, number),
            self._ledger.transaction() as change,
        ):
            store = Store(change.connection, self._site)
            version = await store.find(number, is_locked=True)
            _check_digest(version, digest)
            approved = self._approved(await self._compared(store, version), actor)
            await store.save(approved)
            await store.note(self._event(actor, Move.APPROVE, approved))
            approved = await self._decided(change, approved)
        await self._learn()
        return approved

    def _approved(self, version: PolicyVersion, actor: Actor) -> PolicyVersion:
        now, is_dpo = self._clock(), actor.role is Role.DPO
        return replace(
            self._moved(version, Move.APPROVE, actor),
            approver=actor.code,
            approvals=_OPERATOR_AND_DPO if is_dpo else _OPERATOR_ALONE,
            approved_at=now,
            effective_from_epoch=effective_from(
                now, self._config.epoch_seconds, is_increase=version.is_increase
            ),
        )

    async def _decided(
        self, change: LedgerTransaction, approved: PolicyVersion
    ) -> PolicyVersion:
        """An increase is announced now and adopted later; the rest is adopted now."""
        if not approved.is_increase:
            earliest = max(approved.effective_from_epoch or 0, change.last_epoch + 1)
            return await self._adopting.adopt(change, approved, not_before=earliest)
        change.append(Kind.NOTE, {"text": _announced(approved)})
        store = Store(change.connection, self._site)
        await self._adopting.replace_waiting(store, approved)
        return approved

    async def refuse(self, actor: Actor, number: int, reason: str) -> PolicyVersion:
        """Decide that it shall not hold, and say why."""
        check_text("reason", reason)
        return await self._end(actor, Move.REFUSE, number, reason)

    async def withdraw(self, actor: Actor, number: int) -> PolicyVersion:
        """Take it back before its leaf is written."""
        return await self._end(actor, Move.WITHDRAW, number, "")

    async def _end(
        self, actor: Actor, move: Move, number: int, reason: str
    ) -> PolicyVersion:
        async with (
            self._refusals.noted(actor, move, number),
            self._moving(number) as (store, version),
        ):
            ended = replace(self._moved(version, move, actor), reason=reason)
            await store.save(ended)
            await store.note(self._event(actor, move, ended, reason=reason))
        return ended

    # --- Stops -----------------------------------------------------------------------

    async def stop(self, actor: Actor, reason: str) -> Sequence[Stop]:
        """No call is drawn for recording any more, from the next leaf on."""
        async with self._refusals.noted(actor, STOP):
            check_text("reason", reason)
            await self._stops.stop(By.of(actor), reason)
        return await self.stops()

    async def resume(self, actor: Actor) -> Sequence[Stop]:
        """Let the draws go on when the next epoch has begun."""
        async with self._refusals.noted(actor, RESUME):
            await self._stops.resume(By.of(actor))
        return await self.stops()

    async def breaker_close(self, actor: Actor) -> BreakerClosing:
        """Say that the breaker may close; it takes an operator and a DPO."""
        async with self._refusals.noted(actor, CLOSE_BREAKER):
            return await self._stops.close_breaker(actor)

    async def stops(self) -> Sequence[Stop]:
        """Who keeps all draws stopped now."""
        return await self._stops.current()

    # --- Looking ---------------------------------------------------------------------

    async def find(self, number: int) -> PolicyVersion:
        async with self._database.connection() as connection:
            return await Store(connection, self._site).find(number)

    async def list(
        self, after: int = 0, limit: int | None = None
    ) -> Sequence[PolicyVersion]:
        """Versions with a number above, the first first; all, without a limit."""
        async with self._database.connection() as connection:
            return await Store(connection, self._site).every(after, limit)

    async def history(
        self, number: int | None = None, after: int = 0, limit: int | None = None
    ) -> Sequence[PolicyEvent]:
        """Who did, or tried to do, what, behind a place; of one version, or of all."""
        async with self._database.connection() as connection:
            return await Store(connection, self._site).events(number, after, limit)

    async def attempts(self, after: int, limit: int) -> Sequence[PolicyEvent]:
        """What was refused, behind a place in the history."""
        async with self._database.connection() as connection:
            return await Store(connection, self._site).refused(after, limit)

    # --- As time passes ---------------------------------------------------------------

    async def begin(self) -> None:
        """Follow the settings file as far as it may go; know what is in force.

        Raises SettingsError where backups would outlive what was promised.
        Where what waits cannot be read, nothing is drawn until somebody withdraws it.
        """
        await self.settings.follow()
        await self.file.follow()
        await self._passing.write_due()
        await self._passing.move_on()
        longest, today = self._config.longest_kept_days, self._clock().date()
        check_backups(await self.list(), longest, today)
        await self.look()

    async def look(self) -> None:
        """Know what is in force, as far as it can be read, documents and all."""
        with suppress(UnreadablePolicyError):
            await self._learn(self._policies.learn)

    async def tend(self) -> None:
        """Write the leaves that are due, and take note of what holds now."""
        await self._passing.write_due()
        await self._passing.move_on()
        await self._stops.go_on()
        await self._learn()

    async def keep_up(self) -> None:
        """Learn what another replica has adopted."""
        await self._learn()

    async def _learn(
        self, learn: Callable[[Connection], Awaitable[None]] | None = None
    ) -> None:
        async with self._database.connection() as connection:
            try:
                await (learn or self._policies.keep_up)(connection)
            except UnreadablePolicyError as error:
                await self._note_unreadable(connection, error)
                raise

    async def _note_unreadable(
        self, connection: Connection, error: UnreadablePolicyError
    ) -> None:
        """Draws end by themselves; that they did, people must hear of."""
        reference = f"{error.error_id}-{error.field}"
        now, kind = self._clock(), Incident.INTEGRITY
        if await open_incident(connection, self._site, kind, reference, now):
            log.critical("nothing is drawn", site=self._site, why=str(error))

    # --- What all of them share -------------------------------------------------------

    async def refuse_attempt(self, actor: Actor | None, what: str, why: str) -> None:
        """Keep and count an attempt that was refused elsewhere."""
        await self._refusals.keep(actor, what, why)

    def _lawful(self, document: PolicyPart) -> Document:
        """Raise UnlawfulPolicyError for a policy that is not for this site."""
        config = self._config
        policy = document.to_policy(0)
        found = [
            *faults_of_texts(document),
            *misfits(policy, config.groups, config.lines),
            *faults_of_keeping(policy, config.longest_kept_days),
        ]
        if found:
            raise UnlawfulPolicyError(found)
        return written(document)

    @asynccontextmanager
    async def _moving(
        self, number: int, digest: str | None = None
    ) -> AsyncIterator[tuple[Store, PolicyVersion]]:
        """One version, kept from all others until what is done with it is done."""
        async with self._database.transaction() as connection:
            store = Store(connection, self._site)
            version = await store.find(number, is_locked=True)
            if digest is not None:
                _check_digest(version, digest)
            yield store, version

    async def _compared(self, store: Store, version: PolicyVersion) -> PolicyVersion:
        """With what it allows more than what is in force, or will be, now."""
        check_kept(version.policy, self._config.longest_kept_days)
        schedule = await self._adopting.schedule(store.connection, self._site)
        increases = is_increase(schedule.newest, version.policy)
        return replace(version, increases=tuple(increases))

    def _moved(self, version: PolicyVersion, move: Move, actor: Actor) -> PolicyVersion:
        try:
            state = next_state(
                version.state,
                move,
                Mover(actor.role.value),
                is_proposer=actor.code == version.proposer,
                needs_dpo=version.needs_dpo,
            )
        except WrongMoverError as error:
            raise ForbiddenRoleError(str(error)) from None
        except WrongMomentError as error:
            raise WrongStateError(str(error)) from None
        return replace(version, state=state)

    def _event(
        self, actor: Actor, move: str, version: PolicyVersion, **detail: object
    ) -> Event:
        """What a person did, with what it was done to."""
        said = {"digest": version.digest, "increases": list(version.increases)}
        return Event(By.of(actor), move, self._clock(), version.number, said | detail)


def _check_digest(version: PolicyVersion, digest: str) -> None:
    """Nobody decides on a document that has changed since they read it."""
    if digest != version.digest:
        raise StaleDocumentError(
            f"its digest is {version.digest} now", fix="read it again, then decide"
        )


def _announced(approved: PolicyVersion) -> str:
    """A digest and an epoch: nothing about anybody."""
    return (
        f"policy approved: doc {approved.digest}, "
        f"not before epoch {approved.effective_from_epoch}"
    )
