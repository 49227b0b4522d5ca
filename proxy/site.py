"""One site's parts, joined: ledger, draw, vault, outcomes, take-overs."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache, partial

import structlog
from typing_extensions import override

from proxy.access.site_access import SiteAccess
from proxy.access.surroundings import Surroundings
from proxy.database.forgetting import Forgetting
from proxy.database.pool import SiteDatabase
from proxy.database.second_clock import agree_on_time
from proxy.errors import StorageError
from proxy.governance.policies import Governance
from proxy.incidents.integrity import IntegrityWatch
from proxy.incidents.register import Register
from proxy.intake.agent_caps import AgentCaps
from proxy.intake.callers import CallerNames
from proxy.intake.epochs import Epochs
from proxy.intake.heard_agents import HeardAgents
from proxy.intake.keys_ahead import KeysAhead
from proxy.intake.leading import Leader
from proxy.intake.opening import EpochPlan
from proxy.intake.opt_outs import OptOuts
from proxy.intake.outcomes import Outcomes
from proxy.intake.pipeline import SiteIntake
from proxy.intake.policy_book import PolicyBook
from proxy.intake.randomness.values import OutsideValues
from proxy.intake.sequencer import Sequencer
from proxy.intake.shortening import Shortening
from proxy.intake.sightings import Sightings
from proxy.intake.stops import Stops
from proxy.intake.tag_keys import TagKeys
from proxy.intake.takeovers import Takeovers
from proxy.intake.taking import Intake
from proxy.intake.unanswered import Unanswered
from proxy.intake.voids import Voids
from proxy.monitoring.service import SiteMonitors
from proxy.platforms.base import Platform
from proxy.playback.assembling import make_hearing
from proxy.reconciliation.assembling import Parts, make_reconciliation
from proxy.reconciliation.daily import Reconciliation
from proxy.reconciliation.recordings import Patience
from proxy.rights.assembling import Rights, RightsSurroundings, make_rights
from proxy.rights.notices.keeping import Notices
from proxy.rights.packages.assembling import Around
from proxy.site_config import SiteConfig
from proxy.site_ledger import SiteLedger
from proxy.site_sweep import SiteSweep
from proxy.upkeep import each_in_turn
from proxy.vault.assembling import Time, make_vault
from proxy.vault.keys import KeyRing
from proxy.vault.objects import ObjectStore
from proxy.vault.restoring import Replayed
from retention.sweep import SweepReport, quietly
from sampling.schedule import PolicySchedule

log = structlog.get_logger()

_AGENTS_NAMED = 10_000
PACKAGES = "/console/packages"  # where persons fetch theirs


class Site(SiteLedger):
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
        super().__init__(config, database, keys, clock)
        self.incidents = Register(database, clock, config.dpo_contact, self._about_whom)
        self.integrity = IntegrityWatch(database, clock)
        self.parts = make_vault(
            self.ledger,
            objects,
            keys,
            Time(clock, partial(agree_on_time, clock, config.second_clock, database)),
            self.integrity.note_tampered,
            config.analysis_terms,
        )
        self.vault, self.shelf = self.parts.recordings, self.parts.shelf
        self.outcomes = Outcomes(self.ledger, self.shelf, clock)
        self.unanswered = Unanswered(database, self.outcomes)
        self.monitors = SiteMonitors(self.ledger, clock)
        self.hearing = make_hearing(database, self.parts, self.access.trace, clock)
        self._join_the_draw()
        self._join_what_is_recorded(platforms)
        self.calls = self._intake()
        self.neighbours: Sequence[SiteDatabase] = ()
        """The other sites that keep their objects in the same store."""
        self.reconciliation = self._reconciliation(objects, platforms)

    async def _about_whom(self, kind: str, reference: str) -> str | None:
        return await self.access.oversight.about_whom(kind, reference)

    def _join_the_draw(self) -> None:
        config = self.config
        self.epochs = Epochs(
            self.ledger,
            self.keys,
            self.clock,
            EpochPlan(config.epoch_seconds, config.epochs_ahead, config.quorum),
            config.outside,
        )
        self.policies = PolicyBook(self.name, config.mode, config.epoch_seconds)
        self.governance = Governance(
            self.ledger, self.policies, config.governed, self.clock
        )
        self.outside = OutsideValues(
            self.database, config.outside, self.clock, config.epoch_seconds
        )
        self.tag_keys = TagKeys(self.ledger, self.keys, config.inspection_weeks)
        self.voids = Voids()

    def _join_what_is_recorded(self, platforms: Mapping[str, Platform]) -> None:
        database, outcomes, clock = self.database, self.outcomes, self.clock
        self.sightings = Sightings(database, clock, self.keys.name_agent)
        self.sightings.on_recording = self.monitors.react
        self.audio = Intake(
            self.ledger, self.vault, outcomes, clock, self.config.max_bytes
        )
        sources = {name: platform.source for name, platform in platforms.items()}
        self.takeovers = Takeovers(database, self.audio, outcomes, sources, clock)

    @property
    def schedule(self) -> PolicySchedule:
        """Which policy holds when, as far as this replica knows."""
        return self.policies.schedule

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
            country=self.config.rights.country,
        )

    @cached_property
    def access(self) -> SiteAccess:
        given = Surroundings(
            ledger=self.ledger,
            seal=self.keys,
            name_agent=self.keys.name_agent,
            open_incident=self.incidents.open_in,
            clock=self.clock,
            config=self.config.access,
        )
        return SiteAccess(given)

    @cached_property
    def notices(self) -> Notices:
        told = self.config.told
        return Notices(self.database, self.clock, told, lambda: self.calls.policy)

    @cached_property
    def rights(self) -> Rights:
        packages = Around(
            vault=self.parts,
            seal=self.keys,
            draw_proofs=lambda: self.draw_proofs,
            processing=self.notices.processing,
            page=f"{self.config.access.public_url}{PACKAGES}",
        )
        given = RightsSurroundings(
            ledger=self.ledger,
            vault=self.parts,
            seal=self.keys,
            trace=self.access.trace,
            callers=self.caller_names,
            opt_outs=self.opt_outs,
            name_agent=self.keys.name_agent,
            clock=self.clock,
            config=self.config.rights,
            packages=packages,
        )
        return make_rights(given)

    @cached_property
    def shortening(self) -> Shortening:
        return Shortening(self.database, self.policies, self.clock)

    @cached_property
    def keys_ahead(self) -> KeysAhead:
        return KeysAhead(self.policies, self.parts, self.clock)

    @cached_property
    def agent_caps(self) -> AgentCaps:
        return AgentCaps(self.database, self.clock, self.outcomes, self.unanswered.note)

    @cached_property
    def caller_names(self) -> CallerNames:
        country = self.config.rights.country
        return CallerNames(self.database, self.keys, self.clock, country)

    @cached_property
    def forgetting(self) -> Forgetting:
        heard = HeardAgents(self.database, self.policies)
        parts = {
            "agent_calls": heard.forget,
            "agent_caps": self.agent_caps.forget,
            "caller_names": self.caller_names.forget,
            "opt_outs": self.opt_outs.forget_over,
        }
        return Forgetting(
            self.database, self.clock, parts, self.integrity.note_kept_too_long
        )

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
        await self.governance.look()
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
            self.keys_ahead.make,
            self.outcomes.close_overdue,
            self.unanswered.close_left_behind,
            self.shelf.remove_unfinished,
            self.shelf.remove_leftovers,
            self.takeovers.requeue_unfinished,
            self._publish_if_due,
            self.cosigning.ask,
            self.integrity.note_halt,
            self._thin_checkpoints,
            self.time_stamps.stamp_if_due,
            self.access.oversight.tend,
            self.rights.tend,
            self.notices.keep,
        )

    async def _publish_if_due(self) -> None:
        async with self.integrity.over_publishing():
            await self.publisher.publish_every(self.config.publication_seconds)

    async def _thin_checkpoints(self) -> None:
        await self.cosignatures.thin(self.clock(), self.config.epoch_seconds)

    async def verify_self(self) -> None:
        """Check the whole ledger, once a day; what is found opens an incident."""
        if (checked := await self.self_check.run_if_due()) and checked.findings:
            await self.integrity.note_findings(checked.findings)

    async def sweep(self, on_progress: Callable[[int], None] = quietly) -> SweepReport:
        """Forget what is due; nothing if clocks do not agree."""
        return await self._sweeping.run(on_progress)

    @cached_property
    def _sweeping(self) -> SiteSweep:
        return SiteSweep(
            freeze=self.rights.before_sweeping,
            parts=self.parts,
            shortening=self.shortening,
            tag_keys=self.tag_keys,
            forgetting=self.forgetting,
            agree_on_time=self.parts.agree_on_time,
            clock=self.clock,
        )

    @override
    async def close(self) -> None:
        await self.calls.sequencer.stop()
        await self.outside.stop()
        await super().close()
        await self.access.oidc.close()
        await self.rights.close()
        await self.unanswered.finish()
        await self.keys.close()
        await self.database.close()
