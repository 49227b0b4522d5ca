"""A list and a decision must not differ: the same reach in SQL as in `permits`."""

import itertools
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest

from proxy.access.permissions import (
    WITHIN_REACH,
    Actor,
    Grant,
    Item,
    Role,
    ShownBy,
    Subject,
    permits,
)
from proxy.playback.reaching import reach_of
from proxy.vault.reach import columns_of_reach

SITE = "clinic"
LATER = datetime(2027, 1, 1, tzinfo=UTC)
IDS = [UUID(int=1), UUID(int=2)]
ANNA, BEA = b"a" * 16, b"b" * 16
ITEMS = [
    Item(*fields)
    for fields in itertools.product(
        IDS, ["", "cardio", "dental"], ["", "training-1"], [None, ANNA]
    )
]
GRANTS = [
    Grant(until=LATER, practice=practice, campaign=campaign, recording_id=recording)
    for practice, campaign, recording in itertools.product(
        [None, "cardio"], [None, "training-1"], [None, IDS[0]]
    )
]
SETS = [(), *((one,) for one in GRANTS), (GRANTS[1], GRANTS[6])]
ASK = "SELECT is_reached($1, $2, $3, $4, $5, $6, $7, $8)"


@pytest.mark.parametrize("permission", sorted(WITHIN_REACH))
@pytest.mark.parametrize("role", Role)
async def test_whatever_is_permitted_is_found_and_nothing_else(
    dsn_to_read, role, permission
):
    connection = await asyncpg.connect(dsn_to_read)
    ask = await connection.prepare(ASK)
    for grants, agent in itertools.product(SETS, [None, ANNA, BEA]):
        actor = Actor("x", role, SITE, ShownBy.SESSION, grants, None, agent)
        columns = columns_of_reach(reach_of(actor, permission))
        for item in ITEMS:
            found = await ask.fetchval(
                *(item.practice, item.campaign, item.recording_id, item.agent_key),
                *columns,
            )
            assert found is permits(actor, permission, Subject(SITE, item)), item
    await connection.close()
