"""A healthy site, and for every alert the fault that must raise it.

Samples are 30 minutes apart: 48 are a day. Each fault begins after a day of good order.
`rule_tests.py` writes them as promtool's unit tests.
"""

from dataclasses import dataclass

MONTH = 1488

NOW = f"0+1800x{MONTH}"  # a time that keeps up: promtool's clock begins at 0
# What a figure is while all is well; every other one is 0. What stands still at a
# number is the past: it happened before, and must not be taken for news.
HEALTHY = {
    "calls_total": f"0+20x{MONTH}",
    "selected_total": f"0+0.4x{MONTH}",
    "recorded_total": f"0+0.3x{MONTH}",
    "excluded_total": f"5x{MONTH}",
    "excluded_total line_excluded": f"0+2x{MONTH}",
    "void_total late": f"0+0.2x{MONTH}",
    "failed_total": f"2x{MONTH}",
    "failed_total hangup": f"0+0.04x{MONTH}",
    "opt_outs_total": f"0+0.06x{MONTH}",
    "manual_recordings_total": f"0+0.1x{MONTH}",
    "media_refused_total": f"3x{MONTH}",
    "policy_refused_total": f"2x{MONTH}",
    "policy_rate": f"0.018x{MONTH}",
    "rate_ceiling": f"0.02x{MONTH}",
    "hard_ceiling": f"0.1x{MONTH}",
    "probability_ppm": f"18000x{MONTH}",
    "tokens": f"0x{MONTH}",
    "tokens all": f"41x{MONTH}",
    "rate_lower": f"0.014x{MONTH}",
    "rate_upper": f"0.027x{MONTH}",
    "recorded_ratio_window": f"0.02x{MONTH}",
    "window_max_ratio": f"0.03x{MONTH}",
    "window_bound_ratio": f"0.07x{MONTH}",
    "sr_log10": f"1.2x{MONTH}",
    "sr_alarm_log10": f"7.29x{MONTH}",
    "eprocess_log10": f"-0.4x{MONTH}",
    "binomial_excess": f"-3x{MONTH}",
    "cdr_gap_ratio": f"0.001x{MONTH}",
    "unsolicited_recordings_total": f"1x{MONTH}",
    "reconciliation_timestamp_seconds": NOW,
    "ledger_size": f"3+20x{MONTH}",
    "checkpoint_age_seconds": f"40x{MONTH}",
    "witness_cosign_timestamp_seconds": NOW,
    "quorum_ok": f"1x{MONTH}",
    "verify_success_timestamp_seconds": NOW,
    "oldest_audio_age_seconds": f"2592000x{MONTH}",
    "deletion_lag_seconds": f"900x{MONTH}",
    "requests_open": f"2x{MONTH}",
    "requests_days_left": f"1e9x{MONTH}",
    "request_days_bucket": f"7x{MONTH}",
    "plays_total": f"0+0.1x{MONTH}",
    "plays_total dpo": f"4x{MONTH}",
    "break_glass_total": f"1x{MONTH}",
    "incident_hours_left": f"1e9x{MONTH}",
    "dpia_days_left": f"200x{MONTH}",
    "hds_days_left": f"1e9x{MONTH}",
    "publication_interval_seconds": f"60x{MONTH}",
    "publication_timestamp_seconds": NOW,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, which alert must say so by when, and which others with it.

    `goes` maps a series, such as `failed_total announcement`, to its samples; `holds`
    names the series that stay healthy beside it, and `before` the alerts that fire
    while this one still waits.
    """

    alert: str
    goes: dict[str, str]
    holds: tuple[str, ...] = ()
    by: str = "25h"
    silent_until: str = "23h"
    before: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


def after_a_day(good: str, bad: str) -> str:
    return f"{good}x47 {bad}x400"


DEADLINES = tuple(f"PonctuelIncident{hours}HoursLeft" for hours in (48, 24, 6))
FAULTS = {
    "sampling": (
        Fault(
            "PonctuelRecordedMoreThanDrawn",
            {"selected_total": "1x400", "recorded_total": after_a_day("1", "2")},
        ),
        Fault(
            "PonctuelLegalConditionMissing",
            {"excluded_total no_basis": after_a_day("0", "1")},
            by="24h30m",
        ),
        Fault(
            "PonctuelDrawsFail",
            {"void_total store": "0x47 0+2x400"},
            ("calls_total",),
            by="26h",
        ),
        Fault(
            "PonctuelNotAnnouncedInTime",
            {"failed_total announcement": after_a_day("0", "1")},
            by="24h30m",
        ),
        Fault(
            "PonctuelUndrawnAudioOffered",
            {"media_refused_total not_drawn": after_a_day("0", "1")},
        ),
        Fault(
            "PonctuelPolicyChangeRefused",
            {"policy_refused_total": after_a_day("0", "1")},
        ),
        Fault(
            "PonctuelPolicyAboveHardCeiling",
            {"policy_rate": after_a_day("0.018", "0.11")},
            ("hard_ceiling",),
        ),
        Fault(
            "PonctuelBudgetAboveHardCeiling",
            {"rate_ceiling": after_a_day("0.02", "0.2")},
            ("hard_ceiling",),
        ),
        Fault(
            "PonctuelHardCeilingChanged", {"hard_ceiling": after_a_day("0.1", "0.5")}
        ),
        Fault(
            "PonctuelChanceAboveHardCeiling",
            {"probability_ppm": after_a_day("18000", "100001")},
            ("hard_ceiling",),
        ),
        Fault(
            "PonctuelBudgetEmpty", {"tokens all": after_a_day("9", "0")}, by="25h30m"
        ),
    ),
    "statistics": (
        Fault(
            "PonctuelRateAboveCeiling",
            {"rate_lower": after_a_day("0.014", "0.03")},
            ("rate_ceiling",),
        ),
        Fault(
            "PonctuelRateMayExceedHardCeiling",
            {"rate_upper": after_a_day("0.027", "0.2")},
            ("hard_ceiling",),
            by="193h",
            silent_until="191h",
        ),
        Fault(
            "PonctuelWindowAboveBound",
            {"recorded_ratio_window 1000": after_a_day("0.02", "0.08")},
            ("window_bound_ratio 1000",),
        ),
        Fault(
            "PonctuelWindowWasAboveBound",
            {"window_max_ratio 100": after_a_day("0.03", "0.08")},
            ("window_bound_ratio 100",),
        ),
        Fault(
            "PonctuelBoundAboveHardCeiling",
            {"window_bound_ratio 1000": after_a_day("0.07", "0.12")},
            ("hard_ceiling",),
        ),
        Fault(
            "PonctuelMonitorAlarm",
            {"sr_log10 agent": after_a_day("1", "8.1")},
            ("sr_alarm_log10",),
        ),
        Fault(
            "PonctuelMonthUnlikely",
            {"eprocess_log10 ceiling current": after_a_day("1", "3.2")},
        ),
        Fault(
            "PonctuelTooManyOfTheLastCalls",
            {"binomial_excess breaker 10": after_a_day("-2", "1")},
        ),
        Fault("PonctuelBreakerOpen", {"breaker_open sr": after_a_day("0", "1")}),
    ),
    "completeness": (
        Fault(
            "PonctuelCallsUnreconciled",
            {"unreconciled_calls platform_only": after_a_day("0", "3")},
            by="49h",
            silent_until="47h",
        ),
        Fault(
            "PonctuelCallsWithoutDraw", {"cdr_gap_ratio": after_a_day("0.001", "0.02")}
        ),
        Fault(
            "PonctuelUnsolicitedRecording",
            {"unsolicited_recordings_total": after_a_day("0", "1")},
        ),
        Fault("PonctuelStrayObjects", {"stray_objects": after_a_day("0", "1")}),
        Fault("PonctuelOutcomesOverdue", {"outcomes_overdue": after_a_day("0", "1")}),
        Fault(
            "PonctuelReconciliationLate",
            {"reconciliation_timestamp_seconds cdr": after_a_day("0+1800", "84600")},
            by="62h",
            silent_until="59h",
        ),
    ),
    "ledger": (
        Fault("PonctuelLedgerShrank", {"ledger_size": "3+20x47 500x400"}, by="24h30m"),
        Fault(
            "PonctuelCheckpointOld",
            {"checkpoint_age_seconds": after_a_day("40", "400")},
            ("publication_interval_seconds",),
        ),
        Fault(
            "PonctuelWitnessSilent",
            {"witness_cosign_timestamp_seconds dpo": after_a_day("0+1800", "84600")},
            by="26h",
        ),
        Fault(
            "PonctuelQuorumMissing", {"quorum_ok": after_a_day("1", "0")}, by="25h30m"
        ),
        Fault("PonctuelSeedsNotRevealed", {"reveal_overdue": after_a_day("0", "1")}),
        Fault(
            "PonctuelLedgerFindings", {"verify_findings ROOT": after_a_day("0", "1")}
        ),
        Fault(
            "PonctuelLedgerUnchecked",
            {"verify_success_timestamp_seconds": after_a_day("0+1800", "84600")},
            by="51h",
            silent_until="49h",
        ),
    ),
    "retention": (
        Fault(
            "PonctuelAudioTooOld",
            {"oldest_audio_age_seconds": after_a_day("2592000", "15724800")},
        ),
        Fault(
            "PonctuelExpiredNotDeleted",
            {"expired_undeleted audio": after_a_day("0", "2")},
            by="49h",
            silent_until="47h",
        ),
        Fault("PonctuelDeletionsOverdue", {"deletions_overdue": after_a_day("0", "1")}),
        Fault(
            "PonctuelDeletionsSlow",
            {"deletion_lag_seconds": after_a_day("900", "87300")},
        ),
        Fault("PonctuelDayKeyAlive", {"kek_overdue": after_a_day("0", "1")}),
        Fault("PonctuelLegalHold", {"holds legal": after_a_day("0", "1")}),
        Fault("PonctuelHoldsExpired", {"holds_expired": after_a_day("0", "1")}),
        Fault(
            "PonctuelRestoreDrillDue",
            {"restore_drill_timestamp_seconds": "0x47 -8640000x400"},
        ),
    ),
    "people": (
        Fault(
            "PonctuelRequestsOverdue",
            {"requests_overdue access": after_a_day("0", "1")},
        ),
        Fault(
            "PonctuelRequest7DaysLeft",
            {"requests_days_left": after_a_day("8", "7")},
        ),
        Fault(
            "PonctuelRequest3DaysLeft",
            {"requests_days_left": after_a_day("8", "3")},
            also=("PonctuelRequest7DaysLeft",),
        ),
        Fault(
            "PonctuelAccessAlertToDecide",
            {"access_alerts_open": after_a_day("0", "1")},
        ),
        Fault(
            "PonctuelAccessAlertsOpen",
            {"access_alerts_open": after_a_day("0", "1")},
            by="97h",
            silent_until="95h",
            also=("PonctuelAccessAlertToDecide",),
            before=("PonctuelAccessAlertToDecide",),
        ),
        Fault(
            "PonctuelBreakGlassUsed",
            {"break_glass_total": after_a_day("0", "1")},
            by="24h30m",
        ),
        Fault(
            "PonctuelBreakGlassUnreviewed",
            {"break_glass_unreviewed": after_a_day("0", "1")},
            by="97h",
            silent_until="95h",
        ),
        Fault(
            "PonctuelReviewsOverdue", {"reviews_overdue grants": after_a_day("0", "1")}
        ),
        Fault(
            "PonctuelDpoListened",
            {"plays_total dpo training": after_a_day("0", "1")},
        ),
    ),
    "governance": (
        Fault("PonctuelIncidentOpen", {"incidents_open": after_a_day("0", "1")}),
        Fault(
            "PonctuelIncident48HoursLeft",
            {"incident_hours_left": after_a_day("1e9", "47")},
        ),
        Fault(
            "PonctuelIncident24HoursLeft",
            {"incident_hours_left": after_a_day("1e9", "23")},
            also=DEADLINES[:1],
        ),
        Fault(
            "PonctuelIncident6HoursLeft",
            {"incident_hours_left": after_a_day("1e9", "5")},
            also=DEADLINES[:2],
        ),
        Fault("PonctuelDpiaReviewDue", {"dpia_days_left": after_a_day("200", "29")}),
        Fault(
            "PonctuelHostingCertificateEnds",
            {"hds_days_left": after_a_day("1e9", "59")},
        ),
        Fault(
            "PonctuelFiguresStale",
            {"publication_timestamp_seconds": after_a_day("0+1800", "84600")},
            ("publication_interval_seconds",),
        ),
    ),
    "days": (
        Fault("PonctuelNoCalls", {"calls_total": "0+20x47 960x400"}, by="6d"),
        Fault(
            "PonctuelNothingDrawn",
            {"selected_total": "0x400"},
            ("calls_total", "policy_rate"),
            by="2d",
        ),
        Fault(
            "PonctuelNobodyRefuses",
            {"selected_total": "0+2x400", "opt_outs_total": "0x400"},
            by="3d",
        ),
        Fault(
            "PonctuelManualRecordings",
            {"manual_recordings_total": "0x47 0+1x400"},
            ("calls_total",),
            by="2d",
        ),
        Fault(
            "PonctuelMonitorTooNervous",
            {"sr_alarm_log10": after_a_day("8", "4")},
            ("calls_total",),
        ),
        Fault(
            "PonctuelRequestAnsweredLate",
            {"request_days_bucket +Inf": after_a_day("7", "8")},
            ("request_days_bucket 30.0",),
        ),
        Fault(
            "PonctuelIntervalTooShort",
            {"calls_total": "0+4x500"},
            ("publication_interval_seconds",),
            by="8d",
            silent_until="6d",
        ),
    ),
}
