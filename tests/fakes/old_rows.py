"""A row of every kind that has an age, as the service would have written it `now`."""

from datetime import datetime

from tests.fakes.evidence import Evidence

# Who stays while something of theirs ends.
_SOMEBODY = (
    "WITH somebody AS (INSERT INTO accounts"
    " (site_id, account_id, code, role, made_at, made_by) VALUES"
    " ('clinic', gen_random_uuid(), gen_random_uuid()::text, 'trainer', $1, 'a-1')"
    " RETURNING account_id)"
)

# By what the sweep calls it: how a row comes to be, and how many rows there are of it.
MADE: dict[str, tuple[str, ...]] = {
    "forget_holds": (
        (
            "INSERT INTO holds VALUES ('clinic', gen_random_uuid(), gen_random_uuid(),"
            " 1, 'claim', 'PV 7', 'a reason', 'p-1', $1, $1, 1, $1, 'p-1')"
        ),
    ),
    "forget_takeovers": (
        (
            "INSERT INTO takeovers VALUES ('clinic', gen_random_uuid(), 'pbx',"
            " gen_random_uuid()::text, NULL, 'done', 0, $1, $1)"
        ),
    ),
    "forget_call_agents": (
        "INSERT INTO call_agents VALUES ('clinic', 999999, '\\x01', $1)",
    ),
    "forget_flags": (
        (
            "INSERT INTO recording_flags VALUES"
            " ('clinic', '\\x01', 1, 1, 'started', $1, true)"
        ),
    ),
    "forget_incidents": (
        (
            "INSERT INTO incidents (site_id, incident_id, kind, reference, opened_at,"
            " aware_at, closed_at, nature) VALUES"
            " ('clinic', gen_random_uuid(), 'by-hand', 'old', $1, $1, $1, 'words')"
        ),
        (
            "INSERT INTO incident_notes"
            " SELECT 'clinic', incident_id, 1, $1, 'p-1', 'words'"
            " FROM incidents WHERE reference = 'old'"
        ),
    ),
    "forget_policies": (
        (
            "INSERT INTO policy_versions (site_id, number, state, document, salt,"
            " digest, author, reason, created_at)"
            " VALUES ('clinic', 0, 'refused', '{}', '', '', 'p-1', 'words', $1)"
        ),
        (
            "INSERT INTO policy_events (site_id, number, move, actor, role, at,"
            " is_refused, detail) VALUES ('clinic', 0, 'refuse', 'p-1', 'dpo', $1,"
            ' false, \'{"reason": "words"}\')'
        ),
    ),
    "forget_decisions": (
        (
            "INSERT INTO monitor_decisions VALUES"
            " ('clinic', 999999, 'agent', 'p-1', 'words', $1, 0)"
        ),
    ),
    "forget_reconciliations": (
        (
            "INSERT INTO reconciliations (site_id, connection, day, export_sha256,"
            " calls, bound, platform_only, ledger_only, unsolicited, still_there,"
            " done_at) VALUES ('clinic', 'pbx', '2020-01-01', '', 0, 0, 0, 0, 0, 0, $1)"
        ),
        (
            "INSERT INTO reconciliation_runs (site_id, connection, day, source, actor,"
            " begun_at) VALUES ('clinic', 'pbx', '2020-01-01', 'platform', 'p-1', $1)"
        ),
    ),
    "forget_inventories": (
        "INSERT INTO inventories VALUES ('clinic', '2020-01-01', '', 0, 0, 0, $1)",
    ),
    "forget_old_confirmations": (
        "INSERT INTO breaker_confirmations VALUES ('clinic', 'dpo', 'p-1', $1)",
    ),
    "forget_grants": (
        (
            "INSERT INTO grants VALUES ('clinic', gen_random_uuid(), 't-1', 'cardio',"
            " NULL, $1, 'd-1', $1::timestamptz - interval '90 days')"
        ),
    ),
    "forget_api_keys": (
        (
            "INSERT INTO api_keys VALUES ('clinic', gen_random_uuid(), sha256('key'),"
            " 'm-1', 'auditor', '{gates:read}', $1, 'a-1',"
            " $1::timestamptz - interval '365 days')"
        ),
    ),
    "forget_habilitation_reviews": (
        (
            "INSERT INTO habilitation_reviews VALUES"
            " ('clinic', 1, $1, 'd-1', '{}', '\\x00', '\\x00')"
        ),
    ),
    "forget_notices": (
        (
            "INSERT INTO notices VALUES ('clinic', 'notice', 'fr',"
            " $1::timestamptz - interval '1 day', 'old', 'text'),"
            " ('clinic', 'notice', 'fr', $1, 'new', 'text')"
        ),
    ),
    "forget_access_alerts": (
        (
            "INSERT INTO access_alerts VALUES ('clinic', gen_random_uuid(), 'burst',"
            " 't-1', '2020-01-01', true, $1, 30, 0, 29, $1, 'd-1', 'justified')"
        ),
    ),
    "forget_glass_uses": (
        (
            "INSERT INTO glass_uses VALUES ('clinic', gen_random_uuid(),"
            " gen_random_uuid(), 't-1', 'trainer', gen_random_uuid(), '\\x01', $1, $1,"
            " $1, 'd-1', 'justified')"
        ),
    ),
    "forget_access_reviews": (
        (
            "INSERT INTO access_reviews VALUES"
            " ('clinic', '2020-01-01', $1, 'd-1', 0, '', '{}')"
        ),
    ),
    "forget_access_entries": (
        (
            "WITH leaf AS (INSERT INTO access_leaves"
            " VALUES ('clinic', 999999, '', '', $1))"
            " INSERT INTO access_entries (site_id, seq, body) SELECT 'clinic', 999999,"
            " json_build_object('act', 'viewed', 'actor', 'p-old', 'at',"
            " (extract(EPOCH FROM $1::timestamptz) * 1000)::bigint)::text"
        ),
    ),
    "forget_accounts": (
        (
            "INSERT INTO accounts (site_id, account_id, code, role, made_at, made_by,"
            " ended_at) VALUES ('clinic', gen_random_uuid(), 'left', 'trainer', $1,"
            " 'a-1', $1)"
        ),
    ),
    "forget_invitations": (
        (
            # both are ours
            f"{_SOMEBODY} INSERT INTO invitations SELECT 'clinic', account_id,"  # noqa: S608
            " sha256('link'), $1, 'a-1', $1"
            " FROM somebody"
        ),
    ),
    "forget_sign_ins": (
        (
            # both are ours
            f"{_SOMEBODY} INSERT INTO sessions (site_id, session_id, account_id,"  # noqa: S608
            " digest, made_at, seen_at, factor_at) SELECT 'clinic', gen_random_uuid(),"
            " account_id, sha256('session'), $1, $1, $1 FROM somebody"
        ),
        (
            # both are ours
            f"{_SOMEBODY} INSERT INTO pending_sign_ins SELECT 'clinic',"  # noqa: S608
            " sha256('pending'), account_id, $1 FROM somebody"
        ),
        "INSERT INTO sign_in_attempts VALUES ('clinic', '\\x01', 1, $1, $1)",
    ),
    "forget_sign_ins_elsewhere": (
        (
            "INSERT INTO passkey_challenges VALUES ('clinic', sha256('challenge'),"
            " 'alone', sha256('browser'), NULL, NULL, $1)"
        ),
        "INSERT INTO oidc_states VALUES ('clinic', sha256('o'), 'sign-in', NULL, $1)",
    ),
    "forget_requests": (
        (
            "INSERT INTO requests (site_id, request_id, reference, kind, is_agents,"
            " language, received_at, received_by, due_on, state, outcome, answered_at,"
            " closed_at) VALUES ('clinic', gen_random_uuid(), 'OLDQ-0001', 'access',"
            " false, 'fr', $1, 'r-1', '2020-01-01', 'closed', 'withdrawn', $1, $1)"
        ),
        (
            "INSERT INTO request_events SELECT 'clinic', request_id, 1, $1, 'received',"
            " 'r-1' FROM requests WHERE reference = 'OLDQ-0001'"
        ),
    ),
    "forget_request_codes": (
        (
            "WITH open_one AS (INSERT INTO requests (site_id, request_id, reference,"
            " kind, is_agents, language, received_at, received_by, due_on, particulars)"
            " VALUES ('clinic', gen_random_uuid(), 'OPEN-0001', 'access', false, 'fr',"
            " $1, 'r-1', '2020-01-01', '\\x01') RETURNING request_id)"
            " INSERT INTO request_codes SELECT 'clinic', gen_random_uuid(), request_id,"
            " '\\x01', '\\x01', sha256('code'), $1 FROM open_one"
        ),
    ),
    "forget_request_outcomes": (
        (
            "INSERT INTO request_outcomes VALUES ('clinic', gen_random_uuid(),"
            " gen_random_uuid(), 'erasure', 'OLDQ-0002', 'r-1', $1, 7, '{}', $1, NULL,"
            " $1)"
        ),
    ),
    "forget_handovers": (
        (
            "INSERT INTO handovers VALUES ('clinic', gen_random_uuid(),"
            " gen_random_uuid(), 'court', 'requisition', '2020-01-01', 'r-1', $1)"
        ),
        (
            "INSERT INTO recipient_notices SELECT 'clinic', gen_random_uuid(),"
            " handover_id, 'told', '', 'r-1', $1 FROM handovers"
        ),
    ),
    "forget_plays": (
        (
            "INSERT INTO plays VALUES ('clinic', gen_random_uuid(), gen_random_uuid(),"
            " gen_random_uuid(), gen_random_uuid(), 'training', $1, $1)"
        ),
    ),
}

# What is there of each: what a person wrote or did, or whom it is about.
LEFT: dict[str, str] = {
    "forget_holds": "SELECT count(*) FROM holds",
    "forget_takeovers": "SELECT count(*) FROM takeovers",
    "forget_call_agents": "SELECT count(*) FROM call_agents WHERE draw_seq = 999999",
    "forget_flags": "SELECT count(*) FROM recording_flags WHERE flag_key = '\\x01'",
    "forget_incidents": (
        "SELECT (SELECT count(*) FROM incidents WHERE reference = 'old')"
        " + (SELECT count(*) FROM incident_notes WHERE note = 'words')"
    ),
    "forget_policies": (
        "SELECT (SELECT count(*) FROM policy_versions WHERE author = 'p-1')"
        " + (SELECT count(*) FROM policy_events WHERE actor = 'p-1')"
    ),
    "forget_decisions": (
        "SELECT count(*) FROM monitor_decisions WHERE actor <> '' OR decision <> ''"
    ),
    "forget_reconciliations": (
        "SELECT (SELECT count(*) FROM reconciliations WHERE day = '2020-01-01')"
        " + (SELECT count(*) FROM reconciliation_runs WHERE day = '2020-01-01')"
    ),
    "forget_inventories": "SELECT count(*) FROM inventories WHERE day = '2020-01-01'",
    "forget_old_confirmations": "SELECT count(*) FROM breaker_confirmations",
    "forget_access_entries": (
        "SELECT count(*) FROM access_entries WHERE actor = 'p-old'"
    ),
    "forget_grants": "SELECT count(*) FROM grants",
    "forget_api_keys": "SELECT count(*) FROM api_keys",
    "forget_habilitation_reviews": "SELECT count(*) FROM habilitation_reviews",
    "forget_notices": "SELECT count(*) FROM notices WHERE version = 'old'",
    "forget_access_alerts": "SELECT count(*) FROM access_alerts",
    "forget_glass_uses": "SELECT count(*) FROM glass_uses",
    "forget_access_reviews": "SELECT count(*) FROM access_reviews",
    "forget_accounts": "SELECT count(*) FROM accounts WHERE code = 'left'",
    "forget_invitations": "SELECT count(*) FROM invitations",
    "forget_sign_ins": (
        "SELECT (SELECT count(*) FROM sessions)"
        " + (SELECT count(*) FROM pending_sign_ins)"
        " + (SELECT count(*) FROM sign_in_attempts)"
    ),
    "forget_sign_ins_elsewhere": (
        "SELECT (SELECT count(*) FROM passkey_challenges)"
        " + (SELECT count(*) FROM oidc_states)"
    ),
    "forget_requests": (
        "SELECT (SELECT count(*) FROM requests WHERE reference = 'OLDQ-0001')"
        " + (SELECT count(*) FROM request_events)"
    ),
    "forget_request_codes": "SELECT count(*) FROM request_codes",
    "forget_request_outcomes": "SELECT count(*) FROM request_outcomes",
    "forget_handovers": (
        "SELECT (SELECT count(*) FROM handovers)"
        " + (SELECT count(*) FROM recipient_notices)"
    ),
    "forget_plays": "SELECT count(*) FROM plays",
}


async def age(house: Evidence, kind: str, now: datetime) -> None:
    """Have a row of this kind, and whatever belongs to it, as of now."""
    for statement in MADE[kind]:
        await house.rows(statement, now)


async def left(house: Evidence, kind: str) -> int:
    """How many rows there still are of it."""
    return int(await house.value(LEFT[kind]))
