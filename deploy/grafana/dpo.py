"""The DPO's dashboard: few calls, drawn at random, forgotten on time."""

from panels import (
    Look,
    Panel,
    Section,
    age,
    bars,
    grown,
    lines,
    now,
    number,
    of_month,
)

DAY = 86_400
HOUR = 3600
ALERTS = (
    "max by (alertname, severity, metric) "
    '(ALERTS{alertstate="firing", alertname=~"Ponctuel.+", site=~"$site|"})'
)

MANUAL_SHARE = f"{grown('manual_recordings_total', '30d')} / ({of_month('calls')} > 0)"

DECISIONS = Section(
    "Ce qui demande une décision",
    (
        Panel(
            "Alertes en cours",
            "Rules that are firing now, for this site or for the installation. Empty "
            "is good, as long as the figures beside it are not marked '?'.",
            ((ALERTS, ""),),
            Look.TABLE,
            width=24,
            height=6,
        ),
        number(
            "Incidents ouverts",
            "Open incidents. Limit: 0. Each has 72 hours from the moment it was known "
            "(GDPR Art. 33).",
            now("incidents_open"),
            0.5,
            width=3,
        ),
        number(
            "Heures restantes (72 h)",
            "Least time left to notify an incident. Alerts at 48, 24 and 6 hours; "
            "infinite when no clock runs.",
            now("incident_hours_left"),
            48,
            unit="h",
            is_floor=True,
            width=3,
        ),
        number(
            "Disjoncteur",
            "1 or more: nothing is recorded until operator and DPO decide together. "
            "Limit: 0.",
            f"sum without (cause) ({now('breaker_open')})",
            0.5,
            width=3,
        ),
        number(
            "Enregistrements non sollicités (30 j)",
            "Recordings found at a platform that nobody drew; deleted there, never "
            "read. Limit: 0.",
            grown("unsolicited_recordings_total", "30d"),
            0.5,
            width=3,
        ),
        number(
            "Demandes hors délai",
            "Requests of persons past their legal date. Limit: 0 (GDPR Art. 12(3)).",
            f"sum without (type) ({now('requests_overdue')})",
            0.5,
            width=3,
        ),
        number(
            "Suppressions en retard",
            "Items past their expiry and the longest permitted delay. Limit: 0.",
            now("deletions_overdue"),
            0.5,
            width=3,
        ),
        number(
            "Constats de la vérification",
            "Findings of the last daily check of the ledger. Limit: 0.",
            f"sum without (code) ({now('verify_findings')})",
            0.5,
            width=3,
        ),
        number(
            "Audio non tiré refusé (30 j)",
            "Audio of calls that were not drawn, offered by a platform and refused "
            "unread. Limit: 0.",
            grown("media_refused_total", "30d", ', code="not_drawn"'),
            0.5,
            width=3,
        ),
    ),
)

DRAW = Section(
    "Le tirage : occasionnel",
    (
        lines(
            "Taux enregistré et plafonds",
            "The recorded rate of this campaign lies within the band with 95 % "
            "certainty, however often one looks. Legal limit: the hard ceiling, 10 %, "
            "fixed in the program; nearer by, the ceiling of the site's budget.",
            (now("rate_lower"), "au moins"),
            (now("rate_upper"), "au plus"),
            (now("policy_rate"), "taux demandé"),
            (now("rate_ceiling"), "limite du budget"),
            (now("hard_ceiling"), "limite absolue"),
            unit="percentunit",
            width=12,
            height=9,
        ),
        lines(
            "Part enregistrée des derniers appels",
            "Of the last 100, 1,000, 10,000 calls, and the worst there ever was under "
            "this policy. Limit: what the budget can allow at all.",
            (now("recorded_ratio_window"), "{{window}} derniers appels"),
            (now("window_max_ratio"), "pire de {{window}}"),
            (now("window_bound_ratio"), "limite prouvée sur {{window}}"),
            unit="percentunit",
            width=12,
            height=9,
        ),
        lines(
            "Appels tirés et enregistrés, par jour",
            "Drawn calls, and those whose recording was kept. Recorded can never "
            "exceed drawn, which is its limit.",
            (
                f"sum without (stratum) ({grown('recorded_total', '1d')})",
                "enregistrés",
            ),
            (
                f"sum without (stratum) ({grown('selected_total', '1d')})",
                "limite : tirés",
            ),
        ),
        lines(
            "Probabilité d'être enregistré",
            "The chance of the next call, by stratum. Limit: the hard ceiling.",
            (f"{now('probability_ppm')} / 1e6", "{{stratum}}"),
            (now("hard_ceiling"), "limite absolue"),
            unit="percentunit",
        ),
        lines(
            "Appels reçus, par jour",
            "Calls Ponctuel was asked about. Limit: none for four days, and the "
            "platform no longer asks.",
            (f"sum without (stratum) ({grown('calls_total', '1d')})", "appels"),
            limit=1,
            is_floor=True,
        ),
        bars(
            "Refus et oppositions (30 j)",
            "Refusals by the moment they came. None among more than 100 drawn calls: "
            "does the refusal key work?",
            grown("opt_outs_total", "30d"),
            "stage",
        ),
        bars(
            "Écartés du tirage (30 j)",
            "Calls that could not be drawn, and why. Limit: 0 for each `no_…`, a "
            "missing legal condition.",
            grown("excluded_total", "30d"),
            "code",
        ),
        lines(
            "Déclenchements manuels (part du mois)",
            "Recordings that agents began by hand, of 30 days' calls. Limit: 1 %.",
            (
                MANUAL_SHARE,
                "part des appels",
            ),
            unit="percentunit",
            limit=0.01,
        ),
    ),
)

CHANCE = Section(
    "Le tirage : aléatoire",
    (
        lines(
            "Moniteurs",
            "What each monitor holds against chance, as a power of ten. Limit: the "
            "alarm level.",
            (now("sr_log10"), "{{monitor}}"),
            (now("sr_alarm_log10"), "limite : alarme"),
        ),
        lines(
            "Preuve du mois",
            "The month's evidence against an honest draw, as a power of ten. Limit: 3, "
            "a thousand to one.",
            (now("eprocess_log10"), "{{monitor}}, {{period}}"),
            limit=3,
        ),
        lines(
            "Excès des derniers appels",
            "Recordings above what chance allows in the last calls; negative is below. "
            "Limit: 0.",
            (now("binomial_excess"), "{{table}}, {{window}}"),
            limit=0.5,
        ),
    ),
)

COMPLETENESS = Section(
    "Rien d'oublié, rien en trop",
    (
        number(
            "Appels non rapprochés",
            "Calls that only the platform or only the ledger knows, last closed day. "
            "Limit: 0 after a day.",
            f"sum without (source) ({now('unreconciled_calls')})",
            0.5,
        ),
        number(
            "Appels sans tirage",
            "Share of the platform's list without a draw, last day. Limit: 0.5 %.",
            now("cdr_gap_ratio"),
            0.005,
            unit="percentunit",
        ),
        number(
            "Objets inexpliqués",
            "Objects in the store that no ledger entry explains. Limit: 0.",
            now("stray_objects"),
            0.5,
        ),
        number(
            "Appels tirés sans issue",
            "Drawn calls without an outcome after 4 hours. Limit: 0.",
            now("outcomes_overdue"),
            0.5,
        ),
        number(
            "Dernier rapprochement",
            "Hours since the oldest of the daily comparisons. Limit: 36.",
            f"max without (check) ({age('reconciliation_timestamp_seconds', HOUR)})",
            36,
            unit="h",
        ),
        number(
            "Quorum des témoins",
            "1 when enough outside witnesses have cosigned the newest head. Limit: 0 "
            "for an hour; always 0 without witnesses.",
            now("quorum_ok"),
            0.5,
            is_floor=True,
        ),
    ),
)

FORGETTING = Section(
    "L'oubli",
    (
        lines(
            "Âge de l'audio le plus ancien",
            "In days. Limit: 180, always less than six months.",
            (f"{now('oldest_audio_age_seconds')} / {DAY}", "jours"),
            unit="d",
            limit=180,
        ),
        lines(
            "Éléments expirés encore présents",
            "Past their expiry and still there, by class. Limit: 0 after a day.",
            (now("expired_undeleted"), "{{class}}"),
            limit=1,
        ),
        lines(
            "Retard des suppressions",
            "Longest delay between expiry and deletion in 24 hours. Limit: a day.",
            (now("deletion_lag_seconds"), "retard"),
            unit="s",
            limit=DAY,
        ),
        number(
            "Clés du jour en retard",
            "Day keys that should be destroyed and are not. Limit: 0.",
            now("kek_overdue"),
            0.5,
        ),
        number(
            "Gels échus",
            "Holds past their end and still there. Limit: 0.",
            now("holds_expired"),
            0.5,
        ),
        number(
            "Exercice de restauration",
            "Days since a drill showed that destroyed days stay closed. Limit: 100.",
            age("restore_drill_timestamp_seconds", DAY),
            100,
            unit="d",
        ),
        bars(
            "Gels en cours",
            "Recordings kept beyond their expiry by a decision: legal, or a request.",
            now("holds"),
            "hold",
            width=12,
            height=4,
        ),
    ),
)

RIGHTS = Section(
    "Les personnes",
    (
        bars(
            "Demandes ouvertes",
            "Requests of persons that are open, by what they ask.",
            now("requests_open"),
            "type",
        ),
        bars(
            "Jours jusqu'à la réponse (30 j)",
            "Requests answered this month within so many days. Limit: 30; what lies "
            "beyond needs a prolongation told in time.",
            grown("request_days_bucket", "30d"),
            "le",
        ),
        bars(
            "Écoutes (30 j)",
            "Recordings listened to, by role. Limit: 0 for the DPO, but on a case.",
            f"sum without (purpose) ({grown('plays_total', '30d')})",
            "role",
        ),
        number(
            "Demandes : jours restants",
            "Days to the first legal date of a request. Alerts at 7 and 3; infinite "
            "when none waits.",
            now("requests_days_left"),
            7.5,
            unit="d",
            is_floor=True,
        ),
        number(
            "Alertes d'abus à trancher",
            "Signs of abuse without a decision. Limit: 0 after 72 hours.",
            now("access_alerts_open"),
            0.5,
        ),
        number(
            "Accès d'urgence (30 j)",
            "Uses of emergency access. Limit: 0; each is reviewed.",
            grown("break_glass_total", "30d"),
            0.5,
        ),
        number(
            "Accès d'urgence à revoir",
            "Uses nobody has reviewed. Limit: 0 after 72 hours.",
            now("break_glass_unreviewed"),
            0.5,
        ),
        number(
            "Revues en retard",
            "Reviews of grants (quarterly) and of abuse (monthly). Limit: 0.",
            f"sum without (review) ({now('reviews_overdue')})",
            0.5,
        ),
        number(
            "Politique : changements refusés (30 j)",
            "Changes of the policy that were tried and refused. Limit: 0.",
            grown("policy_refused_total", "30d"),
            0.5,
        ),
        number(
            "Revue de l'AIPD",
            "Days to the review of the impact assessment. Alert below 30; at 0 nothing "
            "is recorded.",
            now("dpia_days_left"),
            30,
            unit="d",
            is_floor=True,
        ),
        number(
            "Certificat HDS",
            "Days to the end of the host's first certificate. Alert below 60; infinite "
            "when declared not applicable.",
            now("hds_days_left"),
            60,
            unit="d",
            is_floor=True,
        ),
    ),
)

SECTIONS = (DECISIONS, DRAW, CHANCE, COMPLETENESS, FORGETTING, RIGHTS)
