"""One site's parts, joined: ledger, draw, vault, outcomes, take-overs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from proxy.database.pool import SiteDatabase
from proxy.errors import PonctuelError, StorageError
from proxy.intake.epochs import Epochs
from proxy.intake.opening import EpochPlan
from proxy.intake.outcomes import Outcomes
from proxy.intake.pipeline import SiteIntake
from proxy.intake.policies import Adoption, adopt_policy
from proxy.intake.randomness.source import OutsideSource
from proxy.intake.randomness.values import OutsideValues
from proxy.intake.sequencer import Sequencer
from proxy.intake.stops import Stops
from proxy.intake.store import QUERIES
from proxy.intake.tag_keys import TagKeys
from proxy.intake.takeovers import Takeovers
from proxy.intake.taking import Intake
from proxy.intake.unanswered import Unanswered
from proxy.intake.voids import Voids
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.cosigning import Cosigning
from proxy.ledger.note import Signer
from proxy.ledger.publisher import Publisher
from proxy.ledger.timestamps import Authority, TimeStamps
from proxy.ledger.transaction import Ledger
from proxy.ledger.witness_client import WitnessClient
from proxy.ledger.witnessing import Witness
from proxy.platforms.base import RecordingSource
from proxy.vault.keys import KeyRing
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import Vault
from proxy.vault.shelf import Shelf
from retention.sweep import SweepReport, quietly, sweep
from sampling.gates import Line
from sampling.mixing import Mode
from sampling.policy import SamplingPolicy
from sampling.schedule import PolicySchedule
from sampling.seed import epoch_at

_DATING_MARGIN = timedelta(minutes=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """What a site is told, in the words of its parts."""

    policy: SamplingPolicy
    mode: Mode
    outside: OutsideSource
    witnesses: tuple[Witness, ...]
    quorum: int
    lines: Mapping[str, Line]
    keys_directory: Path
    epoch_seconds: int
    epochs_ahead: int
    inspection_weeks: int
    max_bytes: int

    origin: str
    publication_seconds: int

    time_authority: Authority | None = None

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
        self.cosignatures = Cosignatures(
            self.ledger, [each.key for each in config.witnesses], config.quorum
        )
        self._witness_client = WitnessClient()
        self.vault = Vault(self.ledger, objects, self.keys, clock)
        self.shelf = Shelf(self.ledger, objects, self.keys, clock)
        self.outcomes = Outcomes(self.ledger, self.shelf, clock)
        self.epochs = Epochs(
            self.ledger,
            self.keys,
            clock,
            EpochPlan(config.epoch_seconds, config.epochs_ahead, config.quorum),
            config.outside,
        )
        self.schedule = PolicySchedule.empty(config.mode)
        self.outside = OutsideValues(
            database, config.outside, clock, config.epoch_seconds
        )
        self.tag_keys = TagKeys(self.ledger, self.keys, clock, config.inspection_weeks)
        self.unanswered = Unanswered(database, self.outcomes)
        self.voids = Voids()
        self.audio = Intake(
            self.ledger, self.vault, self.outcomes, clock, config.max_bytes
        )
        self.takeovers = Takeovers(database, self.audio, self.outcomes, sources, clock)
        self.calls = self._intake()

    def _intake(self) -> SiteIntake:
        return SiteIntake(
            ledger=self.ledger,
            epochs=self.epochs,
            sequencer=Sequencer(
                self.ledger,
                self.epochs,
                self.clock,
                on_unanswered=self.unanswered.note,
                on_void=self.voids.note,
            ),
            outcomes=self.outcomes,
            takeovers=self.takeovers,
            stops=Stops(self.database),
            voids=self.voids,
            name_agent=self.keys.name_agent,
            lines=self.config.lines,
            clock=self.clock,
        )

    @cached_property
    def signer(self) -> Signer:
        return Signer(self.config.origin, self.keys.log_key())

    @cached_property
    def publisher(self) -> Publisher:
        return Publisher(self.ledger, self.signer, self.clock)

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
    def time_stamps(self) -> TimeStamps:
        authority = self.config.time_authority
        return TimeStamps(self.ledger, self.publisher, authority, self.clock)

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
        self.schedule = await adopt_policy(self.ledger, self._adoption())
        await self._open_epochs()
        if self.config.quorum:  # a restored database must not draw before it is noticed
            await self.cosigning.ask(everyone=True)
        self.outside.start()
        self.calls.begin(self.schedule)

    def _adoption(self) -> Adoption:
        config = self.config
        # Rules must be seen by witnesses before the epoch they hold from.
        margin = _DATING_MARGIN if config.witnesses else timedelta(0)
        return Adoption(
            policy=config.policy,
            mode=config.mode,
            epoch=epoch_at(self.clock() + margin, config.epoch_seconds),
            epoch_seconds=config.epoch_seconds,
            has_witnesses=bool(config.witnesses),
        )

    async def _open_epochs(self) -> None:
        await self.epochs.prepare(self.schedule)

    async def keep_up(self) -> None:
        """What every replica must do for itself, every few seconds."""
        await self.epochs.keep_up()
        await self.voids.settle(self.ledger)

    async def tend(self) -> None:
        """What one of the replicas must do every minute. Each part is safe to repeat.

        One part's fault does not keep the others from their turn; the first is raised.
        """
        faults: list[PonctuelError] = []
        for part in (
            self._open_epochs,
            self.epochs.reveal,
            self.outcomes.close_overdue,
            self.unanswered.close_left_behind,
            self._forget_agents,
            self.shelf.remove_unfinished,
            self.takeovers.requeue_unfinished,
            self.takeovers.forget_finished,
            self._publish_if_due,
            self._ask_witnesses,
            self._thin_checkpoints,
            self.time_stamps.stamp_if_due,
        ):
            try:
                await part()
            except PonctuelError as error:
                faults.append(error)
        if faults:
            raise faults[0]

    async def _forget_agents(self) -> None:
        """How often an agent was heard is of no use once the campaign is over."""
        today = self.clock().date()
        running = [
            entry.policy.starts_on
            for entry in self.schedule.entries
            if entry.policy.is_running(today)
        ]
        async with self.database.connection() as connection:
            await connection.execute(
                QUERIES["forget_agent_calls"], self.name, today, running
            )

    async def _publish_if_due(self) -> None:
        await self.publisher.publish_every(self.config.publication_seconds)

    async def _ask_witnesses(self) -> None:
        await self.cosigning.ask()

    async def _thin_checkpoints(self) -> None:
        await self.cosignatures.thin(self.clock(), self.config.epoch_seconds)

    async def sweep(self, on_progress: Callable[[int], None] = quietly) -> SweepReport:
        """Forget what is due now: recordings, then what links calls to leaves."""
        report = await sweep(self.shelf, self.shelf, self.clock(), on_progress)
        ended = await self.tag_keys.end_due()
        return replace(
            report,
            weeks_ended=ended.destroyed,
            weeks_failed=ended.failed,
            calls_forgotten=ended.calls,
        )

    async def close(self) -> None:
        await self.calls.sequencer.stop()
        await self.outside.stop()
        await self._witness_client.close()
        await self.unanswered.finish()
        await self.database.close()
