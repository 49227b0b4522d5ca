"""No step of forgetting, and no look-up, reads more than what it is about.

Judged by the rows each part of a plan has really seen: a plan that reads all rows of a
site in the order of an index has no sequential scan in it, and still takes seconds.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from proxy.database.pool import open_pool
from proxy.intake.store import QUERIES as INTAKE
from proxy.reconciliation.results import QUERIES as COMPARISONS
from proxy.vault.reach import EVERYTHING, Opening, columns_of_reach
from proxy.vault.recordings import QUERIES as VAULT
from retention.keys import KeyClass
from tests.fakes.full_tables import fill, recording_id
from tests.fakes.plans import nodes_of, searches

SITE = "clinic"
SIZE = 20_000  # one falls due each second
GONE = 1_000  # of them were forgotten before NOW
BEGUN = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
NOW = BEGUN + timedelta(seconds=GONE)
BATCH = 50  # a batch of the sweep is as little beside 200,000
LATER = NOW + timedelta(seconds=2 * BATCH)
WEEK = BEGUN - timedelta(weeks=60)
WEEKLY = 200
MARKED_EARLY = 30
STOCK = {"recordings", "recording_keys", "calls", "call_legs", "analyses"}
MOST_ROWS = 250

MARK = """
UPDATE recordings SET doomed_at = $1
WHERE recording_id IN (
  SELECT recording_id FROM recordings ORDER BY due_at DESC LIMIT $2
)
"""
# Of each recording, over when that is; by its name, so that the same keys are theirs.
ANALYSE = """
INSERT INTO analyses (
  site_id, analysis_id, recording_id, assessor, sealed, made_at, expires_at
)
SELECT site_id, recording_id, recording_id, 'trainer', sealed_sha256, captured_at,
  due_at
FROM recordings
"""
# The statistics do not know of it: they are made anew when a tenth has changed.
FORGET = """
WITH gone AS (DELETE FROM recordings WHERE due_at <= $1 RETURNING recording_id)
DELETE FROM analyses AS a USING gone AS g WHERE a.analysis_id = g.recording_id
"""
IDS = [recording_id(GONE + place) for place in range(1, BATCH + 1)]
ONE = IDS[0]
KEYS = [b"k"] * BATCH
# All of them were captured on one day, half a year before they fall due.
DAYS_BACK = (date.max - (BEGUN - timedelta(days=180)).date()).days
HALFWAY = UUID(int=1 << 127)
NEWEST_OVER = NOW - timedelta(days=365)
KEY = (NOW.date(), KeyClass.AUDIO.value, 1)
TOMORROW = NOW + timedelta(days=1)  # all that is under it is due
FEW = 40
ASKED = {
    "nothing is due": (VAULT["doom_due"], NOW, BATCH),
    "more is due than asked for": (VAULT["doom_due"], LATER, BATCH),
    "a recording is refused": (VAULT["doom_one"], ONE, NOW),
    "a held recording is refused": (VAULT["expire_held"], ONE, NOW),
    "keys are looked at": (VAULT["find_keys_of"], IDS),
    "keys are deleted": (VAULT["delete_keys"], IDS),
    "recordings are deleted": (VAULT["delete_recordings"], IDS),
    "what a restore brought back": (VAULT["doom_returned"], IDS, NOW),
    "figures": (VAULT["count_retention"], NOW, NOW),
    "no analysis is due": (VAULT["doom_due_analyses"], NOW, NEWEST_OVER, BATCH),
    "analyses are due": (VAULT["doom_due_analyses"], LATER, NEWEST_OVER, BATCH),
    "analyses are emptied": (VAULT["empty_analyses"], IDS),
    "analyses' keys are deleted": (VAULT["delete_analysis_keys"], IDS),
    "analyses are deleted": (VAULT["delete_analyses"], IDS),
    "an analysis is read": (
        *(VAULT["find_analysis"], ONE, NOW, NEWEST_OVER),
        *columns_of_reach(EVERYTHING),
    ),
    "whose a recording is": (VAULT["find_filed"], ONE),
    "figures of analyses": (VAULT["count_analyses"], NOW, NEWEST_OVER, NOW),
    "a recording is opened": (VAULT["find_recording"], ONE, NOW),
    "a call's recording": (VAULT["find_recording_of"], ONE),
    "a page of recordings": (VAULT["list_recordings"], FEW),
    "a first page to choose from": (
        *(VAULT["list_within_reach"], NOW, FEW, 0, UUID(int=0)),
        *columns_of_reach(EVERYTHING),
    ),
    "a further page of the same day": (
        *(VAULT["list_within_reach"], NOW, FEW, DAYS_BACK, HALFWAY),
        *columns_of_reach(EVERYTHING),
    ),
    "a few recordings to choose from": (
        *(VAULT["list_within_reach"], NOW, FEW, 0, UUID(int=0)),
        *columns_of_reach(tuple(Opening(recording_id=one) for one in IDS)),
    ),
    "a recording to hold": (VAULT["find_to_hold"], ONE, NOW),
    "holds that are over": (VAULT["find_holds_over"], NOW),
    "a key moves under a hold": (VAULT["move_one_key"], ONE, b"", *KEY, b""),
    "a recording is held": (VAULT["put_off"], ONE, NOW),
    "a recording is given back": (VAULT["give_back"], ONE, NOW, NOW),
    "somebody still wants it": (VAULT["is_wanted"], ONE),
    "whether a key is awaited": (VAULT["is_key_awaited"], *KEY, NOW),
    "whether a key is awaited whose day is over": (
        *(VAULT["is_key_awaited"], *KEY, TOMORROW),
    ),
    "whether a hold's key is awaited": (
        *(VAULT["is_key_awaited"], NOW.date(), KeyClass.HOLD.value, 1, TOMORROW),
    ),
    "keys of older copies of many": (VAULT["find_early_keys"], IDS, BEGUN.date()),
    "keys of older copies": (VAULT["find_keys_of_copies"], ONE),
    "receipts are noted": (VAULT["note_receipts"], IDS, [1] * BATCH, ["k"] * BATCH),
    "a statement is made": (VAULT["find_to_state"], ONE, NOW),
    "statements are read": (VAULT["list_statements"], ONE),
    "a page of what hangs under a key": (VAULT["find_under_key"], *KEY, ONE, FEW),
    "keys move to the next": (VAULT["move_keys"], *KEY, 2, IDS, KEYS, KEYS),
    "keys follow a restore": (VAULT["follow_keys"], *KEY, 2, IDS, KEYS),
    "stale keys": (VAULT["find_stale_keys"],),
    "living keys": (VAULT["find_living_keys"],),
    "destroyed keys": (VAULT["find_destroyed_keys"], NOW.date()),
    "the first capture": (INTAKE["find_first_capture"],),
    "a week of old calls": (INTAKE["forget_calls"], WEEK + timedelta(days=1), BATCH),
    "nothing but old calls": (INTAKE["forget_calls"], NOW, BATCH),
    "outcomes overdue": (INTAKE["find_overdue"], NOW, BATCH),
    "unfinished take-overs": (INTAKE["find_unfinished_takeovers"],),
    "objects are compared": (COMPARISONS["find_object_states"], IDS),
    "recordings are compared": (COMPARISONS["find_kept_recordings"], ONE, BATCH),
    "a recording is still kept": (COMPARISONS["is_still_kept"], ONE),
}


@pytest.fixture
async def full(dsn):
    """As the service connects, to a full site with statistics."""
    owner = await asyncpg.connect(dsn)
    await owner.execute("INSERT INTO sites VALUES ($1)", SITE)
    await fill(dsn, SITE, SIZE, BEGUN, WEEK, WEEKLY)
    await owner.execute(MARK, NOW, MARKED_EARLY)
    await owner.execute(ANALYSE)
    await owner.execute("VACUUM ANALYZE recordings, analyses")
    await owner.execute(FORGET, NOW)
    await owner.execute("VACUUM recordings, analyses")
    await owner.close()
    database = await open_pool(dsn, SITE, 1)
    async with database.connection() as lent:
        yield lent
    await database.close()


async def test_each_step_reads_only_what_it_is_about(full):
    found = {
        name: await nodes_of(full, query, SITE, *rest)
        for name, (query, *rest) in ASKED.items()
    }

    assert searches(found, STOCK, MOST_ROWS) == ""


async def test_what_expired_comes_before_what_was_marked_before_its_time(full):
    query, *arguments = ASKED["more is due than asked for"]

    expired = await full.fetch(query, SITE, *arguments)

    assert len(expired) == BATCH
    assert max(row["due_at"] for row in expired) <= LATER


async def test_the_steps_do_find_what_is_there(full):
    """So that the test above does not praise look-ups of nothing."""

    async def count(name):
        query, *arguments = ASKED[name]
        return len(await full.fetch(query, SITE, *arguments))

    assert await count("a recording is opened") == 1
    assert await count("a page of what hangs under a key") == FEW
    assert await count("a first page to choose from") == FEW
    assert await count("a further page of the same day") == FEW
    assert await count("a few recordings to choose from") == FEW
    assert await count("objects are compared") == BATCH
    assert await count("recordings are compared") == BATCH
    assert await count("keys are looked at") == BATCH
    assert await count("nothing is due") == MARKED_EARLY
    assert await count("more is due than asked for") == BATCH
    assert await count("recordings are deleted") == BATCH
