"""Every `ponctuel_` figure the service serves, in one registry of its own.

Rules kept here: only series of the contract exist; all of them exist, at 0, from a
site's first publication on (an alert on `increase()` needs the 0), and none before it:
a service that comes back would seem to begin at 0 and to count everything once more; a
counter never goes back; no `_created` series and no exemplar, which would carry a
call's time or id.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client import Metric as Family
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

from proxy.metrics_contract import (
    CONTRACT,
    MAX_STRATA,
    OTHERS,
    WITNESS_ROLES,
    Key,
    Kind,
    Metric,
    Publication,
    SiteLabels,
    keys_of_site,
)

_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_STRATUM = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)")
_PHONE_DIGITS = 9  # a French number without its leading 0
_METRICS = {name: metric for metric in CONTRACT for name in metric.series}

Figures = dict[Key, float]


@dataclass
class _Site:
    """One site's figures; nobody sees them before they have been published once."""

    labels: SiteLabels
    figures: Figures
    is_published: bool = False

    def name_strata(self, strata: tuple[str, ...]) -> None:
        self.labels = replace(self.labels, strata=strata)
        keys = keys_of_site(self.labels)
        self.figures = {key: self.figures.get(key, 0.0) for key in keys}


class SiteMetrics(Collector):
    """The figures of every site of one process.

    Whoever holds this object tells it the figures of a site; nothing is computed here.
    Each method checks everything it is given before it changes anything, and raises
    `ValueError` for what is not in the contract: that is a bug in the caller.
    """

    def __init__(self) -> None:
        self._sites: dict[str, _Site] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def declare(
        self, site: str, strata: Sequence[str], witnesses: Sequence[str] = ()
    ) -> None:
        """Let `site` publish its series. `strata` are those of its policy.

        `other_in` and `other_out` exist anyway and may be named or left out;
        `witnesses` are the roles of those who cosign for it.
        """
        if site in self._sites:
            raise ValueError(f"site {site!r} is declared twice")
        if not set(witnesses) <= set(WITNESS_ROLES):
            raise ValueError(f"{witnesses} are no roles of witnesses")
        _check_label(site, _SITE)
        found = _Site(SiteLabels((), tuple(dict.fromkeys(witnesses))), {})
        found.name_strata(_own_strata(site, strata))
        self._sites[site] = found

    def set_strata(self, site: str, strata: Sequence[str]) -> None:
        """Count these strata from now on: those of a new policy, or another replica's.

        The series of strata that are no longer named are served no more.
        """
        named = _own_strata(site, strata)
        if named != self._sites[site].labels.strata:
            self._sites[site].name_strata(named)

    def witnesses(self, site: str) -> tuple[str, ...]:
        """The roles of those who cosign for the site."""
        return self._sites[site].labels.witnesses

    def publish(self, site: str, values: Mapping[Key, float]) -> None:
        """Replace the whole batch of `site` at once; what is left out counts as 0."""
        known = self._checked(site, values, Publication.BATCH)
        for key in known.figures:
            if _METRICS[key[0]].publication is Publication.BATCH:
                _move(known.figures, key, values.get(key, 0.0))
        known.is_published = True

    def set_now(self, site: str, values: Mapping[Key, float]) -> None:
        """Show these compliance figures of `site` at the next scrape; keep the rest."""
        known = self._checked(site, values, Publication.NOW)
        for key, value in values.items():
            _move(known.figures, key, value)

    def render(self, accept_header: str) -> tuple[bytes, str]:
        """Give the page and its content type: OpenMetrics when asked for, else text."""
        try:
            encode, content_type = choose_encoder(accept_header)
        except TypeError:  # prometheus_client 0.26 on a version such as "x" (Aug 2026)
            encode, content_type = choose_encoder("")
        return encode(self._registry), content_type

    @override
    def collect(self) -> Iterator[Family]:
        """Turn the figures into families; prometheus_client calls this per scrape."""
        for metric in CONTRACT:
            if metric.kind is Kind.HISTOGRAM:
                yield self._histogram(metric)
            else:
                yield self._family(metric)

    def _family(self, metric: Metric) -> Family:
        names = ["site", *(label.name for label in metric.labels)]
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(metric.full_name, metric.help, labels=names)
        for site, known in self._published():
            for key in metric.keys(known.labels):
                family.add_metric([site, *key[1:]], known.figures[key])
        return family

    def _histogram(self, metric: Metric) -> HistogramMetricFamily:
        family = HistogramMetricFamily(metric.full_name, metric.help, labels=["site"])
        for site, known in self._published():
            *buckets, total = metric.keys(known.labels)
            counted = [(key[1], known.figures[key]) for key in buckets]
            family.add_metric([site], counted, known.figures[total])
        return family

    def _published(self) -> Iterator[tuple[str, _Site]]:
        return (
            (name, known) for name, known in self._sites.items() if known.is_published
        )

    def _checked(
        self, site: str, values: Mapping[Key, float], publication: Publication
    ) -> _Site:
        known = self._sites.get(site)
        if known is None:
            raise ValueError(f"site {site!r} was never declared")
        for key, value in values.items():
            if key not in known.figures:
                raise ValueError(f"{key} is not in the metrics contract of {site!r}")
            if _METRICS[key[0]].publication is not publication:
                raise ValueError(f"{key} is not published as {publication.value!r}")
            if math.isnan(value):
                raise ValueError(f"{key} of {site!r} is not a number")
        return known


def _move(figures: Figures, key: Key, value: float) -> None:
    # A late snapshot, or one from a replica that lags, must not look like a restart:
    # Prometheus would count everything since then a second time.
    is_gauge = _METRICS[key[0]].kind is Kind.GAUGE
    figures[key] = value if is_gauge else max(figures[key], value)


def _own_strata(site: str, strata: Sequence[str]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(name for name in strata if name not in OTHERS))
    if len(named) > MAX_STRATA:
        raise ValueError(f"site {site!r} has more than {MAX_STRATA} strata")
    for name in named:
        _check_label(name, _STRATUM)
    return named


def _check_label(name: str, pattern: re.Pattern[str]) -> None:
    digits = sum(character.isdigit() for character in name)
    if not pattern.fullmatch(name) or digits >= _PHONE_DIGITS:
        raise ValueError(f"{name!r} cannot be a label: use {pattern.pattern}")
