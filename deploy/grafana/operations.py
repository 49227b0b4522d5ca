"""The operator's dashboard: does it run, is it fresh, what fails and why."""

from panels import SITE, Section, age, bars, grown, lines, now, number

HOUR = 3600
AN_HOUR_AGO = f"max without (instance) (ponctuel_ledger_size{{{SITE}}} offset 1h)"
VOID_SHARE = (
    f"sum without (code) ({grown('void_total', '1h')}) / "
    f"(sum without (stratum) ({grown('calls_total', '1h')}) > 0)"
)

CALLS = Section(
    "Les appels",
    (
        lines(
            "Appels par heure et par strate",
            "Calls Ponctuel was asked about. Limit: none for four days.",
            (grown("calls_total", "1h"), "{{stratum}}"),
            limit=1,
            is_floor=True,
            width=12,
        ),
        lines(
            "Tirages impossibles (part de l'heure)",
            "Calls that a fault kept from being drawn; none of them was recorded. "
            "Limit: 5 %.",
            (
                VOID_SHARE,
                "sans tirage",
            ),
            unit="percentunit",
            limit=0.05,
            width=12,
        ),
        bars(
            "Tirages impossibles, par motif (24 h)",
            "Which fault kept calls from being drawn.",
            grown("void_total", "24h"),
            "code",
        ),
        bars(
            "Tirés, non enregistrés (30 j)",
            "Drawn calls that were not recorded, and why. Limit: 0 for `announcement`.",
            grown("failed_total", "30d"),
            "code",
        ),
        bars(
            "Médias refusés sans lecture (30 j)",
            "Audio or other media refused before a byte was read. Limit: 0 for "
            "`not_drawn`.",
            grown("media_refused_total", "30d"),
            "code",
        ),
        lines(
            "Budget : enregistrements encore permis",
            "Whole tokens left, by stratum; `all` is the whole site. Limit: below 1 "
            "for an hour calls become predictable.",
            (now("tokens"), "{{stratum}}"),
            limit=1,
            is_floor=True,
            width=12,
        ),
        lines(
            "Tirés et enregistrés par heure",
            "By stratum. Recorded can never exceed drawn.",
            (grown("selected_total", "1h"), "tirés {{stratum}}"),
            (grown("recorded_total", "1h"), "enregistrés {{stratum}}"),
            width=12,
        ),
    ),
)

LEDGER = Section(
    "Le registre",
    (
        lines(
            "Inscriptions au registre",
            "Entries in the tamper-evident ledger. Limit: it never shrinks.",
            (now("ledger_size"), "inscriptions"),
            (AN_HOUR_AGO, "limite : il y a une heure"),
        ),
        lines(
            "Âge de la dernière signature",
            "Age of the newest signed head while entries wait for the next. Limit: "
            "three publication intervals.",
            (now("checkpoint_age_seconds"), "âge"),
            (f"3 * {now('publication_interval_seconds')}", "limite"),
            unit="s",
        ),
        lines(
            "Dernière contresignature des témoins",
            "Time since each witness last cosigned. Limit: an hour.",
            (age("witness_cosign_timestamp_seconds", 1), "{{witness}}"),
            unit="s",
            limit=HOUR,
        ),
        number(
            "Graines non révélées",
            "Epochs that are over and whose seed is still secret. Limit: 0.",
            now("reveal_overdue"),
            0.5,
        ),
        number(
            "Dernière vérification sans constat",
            "Hours since the ledger was last found clean. Limit: 26.",
            age("verify_success_timestamp_seconds", HOUR),
            26,
            unit="h",
        ),
        bars(
            "Constats de la vérification",
            "What the last check found; docs/proof.md explains each code. Limit: 0.",
            f"{now('verify_findings')} > 0",
            "code",
            width=8,
            height=4,
        ),
        number(
            "Quorum des témoins",
            "1 when enough outside witnesses have cosigned the newest head.",
            now("quorum_ok"),
            0.5,
            is_floor=True,
        ),
        number(
            "Disjoncteur",
            "1 or more: nothing is recorded until people decide. Limit: 0.",
            f"sum without (cause) ({now('breaker_open')})",
            0.5,
        ),
    ),
)

JOBS = Section(
    "Les travaux de fond",
    (
        lines(
            "Dernier rapprochement",
            "Time since the daily comparisons, by kind. Limit: 36 hours.",
            (age("reconciliation_timestamp_seconds", 1), "{{check}}"),
            unit="s",
            limit=36 * HOUR,
        ),
        lines(
            "Appels non rapprochés",
            "By the side that knows them alone, last closed day. Limit: 0 after a day.",
            (now("unreconciled_calls"), "{{source}}"),
            limit=0.5,
        ),
        lines(
            "Suppressions",
            "Expired and still there, past the last date, keys alive. Limit: 0.",
            (now("expired_undeleted"), "expirés ({{class}})"),
            (now("deletions_overdue"), "hors délai"),
            (now("kek_overdue"), "clés vivantes"),
            limit=0.5,
        ),
        lines(
            "Fraîcheur des chiffres",
            "Age of the newest snapshot. Limit: three publication intervals.",
            (age("publication_timestamp_seconds", 1), "âge"),
            (f"3 * {now('publication_interval_seconds')}", "limite"),
            unit="s",
        ),
        lines(
            "Répliques qui servent le site",
            "Replicas whose figures Prometheus can read. Limit: at least one.",
            (
                f"count by (site) (ponctuel_publication_timestamp_seconds{{{SITE}}})",
                "répliques",
            ),
            limit=1,
            is_floor=True,
        ),
        lines(
            "Mémoire du processus",
            "Resident memory of each replica.",
            ('process_resident_memory_bytes{job="ponctuel"}', "{{instance}}"),
            unit="bytes",
        ),
    ),
)

SECTIONS = (CALLS, LEDGER, JOBS)
