"""When nothing can be stored, nothing is half stored, and later it is stored after all.

"Full" is the kernel's limit on a file's size: unlike permissions it binds root as well.
"""

import resource
from contextlib import contextmanager

import pytest

from proxy.intake.takeovers import FETCH_ATTEMPTS, TryAgainError
from tests.fakes.call_centre import wav

pytestmark = pytest.mark.usefixtures("quiet")

AUDIO = wav(seconds=200)
ROOM = 1 << 20


@contextmanager
def full(_house):
    """Let no file of this process grow beyond a third of the recording."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def unmounted(house):
    """Have something else where the objects were."""
    with _moved_away(house.data_dir / "objects"):
        (house.data_dir / "objects").touch()
        yield
        (house.data_dir / "objects").unlink()


@contextmanager
def emptied(house):
    """Have a fresh, empty directory where the objects were."""
    with _moved_away(house.data_dir / "objects"):
        (house.data_dir / "objects").mkdir(mode=0o700)
        yield
        (house.data_dir / "objects").rmdir()


@contextmanager
def keyless(house):
    """Let no new key be made."""
    with _moved_away(house.data_dir / "keys"):
        yield


@contextmanager
def _moved_away(directory):
    elsewhere = directory.with_name("elsewhere")
    directory.rename(elsewhere)
    yield
    elsewhere.rename(directory)


FAULTS = pytest.mark.parametrize("fault", [full, unmounted, emptied, keyless])


async def nothing_of_it_is_kept(house, call):
    assert await house.outcome(call) == (None, None)
    assert await house.kept() == []
    assert house.objects() == []
    assert not house.holds_clear(AUDIO)


async def it_is_kept(house, call):
    assert await house.outcome(call) == ("recorded", None)
    assert [await house.heard(each) for each in await house.kept()] == [AUDIO]
    assert len(house.objects()) == 1


@FAULTS
async def test_an_upload_is_refused_and_may_be_repeated_later(house, clock, fault):
    call = await house.drawn_call(is_announced=True)

    with fault(house):
        reply = await house.upload(call.decision_id, AUDIO)
        assert (reply.status, reply.problem) == (503, "storage")
    await house.site.tend()

    await nothing_of_it_is_kept(house, call)
    assert (await house.upload(call.decision_id, AUDIO)).status == 201
    await it_is_kept(house, call)

    clock.advance(hours=2)
    await house.site.tend()
    assert await house.rows("SELECT FROM object_writes") == []
    await it_is_kept(house, call)


@FAULTS
async def test_a_take_over_waits_and_succeeds_later(house, fault):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)
    takeover = await house.value("SELECT takeover_id FROM takeovers")

    with fault(house):
        for _ in range(2):
            with pytest.raises(TryAgainError, match="storage"):
                await house.site.takeovers.run(takeover)
    await nothing_of_it_is_kept(house, call)
    assert house.platform.count("DELETE", "rec-1") == 0

    await house.site.takeovers.run(takeover)
    await it_is_kept(house, call)
    assert house.platform.audio == {}


async def test_a_take_over_is_given_up_for_the_vaults_sake_after_many_attempts(house):
    call = await house.drawn_call(is_announced=True)
    await house.offer(house.platform.hold("rec-1", AUDIO), call.decision_id)
    takeover = await house.value("SELECT takeover_id FROM takeovers")

    with full(house):
        for _ in range(FETCH_ATTEMPTS - 1):
            with pytest.raises(TryAgainError, match="storage"):
                await house.site.takeovers.run(takeover)
        await house.site.takeovers.run(takeover)

    assert await house.outcome(call) == ("failed", "storage")
    assert house.platform.audio == {}
    assert house.objects() == []


@pytest.mark.parametrize("fault", [unmounted, emptied])
async def test_readiness_is_false_while_nothing_can_be_stored(house, fault):
    with fault(house):
        reply = await house.ready()
        assert (reply.status, reply.body["vault"]) == (503, False)
        assert reply.body["database"]

    assert (await house.ready()).status == 200


async def test_a_broken_vault_does_not_keep_calls_from_being_answered(house):
    with unmounted(house):
        calls = [await house.start_call() for _ in range(5)]

    assert all(call.decision_id for call in calls)


async def test_an_unfinished_object_that_cannot_be_removed_does_not_stop_the_rest(
    house, clock
):
    await house.rows(
        "INSERT INTO object_writes VALUES"
        " ('clinic', '00000000-0000-4000-8000-000000000001', $1),"
        " ('clinic', 'ff000000-0000-4000-8000-000000000002', $1)",
        clock.now,
    )
    stuck = house.data_dir / "objects" / "00" / ("0" * 12 + "40008000000000000001")
    (stuck / "in-the-way").mkdir(parents=True)
    call = await house.drawn_call(is_announced=True)

    clock.advance(hours=5)
    await house.site.tend()

    left = await house.rows("SELECT object_id::text AS id FROM object_writes")
    assert [row["id"][:2] for row in left] == ["00"]
    assert await house.outcome(call) == ("failed", "deadline")

    (stuck / "in-the-way").rmdir()
    stuck.rmdir()
    await house.site.tend()
    assert await house.rows("SELECT FROM object_writes") == []
