"""A directory or a bucket is named for sealed audio, never both, and never by half."""

import sys
from pathlib import Path

import pytest

from proxy.errors import SettingsError
from proxy.settings import load_settings
from proxy.vault.filesystem import FilesystemStore
from proxy.vault.s3.store import S3Store
from proxy.wiring import make_objects

SECRET = "a-secret-nobody-may-see"
BUCKET = {
    "endpoint": "https://s3.example.com",
    "bucket": "recordings",
    "access_key": "AK",
    "secret_key": SECRET,
}


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.toml").touch()
    monkeypatch.setenv("PONCTUEL_CONFIG", str(tmp_path / "empty.toml"))


def test_without_a_word_it_is_a_directory():
    assert isinstance(make_objects(load_settings()), FilesystemStore)


def test_a_bucket_can_be_named_in_the_environment(monkeypatch):
    for name, value in BUCKET.items():
        monkeypatch.setenv(f"PONCTUEL_VAULT__S3__{name.upper()}", value)

    settings = load_settings()

    assert isinstance(make_objects(settings), S3Store)
    assert SECRET not in repr(settings) + settings.model_dump_json()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"endpoint": "http://s3.example.com"}, "vault.s3.endpoint: must begin with"),
        ({"bucket": "Recordings"}, "vault.s3.bucket: does not fit"),
        ({"prefix": "clinic"}, "vault.s3.prefix: does not fit"),
        ({"prefix": "/clinic/"}, "vault.s3.prefix: does not fit"),
        ({"secret_key": ""}, "vault.s3.secret_key: "),
        ({"secrets": "x"}, "vault.s3.secrets: is not a setting"),
    ],
)
def test_a_bucket_named_wrongly_stops_start_up(changes, told):
    with pytest.raises(SettingsError) as refused:
        load_settings(vault={"s3": BUCKET | changes})

    assert refused.value.detail.startswith(told)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("missing", BUCKET)
def test_half_a_bucket_stops_start_up(missing):
    given = {name: value for name, value in BUCKET.items() if name != missing}

    with pytest.raises(SettingsError, match=rf"vault\.s3\.{missing}: is missing"):
        load_settings(vault={"s3": given})


def test_two_places_stop_start_up():
    with pytest.raises(SettingsError, match="two stores; name one of them"):
        load_settings(vault={"s3": BUCKET, "objects": "objects"})


def test_a_bucket_without_the_library_for_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "proxy.vault.s3.store", None)

    with pytest.raises(SettingsError, match=r"vault\.s3: .*ponctuel\[s3\]"):
        make_objects(load_settings(vault={"s3": BUCKET}))
