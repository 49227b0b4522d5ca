"""One site's parts, joined: ledger, draw, vault, outcomes, take-overs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, lru_cache, partial

import structlog

from proxy.database.pool import SiteDatabase
from proxy.errors import StorageError
from proxy.governance.adopting import GovernanceConfig
from proxy.governance.policies import Governance
from proxy.incidents.integrity import IntegrityWatch
from proxy.incidents.register import Register
from proxy.intake.agent_caps import AgentCaps
from proxy.intake.callers import CallerNames
from proxy.intake.epochs import Epochs
from proxy.intake.leading import Leader
from proxy.intake.opening import EpochPlan
from proxy.intake.opt_outs import OptOuts
from proxy.intake.outcomes import Outcomes
from proxy.intake.pipeline import SiteIntake
from proxy.intake.policy_book import PolicyBook
from proxy.intake.randomness.source import OutsideSource
from proxy.intake.randomness.values import OutsideValues
from proxy.intake.sequencer import Sequencer
from proxy.intake.sightings import Sightings
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
from proxy.ledger.self_check import SelfCheck
from proxy.ledger.standing import Standing
from proxy.ledger.timestamps import Authority, TimeStamps
from proxy.ledger.transaction import Ledger
from proxy.ledger.witness_client import WitnessClient
from proxy.ledger.witnessing import Witness
from proxy.monitoring.service import SiteMonitors
from proxy.platforms.base import Platform
from proxy.policy_document import PolicyPart
from proxy.reconciliation.assembling import Parts, make_reconciliation
from proxy.reconciliation.daily import Reconciliation
from proxy.reconciliation.recordings import Patience
from proxy.upkeep import each_in_turn
from proxy.vault.assembling import make_vault
from proxy.vault.keys import KeyRing
from proxy.vault.objects import ObjectStore
from proxy.vault.restoring import Replayed
from retention.sweep import SweepReport, quietly, sweep
from sampling.gates import Line
from sampling.legal import Reference
from sampling.mixing import Mode
from sampling.schedule import PolicySchedule

log = structlog.get_logger()

_AGENTS_NAMED = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteConfig:
    """What a site is told, in the words of its parts."""

    policy: PolicyPart | None
    dpos_word: Reference | None
    kinds: Mapping[str, str]
    mode: Mode
    outside: OutsideSource
    witnesses: tuple[Witness, ...]
    quorum: int
    lines: Mapping[str, Line]
    epoch_seconds: int
    epochs_ahead: int
    inspection_weeks: int
    max_bytes: int

    origin: str
    publication_seconds: int

    time_authority: Authority | None = None
    dpo_contact: str = ""
    keep_opt_outs: bool = False

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
        keys: KeyRing,
        platforms: Mapping[str, Platform],
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
        self.incidents = Register(database, clock, config.dpo_contact)
        self.integrity = IntegrityWatch(database, clock)
        self.parts = make_vault(
            self.ledger, objects, keys, clock, self.integrity.note_tampered
        )
        self.vault, self.shelf = self.parts.recordings, self.parts.shelf
        self.outcomes = Outcomes(self.ledger, self.shelf, clock)
        self.epochs = Epochs(
            self.ledger,
            self.keys,
            clock,
            EpochPlan(config.epoch_seconds, config.epochs_ahead, config.quorum),
            config.outside,
        )
        self.policies = PolicyBook(self.name, config.mode, config.epoch_seconds)
        self.governance = self._governance()
        self.outside = OutsideValues(
            database, config.outside, clock, config.epoch_seconds
        )
        self.tag_keys = TagKeys(self.ledger, self.keys, clock, config.inspection_weeks)
        self.unanswered = Unanswered(database, self.outcomes)
        self.voids = Voids()
        self.sightings = Sightings(database, clock, self.keys.name_agent)
        self.monitors = SiteMonitors(self.ledger, clock)
        self.sightings.on_recording = self.monitors.react
        self.audio = Intake(
            self.ledger, self.vault, self.outcomes, clock, config.max_bytes
        )
        sources = {name: platform.source for name, platform in platforms.items()}
        self.takeovers = Takeovers(database, self.audio, self.outcomes, sources, clock)
        self.calls = self._intake()
        self.neighbours: Sequence[SiteDatabase] = ()
        """The other sites that keep their objects in the same store."""
        self.reconciliation = self._reconciliation(objects, platforms)

    @property
    def schedule(self) -> PolicySchedule:
        """Which policy holds when, as far as this replica knows."""
        return self.policies.schedule

    def _governance(self) -> Governance:
        config = self.config
        governed = GovernanceConfig(
            file=config.policy,
            dpos_word=config.dpos_word,
            kinds=config.kinds,
            mode=config.mode,
            epoch_seconds=config.epoch_seconds,
            has_witnesses=bool(config.witnesses),
            groups={line.group for line in config.lines.values()},
            lines=config.lines.keys(),
        )
        return Governance(self.ledger, self.policies, governed, self.clock)

    def _intake(self) -> SiteIntake:
        return SiteIntake(
            ledger=self.ledger,
            epochs=self.epochs,
            policies=self.policies,
            sequencer=Sequencer(
                self.ledger,
                Leader(self.epochs, self.clock, self.policies),
                self.policies,
                on_unanswered=self.unanswered.note,
                on_void=self.voids.note,
            ),
            outcomes=self.outcomes,
            takeovers=self.takeovers,
            stops=Stops(self.database),
            opt_outs=self.opt_outs,
            sightings=self.sightings,
            voids=self.voids,
            name_agent=lru_cache(maxsize=_AGENTS_NAMED)(self.keys.name_agent),
            callers=self.caller_names,
            agent_caps=self.agent_caps,
            lines=self.config.lines,
            clock=self.clock,
        )

    def _reconciliation(
        self, objects: ObjectStore, platforms: Mapping[str, Platform]
    ) -> Reconciliation:
        parts = Parts(
            ledger=self.ledger,
            platforms=platforms,
            tag_keys=self.tag_keys,
            takeovers=self.takeovers,
            sightings=self.sightings,
            objects=objects,
            shelf=self.shelf,
            neighbours=lambda: self.neighbours,
            clock=self.clock,
        )
        return make_reconciliation(parts, Patience())

    @cached_property
    def opt_outs(self) -> OptOuts:
        return OptOuts(
            self.database,
            self.clock,
            self.keys.name_caller,
            self.unanswered.note,
            is_on=self.config.keep_opt_outs,
        )

    @cached_property
    def agent_caps(self) -> AgentCaps:
        return AgentCaps(self.database, self.clock, self.outcomes, self.unanswered.note)

    @cached_property
    def caller_names(self) -> CallerNames:
        return CallerNames(self.database, self.keys, self.clock)

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
    def time_stamps(self) -> TimeStamps:
        authority = self.config.time_authority
        return TimeStamps(self.ledger, self.publisher, authority, self.clock)

    async def attach(self) -> None:
        """Make sure that database, keys and objects belong together, making nothing.

        For commands: a wrong working directory must not pass for an empty vault.
        """
        if not await self.keys.exists():
            raise StorageError(
                f"site {self.name} has no keys here; it was never served with them",
                field="vault.keys",
                fix="run where data_dir is the one the service uses",
            )
        await self._open_keys()
        await self.ledger.begin(self.config.origin, self.signer.key.encode())
        await self.shelf.recognise_store()

    async def prepare(self) -> None:
        """Bring the site to the point where draws may begin, and begin them.

        What expired while the service was away, or came back with a backup, is
        forgotten first.
        """
        await self._open_keys()
        await self.ledger.create()
        await self.ledger.begin(self.config.origin, self.signer.key.encode())
        await self.shelf.recognise_store()
        await self.replay_the_dead()
        await self.sweep()
        await self.governance.begin()
        await self._open_epochs()
        await self.caller_names.refresh()
        if self.config.quorum:  # a restored database must not draw before it is noticed
            await self.cosigning.ask(everyone=True)
        self.outside.start()
        self.calls.begin()

    async def _open_keys(self) -> None:
        await self.keys.open()
        if self.config.keep_opt_outs:
            await self.keys.open_callers()

    async def replay_the_dead(self) -> Replayed:
        """What died must not come back with a backup; what did is told of."""
        replayed = await self.parts.restoring.replay()
        await self.integrity.note_restored(replayed)
        return replayed

    async def _open_epochs(self) -> None:
        await self.epochs.prepare(self.schedule)

    async def keep_up(self) -> None:
        """What every replica must do for itself, every few seconds."""
        await each_in_turn(
            self.epochs.keep_up,
            partial(self.voids.settle, self.ledger),
            self.sightings.flush,
            self.monitors.keep_up,
            self.governance.keep_up,
        )

    async def tend(self) -> None:
        """What one of the replicas must do every minute; each part may be repeated."""
        await each_in_turn(
            self.governance.tend,
            self._open_epochs,
            self.epochs.reveal,
            self.outcomes.close_overdue,
            self.unanswered.close_left_behind,
            self._forget_agents,
            self.opt_outs.forget_over,
            self.agent_caps.forget,
            self.caller_names.forget,
            self.shelf.remove_unfinished,
            self.shelf.remove_leftovers,
            self.takeovers.requeue_unfinished,
            self.takeovers.forget_finished,
            self._publish_if_due,
            self._ask_witnesses,
            self.integrity.note_halt,
            self._thin_checkpoints,
            self.time_stamps.stamp_if_due,
        )

    async def _forget_agents(self) -> None:
        """How often an agent was heard is of no use once the campaign is over."""
        today = self.clock().date()
        running = [
            conditions.starts_on
            for entry in self.schedule.entries
            for conditions in (entry.policy, *entry.policy.strata)
            if conditions.is_running(today)
        ]
        async with self.database.connection() as connection:
            await connection.execute(
                QUERIES["forget_agent_calls"], self.name, today, running
            )

    async def _publish_if_due(self) -> None:
        async with self.integrity.over_publishing():
            await self.publisher.publish_every(self.config.publication_seconds)

    async def _ask_witnesses(self) -> None:
        await self.cosigning.ask()

    async def _thin_checkpoints(self) -> None:
        await self.cosignatures.thin(self.clock(), self.config.epoch_seconds)

    async def verify_self(self) -> None:
        """Check the whole ledger, once a day; what is found opens an incident."""
        checked = await self.self_check.run_if_due()
        if checked and checked.findings:
            await self.integrity.note_findings(checked.findings)

    async def sweep(self, on_progress: Callable[[int], None] = quietly) -> SweepReport:
        """Forget what is due now: recordings, then what links calls to leaves."""
        report = await sweep(
            self.parts.holds,
            self.shelf,
            self.parts.destroying,
            self.clock(),
            on_progress,
        )
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
        await self.keys.close()
        await self.database.close()
