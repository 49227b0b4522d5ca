"""What a reconciliation tells: to people, to machines, to whoever stores it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from proxy.reconciliation.comparing import Comparison


class ListSource(StrEnum):
    """Whose list a day was compared with."""

    PLATFORM = "platform"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class RecordingCounts:
    """What became of a day's listed recordings.

    `unsolicited` were found for which there was no draw, or whose call had one already,
    and nobody was told of them yet: a run before may have been killed. Of all that had
    to go, `purged` are confirmed gone and `still_there` are not, yet. Of `taken_over`
    the audio is being fetched: they were drawn and never reported.
    """

    listed: int = 0
    unsolicited: int = 0
    purged: int = 0
    still_there: int = 0
    taken_over: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedDay:
    """One connection's day, compared with a list.

    `export_sha256` is that of the normalised list, as it stands in the ledger.
    """

    connection: str
    day: date
    source: ListSource
    comparison: Comparison
    recordings: RecordingCounts
    export_sha256: str

    @property
    def is_clean(self) -> bool:
        found = self.comparison
        excess = self.recordings.unsolicited + self.recordings.still_there
        return not (found.platform_only or found.ledger_only or excess)

    def as_json(self) -> dict[str, object]:
        return {
            "connection": self.connection,
            "source": self.source.value,
            "is_clean": self.is_clean,
            **asdict(self.comparison),
            "gap": round(self.comparison.gap, 6),
            "recordings": asdict(self.recordings),
            "export_sha256": self.export_sha256,
        }


@dataclass(frozen=True, slots=True)
class UndoneDay:
    """A connection's day of which nothing is claimed: `problem` is the error's id."""

    connection: str
    problem: str
    why: str

    is_clean = False

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "is_clean": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryReport:
    """The store against the recordings. Names of objects are random: nobody's data."""

    day: date
    objects: int
    strays: Sequence[str]
    missing: Sequence[str]
    listing_sha256: str

    @property
    def is_clean(self) -> bool:
        return not (self.strays or self.missing)

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "day": self.day.isoformat(), "is_clean": self.is_clean}


@dataclass(frozen=True, slots=True)
class UndoneInventory:
    """An inventory that could not be taken."""

    problem: str
    why: str

    is_clean = False

    def as_json(self) -> dict[str, object]:
        return {**asdict(self), "is_clean": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One run of one site. Without an inventory where one connection was asked for."""

    site: str
    day: date
    connections: Sequence[ComparedDay | UndoneDay]
    inventory: InventoryReport | UndoneInventory | None = None

    @property
    def is_clean(self) -> bool:
        parts = [*self.connections, *([self.inventory] if self.inventory else [])]
        return all(part.is_clean for part in parts)

    def as_json(self) -> dict[str, object]:
        return {
            "site": self.site,
            "day": self.day.isoformat(),
            "is_clean": self.is_clean,
            "connections": [each.as_json() for each in self.connections],
            "inventory": self.inventory.as_json() if self.inventory else None,
        }
