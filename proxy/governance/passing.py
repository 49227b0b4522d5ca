"""What happens to policies as time passes: leaves are written, campaigns end."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from proxy.governance.adopting import Adopting
from proxy.governance.store import SERVICE, Event, Store
from proxy.governance.versions import PolicyVersion
from proxy.ledger.transaction import Ledger, NothingToRecordError
from sampling.lifecycle import RULES, Move, State
from sampling.seed import epoch_at


class Passing:
    """Moves one site's policies on. Safe to repeat, and from many replicas."""

    def __init__(
        self, ledger: Ledger, adopting: Adopting, clock: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._adopting = adopting
        self._clock = clock

    async def write_due(self) -> None:
        """Write the leaf of an approved increase in the epoch before it may hold.

        So long a decrease can go first; so long before, witnesses can have seen it.
        """
        async with self._ledger.database.connection() as connection:
            if not await Store(connection, self._site).has_any_in([State.APPROVED]):
                return
        with suppress(NothingToRecordError):  # not due yet, or another replica did it
            async with self._ledger.transaction() as change:
                store = Store(change.connection, self._site)
                earliest = max(self._adopting.running, change.last_epoch) + 1
                for version in await store.locked_in([State.APPROVED]):
                    is_due = (version.effective_from_epoch or 0) <= earliest
                    if is_due and version.is_readable:  # else nothing is drawn anyway
                        await self._adopting.adopt(change, version, not_before=earliest)
                        return  # one change waits at a time

    async def move_on(self) -> None:
        """Note which version holds now, and which hold no more."""
        epoch = epoch_at(self._clock(), self._adopting.config.epoch_seconds)
        async with self._ledger.database.transaction() as connection:
            store = Store(connection, self._site)
            versions = await store.locked_in([State.SCHEDULED, State.ACTIVE])
            begun = [v for v in versions if (v.from_epoch or 0) <= epoch]
            newest = max(begun, key=lambda v: v.version or 0, default=None)
            for version in begun:
                if version.state is State.SCHEDULED:
                    await self._move(store, version, Move.ACTIVATE)
                if version is not newest or self._is_over(version):
                    await self._move(store, version, Move.END)

    async def _move(self, store: Store, version: PolicyVersion, move: Move) -> None:
        await store.save(replace(version, state=RULES[move].target))
        await store.note(Event(SERVICE, move, self._clock(), version.number))

    def _is_over(self, version: PolicyVersion) -> bool:
        """Whether the last of its campaigns has ended."""
        if not version.document or not version.is_readable:
            return False
        policy = version.policy
        last = max(each.ends_on for each in (policy, *policy.strata))
        return last <= self._clock().date()
