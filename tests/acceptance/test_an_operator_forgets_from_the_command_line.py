"""`ponctuel retention sweep`: what is due is counted, forgotten, and told of if not."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from retention.schedule import ACCOUNTABLE_FOR
from tests.fakes.command_line import ponctuel
from tests.fakes.old_rows import MADE, age, left


@pytest.fixture
async def full(centre, clock):
    """A service that was here once, and old rows; commands have the machine's clock."""
    clock.now = datetime.now(UTC)
    await centre.open()
    await centre.close()
    for kind in MADE:
        await age(centre, kind, clock() - ACCOUNTABLE_FOR - timedelta(hours=1))
    return centre


async def test_what_is_due_is_counted_before_and_gone_after(full):
    counted = await ponctuel(full, "retention", "sweep", "--dry-run", "--json")
    assert counted.returncode == 0, counted.stderr
    rows = json.loads(counted.stdout)["rows_due_at_least"]
    assert rows >= len(MADE)
    assert all([await left(full, kind) for kind in MADE])

    swept = await ponctuel(full, "retention", "sweep", "--json")

    assert swept.returncode == 0, swept.stderr
    assert json.loads(swept.stdout)["rows_forgotten"] == rows
    assert [kind for kind in MADE if await left(full, kind)] == []


async def test_what_cannot_be_forgotten_is_in_the_exit_status(full):
    await full.rows("REVOKE DELETE ON holds FROM ponctuel_service")

    swept = await ponctuel(full, "retention", "sweep", "--json")

    assert swept.returncode == 1
    assert json.loads(swept.stdout)["kinds_failed"] == 1
    assert [kind for kind in MADE if await left(full, kind)] == ["forget_holds"]
