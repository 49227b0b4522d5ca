"""One site's ledger, and everybody who signs, witnesses, dates and checks it."""

from collections.abc import Callable
from datetime import datetime
from functools import cached_property

from proxy.database.pool import SiteDatabase
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.cosigning import Cosigning
from proxy.ledger.draw_proofs import DrawProofs
from proxy.ledger.note import Signer
from proxy.ledger.publisher import Publisher
from proxy.ledger.self_check import SelfCheck
from proxy.ledger.standing import Standing
from proxy.ledger.timestamps import TimeStamps
from proxy.ledger.transaction import Ledger
from proxy.ledger.witness_client import WitnessClient
from proxy.site_config import SiteConfig
from proxy.vault.keys import KeyRing


class SiteLedger:
    """What a site can prove, and through whom."""

    def __init__(
        self,
        config: SiteConfig,
        database: SiteDatabase,
        keys: KeyRing,
        clock: Callable[[], datetime],
    ) -> None:
        self.name = database.site
        self.config = config
        self.database = database
        self.clock = clock
        self.keys = keys
        self.ledger = Ledger(database)
        self.cosignatures = Cosignatures(
            self.ledger, [each.key for each in config.witnesses], config.quorum
        )
        self._witness_client = WitnessClient()

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.config.origin, self.keys.log_key())

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.ledger, self.signer, self.clock)

    @cached_property
    def standing(self) -> Standing:
        return Standing(self.ledger, self.config.witnesses, self.config.quorum)

    @cached_property
    def self_check(self) -> SelfCheck:
        return SelfCheck(self.ledger, self.publisher, self.clock)

    @cached_property
    def cosigning(self) -> Cosigning:
        return Cosigning(
            self.publisher,
            self.cosignatures,
            self.config.witnesses,
            self._witness_client,
            self.clock,
        )

    @cached_property
    def draw_proofs(self) -> DrawProofs:
        return DrawProofs(
            self.ledger,
            self.publisher,
            self.cosignatures,
            [each.key for each in self.config.witnesses],
            self.config.epoch_seconds,
        )

    @cached_property
    def time_stamps(self) -> TimeStamps:
        authority = self.config.time_authority
        return TimeStamps(self.ledger, self.publisher, authority, self.clock)

    async def close(self) -> None:
        await self._witness_client.close()
