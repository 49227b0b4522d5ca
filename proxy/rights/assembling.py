"""One site's rights, joined: the desk, and everything it answers with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from proxy.access.surroundings import Seal
from proxy.access.trace.trace import Trace
from proxy.intake.callers import CallerNames
from proxy.intake.opt_outs import OptOuts
from proxy.intake.outcomes import Outcomes as CallOutcomes
from proxy.ledger.transaction import Ledger
from proxy.metrics_contract import Key
from proxy.rights.config import RightsConfig
from proxy.rights.desk import Desk
from proxy.rights.figures import RequestFigures
from proxy.rights.finding import Finder, RunningCalls
from proxy.rights.freezing import Freezing
from proxy.rights.fulfilling import Fulfilments
from proxy.rights.identity_codes import IdentityCodes
from proxy.rights.moving import DeskParts
from proxy.rights.outcomes.assembling import Outcomes, make_outcomes
from proxy.rights.outcomes.erasing import Callers
from proxy.rights.outcomes.wants import Wants
from proxy.rights.packages.assembling import Around, make_packages
from proxy.rights.packages.packages import Packages
from proxy.rights.requests import Requests
from proxy.rights.senders import NoSender, Sender, WebhookSender
from proxy.upkeep import each_in_turn
from proxy.vault.assembling import VaultParts


@dataclass(frozen=True, slots=True, kw_only=True)
class RightsSurroundings:
    """What it is all made of. `name_agent` is the key ring's, as for access."""

    ledger: Ledger
    vault: VaultParts
    seal: Seal
    trace: Trace
    callers: CallerNames
    opt_outs: OptOuts
    name_agent: Callable[[str], bytes]
    clock: Callable[[], datetime]
    config: RightsConfig
    packages: Around


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a site does for the persons it recorded."""

    desk: Desk
    requests: Requests
    freezing: Freezing
    finder: Finder
    fulfilments: Fulfilments
    sender: Sender
    outcomes: Outcomes
    counts: RequestFigures
    packages: Packages

    async def tend(self) -> None:
        """Each minute, on one replica; all of it may be repeated."""
        await each_in_turn(self.packages.tend, self.desk.tend, self.outcomes.tend)

    async def before_sweeping(self) -> None:
        """Hold what persons want held, all of it: the keys of its days die next."""
        await each_in_turn(self.freezing.tend_all, self.outcomes.restricting.tend)

    async def figures(self, now: datetime) -> dict[Key, float]:
        return await self.counts.figures(now)

    async def close(self) -> None:
        await self.packages.close()
        await self.sender.close()


def make_rights(given: RightsSurroundings) -> Rights:
    database, clock, config = given.ledger.database, given.clock, given.config
    zone = config.hours.zone
    requests = Requests(database, given.seal, clock, zone)
    finder = Finder(
        given.callers, given.trace, given.name_agent, database, clock, config
    )
    parts = DeskParts(
        requests=requests,
        freezing=Freezing(database, given.vault.holds, clock, zone),
        fulfilments=Fulfilments(),
        finder=finder,
        running=_running_calls(given),
        codes=IdentityCodes(
            database.site, given.seal, _numbers_of(given.name_agent), clock
        ),
        sender=make_sender(database.site, config, clock),
        trace=given.trace,
        name_agent=given.name_agent,
        clock=clock,
        config=config,
    )
    desk = Desk(parts)
    outcomes = make_outcomes(
        Wants(requests, given.trace, desk.fulfilling, given.name_agent),
        *(given.vault, given.trace, Callers(given.opt_outs, parts.running)),
        *(desk.wording, clock),
    )
    outcomes.register(parts.fulfilments)
    return Rights(
        desk=desk,
        requests=requests,
        freezing=parts.freezing,
        finder=finder,
        fulfilments=parts.fulfilments,
        sender=parts.sender,
        outcomes=outcomes,
        counts=RequestFigures(requests, given.ledger),
        packages=make_packages(parts, given.packages),
    )


def _running_calls(given: RightsSurroundings) -> RunningCalls:
    outcomes = CallOutcomes(given.ledger, given.vault.shelf, given.clock)
    return RunningCalls(given.callers, given.ledger.database, outcomes)


def make_sender(
    site: str, config: RightsConfig, clock: Callable[[], datetime]
) -> Sender:
    if config.sender is None:
        return NoSender(site)
    return WebhookSender(config.sender, clock)


def _numbers_of(name_agent: Callable[[str], bytes]) -> Callable[[str], bytes]:
    """Keyed names of numbers; no agent's code has a blank, so none is taken for one."""
    return lambda number: name_agent(f"number {number}")
