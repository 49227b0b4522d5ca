"""Where somebody can go: one entry for each page that is not about one thing."""

from proxy.access.permissions import Permission

EMERGENCY = "/emergency"
MENU = (
    ("/", Permission.ACCOUNT_OWN),
    ("/recordings", Permission.RECORDINGS_LIST),
    ("/analyses", Permission.ANALYSES_READ),
    (EMERGENCY, Permission.BREAK_GLASS_USE),
    ("/grants", Permission.GRANTS_READ),
    ("/trace", Permission.TRACE_READ),
    ("/alerts", Permission.ALERTS_DECIDE),
    ("/reviews", Permission.REVIEWS_SIGN),
    ("/emergencies", Permission.BREAK_GLASS_REVIEW),
    ("/accounts", Permission.ACCOUNTS_READ),
    ("/evidence", Permission.EVIDENCE_EXPORT),
    ("/account", Permission.ACCOUNT_OWN),
)
