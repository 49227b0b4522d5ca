"""Every `ponctuel_` figure the service serves, in one registry of its own.

Rules kept here: only series of the contract exist; all of them exist, at 0, from the
moment a site is declared (an alert on `increase()` needs the 0); a counter never goes
back; no `_created` series and no exemplar, which would carry a call's time or id.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client import Metric as Family
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from typing_extensions import override

from proxy.metrics_contract import (
    CONTRACT,
    Key,
    Kind,
    Metric,
    Publication,
    keys_of_site,
)

MAX_STRATA = 10  # beside other_in and other_out; more would make small cells
_METRICS = {metric.name: metric for metric in CONTRACT}
_SITE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_STRATUM = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)")
_PHONE_DIGITS = 9  # a French number without its leading 0


class SiteMetrics(Collector):
    """The figures of every site of one process.

    Whoever holds this object tells it the figures of a site; nothing is computed here.
    Each method checks everything it is given before it changes anything, and raises
    `ValueError` for what is not in the contract: that is a bug in the caller.
    """

    def __init__(self) -> None:
        self._sites: dict[str, dict[Key, float]] = {}
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def declare(self, site: str, strata: Sequence[str]) -> None:
        """Make every series of `site` exist at 0. `strata` are those of its policy.

        `other_in` and `other_out` exist anyway and may be named or left out.
        """
        named = [name for name in strata if name not in {"other_in", "other_out"}]
        if site in self._sites or len(set(named)) != len(named):
            raise ValueError(f"site {site!r} or one of its strata is declared twice")
        if len(named) > MAX_STRATA:
            raise ValueError(f"site {site!r} has more than {MAX_STRATA} strata")
        for name, pattern in ((site, _SITE), *((name, _STRATUM) for name in named)):
            if not pattern.fullmatch(name) or _holds_a_number(name):
                raise ValueError(f"{name!r} cannot be a label: use {pattern.pattern}")
        self._sites[site] = dict.fromkeys(keys_of_site(named), 0.0)

    def publish(self, site: str, values: Mapping[Key, float]) -> None:
        """Replace the whole batch of `site` at once; what is left out counts as 0."""
        known = self._checked(site, values, Publication.BATCH)
        for name, label_value in known:
            if _METRICS[name].publication is Publication.BATCH:
                key = (name, label_value)
                _move(known, key, values.get(key, 0.0))

    def set_now(self, site: str, values: Mapping[Key, float]) -> None:
        """Show these compliance figures of `site` at the next scrape; keep the rest."""
        known = self._checked(site, values, Publication.NOW)
        for key, value in values.items():
            _move(known, key, value)

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
        families = {metric.name: _family(metric) for metric in CONTRACT}
        for site, values in self._sites.items():
            for (name, label_value), value in values.items():
                labels = [site, label_value] if label_value else [site]
                families[name].add_metric(labels, value)
        yield from families.values()

    def _checked(
        self, site: str, values: Mapping[Key, float], publication: Publication
    ) -> dict[Key, float]:
        known = self._sites.get(site)
        if known is None:
            raise ValueError(f"site {site!r} was never declared")
        for key, value in values.items():
            if key not in known:
                raise ValueError(f"{key} is not in the metrics contract of {site!r}")
            if _METRICS[key[0]].publication is not publication:
                raise ValueError(f"{key} is not published as {publication.value!r}")
            if math.isnan(value):
                raise ValueError(f"{key} of {site!r} is not a number")
        return known


def _move(known: dict[Key, float], key: Key, value: float) -> None:
    # A late snapshot, or one from a replica that lags, must not look like a restart:
    # Prometheus would count everything since then a second time.
    is_counter = _METRICS[key[0]].kind is Kind.COUNTER
    known[key] = max(known[key], value) if is_counter else value


def _family(metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
    labels = ["site", metric.label.name] if metric.label else ["site"]
    kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    return kind(metric.full_name, metric.help, labels=labels)


def _holds_a_number(name: str) -> bool:
    return sum(character.isdigit() for character in name) >= _PHONE_DIGITS
