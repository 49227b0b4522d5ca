"""`ponctuel holds` and `restore-check`: who may, what they must say, what they see."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from proxy.errors import RestrictedError
from retention.schedule import ACCOUNTABLE_FOR
from tests.fakes.call_centre import SITE, wav
from tests.fakes.command_line import ponctuel
from tests.fakes.old_rows import age
from tests.fakes.staff import TOKENS, staffed


@pytest.fixture
async def house(centre, clock):
    # A command has the machine's clock.
    clock.now = datetime.now(UTC)
    await centre.open(sites=staffed(centre))
    await centre.stop_worker()  # from noon on it would make tomorrow's key
    return centre


@pytest.fixture
async def recording(house):
    call = await house.drawn_call(is_announced=True)
    return (await house.upload(call.decision_id, wav())).body["recording_id"]


@pytest.fixture
def holds(house):
    async def run(*words, who="dpo-carla"):
        return await ponctuel(
            house,
            *("holds", *words, "--site", SITE, "--json"),
            token=TOKENS.get(who, who),
            sites=staffed(house),
        )

    return run


def order(recording, until=None):
    until = until or f"{datetime.now(UTC) + timedelta(days=10):%Y-%m-%d}"
    return (
        *("place", recording, "--authority", "requisition"),
        *("--reference", "PV 2026/113", "--reason", "order", "--until", until),
    )


async def test_a_dpo_holds_one_recording_lists_it_and_lets_it_go(
    house, holds, recording
):
    placed = await holds(*order(recording))
    assert placed.returncode == 0, placed.stderr
    hold = json.loads(placed.stdout)["hold"]
    with pytest.raises(RestrictedError):
        await house.heard(recording)

    listed = json.loads((await holds("list")).stdout)
    assert (listed["hold_id"], listed["placed_by"]) == (hold, "dpo-carla")

    released = await holds("release", hold)
    assert released.returncode == 0, released.stderr
    assert await house.heard(recording)
    assert len(await house.leaves("HOLD")) == 1


async def test_an_operator_may_hold_nothing(holds, recording):
    done = await holds(*order(recording), who="op-anna")

    assert done.returncode == 1
    assert "holds:write" in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"until": "tomorrow"}, "--until"),
        ({"until": "2199-01-01"}, "at most 30 days"),
        ({"recording": "the-last-one"}, "recording"),
    ],
    ids=["no day", "too far away", "no id"],
)
async def test_what_is_wrong_is_said_in_one_line(holds, recording, change, said):
    done = await holds(*order(change.get("recording", recording), change.get("until")))

    assert done.returncode != 0
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


async def test_a_check_where_nothing_was_restored_finds_nothing(house, recording):
    done = await ponctuel(house, "restore-check", "--json", sites=staffed(house))

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["keys_back"], found["keys_missing"]) == (0, [])
    assert await house.heard(recording)


async def test_a_check_that_leaves_something_undone_says_so(house, clock, recording):
    """Not only a recording: a key, an analysis or a kind of rows is undone as well."""
    await age(house, "forget_holds", clock() - ACCOUNTABLE_FOR - timedelta(hours=1))
    await house.rows("REVOKE DELETE ON holds FROM ponctuel_service")

    done = await ponctuel(house, "restore-check", "--json", sites=staffed(house))

    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["failed"] == 1
    assert await house.heard(recording)


@pytest.mark.usefixtures("recording")
async def test_a_check_after_a_key_came_back_destroys_it_and_says_so(house, clock):
    [file] = (house.data_dir / "keys" / SITE).glob("audio-*.key")
    key = file.read_bytes()
    clock.advance(days=31)
    await house.site.sweep()
    assert not file.exists()
    file.write_bytes(key)

    done = await ponctuel(house, "restore-check", "--json", sites=staffed(house))

    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["keys_back"] == 1
    assert not file.exists()
