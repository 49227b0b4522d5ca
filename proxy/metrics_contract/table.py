"""The contract itself: every `ponctuel_` figure there may be, in the page's order."""

from proxy.metrics_contract.kinds import (
    Kind,
    Metric,
    Publication,
    batch,
    counter,
    now,
)
from proxy.metrics_contract.labels import (
    CALLS_WINDOW,
    CAUSE,
    CHECK,
    CLASS,
    EXCESS_TABLES,
    EXCESS_WINDOW,
    EXCLUDED,
    FAILED,
    FINDING,
    HOLD,
    MEDIA_REFUSED,
    MONITOR,
    PERIOD,
    PURPOSE,
    REQUEST,
    REQUEST_DAYS,
    REVIEW,
    ROLE,
    SOURCE,
    STAGE,
    STRATUM,
    TABLE,
    TOKEN_STRATUM,
    VOID,
    WITNESS,
)

_SAMPLING = (
    counter("calls_total", [STRATUM], "Calls heard of, each counted once."),
    counter("selected_total", [STRATUM], "Calls drawn for recording."),
    counter("recorded_total", [STRATUM], "Calls recorded: sealed and stored."),
    counter("excluded_total", [EXCLUDED], "Calls that could not be drawn, and why."),
    counter("void_total", [VOID], "Calls without a draw because of a fault."),
    counter("failed_total", [FAILED], "Calls drawn but not recorded, and why."),
    counter("opt_outs_total", [STAGE], "Refusals and objections, by moment."),
    counter("manual_recordings_total", [], "Recordings that an agent began by hand."),
    counter("media_refused_total", [MEDIA_REFUSED], "Audio or media refused unread."),
    counter(
        "policy_refused_total", [], "Refused changes of a policy.", Publication.NOW
    ),
    now("policy_rate", [], "Rate of the policy in force, its largest rule, 0-1."),
    now("rate_ceiling", [], "Rate that the site's budget refills at, 0-1."),
    now("hard_ceiling", [], "Rate no policy may exceed, fixed in the code, 0-1."),
    batch("probability_ppm", [STRATUM], "Chance of the next draw, in millionths."),
    batch("tokens", [TOKEN_STRATUM], "Recordings the budget still allows."),
)
_STATISTICS = (
    batch("rate_lower", [], "Lower end of the 95 % band of the recorded rate, 0-1."),
    batch("rate_upper", [], "Upper end of the 95 % band of the recorded rate, 0-1."),
    batch("recorded_ratio_window", [CALLS_WINDOW], "Share recorded of the last calls."),
    batch("window_max_ratio", [CALLS_WINDOW], "Largest such share under the policy."),
    now("window_bound_ratio", [CALLS_WINDOW], "Largest such share there can be."),
    batch("sr_log10", [MONITOR], "Shiryaev-Roberts statistic of a monitor, log10."),
    now("sr_alarm_log10", [], "Where that statistic raises the alarm, log10."),
    batch("eprocess_log10", [MONITOR, PERIOD], "Evidence of a month, log10."),
    Metric(
        "binomial_excess",
        Kind.GAUGE,
        Publication.BATCH,
        (TABLE, EXCESS_WINDOW),
        "Recordings above what chance allows in the last calls.",
        combinations=EXCESS_TABLES,
    ),
    now("breaker_open", [CAUSE], "1 while nothing is recorded until people decide."),
)
_COMPLETENESS = (
    now("unreconciled_calls", [SOURCE], "Calls one side knows alone, last closed day."),
    now("cdr_gap_ratio", [], "Share of the platform's calls without a draw."),
    counter(
        "unsolicited_recordings_total",
        [],
        "Recordings found at a platform that nobody drew.",
        Publication.NOW,
    ),
    now("stray_objects", [], "Objects in the store that no ledger entry explains."),
    now("outcomes_overdue", [], "Drawn calls without an outcome after 4 hours."),
    now("reconciliation_timestamp_seconds", [CHECK], "Last complete daily comparison."),
)
_LEDGER = (
    batch("ledger_size", [], "Entries in the ledger."),
    now("checkpoint_age_seconds", [], "Age of the newest signed head, if not all."),
    now("witness_cosign_timestamp_seconds", [WITNESS], "Last cosignature by role."),
    now("quorum_ok", [], "1 when a quorum has cosigned the newest signed head."),
    now("reveal_overdue", [], "Epochs that are over and whose seed is still secret."),
    now("verify_findings", [FINDING], "Findings of the last check of the ledger."),
    now("verify_success_timestamp_seconds", [], "Last such check without a finding."),
)
_RETENTION = (
    now("oldest_audio_age_seconds", [], "Oldest audio not on hold, in days, up."),
    now("expired_undeleted", [CLASS], "Items past their expiry and still there."),
    now("deletions_overdue", [], "Items past their expiry and the longest delay."),
    now("deletion_lag_seconds", [], "Longest delay of the last 24 hours' deletions."),
    now("kek_overdue", [], "Day keys alive 24 hours after their day."),
    now("holds", [HOLD], "Recordings kept beyond their expiry by a decision."),
    now("holds_expired", [], "Holds past their end and still there."),
    now("restore_drill_timestamp_seconds", [], "Last drill that kept dead days shut."),
)
_RIGHTS = (
    now("requests_open", [REQUEST], "Requests of persons that are open."),
    now("requests_overdue", [REQUEST], "Requests past their legal date."),
    now("requests_days_left", [], "Least days to such a date; +Inf when none runs."),
    Metric(
        "request_days",
        Kind.HISTOGRAM,
        Publication.BATCH,
        (),
        "Days from a request to its answer.",
        bounds=REQUEST_DAYS,
    ),
)
_ACCESS = (
    counter("plays_total", [ROLE, PURPOSE], "Recordings listened to."),
    now("access_alerts_open", [], "Signs of abuse that nobody has decided on."),
    counter("break_glass_total", [], "Uses of emergency access.", Publication.NOW),
    now("break_glass_unreviewed", [], "Uses of emergency access nobody reviewed."),
    now("reviews_overdue", [REVIEW], "Reviews of access rights past their date."),
)
_GOVERNANCE = (
    now("incidents_open", [], "Incidents that are still open."),
    now(
        "incident_hours_left",
        [],
        "Least time left of the 72 hours; +Inf when none run.",
    ),
    now("dpia_days_left", [], "Days to the review of the impact assessment."),
    now("hds_days_left", [], "Days to the host's first certificate's end."),
)
_PUBLICATION = (
    now("publication_interval_seconds", [], "How often call figures are published."),
    now("publication_timestamp_seconds", [], "When call figures were published."),
)

CONTRACT: tuple[Metric, ...] = (
    *_SAMPLING,
    *_STATISTICS,
    *_COMPLETENESS,
    *_LEDGER,
    *_RETENTION,
    *_RIGHTS,
    *_ACCESS,
    *_GOVERNANCE,
    *_PUBLICATION,
)
