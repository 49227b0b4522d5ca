"""From an approved version to its POLICY leaf, and what it replaces."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from proxy.database.pool import Connection
from proxy.governance.store import SERVICE, Event, Store
from proxy.governance.versions import PolicyVersion
from proxy.intake.policies import Adoption, adopt, read_schedule
from proxy.ledger.transaction import LedgerTransaction
from proxy.policy_document import PolicyPart
from sampling.legal import Reference
from sampling.lifecycle import RULES, Move, State
from sampling.mixing import Mode
from sampling.schedule import PolicySchedule, ScheduledPolicy
from sampling.seed import epoch_at

# Rules must be seen by witnesses before the epoch they hold from.
_DATING_MARGIN = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernanceConfig:
    """What the settings say of a site's policies.

    `file` is the policy in them, `dpos_word` where its rate was allowed if it is above
    the soft ceiling. `kinds` are others of them, in one spelling each, that change
    without anybody's approval. `groups` and `lines` are what a policy may name, and
    `longest_kept_days` is what it may promise with the backups there are.
    """

    file: PolicyPart | None
    dpos_word: Reference | None
    kinds: Mapping[str, str]
    mode: Mode
    epoch_seconds: int
    has_witnesses: bool
    groups: Collection[str]
    lines: Collection[str]
    longest_kept_days: int


class Adopting:
    """Writes POLICY leaves for one site."""

    def __init__(self, config: GovernanceConfig, clock: Callable[[], datetime]) -> None:
        self.config = config
        self._clock = clock

    @property
    def running(self) -> int:
        """The epoch that runs; with witnesses, when they can have seen a new leaf."""
        margin = _DATING_MARGIN if self.config.has_witnesses else timedelta(0)
        return epoch_at(self._clock() + margin, self.config.epoch_seconds)

    async def schedule(self, connection: Connection, site: str) -> PolicySchedule:
        config = self.config
        return await read_schedule(connection, site, config.mode, config.epoch_seconds)

    async def adopt(
        self,
        change: LedgerTransaction,
        version: PolicyVersion,
        *,
        not_before: int = 0,
    ) -> PolicyVersion:
        """Write its leaf. Whatever else waited to hold then or later is withdrawn."""
        held = await self._write(change, version, not_before)
        store = Store(change.connection, change.site)
        adopted = replace(
            version,
            state=State.SCHEDULED,
            version=held.policy.version,
            from_epoch=held.from_epoch,
        )
        await store.save(adopted)
        await self.replace_waiting(store, adopted)
        detail = {"version": adopted.version, "from_epoch": adopted.from_epoch}
        event = Event(SERVICE, Move.SCHEDULE, self._clock(), version.number, detail)
        await store.note(event)
        return adopted

    async def adopt_again(
        self, change: LedgerTransaction, version: PolicyVersion
    ) -> None:
        """The same document in the mode of the settings: nobody allows more by that."""
        await self._write(change, version, 0)

    async def _write(
        self,
        change: LedgerTransaction,
        version: PolicyVersion,
        not_before: int,
    ) -> ScheduledPolicy:
        config = self.config
        wanted = Adoption(
            policy=version.policy,
            mode=config.mode,
            epoch=self.running,
            epoch_seconds=config.epoch_seconds,
            has_witnesses=config.has_witnesses,
            number=version.number,
            digest=bytes.fromhex(version.digest),
            approvals=version.approvals,
            not_before=not_before,
        )
        schedule = await self.schedule(change.connection, change.site)
        return await adopt(change, wanted, schedule)

    async def replace_waiting(self, store: Store, by: PolicyVersion) -> None:
        """One change waits at a time: the one that was decided last.

        One whose leaf is written, but which would hold before, still does until then.
        """
        rule = RULES[Move.REPLACE]
        for other in await store.locked_in(rule.sources):
            is_earlier = other.from_epoch is not None and (
                by.from_epoch is None or other.from_epoch < by.from_epoch
            )
            if other.number == by.number or is_earlier:
                continue
            reason = f"replaced by {by.number} before it held"
            await store.save(replace(other, state=rule.target, reason=reason))
            detail = {"by": by.number}
            await store.note(
                Event(SERVICE, Move.REPLACE, self._clock(), other.number, detail)
            )
