"""The figures that may exist, written down a second time: the program has no others.

This table is the agreed one. Whoever adds a figure, a label or a value in the program
must first say so here, where a data-protection officer reads it.
"""

import re
from itertools import product
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

from proxy.ledger.self_check import AUDITORS_WORDS
from proxy.metrics import SiteMetrics
from proxy.metrics_contract import (
    CONTRACT,
    FINDING,
    MAX_STRATA,
    OTHER_FINDING,
    SiteLabels,
    keys_of_site,
)
from sampling.replay import Code

ROOT = Path(__file__).parents[2]
SITE = "north"
STRATA = tuple(f"group{letter}_in" for letter in "abcdefghij")
ROLES = ("dpo", "cse", "public")

AGREED = """
calls_total counter batch stratum
selected_total counter batch stratum
recorded_total counter batch stratum
excluded_total counter batch code
void_total counter batch code
failed_total counter batch code
opt_outs_total counter batch stage
manual_recordings_total counter batch
media_refused_total counter batch code
policy_refused_total counter now
policy_rate gauge now
rate_ceiling gauge now
hard_ceiling gauge now
probability_ppm gauge batch stratum
tokens gauge batch stratum
rate_lower gauge batch
rate_upper gauge batch
recorded_ratio_window gauge batch window
window_max_ratio gauge batch window
window_bound_ratio gauge now window
sr_log10 gauge batch monitor
sr_alarm_log10 gauge now
eprocess_log10 gauge batch monitor period
binomial_excess gauge batch table window
breaker_open gauge now cause
unreconciled_calls gauge now source
cdr_gap_ratio gauge now
unsolicited_recordings_total counter now
stray_objects gauge now
outcomes_overdue gauge now
reconciliation_timestamp_seconds gauge now check
ledger_size gauge batch
checkpoint_age_seconds gauge now
witness_cosign_timestamp_seconds gauge now witness
quorum_ok gauge now
reveal_overdue gauge now
verify_findings gauge now code
verify_success_timestamp_seconds gauge now
oldest_audio_age_seconds gauge now
expired_undeleted gauge now class
deletions_overdue gauge now
deletion_lag_seconds gauge now
kek_overdue gauge now
holds gauge now hold
holds_expired gauge now
restore_drill_timestamp_seconds gauge now
requests_open gauge now type
requests_overdue gauge now type
requests_days_left gauge now
request_days histogram batch
plays_total counter batch role purpose
access_alerts_open gauge now
break_glass_total counter now
break_glass_unreviewed gauge now
reviews_overdue gauge now review
incidents_open gauge now
incident_hours_left gauge now
dpia_days_left gauge now
hds_days_left gauge now
publication_interval_seconds gauge now
publication_timestamp_seconds gauge now
"""

OTHERS = "other_in other_out"
FINDINGS = """
LOGSIG QUORUM ROOT SPLITVIEW TRUNCATED ENCODING ORDER POLICY RETROPOLICY NOTICE
LATECOMMIT EPOCHREOPENED WITHHELD SEED BEACON COUNT DRAW THRESHOLD STRATUM CEILING
WINDOW STOPPED DUPLICATE BIAS NOOUTCOME UNSAMPLED LATEDELETE KEKALIVE BACKDATED
MISSINGCALL PHANTOM LATEBIND PLATFORMRECORDED STRAYOBJECT OTHER
"""
EXCLUDED = """
policy_none campaign_ended no_basis no_dpia no_cse no_hds line_excluded opted_out
cap_agent cap_caller budget breaker stopped
"""
MONITORS = "ceiling agent hour direction duration serial failure"
WINDOWS = "100 1000 10000"
REQUESTS = "access medical_file rectify erase restrict object"

# Beside the strata of the site's policy.
CLOSED = {
    "calls_total": (OTHERS,),
    "selected_total": (OTHERS,),
    "recorded_total": (OTHERS,),
    "probability_ppm": (OTHERS,),
    "tokens": (f"{OTHERS} all",),
    "excluded_total": (EXCLUDED,),
    "void_total": ("seed mixin late clock store policy input overload",),
    "failed_total": (
        "announcement platform media seal storage hangup private cap deadline",
    ),
    "opt_outs_total": ("no_opt_in before_capture during_call after_call",),
    "media_refused_total": ("not_drawn kind too_long signature",),
    "recorded_ratio_window": (WINDOWS,),
    "window_max_ratio": (WINDOWS,),
    "window_bound_ratio": (WINDOWS,),
    "sr_log10": (MONITORS,),
    "eprocess_log10": (MONITORS, "current previous"),
    "breaker_open": ("sr binomial blind",),
    "unreconciled_calls": ("platform_only ledger_only",),
    "reconciliation_timestamp_seconds": ("cdr cdr_by_hand inventory",),
    "verify_findings": (FINDINGS,),
    "expired_undeleted": ("audio analysis",),
    "holds": ("legal request",),
    "requests_open": (REQUESTS,),
    "requests_overdue": (REQUESTS,),
    "plays_total": (
        "trainer agent dpo rights_officer",
        "training evaluation quality",
    ),
    "reviews_overdue": ("grants abuse",),
}
# Not every table looks at every window.
EXCESS = {
    *product(["breaker"], ["10", "20", "50", "200", "1000"]),
    *product(["alert"], ["100", "500", "1000", "10000"]),
}
OF_STRATUM = {name for name, values in CLOSED.items() if OTHERS in values[0]}


def agreed() -> list[list[str]]:
    return [line.split() for line in AGREED.strip().splitlines()]


def closed(name: str) -> set[tuple[str, ...]]:
    """The values a figure's labels may take at a site without strata or witnesses."""
    if name == "binomial_excess":
        return EXCESS
    return set(product(*(values.split() for values in CLOSED.get(name, ()))))


def page(strata=(), witnesses=()):
    metrics = SiteMetrics()
    metrics.declare(SITE, strata, witnesses)
    metrics.publish(SITE, {})
    text, _ = metrics.render("")
    return [
        sample
        for family in parse_text(text.decode())
        for sample in family.samples
        if sample.name.startswith("ponctuel_")
    ]


def test_the_program_has_the_agreed_figures_with_their_labels_and_no_other():
    told = [
        [
            metric.name,
            metric.kind.value,
            metric.publication.value,
            *(label.name for label in metric.labels),
        ]
        for metric in CONTRACT
    ]

    assert told == agreed()


# The site's own witnesses are the only values of that label.
@pytest.mark.parametrize(
    "metric",
    [metric for metric in CONTRACT if "witness" not in metric.name],
    ids=lambda metric: metric.name,
)
def test_a_label_takes_the_agreed_values_and_no_other(metric):
    assert set(metric.label_values(SiteLabels())) == closed(metric.name)


def test_only_figures_by_stratum_change_with_the_policy():
    some = set(keys_of_site(SiteLabels(("cardio_in",))))

    more = some - set(keys_of_site(SiteLabels()))

    assert more == {(name, "cardio_in") for name in OF_STRATUM}


def test_witnesses_are_shown_by_their_role_and_only_those_there_are():
    without, one = page(), page(witnesses=["cse", "cse"])

    name = "ponctuel_witness_cosign_timestamp_seconds"
    assert not [sample for sample in without if sample.name == name]
    assert [s.labels["witness"] for s in one if s.name == name] == ["cse"]


def test_a_role_nobody_has_agreed_on_is_refused():
    with pytest.raises(ValueError, match="no roles of witnesses"):
        SiteMetrics().declare(SITE, [], ["friend"])


def test_what_is_served_is_the_agreed_list_whatever_the_site_brings():
    served = {sample.name.removeprefix("ponctuel_") for sample in page(STRATA, ROLES)}

    histograms = {f"request_days_{part}" for part in ("bucket", "sum", "count")}
    names = {line[0] for line in agreed()} - {"request_days"}
    assert served == names | histograms


def test_the_largest_site_has_about_270_series_and_never_500():
    number = len(page(STRATA, ROLES))

    assert len(STRATA) == MAX_STRATA
    assert 230 <= number <= 300


def test_days_to_an_answer_are_counted_up_to_the_legal_dates():
    bounds = [
        s.labels["le"] for s in page() if s.name == "ponctuel_request_days_bucket"
    ]

    assert bounds == ["2.0", "8.0", "15.0", "30.0", "60.0", "90.0", "+Inf"]


def test_a_finding_has_the_word_the_offline_verifier_has_for_it():
    verifier = (ROOT / "audit/verify.py").read_text()
    table = (ROOT / "docs/proof.md").read_text()
    explained = re.findall(r"^\| `([A-Z]+)` \|", table, re.MULTILINE)

    words = set(FINDING.values) - {OTHER_FINDING}
    assert words == set(explained)
    assert [word for word in words if f'"{word}"' not in verifier] == []
    assert len(FINDING.values) <= 51


@pytest.mark.parametrize("code", Code)
def test_whatever_the_services_own_check_finds_has_such_a_word(code):
    assert AUDITORS_WORDS[code] in FINDING.values
