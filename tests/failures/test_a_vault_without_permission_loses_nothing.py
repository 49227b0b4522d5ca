"""The service's user may not write, or not even read, where its recordings or keys are.

Root may do everything, so here the threads that touch files are those of an ordinary
user (setfsuid(2)); where the tests are not run by root, they are anyway.
"""

import asyncio
import ctypes
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.errors import StorageError
from tests.fakes.call_centre import CallCentre, wav

NOBODY = 65534
LIBC = ctypes.CDLL(None, use_errno=True)
AUDIO = wav()
NOTHING, READING = 0, stat.S_IRUSR | stat.S_IXUSR


def become_nobody() -> None:
    LIBC.setfsgid(NOBODY)
    LIBC.setfsuid(NOBODY)  # drops what lets root ignore permissions, in this thread


@pytest.fixture
async def house(centre: CallCentre) -> CallCentre:
    if os.geteuid() == 0:
        asyncio.get_running_loop().set_default_executor(
            ThreadPoolExecutor(4, initializer=become_nobody)
        )
        centre.data_dir.mkdir(mode=0o700)
        for path in (centre.folder, centre.data_dir):
            os.chown(path, NOBODY, NOBODY)
    await centre.open()
    await centre.stop_worker()
    return centre


@contextmanager
def only(right: int, folder: Path) -> Iterator[None]:
    """Let the folder, and all in it, be for `right` alone."""
    folders = [folder, *(each for each in folder.rglob("*") if each.is_dir())]
    before = {each: stat.S_IMODE(each.stat().st_mode) for each in folders}
    for each in reversed(folders):
        each.chmod(right)
    try:
        yield
    finally:
        for each, mode in before.items():
            each.chmod(mode)


async def record(house: CallCentre) -> str:
    call = await house.drawn_call(is_announced=True)
    reply = await house.upload(call.decision_id, AUDIO)
    assert reply.status == 201, reply
    return reply.body["recording_id"]


@pytest.mark.parametrize("right", [NOTHING, READING], ids=["none", "read-only"])
@pytest.mark.parametrize("where", ["objects", "keys"])
async def test_what_cannot_be_kept_is_refused_and_kept_when_it_comes_again(
    house, where, right
):
    call = await house.drawn_call(is_announced=True)

    with only(right, house.data_dir / where):
        reply = await house.upload(call.decision_id, AUDIO)
        assert (reply.status, reply.problem) == (503, "storage")
        assert str(house.data_dir) not in str(reply.body)
        assert (await house.start_call()).decision_id
    assert await house.kept() == []
    assert await house.outcome(call) == (None, None)

    assert (await house.upload(call.decision_id, AUDIO)).status == 201
    [recording] = await house.kept()
    assert await house.heard(recording) == AUDIO
    await house.site.tend()
    assert len(house.objects()) == 1


async def test_a_store_that_may_only_be_read_is_heard_and_says_so(house):
    recording = await record(house)

    with only(READING, house.data_dir / "objects"):
        assert await house.heard(recording) == AUDIO
        assert (await house.ready()).status == 503
        fault = await house.service.fault_of_vault()
        assert "Permission denied" in str(fault)
        assert fault.fix


async def test_what_may_not_be_read_is_not_heard_and_is_not_called_tampered(house):
    recording = await record(house)

    for where in ("objects", "keys"):
        with only(NOTHING, house.data_dir / where), pytest.raises(StorageError):
            await house.heard(recording)

    assert await house.heard(recording) == AUDIO
    assert await house.value("SELECT count(*) FROM incidents") == 0


@pytest.mark.parametrize("right", [NOTHING, READING], ids=["none", "read-only"])
async def test_what_may_not_be_deleted_is_not_called_deleted(house, clock, right):
    await record(house)
    clock.advance(days=30)

    with only(right, house.data_dir / "objects"):
        report = await house.site.sweep()
    assert (report.destroyed, report.failed) == (0, 1)
    assert await house.leaves("DEL") == []
    assert len(house.objects()) == 1

    assert (await house.site.sweep()).destroyed == 1
    assert house.objects() == []


async def test_a_list_without_what_may_not_be_read_is_no_list(house):
    recording = await record(house)

    with only(NOTHING, house.data_dir / "objects" / recording[:2]):
        undone = await house.site.reconciliation.count_store()
    assert "Permission denied" in undone.why
    assert (await house.site.reconciliation.count_store()).is_clean
    assert await house.value("SELECT count(*) FROM incidents") == 0


async def test_a_key_that_may_not_be_destroyed_is_not_called_destroyed(house, clock):
    await record(house)
    clock.advance(days=31)

    with only(READING, house.data_dir / "keys"):
        assert (await house.site.sweep()).keys_failed >= 1
    with only(NOTHING, house.data_dir / "keys"), pytest.raises(StorageError) as told:
        await house.site.sweep()
    assert told.value.field == "vault.keys"
    assert told.value.fix
    assert await house.leaves("KEK-") == []

    await house.site.sweep()
    assert len(await house.leaves("KEK-")) >= 1
