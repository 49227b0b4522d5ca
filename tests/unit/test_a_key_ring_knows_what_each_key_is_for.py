"""What each key is for, on top of any store that keeps them."""

from datetime import date
from pathlib import Path

import pytest

from proxy.errors import KeyMissingError, StorageError, TamperedError
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing, month_name, week_name
from retention.keys import DayKey, KeyClass

DATA_KEY = bytes(range(32))


@pytest.fixture
async def ring(tmp_path: Path) -> KeyRing:
    ring = KeyRing(KeyDirectory(tmp_path / "keys", "clinic"))
    await ring.open()
    await ring.open_callers()
    return ring


async def test_keys_are_found_by_what_they_are_for(ring: KeyRing) -> None:
    keys = [DayKey(date(2026, 12, 22)), DayKey(date(2026, 12, 21), KeyClass.HOLD, 2)]
    for name in (*(key.name for key in keys), week_name(2968), month_name("2026-11")):
        await ring.make(name)

    assert await ring.day_keys() == sorted(keys)
    assert await ring.weeks() == [2968]
    assert await ring.caller_months() == ["2026-11"]


async def test_a_destroyed_key_opens_nothing_any_more(ring: KeyRing) -> None:
    name = week_name(2968)
    await ring.make(name)
    [wrapped] = await ring.wrap(name, [DATA_KEY])

    assert await ring.destroy(name)

    assert not await ring.store.exists(name)
    with pytest.raises(KeyMissingError):
        await ring.unwrap(name, [wrapped])


async def test_what_stands_is_the_same_for_every_replica(
    ring: KeyRing, tmp_path: Path
) -> None:
    other = KeyRing(KeyDirectory(tmp_path / "keys", "clinic"))
    assert await other.exists()
    await other.open()
    await other.open_callers()

    assert other.log_key() == ring.log_key()
    assert other.name_agent("blue") == ring.name_agent("blue")
    assert other.name_caller("+33612345678") == ring.name_caller("+33612345678")
    assert other.unwrap_service(ring.wrap_service(DATA_KEY)) == DATA_KEY


async def test_sites_share_nothing(ring: KeyRing, tmp_path: Path) -> None:
    other = KeyRing(KeyDirectory(tmp_path / "keys", "other"))
    assert not await other.exists()
    await other.open()

    assert other.log_key() != ring.log_key()
    with pytest.raises(TamperedError):
        other.unwrap_service(ring.wrap_service(DATA_KEY))


async def test_nothing_is_named_or_signed_before_the_ring_is_open(
    tmp_path: Path,
) -> None:
    ring = KeyRing(KeyDirectory(tmp_path / "keys", "clinic"))

    with pytest.raises(StorageError, match="not open"):
        ring.log_key()
    with pytest.raises(StorageError, match="not open"):
        ring.name_agent("blue")
