"""What a figure of the contract is: its kind, its labels, when a change may be seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import product

PREFIX = "ponctuel_"

Key = tuple[str, ...]
"""A series: its name without the prefix, then its labels' values in their order."""


class Kind(StrEnum):
    """How a series moves."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Publication(StrEnum):
    """When a change may be seen.

    What moves with a call waits for the interval: a step between two scrapes would
    give away the moment of one call. What describes the system is seen at once.
    """

    BATCH = "batch"
    NOW = "now"


class PerSite(StrEnum):
    """Values of a label that each site brings; a closed set all the same."""

    STRATA = "strata"
    WITNESSES = "witnesses"


@dataclass(frozen=True, slots=True)
class Label:
    """A label and the only values it may take."""

    name: str
    values: tuple[str, ...]
    of_site: PerSite | None = None

    def values_at(self, site: "SiteLabels") -> tuple[str, ...]:
        """The values at one site, its own ones first."""
        return (*site.values(self.of_site), *self.values)


@dataclass(frozen=True, slots=True)
class SiteLabels:
    """What a site brings: the names of its strata, the roles of its witnesses."""

    strata: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()

    def values(self, which: PerSite | None) -> tuple[str, ...]:
        return () if which is None else getattr(self, which.value)


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the contract; `name` is without the prefix.

    Not every combination of two labels need exist: `combinations`, if given, are those
    that do. `bounds` are a histogram's, as Prometheus prints them.
    """

    name: str
    kind: Kind
    publication: Publication
    labels: tuple[Label, ...]
    help: str
    combinations: tuple[tuple[str, ...], ...] = ()
    bounds: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    def label_values(self, site: SiteLabels) -> Iterator[tuple[str, ...]]:
        """Every combination of its labels' values at this site; one () without."""
        if self.combinations:
            yield from self.combinations
        else:
            yield from product(*(label.values_at(site) for label in self.labels))

    @property
    def series(self) -> tuple[str, ...]:
        """The names its series have here. A histogram's count is its last bucket."""
        if self.kind is Kind.HISTOGRAM:
            return f"{self.name}_bucket", f"{self.name}_sum"
        return (self.name,)

    def keys(self, site: SiteLabels) -> Iterator[Key]:
        """Its series at this site."""
        if self.kind is Kind.HISTOGRAM:
            bucket, total = self.series
            yield from ((bucket, bound) for bound in self.bounds)
            yield (total,)
        else:
            yield from ((self.name, *values) for values in self.label_values(site))


def counter(
    name: str,
    labels: Sequence[Label],
    meaning: str,
    publication: Publication = Publication.BATCH,
) -> Metric:
    return Metric(name, Kind.COUNTER, publication, tuple(labels), meaning)


def batch(name: str, labels: Sequence[Label], meaning: str) -> Metric:
    return Metric(name, Kind.GAUGE, Publication.BATCH, tuple(labels), meaning)


def now(name: str, labels: Sequence[Label], meaning: str) -> Metric:
    return Metric(name, Kind.GAUGE, Publication.NOW, tuple(labels), meaning)
