"""How the parts of a site's reconciliation are joined."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from proxy.database.pool import SiteDatabase
from proxy.intake.sightings import Sightings
from proxy.intake.tag_keys import TagKeys
from proxy.intake.takeovers import Takeovers
from proxy.ledger.transaction import Ledger
from proxy.platforms.base import Platform
from proxy.reconciliation.calls import BoundCalls
from proxy.reconciliation.connection_day import ConnectionDays
from proxy.reconciliation.daily import Reconciliation
from proxy.reconciliation.inventory import Inventory
from proxy.reconciliation.recordings import Patience, Recordings
from proxy.reconciliation.reports import ListSource
from proxy.reconciliation.results import Results
from proxy.reconciliation.runs import Runs
from proxy.vault.objects import ObjectStore
from proxy.vault.shelf import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What of a site is needed. `neighbours`: other sites with objects in its store."""

    ledger: Ledger
    platforms: Mapping[str, Platform]
    tag_keys: TagKeys
    takeovers: Takeovers
    sightings: Sightings
    objects: ObjectStore
    shelf: Shelf
    neighbours: Callable[[], Sequence[SiteDatabase]]
    clock: Callable[[], datetime]


def make_reconciliation(parts: Parts, patience: Patience) -> Reconciliation:
    database = parts.ledger.database
    lists = {name: each.lists for name, each in parts.platforms.items()}
    counted = {
        name: ListSource.BY_HAND if own is None else ListSource.PLATFORM
        for name, own in lists.items()
    }
    runs, results = Runs(database), Results(parts.ledger, counted)
    return Reconciliation(
        site=parts.ledger.site,
        tag_keys=parts.tag_keys,
        lists=lists,
        days=ConnectionDays(
            calls=BoundCalls(database),
            recordings=Recordings(
                database=database,
                takeovers=parts.takeovers,
                sources={name: each.source for name, each in parts.platforms.items()},
                clock=parts.clock,
                patience=patience,
            ),
            runs=runs,
            results=results,
            sightings=parts.sightings,
            clock=parts.clock,
        ),
        inventory=Inventory(
            database, parts.objects, parts.shelf, parts.neighbours, parts.clock
        ),
        runs=runs,
        results=results,
        clock=parts.clock,
    )
