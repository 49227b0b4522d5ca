"""A copy of the data directory holds no key of what is in it, unless told to."""

from pathlib import Path

import pytest

from proxy.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "empty.toml").touch()
    monkeypatch.setenv("PONCTUEL_CONFIG", str(tmp_path / "empty.toml"))
    monkeypatch.chdir(tmp_path)
    return load_settings()


def test_by_default_they_lie_beside_the_data_directory(settings, tmp_path) -> None:
    assert settings.keys_directory == tmp_path / "var-keys"
    assert not settings.keys_directory.is_relative_to(settings.data_dir.absolute())


def test_where_they_are_inside_already_they_are_found(settings, tmp_path) -> None:
    (tmp_path / "var" / "keys").mkdir(parents=True)

    assert settings.keys_directory.absolute() == tmp_path / "var" / "keys"


@pytest.mark.usefixtures("settings")
def test_somebody_may_name_a_place(tmp_path: Path) -> None:
    (tmp_path / "var" / "keys").mkdir(parents=True)

    named = load_settings(vault={"keys": tmp_path / "elsewhere"})

    assert named.keys_directory == tmp_path / "elsewhere"
