"""The closed sets of label values. A value that is not here is never served."""

from proxy.metrics_contract.kinds import Label, PerSite

OTHER_IN, OTHER_OUT = OTHERS = ("other_in", "other_out")
STRATUM = Label("stratum", OTHERS, PerSite.STRATA)
TOKEN_STRATUM = Label("stratum", (*OTHERS, "all"), PerSite.STRATA)
WITNESS = Label("witness", (), PerSite.WITNESSES)
WITNESS_ROLES = ("dpo", "cse", "public")

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
STAGE = Label("stage", ("no_opt_in", "before_capture", "during_call", "after_call"))
MEDIA_REFUSED = Label("code", ("not_drawn", "kind", "too_long", "signature"))

CALLS_WINDOW = Label("window", ("100", "1000", "10000"))
MONITOR = Label(
    "monitor",
    ("ceiling", "agent", "hour", "direction", "duration", "serial", "failure"),
)
# A month's name would be an open set.
PERIOD = Label("period", ("current", "previous"))
TABLE = Label("table", ("breaker", "alert"))
EXCESS_WINDOW = Label(
    "window", ("10", "20", "50", "100", "200", "500", "1000", "10000")
)
EXCESS_TABLES = (
    *(("breaker", window) for window in ("10", "20", "50", "200", "1000")),
    *(("alert", window) for window in ("100", "500", "1000", "10000")),
)
CAUSE = Label("cause", ("sr", "binomial", "blind"))

SOURCE = Label("source", ("platform_only", "ledger_only"))
CHECK = Label("check", ("cdr", "cdr_by_hand", "inventory"))

OTHER_FINDING = "OTHER"
# What the offline verifier can find (docs/proof.md): one word for one fault, whoever
# looks.
FINDING = Label(
    "code",
    (
        "LOGSIG",
        "QUORUM",
        "ROOT",
        "SPLITVIEW",
        "TRUNCATED",
        "ENCODING",
        "ORDER",
        "POLICY",
        "RETROPOLICY",
        "NOTICE",
        "LATECOMMIT",
        "EPOCHREOPENED",
        "WITHHELD",
        "SEED",
        "BEACON",
        "COUNT",
        "DRAW",
        "THRESHOLD",
        "STRATUM",
        "CEILING",
        "WINDOW",
        "STOPPED",
        "DUPLICATE",
        "BIAS",
        "NOOUTCOME",
        "UNSAMPLED",
        "LATEDELETE",
        "KEKALIVE",
        "BACKDATED",
        "MISSINGCALL",
        "PHANTOM",
        "LATEBIND",
        "PLATFORMRECORDED",
        "STRAYOBJECT",
        OTHER_FINDING,
    ),
)

CLASS = Label("class", ("audio", "analysis"))
HOLD = Label("hold", ("legal", "request"))
REQUEST = Label(
    "type", ("access", "medical_file", "rectify", "erase", "restrict", "object")
)
ROLE = Label("role", ("trainer", "agent", "dpo", "rights_officer"))
PURPOSE = Label("purpose", ("training", "evaluation", "quality"))
REVIEW = Label("review", ("grants", "abuse"))

# As Prometheus prints them; a month of 30 days is the legal limit.
REQUEST_DAYS = ("2.0", "8.0", "15.0", "30.0", "60.0", "90.0", "+Inf")
