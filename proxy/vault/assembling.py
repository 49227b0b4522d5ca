"""One site's vault, joined: recordings in and out, holds, keys, and all their ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proxy.ledger.transaction import Ledger
from proxy.vault.analyses import Analyses
from proxy.vault.analysis_shelf import AnalysisShelf
from proxy.vault.burying import Burying
from proxy.vault.canaries import Canaries
from proxy.vault.catalogue import Catalogue
from proxy.vault.day_keys import DayKeys
from proxy.vault.holding import Holds
from proxy.vault.key_inspection import KeyInspection
from proxy.vault.keys import KeyRing
from proxy.vault.new_analyses import NewAnalyses
from proxy.vault.notes import Notes
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import Vault
from proxy.vault.renewing import Destroying, Renewal
from proxy.vault.restoring import Restoring
from proxy.vault.shelf import Shelf
from proxy.vault.statements import Statements
from retention.periods import AnalysisTerms


@dataclass(frozen=True, slots=True)
class VaultParts:
    """What a site does with recordings and their keys."""

    recordings: Vault
    shelf: Shelf
    analyses: Analyses
    documents: AnalysisShelf
    holds: Holds
    keys: DayKeys
    destroying: Destroying
    burying: Burying
    statements: Statements
    restoring: Restoring
    canaries: Canaries
    inspection: KeyInspection
    catalogue: Catalogue
    terms: AnalysisTerms
    agree_on_time: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Time:
    """What time it is; `agree` raises where two clocks do not agree on that."""

    now: Callable[[], datetime]
    agree: Callable[[], Awaitable[None]]


def make_vault(
    ledger: Ledger,
    objects: ObjectStore,
    ring: KeyRing,
    time: Time,
    on_tampered: Callable[[UUID], Awaitable[None]],
    terms: AnalysisTerms,
) -> VaultParts:
    clock = time.now
    keys = DayKeys(ledger, ring, clock)
    notes = Notes(ledger.database, ring.store)
    destroying = Destroying(keys, Renewal(ledger.database, keys, notes), notes)
    return VaultParts(
        Vault(ledger, objects, keys, clock, on_tampered),
        Shelf(ledger, objects, keys, notes, clock),
        Analyses(
            ledger.database,
            keys,
            NewAnalyses(ledger, keys, terms, clock),
            terms,
            clock,
            on_tampered,
        ),
        AnalysisShelf(ledger.database, keys, notes, terms),
        Holds(ledger, keys, notes, clock),
        keys,
        destroying,
        Burying(ledger.database, keys, destroying, clock),
        Statements(ledger.database, keys, clock),
        Restoring(ledger, keys, notes, objects, clock),
        Canaries(ledger, keys, clock),
        KeyInspection(ledger, keys, clock),
        Catalogue(ledger.database, clock),
        terms,
        time.agree,
    )
