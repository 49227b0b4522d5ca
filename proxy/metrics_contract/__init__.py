"""The metrics contract: every `ponctuel_` series that may exist, as one closed table.

A figure about calls can single a person out, so nothing outside this table is ever
served: no other name, label or label value (GDPR recital 26; WP216 on singling out).
Every series also carries the label `site`, an opaque code from the settings.
"""

from collections.abc import Iterator

from proxy.metrics_contract.kinds import (
    PREFIX,
    Key,
    Kind,
    Label,
    Metric,
    Publication,
    SiteLabels,
)
from proxy.metrics_contract.labels import FINDING, OTHER_FINDING, OTHERS, WITNESS_ROLES
from proxy.metrics_contract.table import CONTRACT

__all__ = [
    "CONTRACT",
    "FINDING",
    "MAX_STRATA",
    "OTHERS",
    "OTHER_FINDING",
    "PREFIX",
    "WITNESS_ROLES",
    "Key",
    "Kind",
    "Label",
    "Metric",
    "Publication",
    "SiteLabels",
    "keys_of_site",
]

MAX_STRATA = 10  # beside other_in and other_out; more would make small cells


def keys_of_site(
    site: SiteLabels, published: Publication | None = None
) -> Iterator[Key]:
    """Every series of a site that brings these labels, in the contract's order.

    `published` gives only those that are published so.
    """
    for metric in CONTRACT:
        if published in (None, metric.publication):
            yield from metric.keys(site)
