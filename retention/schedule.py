"""What is kept of everything, until when, why, and who ends it: one table, pure data.

Every table of the database and every other place where data lies is in one row. What
has no end is named with the reason: it names nobody, or the evidence needs it. GDPR
Art. 5(1)(e) is why everything else ends; the column says why *then*.
"""

from collections.abc import Iterable
from datetime import timedelta

from retention.periods import (
    LONGEST,
    LONGEST_ANALYSIS,
    LONGEST_INSPECTION,
    SHORTEST_INSPECTION,
)
from retention.promises import (
    ACCOUNTABLE_FOR,
    MINUTE,
    NOBODY,
    SWEEP,
    WHILE_THE_SITE_EXISTS,
    Promise,
)
from retention.schedule_people import IN_PERSON
from retention.schedule_rights import RIGHTS

HOLDS_KEPT = timedelta(days=366)  # the longest inspection window
# The platform's own id of a recording, once that is gone there.
REFERENCE_KEPT = timedelta(hours=72)
FLAGS_KEPT = timedelta(days=100)  # longer than any campaign
AGENTS_KEPT = timedelta(days=9)
# Two who do not speak to each other do not close a breaker together.
CONFIRMED_FOR = timedelta(hours=24)
JOB_LOG_KEPT = timedelta(hours=72)
UNFINISHED_KEPT = timedelta(hours=1)
CAPTURES_KEPT = timedelta(hours=4)

_AUDIO = (
    Promise(
        kind="recordings and their data keys",
        kept=f"the policy's days, at most {LONGEST.days}; while a hold lasts",
        since="the capture",
        why="what the caller was told",
        ended_by=f"{SWEEP}, with a receipt",
        tables=("recordings", "recording_keys"),
    ),
    Promise(
        kind="analyses: what trainers write about a recording",
        kept=f"the site's days, at most {LONGEST_ANALYSIS.days}",
        since="its writing",
        why="what it is for: training",
        ended_by=f"{SWEEP}; that their key is gone is in the ledger",
        tables=("analyses",),
    ),
    Promise(
        kind="callers recorded, by keyed names of the month",
        kept="with the recording, or until its draw has failed",
        why="found for who asks; nobody is recorded again and again",
        ended_by=f"{SWEEP}; the outcome of the call",
        tables=("recorded_callers",),
    ),
    Promise(
        kind="keys of those names",
        kept="until the last recording of their month is gone",
        why="the same caller has another name each month",
        tables=("caller_keys",),
        swept_as="caller_names",
    ),
    Promise(
        kind="day keys, in the key store",
        kept="until their day (UTC) is over",
        why="what is left in copies opens no more",
        ended_by=f"{SWEEP}, with a leaf",
    ),
    Promise(
        kind="which day keys there were",
        kept=WHILE_THE_SITE_EXISTS,
        why="after a restore the dead are destroyed again; days only",
        ended_by=NOBODY,
        tables=("day_keys",),
    ),
    Promise(
        kind="canaries: known bytes under day keys; and how drills ended",
        kept="400 days",
        since="the key's day; the drill",
        why="a year's drills find the days of all recordings in it",
        ended_by=MINUTE,
        tables=("canaries", "restore_drills"),
    ),
    Promise(
        kind="notes in the key store of what died early or was wrapped anew",
        kept="until the last key of that day is gone",
        why="no restore is to bring it back",
        ended_by=f"{SWEEP}, after the key",
    ),
    Promise(
        kind="unfinished objects, temporary files, parts of uploads to S3",
        kept=UNFINISHED_KEPT,
        since="the first byte",
        why="sealed bytes that will never be a recording",
        ended_by=f"{MINUTE}; of writes nobody knows, every hour",
        tables=("object_writes",),
    ),
    Promise(
        kind="the shipper's captures, in rtpengine's folder",
        kept=CAPTURES_KEPT,
        since="the end of the call, or less: until delivered or refused",
        why="clear audio; later nobody takes it any more",
        ended_by="the shipper; its `--keep` may say another time",
    ),
    Promise(
        kind="holds: who asked for what, and why",
        kept=HOLDS_KEPT,
        since="the end of the hold",
        why="why a recording outlived its day, as long as its week can be inspected",
        tables=("holds",),
        swept_as="forget_holds",
    ),
)

_CALLS = (
    Promise(
        kind="calls and their legs, by tag",
        kept="until the inspection window of their week is over "
        f"({SHORTEST_INSPECTION} to {LONGEST_INSPECTION} weeks)",
        why="inspections and callers' receipts find a call's leaf by them",
        tables=("calls", "call_legs"),
    ),
    Promise(
        kind="tag keys",
        kept="the key with those calls; its week and commitment while the site exists",
        why="whoever has it can tell whose leaf it is",
        ended_by=f"{SWEEP}, with a leaf",
        tables=("tag_keys",),
    ),
    Promise(
        kind="calls on their way to the draw",
        kept="until answered, at most 2 minutes more",
        why="another replica draws",
        ended_by=MINUTE,
        tables=("waiting_binds",),
    ),
    Promise(
        kind="take-overs: the platform's own ids of recordings",
        kept=REFERENCE_KEPT,
        since="the recording being gone there",
        why="a late notice of the same recording is recognised",
        tables=("takeovers",),
        swept_as="forget_takeovers",
    ),
    Promise(
        kind="jobs and what they carry: ids of take-overs and calls",
        kept="until done; a stop is tried 20 times",
        why="work that survives a crash",
        ended_by="the job queue",
        tables=("jobs.pgqueuer",),
    ),
    Promise(
        kind="the job queue's log and statistics",
        kept=JOB_LOG_KEPT,
        since="the job",
        why="each step of a take-over has a time there; faults are looked for in it",
        ended_by="the job queue, every hour",
        tables=("jobs.pgqueuer_log", "jobs.pgqueuer_statistics"),
    ),
    Promise(
        kind="people who objected, by keyed hash",
        kept="3 years",
        since="the last refusal",
        why="to be left alone (Art. 21); then asked anew",
        tables=("opt_outs",),
        swept_as="opt_outs",
    ),
)

_AGENTS = (
    Promise(
        kind="how often agents were heard, by keyed name",
        kept="until their campaign is over",
        why="every agent is to be heard by chance alone",
        tables=("agent_calls",),
        swept_as="agent_calls",
    ),
    Promise(
        kind="agents' calls a day and draws, by keyed name",
        kept="31 days",
        since="the day",
        why="what the caps on agents count",
        tables=("agent_days", "agent_draws"),
        swept_as="agent_caps",
    ),
    Promise(
        kind="who took a call, by keyed name",
        kept=AGENTS_KEPT,
        since="the call",
        why="the monitors may judge it again",
        tables=("call_agents",),
        swept_as="forget_call_agents",
    ),
    Promise(
        kind="sightings of recordings, by tag",
        kept=FLAGS_KEPT,
        since="the sighting",
        why="longer than any campaign the monitors judge",
        tables=("recording_flags",),
        swept_as="forget_flags",
    ),
    Promise(
        kind="the monitors' state",
        kept="8 daily copies; an agent's numbers for a month without a call",
        why="a recording that comes to light late is judged in its place",
        ended_by="the monitors, as they judge",
        tables=("monitor_states",),
    ),
)

_PEOPLE = (
    Promise(
        kind="incidents and their notes",
        kept=ACCOUNTABLE_FOR,
        since="the closing or the last note; open ones stay",
        why="the register of Art. 33(5); civil claims lapse then",
        tables=("incidents", "incident_notes"),
        swept_as="forget_incidents",
    ),
    Promise(
        kind="policies never in force; who moved which and why; the history",
        kept=ACCOUNTABLE_FOR,
        since="the last move; what holds now, or is to, stays",
        why="accountability (Art. 5(2)); civil claims lapse then",
        tables=("policy_versions", "policy_events"),
        swept_as="forget_policies",
    ),
    Promise(
        kind="what was decided about alarms, and by whom",
        kept=ACCOUNTABLE_FOR,
        since="the decision; its place in the ledger stays",
        why="accountability (Art. 5(2)); civil claims lapse then",
        tables=("monitor_decisions",),
        swept_as="forget_decisions",
    ),
    Promise(
        kind="comparisons with the platforms' lists: numbers, hashes, who asked",
        kept=ACCOUNTABLE_FOR,
        since="the comparison",
        why="accountability (Art. 5(2)): nothing was recorded beside the draw",
        tables=("reconciliations", "reconciliation_runs"),
        swept_as="forget_reconciliations",
    ),
    Promise(
        kind="counts of the object store, and who asked",
        kept=ACCOUNTABLE_FOR,
        since="the count",
        why="accountability (Art. 5(2)): nothing was kept beside the index",
        tables=("inventories",),
        swept_as="forget_inventories",
    ),
    Promise(
        kind="confirmations that the breaker may close",
        kept=CONFIRMED_FOR,
        since="the confirmation, or less: until the other one",
        why="they count no longer",
        tables=("breaker_confirmations",),
        swept_as="forget_old_confirmations",
    ),
    Promise(
        kind="stops to be taken back, and who asked",
        kept="until the next epoch",
        why="draws go on with an epoch only",
        ended_by=MINUTE,
        tables=("resumptions",),
    ),
)

_EVIDENCE = (
    Promise(
        kind="the ledger, its tree, seeds, policies' leaves, dates and heads",
        kept=WHILE_THE_SITE_EXISTS,
        why="the evidence; without tag keys its leaves name nobody",
        ended_by=NOBODY,
        tables=(
            "sites",
            "ledger_heads",
            "ledger_entries",
            "ledger_tiles",
            "epochs",
            "policies",
            "timestamps",
            "object_stores",
        ),
    ),
    Promise(
        kind="signed heads and cosignatures",
        kept="48 hours; one an hour, and those that date something, with the ledger",
        why="evidence was made of them",
        ended_by=MINUTE,
        tables=("checkpoints", "cosignatures"),
    ),
    Promise(
        kind="counters and the figures last published or checked",
        kept=WHILE_THE_SITE_EXISTS,
        why="sums that name nobody; a counter that falls would alarm",
        ended_by=NOBODY,
        tables=("counts", "published_figures", "self_checks"),
    ),
    Promise(
        kind="why the breaker opened, whether anybody judges, the settings file's hash",
        kept=WHILE_THE_SITE_EXISTS,
        why="codes, times and a hash; the leaves beside them stay too",
        ended_by=NOBODY,
        tables=("breaker_openings", "monitor_sight", "policy_files"),
    ),
    Promise(
        kind="the timetable of the jobs, and the version of the schema",
        kept="while the database exists",
        why="the service's own working; nothing of anybody",
        ended_by="nobody: it goes with the database",
        tables=("jobs.pgqueuer_schedules", "schema_migrations"),
    ),
    Promise(
        kind="the service's log, on standard error only",
        kept="as the platform it runs on keeps it",
        why="no name, number, call id or body is ever in it",
        ended_by="whoever runs the service",
    ),
    Promise(
        kind="the embedded database's log",
        kept="while its directory exists",
        why="starts, stops and crashes; never a statement or its values",
        ended_by="whoever removes the directory",
    ),
)

SCHEDULE = (*_AUDIO, *_CALLS, *_AGENTS, *_PEOPLE, *IN_PERSON, *RIGHTS, *_EVIDENCE)


def tables(promises: Iterable[Promise] = SCHEDULE) -> list[str]:
    """Every table that is promised something, as often as it is."""
    return [table for promise in promises for table in promise.tables]
