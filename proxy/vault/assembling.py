"""One site's vault, joined: recordings in and out, holds, keys, and all their ends."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proxy.ledger.transaction import Ledger
from proxy.vault.day_keys import DayKeys
from proxy.vault.holding import Holds
from proxy.vault.keys import KeyRing
from proxy.vault.notes import Notes
from proxy.vault.objects import ObjectStore
from proxy.vault.recordings import Vault
from proxy.vault.renewing import Destroying, Renewal
from proxy.vault.restoring import Restoring
from proxy.vault.shelf import Shelf


@dataclass(frozen=True, slots=True)
class VaultParts:
    """What a site does with recordings and their keys."""

    recordings: Vault
    shelf: Shelf
    holds: Holds
    keys: DayKeys
    destroying: Destroying
    restoring: Restoring


def make_vault(
    ledger: Ledger,
    objects: ObjectStore,
    ring: KeyRing,
    clock: Callable[[], datetime],
    on_tampered: Callable[[UUID], Awaitable[None]],
) -> VaultParts:
    keys = DayKeys(ledger, ring, clock)
    notes = Notes(ledger.database, ring.store)
    renewal = Renewal(ledger.database, keys, notes)
    return VaultParts(
        Vault(ledger, objects, keys, clock, on_tampered),
        Shelf(ledger, objects, keys, notes, clock),
        Holds(ledger, keys, clock),
        keys,
        Destroying(keys, renewal, notes),
        Restoring(ledger, keys, notes, objects, clock),
    )
