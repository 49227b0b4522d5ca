"""Copies end within what callers were promised, or nothing starts (R18, R21)."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import verify
from proxy.errors import SettingsError
from proxy.settings import Settings, load_settings
from retention.periods import GRACE, LARGEST_LAG, LONGEST, SHORTEST_MONTHS, longest_kept

POLICY = """
[sites.nord.policy]
rate = "1.8%"
starts_on = 2026-11-01
kept_days = {kept_days}
"""
STRATUM = "strata.vip_in = {{ kept_days = {kept_days} }}\n"


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "ponctuel.toml"
    monkeypatch.setenv("PONCTUEL_CONFIG", str(file))
    return file


def settings_of(config: Path, text: str) -> Settings:
    config.write_text(text)
    return load_settings()


def refused(config: Path, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings_of(config, text)
    assert len(caught.value.detail.splitlines()) == 1
    return caught.value.detail


def test_the_grace_is_the_verifiers() -> None:
    assert timedelta(seconds=verify.GRACE - verify.DAY) == GRACE


@pytest.mark.parametrize("days", [0, 1, 7])
def test_copies_of_keys_may_be_kept_shorter_than_the_grace(
    config: Path, days: int
) -> None:
    settings = settings_of(config, f"[backups]\nkeys_days = {days}")

    assert settings.backups.keys_days == days


@pytest.mark.parametrize("days", [8, 30])
def test_copies_of_keys_that_reach_the_grace_stop_the_start(
    config: Path, days: int
) -> None:
    said = refused(config, f"[backups]\nkeys_days = {days}")

    assert said.startswith(f"backups: keys_days is {days}")
    assert "keep copies 7 days at most" in said


@pytest.mark.parametrize("setting", ["keys_days = -1", "audio_days = -1"])
def test_less_than_no_days_is_no_setting(config: Path, setting: str) -> None:
    assert refused(config, f"[backups]\n{setting}").startswith("backups.")


@pytest.mark.parametrize(("audio_days", "longest"), [(1, 173), (7, 173), (30, 150)])
def test_where_audio_is_backed_up_recordings_are_kept_less_long(
    config: Path, audio_days: int, longest: int
) -> None:
    backups = f"[backups]\naudio_days = {audio_days}"
    assert settings_of(config, backups + POLICY.format(kept_days=longest))

    said = refused(config, backups + POLICY.format(kept_days=longest + 1))

    assert f"sites.nord.policy.kept_days is {longest + 1}" in said
    assert f"at most {longest}" in said


@pytest.mark.parametrize("audio_days", [180, 181, 400])
def test_copies_of_audio_that_leave_recordings_no_day_stop_the_start(
    config: Path, audio_days: int
) -> None:
    said = refused(config, f"[backups]\naudio_days = {audio_days}")

    assert said.startswith(f"backups: audio_days is {audio_days}")
    assert "keep copies 179 days at most" in said


def test_the_longest_copies_of_audio_leave_recordings_a_day(config: Path) -> None:
    settings = settings_of(config, "[backups]\naudio_days = 179")

    assert settings.longest_kept_days == 1


def test_a_stratum_is_kept_no_longer_either(config: Path) -> None:
    text = "[backups]\naudio_days = 7" + POLICY.format(kept_days=30)

    said = refused(config, text + STRATUM.format(kept_days=180))

    assert "policy.strata.vip_in.kept_days is 180" in said


def test_without_audio_in_backups_180_days_are_180_days(config: Path) -> None:
    assert settings_of(config, POLICY.format(kept_days=180))


@given(st.integers(1, 400))
def test_the_last_copy_and_its_key_are_gone_within_six_months(audio_days: int) -> None:
    kept = longest_kept(audio_days)

    assert kept + LARGEST_LAG + timedelta(days=audio_days) <= SHORTEST_MONTHS
    assert kept + GRACE <= SHORTEST_MONTHS
    assert kept < LONGEST
