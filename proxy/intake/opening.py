"""Committing the seeds of epochs to come, each in the mode that will hold in it.

A leaf OPEN fixes the seed and names what will be mixed in: nothing, the nonce behind a
commitment, or a drand round. It must stand before that value can be known. So in the
modes with an outside value an epoch that has begun is not opened any more, except in a
new ledger's first hours, which every auditor sees.
"""

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from proxy.database.pool import Connection
from proxy.errors import NoOutsideValueError
from proxy.intake.randomness.source import OutsideSource
from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.vault.keys import KeyRing
from sampling.draw import SEED_SIZE, seed_commitment
from sampling.mixing import Mode, round_of_epoch
from sampling.schedule import PolicySchedule
from sampling.seed import epoch_at

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """How long epochs are, how many are opened ahead, and who must have seen them.

    With a `quorum`, an epoch is drawn in only if that many witnesses had cosigned its
    commitment before it began.
    """

    seconds: int
    ahead: int
    quorum: int = 0


class Opening:
    """Opens one site's epochs."""

    def __init__(
        self,
        ledger: Ledger,
        keys: KeyRing,
        clock: Callable[[], datetime],
        plan: EpochPlan,
        source: OutsideSource,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._keys = keys
        self._clock = clock
        self._plan = plan
        self._source = source

    async def nonce_commitments(self, schedule: PolicySchedule) -> Mapping[int, bytes]:
        """What the nonces' holder commits to, for epochs that are not open yet.

        Asked before the ledger is locked: nobody's draw waits for an outsider.
        """
        wanted = self._wanted()
        of_witness = {e for e in wanted if schedule.mode_at(e) is Mode.WITNESS}
        if not of_witness:
            return {}
        async with self._ledger.database.connection() as connection:
            missing = of_witness - await self._known(connection, wanted)
        if not missing:
            return {}
        first, last = min(missing), max(missing)
        try:
            return await self._source.commitments(first, last - first + 1)
        except NoOutsideValueError as error:
            log.warning("no nonce commitments", site=self._site, why=str(error))
            return {}

    async def open(
        self,
        change: LedgerTransaction,
        schedule: PolicySchedule,
        commitments: Mapping[int, bytes],
    ) -> None:
        """Open what is missing and may be opened, up to the last epoch ahead.

        A replica whose policy is not the newest would open in the wrong mode: none.
        """
        if change.policy_version != schedule.newest_version:
            return
        wanted = self._wanted()
        missing = set(wanted) - await self._known(change.connection, wanted)
        for epoch in sorted(missing):
            mode, nonce = schedule.mode_at(epoch), commitments.get(epoch)
            is_in_time = epoch > wanted.start or mode is Mode.OPERATOR
            if epoch <= change.revealed_epoch or (mode is Mode.WITNESS and not nonce):
                continue
            if is_in_time or await self._is_first_hours(change, epoch):
                await self._open(change, epoch, mode, nonce)

    def _wanted(self) -> range:
        running = epoch_at(self._clock(), self._plan.seconds)
        return range(running, running + self._plan.ahead + 1)

    async def _known(self, connection: Connection, epochs: Collection[int]) -> set[int]:
        rows = await connection.fetch(
            QUERIES["find_epochs_between"], self._site, min(epochs), max(epochs)
        )
        return {row["epoch"] for row in rows}

    async def _is_first_hours(self, change: LedgerTransaction, epoch: int) -> bool:
        """Whether this is the first epoch of a new ledger, or the one after it."""
        first: int | None = await change.connection.fetchval(
            QUERIES["find_first_epoch"], self._site
        )
        return not change.revealed_epoch and (first is None or epoch <= first + 1)

    async def _open(
        self, change: LedgerTransaction, epoch: int, mode: Mode, nonce: bytes | None
    ) -> None:
        seed = secrets.token_bytes(SEED_SIZE)
        commitment = seed_commitment(epoch, seed)
        leaf: dict[str, str | int] = {"e": epoch, "commit": commitment.hex()}
        if mode is Mode.DRAND:
            leaf["round"] = round_of_epoch(epoch, self._plan.seconds)
        elif mode is Mode.WITNESS and nonce:
            leaf["nonce_commit"] = nonce.hex()
        await change.connection.execute(
            QUERIES["insert_epoch"],
            self._site,
            epoch,
            self._keys.wrap_service(seed),
            commitment,
            change.append(Kind.OPEN, leaf),
            mode.value,
            nonce if mode is Mode.WITNESS else None,
        )
