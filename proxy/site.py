"""One site's parts, joined: ledger, draw, vault, outcomes, take-overs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError, StorageError
from proxy.intake.epochs import Epochs
from proxy.intake.outcomes import Outcomes
from proxy.intake.pipeline import SiteIntake
from proxy.intake.policies import adopt_policy
from proxy.intake.sequencer import Sequencer
from proxy.intake.stops import Stops
from proxy.intake.takeovers import Takeovers
from proxy.intake.taking import Intake
from proxy.intake.unanswered import Unanswered
from proxy.ledger.note import Signer
from proxy.ledger.publisher import Publisher
from proxy.ledger.transaction import Ledger
from proxy.platforms.base import RecordingSource
from proxy.vault.keys import KeyRing
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import Vault
from proxy.vault.shelf import Shelf
from retention.sweep import SweepReport, quietly, sweep
from sampling.gates import Line
from sampling.policy import SamplingPolicy
from sampling.seed import epoch_at


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """What a site is told, in the words of its parts."""

    policy: SamplingPolicy
    lines: Mapping[str, Line]
    keys_directory: Path
    epoch_seconds: int
    epochs_ahead: int
    max_bytes: int

    origin: str
    publication_seconds: int

    @property
    def strata(self) -> list[str]:
        """The strata of the line groups, both ways."""
        groups = sorted({line.group for line in self.lines.values()})
        return [f"{group}_{way}" for group in groups for way in ("in", "out")]


class Site:
    """Everything that belongs to one call-centre organisation."""

    def __init__(
        self,
        config: SiteConfig,
        database: SiteDatabase,
        objects: ObjectStore,
        sources: Mapping[str, RecordingSource],
        clock: Callable[[], datetime],
    ) -> None:
        self.name = database.site
        self.config = config
        self.database = database
        self.clock = clock
        self.keys = KeyRing(config.keys_directory, self.name)
        self.ledger = Ledger(database)
        self.vault = Vault(self.ledger, objects, self.keys, clock)
        self.shelf = Shelf(self.ledger, objects, self.keys, clock)
        self.outcomes = Outcomes(self.ledger, self.shelf, clock)
        self.epochs = Epochs(
            self.ledger,
            self.keys,
            clock,
            epoch_seconds=config.epoch_seconds,
            epochs_ahead=config.epochs_ahead,
        )
        self.unanswered = Unanswered(self.outcomes)
        self.audio = Intake(
            self.ledger, self.vault, self.outcomes, clock, config.max_bytes
        )
        self.takeovers = Takeovers(database, self.audio, self.outcomes, sources, clock)
        self.calls = SiteIntake(
            ledger=self.ledger,
            epochs=self.epochs,
            sequencer=Sequencer(self.ledger, self.epochs, clock, self.unanswered.note),
            outcomes=self.outcomes,
            takeovers=self.takeovers,
            stops=Stops(database),
            lines=config.lines,
            clock=clock,
        )

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.config.origin, self.keys.log_key())

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.ledger, self.signer, self.clock)

    async def attach(self) -> None:
        """Make sure that database, keys and objects belong together, making nothing.

        For commands: a wrong working directory must not pass for an empty vault.
        """
        if not self.keys.exists():
            raise StorageError(
                f"site {self.name} has no keys here; it was never served with them",
                field=str(self.config.keys_directory),
                fix="run where data_dir is the one the service uses",
            )
        self.keys.open()
        await self.ledger.begin(self.config.origin, self.signer.key.encode())
        await self.shelf.recognise_store()

    async def prepare(self) -> None:
        """Bring the site to the point where draws may begin, and begin them.

        What expired while the service was away, or came back with a backup, is
        forgotten first.
        """
        self.keys.open()
        await self.ledger.create()
        await self.ledger.begin(self.config.origin, self.signer.key.encode())
        await self.shelf.recognise_store()
        await self.sweep()
        epoch = epoch_at(self.clock(), self.config.epoch_seconds)
        policy = await adopt_policy(
            self.ledger, self.config.policy, epoch, self.config.epoch_seconds
        )
        await self.epochs.prepare()
        self.calls.begin(policy)

    async def keep_up(self) -> None:
        """What every replica must do for itself, every few seconds."""
        await self.epochs.keep_up()
        await self.calls.settle_doubtful()

    async def tend(self) -> None:
        """What one of the replicas must do every minute. Each part is safe to repeat.

        One part's fault does not keep the others from their turn; the first is raised.
        """
        faults: list[PonctuelError] = []
        for part in (
            self.epochs.prepare,
            self.epochs.reveal,
            self.outcomes.close_overdue,
            self.shelf.remove_unfinished,
            self.takeovers.requeue_unfinished,
            self.takeovers.forget_finished,
            self._publish_if_due,
        ):
            try:
                await part()
            except PonctuelError as error:
                faults.append(error)
        if faults:
            raise faults[0]

    async def _publish_if_due(self) -> None:
        await self.publisher.publish_every(self.config.publication_seconds)

    async def sweep(self, on_progress: Callable[[int], None] = quietly) -> SweepReport:
        """Forget what is due now."""
        return await sweep(self.shelf, self.shelf, self.clock(), on_progress)

    async def close(self) -> None:
        await self.calls.sequencer.stop()
        await self.unanswered.finish()
        await self.database.close()
