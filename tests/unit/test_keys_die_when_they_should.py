"""Wrapping keys are files only we may read; destroying one is final."""

from datetime import date
from pathlib import Path

import pytest

from proxy.errors import KeyMissingError, TamperedError
from proxy.vault.keys import InsecureKeyDirectoryError, KeyRing

DAY = date(2026, 12, 21)
DATA_KEY = bytes(range(32))


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path / "keys", "clinic")
    ring.open()
    return ring


def test_a_wrapped_key_is_opened_by_its_day_alone(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    ring.wrap_for_day(date(2026, 12, 22), DATA_KEY)

    assert ring.unwrap_for_day(DAY, wrapped) == DATA_KEY
    with pytest.raises(TamperedError):
        ring.unwrap_for_day(date(2026, 12, 22), wrapped)


def test_a_destroyed_day_opens_nothing_any_more(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)

    ring.destroy_day(DAY)
    ring.destroy_day(DAY)

    assert not ring.has_day(DAY)
    with pytest.raises(KeyMissingError):
        ring.unwrap_for_day(DAY, wrapped)


def test_a_day_made_again_does_not_open_what_died_with_the_first(ring: KeyRing) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    ring.destroy_day(DAY)

    ring.wrap_for_day(DAY, DATA_KEY)

    with pytest.raises(TamperedError):
        ring.unwrap_for_day(DAY, wrapped)


def test_two_replicas_share_one_key_per_day(tmp_path: Path, ring: KeyRing) -> None:
    other = KeyRing(tmp_path / "keys", "clinic")
    other.open()

    assert other.unwrap_for_day(DAY, ring.wrap_for_day(DAY, DATA_KEY)) == DATA_KEY
    assert ring.days() == other.days() == [DAY]


def test_key_files_are_private_and_nothing_else_is_left_beside_them(
    tmp_path: Path, ring: KeyRing
) -> None:
    ring.wrap_for_day(DAY, DATA_KEY)
    ring.wrap_service(DATA_KEY)

    files = sorted((tmp_path / "keys" / "clinic").iterdir())

    assert [file.name for file in files] == ["audio-2026-12-21.key", "service.key"]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_key_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clinic").mkdir(mode=0o755)
    (tmp_path / "clinic").chmod(0o755)

    with pytest.raises(InsecureKeyDirectoryError, match="chmod 700"):
        KeyRing(tmp_path, "clinic").open()


def test_a_damaged_key_file_is_said_to_be_damaged(
    tmp_path: Path, ring: KeyRing
) -> None:
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)
    (tmp_path / "keys" / "clinic" / "audio-2026-12-21.key").write_bytes(b"short")

    with pytest.raises(TamperedError):
        ring.unwrap_for_day(DAY, wrapped)


def test_sites_do_not_share_keys(tmp_path: Path, ring: KeyRing) -> None:
    other = KeyRing(tmp_path / "keys", "other")
    other.open()
    wrapped = ring.wrap_for_day(DAY, DATA_KEY)

    with pytest.raises(KeyMissingError):
        other.unwrap_for_day(DAY, wrapped)
