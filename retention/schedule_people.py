"""What is kept of those who sign in: who they are, what they may, and what they did."""

from datetime import timedelta

from retention.promises import (
    ACCOUNTABLE_FOR,
    NOBODY,
    WHILE_THE_SITE_EXISTS,
    Promise,
)

# Six to twelve months are the rule (CNIL deliberation 2021-122).
TRACE_KEPT = timedelta(days=365)
RIGHTS_KEPT = TRACE_KEPT
# A code is not given to somebody else while the trace may name who had it.
ACCOUNTS_KEPT = TRACE_KEPT
INVITED_FOR = timedelta(hours=72)
# As long as a session can be, and as failures are counted.
SIGNED_IN_FOR = timedelta(hours=24)
# An id that is shown again after its play is told apart from one nobody ever had.
PLAYS_KEPT = timedelta(hours=24)
# Good for five and ten minutes; kept no longer than it takes to be noticed.
SIGN_INS_ELSEWHERE_KEPT = timedelta(hours=1)

IN_PERSON = (
    Promise(
        kind="accounts: codes and roles; hashes of what people sign in with",
        kept=ACCOUNTS_KEPT,
        since="their end, with which the hashes go at once; living ones stay",
        why="nobody else gets the code while the trace may name it",
        tables=("accounts", "recovery_codes"),
        swept_as="forget_accounts",
    ),
    Promise(
        kind="invitations, by SHA-256",
        kept=INVITED_FOR,
        since="the invitation, or less: until used",
        why="a link that works for ever would be found",
        tables=("invitations",),
        swept_as="forget_invitations",
    ),
    Promise(
        kind="sessions and sign-ins under way, by SHA-256; failures, by keyed code",
        kept=SIGNED_IN_FOR,
        since="their beginning, or less: until signed out; the last failure",
        why="who is here, and who guesses",
        tables=("sessions", "pending_sign_ins", "sign_in_attempts"),
        swept_as="forget_sign_ins",
    ),
    Promise(
        kind="the trace: who did what to which recording, by codes and ids",
        kept=TRACE_KEPT,
        since="the act",
        why="abuse is looked for in it, and callers are told of it (CNIL 2021-122)",
        tables=("access_entries",),
        swept_as="forget_access_entries",
    ),
    Promise(
        kind="hashes and times of the trace's entries",
        kept=WHILE_THE_SITE_EXISTS,
        why="salted, they name nobody; a line taken out of the trace is found by them",
        ended_by=NOBODY,
        tables=("access_heads", "access_leaves", "access_checks"),
    ),
    Promise(
        kind="signs of abuse, and what was decided on them",
        kept=TRACE_KEPT,
        since="the decision; open ones stay",
        why="they are read beside the trace, as long as there is one",
        tables=("access_alerts",),
        swept_as="forget_access_alerts",
    ),
    Promise(
        kind="emergency access: who, to which recording, and why (sealed)",
        kept=TRACE_KEPT,
        since="its review; those without one stay",
        why="it is read beside the trace, as long as there is one",
        tables=("glass_uses",),
        swept_as="forget_glass_uses",
    ),
    Promise(
        kind="signed reviews of the trace: numbers, and who signed",
        kept=ACCOUNTABLE_FOR,
        since="the signing; what they came to stays in the ledger",
        why="accountability (Art. 5(2)): somebody looked",
        tables=("access_reviews",),
        swept_as="forget_access_reviews",
    ),
    Promise(
        kind="grants: who could reach which practice or campaign, and who said so",
        kept=RIGHTS_KEPT,
        since="their last day",
        why="the trace is read with them, as long as there is one",
        tables=("grants",),
        swept_as="forget_grants",
    ),
    Promise(
        kind="keys of machines: their hash, what they were for, the last day used",
        kept=RIGHTS_KEPT,
        since="their last day",
        why="the trace is read with them, as long as there is one",
        tables=("api_keys",),
        swept_as="forget_api_keys",
    ),
    Promise(
        kind="reviews of who may what, by codes, and who signed them",
        kept=ACCOUNTABLE_FOR,
        since="the signature; its leaf stays",
        why="accountability (Art. 5(2)): somebody looked, each quarter",
        tables=("habilitation_reviews",),
        swept_as="forget_habilitation_reviews",
    ),
    Promise(
        kind="who listens to what just now, by ids",
        kept=PLAYS_KEPT,
        since="the last piece",
        why="how much of it was sent; what was heard is in the trace",
        tables=("plays",),
        swept_as="forget_plays",
    ),
    Promise(
        kind="passkeys, and by keyed hash what an identity provider calls whom",
        kept="with the account",
        why="people sign in with them",
        tables=("passkeys", "oidc_subjects"),
    ),
    Promise(
        kind="challenges for passkeys and sign-ins at a provider, by SHA-256",
        kept=SIGN_INS_ELSEWHERE_KEPT,
        since="their making, or less: until used",
        why="what answers them is accepted once",
        tables=("passkey_challenges", "oidc_states"),
        swept_as="forget_sign_ins_elsewhere",
    ),
)
