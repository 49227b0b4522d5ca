"""What is kept of those who exercise their rights, and of how they were answered."""

from datetime import timedelta

from retention.promises import ACCOUNTABLE_FOR, SWEEP, Promise

# Codes are counted over an hour; each is good for ten minutes.
CODES_KEPT = timedelta(hours=2)

RIGHTS = (
    Promise(
        kind="requests: their kind, dates and outcome; who did what, in closed words",
        kept=ACCOUNTABLE_FOR,
        since="the closing, with which all that names the person goes; open ones stay",
        why="accountability (Art. 5(2)); civil claims lapse then",
        tables=("requests", "request_events"),
        swept_as="forget_requests",
    ),
    Promise(
        kind="which recordings a request is about",
        kept="until the request is closed",
        why="they are frozen, and given back when it is answered",
        ended_by="the desk, as it closes the request",
        tables=("request_items",),
    ),
    Promise(
        kind="one-time codes to a person's number, by keyed hash",
        kept=CODES_KEPT,
        since="the sending; the hash goes at once when the request is closed",
        why="who asks is proved with them; how many are sent is counted",
        tables=("request_codes",),
        swept_as="forget_request_codes",
    ),
    Promise(
        kind="packages of copies: when one was made, for which request, how it ended",
        kept="with its request",
        why="accountability (Art. 5(2), 12(2)): access was given, and when",
        ended_by=f"{SWEEP}, with its request",
        tables=("packages",),
    ),
    Promise(
        kind="what is in a package: recording ids, sealed texts; what is muted and why",
        kept="until the package is over, 7 days from its link, or its request closed",
        why="a download that broke off goes on; the package itself is never stored",
        ended_by="the last byte that leaves; the desk, as it closes the request",
        tables=("package_items", "package_members", "request_cuts"),
    ),
    Promise(
        kind="what was done for a request: by recording id, with its receipt",
        kept=ACCOUNTABLE_FOR,
        since="its end; a restriction that lasts stays",
        why="accountability (Art. 5(2)): it was done, and when",
        tables=("request_outcomes",),
        swept_as="forget_request_outcomes",
    ),
    Promise(
        kind="statements of persons beside their recordings, sealed under these",
        kept="with the recording",
        why="whoever listens is shown them (Art. 16)",
        ended_by=f"{SWEEP}, in the statement that ends the recording",
        tables=("recording_statements",),
    ),
    Promise(
        kind="who was given a recording, by codes, and whether they were told",
        kept=ACCOUNTABLE_FOR,
        since="its being noted",
        why="recipients are told what becomes of it (Art. 19)",
        tables=("handovers", "recipient_notices"),
        swept_as="forget_handovers",
    ),
    Promise(
        kind="announcements and notices: what callers were told, since when",
        kept=ACCOUNTABLE_FOR,
        since="the day another text took its place; the one in force stays",
        why="accountability (Art. 5(2), 13): what could be read on a given day",
        tables=("notices",),
        swept_as="forget_notices",
    ),
)
