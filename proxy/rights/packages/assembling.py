"""A site's packages, joined to its desk."""

from collections.abc import Callable
from dataclasses import dataclass

from proxy.access.surroundings import Seal
from proxy.access.trace.reading import TraceReading
from proxy.ledger.draw_proofs import DrawProofs
from proxy.letters.facts import Processing
from proxy.rights.moving import DeskParts
from proxy.rights.packages.fulfilling import AccessFulfilment
from proxy.rights.packages.packages import KINDS, Packages
from proxy.rights.packages.ports import PackageSurroundings
from proxy.rights.wording import Wording
from proxy.vault.assembling import VaultParts


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What packages need besides a desk. `page`: the address they are fetched at."""

    vault: VaultParts
    seal: Seal
    draw_proofs: Callable[[], DrawProofs]
    processing: Callable[[], Processing]
    page: str


def make_packages(parts: DeskParts, around: Around) -> Packages:
    """The packages of a desk; requests for access are done when one is handed over."""
    requests, config = parts.requests, parts.config
    given = PackageSurroundings(
        requests=requests,
        seal=around.seal,
        vault=around.vault.recordings,
        trace=parts.trace,
        hearings=TraceReading(requests.database, parts.trace),
        wording=Wording(requests, config),
        processing=around.processing,
        draw_proofs=around.draw_proofs,
        statements=around.vault.statements,
        codes=parts.codes,
        sender=parts.sender,
        name_agent=parts.name_agent,
        practices=config.practices,
        clock=parts.clock,
        link=config.link,
        page=around.page,
    )
    packages = Packages(given)
    fulfilment = AccessFulfilment(packages, requests)
    for kind in KINDS:
        parts.fulfilments.register(kind, fulfilment)
    return packages
