"""The metrics contract: every `ponctuel_` series that may exist, as one closed table.

A figure about calls can single a person out, so nothing outside this table is ever
served: no other name, label or label value (GDPR recital 26; WP216 on singling out).
Every series also carries the label `site`, an opaque code from the settings.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

PREFIX = "ponctuel_"

Key = tuple[str, str]
"""A metric's name without its prefix, and its label's value ("" when it has none)."""


class Kind(StrEnum):
    """How a series moves."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Publication(StrEnum):
    """When a change may be seen.

    What moves with a call waits for the interval: a step between two scrapes would
    give away the moment of one call. What describes the system is seen at once.
    """

    BATCH = "batch"
    NOW = "now"


@dataclass(frozen=True, slots=True)
class Label:
    """A label and the only values it may take."""

    name: str
    values: tuple[str, ...]
    has_site_strata: bool = False


@dataclass(frozen=True, slots=True)
class Metric:
    """One line of the contract; `name` is without the prefix."""

    name: str
    kind: Kind
    publication: Publication
    label: Label | None
    help: str

    @property
    def full_name(self) -> str:
        return PREFIX + self.name

    def label_values(self, strata: Sequence[str]) -> tuple[str, ...]:
        """Every value the label takes at a site with these strata; ("",) without."""
        if self.label is None:
            return ("",)
        of_site = tuple(strata) if self.label.has_site_strata else ()
        return (*of_site, *self.label.values)


STRATUM = Label("stratum", ("other_in", "other_out"), has_site_strata=True)
TOKEN_STRATUM = Label("stratum", (*STRATUM.values, "all"), has_site_strata=True)
EXCLUDED = Label(
    "code",
    (
        "policy_none",
        "campaign_ended",
        "no_basis",
        "no_dpia",
        "no_cse",
        "no_hds",
        "line_excluded",
        "opted_out",
        "cap_agent",
        "cap_caller",
        "budget",
        "breaker",
        "stopped",
    ),
)
VOID = Label(
    "code",
    ("seed", "mixin", "late", "clock", "store", "policy", "input", "overload"),
)
FAILED = Label(
    "code",
    (
        "announcement",
        "platform",
        "media",
        "seal",
        "storage",
        "hangup",
        "private",
        "cap",
        "deadline",
    ),
)
MEDIA_REFUSED = Label("code", ("not_drawn", "kind", "too_long", "signature"))
STAGE = Label("stage", ("no_opt_in", "before_capture", "during_call", "after_call"))
CLASS = Label("class", ("audio", "analysis"))


def _counter(
    name: str,
    label: Label | None,
    meaning: str,
    publication: Publication = Publication.BATCH,
) -> Metric:
    return Metric(name, Kind.COUNTER, publication, label, meaning)


def _batch(name: str, label: Label | None, meaning: str) -> Metric:
    return Metric(name, Kind.GAUGE, Publication.BATCH, label, meaning)


def _now(name: str, label: Label | None, meaning: str) -> Metric:
    return Metric(name, Kind.GAUGE, Publication.NOW, label, meaning)


CONTRACT: tuple[Metric, ...] = (
    _counter("calls_total", STRATUM, "Calls heard of, each counted once."),
    _counter("selected_total", STRATUM, "Calls drawn for recording."),
    _counter("recorded_total", STRATUM, "Calls recorded: sealed and stored."),
    _counter("excluded_total", EXCLUDED, "Calls that could not be drawn, and why."),
    _counter("void_total", VOID, "Calls without a draw because of a fault."),
    _counter("failed_total", FAILED, "Calls drawn but not recorded, and why."),
    _counter("opt_outs_total", STAGE, "Refusals and objections, by moment."),
    _counter("media_refused_total", MEDIA_REFUSED, "Audio or media refused unread."),
    _now("policy_rate", None, "Rate of the policy in force, its largest rule, 0-1."),
    _now("rate_ceiling", None, "Rate that the site's budget refills at, 0-1."),
    _now("hard_ceiling", None, "Rate no policy may exceed, fixed in the code, 0-1."),
    _batch("probability_ppm", STRATUM, "Chance of the next draw, in millionths."),
    _batch("tokens", TOKEN_STRATUM, "Recordings the budget still allows."),
    _counter(
        "unsolicited_recordings_total",
        None,
        "Recordings found at a platform that nobody drew.",
        Publication.NOW,
    ),
    _now("outcomes_overdue", None, "Drawn calls without an outcome after 4 hours."),
    _batch("ledger_size", None, "Entries in the ledger."),
    _now("oldest_audio_age_seconds", None, "Oldest audio's age, in whole days up."),
    _now("expired_undeleted", CLASS, "Items past their expiry and still there."),
    _now("deletions_overdue", None, "Items past their expiry and the longest delay."),
    _now(
        "deletion_lag_seconds", None, "Longest delay of the last 24 hours' deletions."
    ),
    _now("kek_overdue", None, "Day keys alive 24 hours after their day."),
    _now("incidents_open", None, "Incidents that are still open."),
    _now("publication_interval_seconds", None, "How often call figures are published."),
    _now("publication_timestamp_seconds", None, "When call figures were published."),
)


def keys_of_site(strata: Sequence[str]) -> Iterator[Key]:
    """Every series of a site with these strata, in the contract's order."""
    for metric in CONTRACT:
        for value in metric.label_values(strata):
            yield metric.name, value
