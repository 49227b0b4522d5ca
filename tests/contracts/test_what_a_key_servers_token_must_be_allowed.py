"""The documented policy is what is needed, no more and no less, from the start on."""

import asyncio
import os
import re
from pathlib import Path

import pytest

from proxy.errors import SettingsError, StorageError
from proxy.vault.transit import TransitKeys
from proxy.vault.transit_client import TransitConfig
from tests.contracts.key_store_suite import DAY, SECRET
from tests.fakes.openbao import (
    OpenBao,
    bao_server,
    documented_policy,
    new_site,
    openbao,
)

__all__ = ["bao_server", "openbao"]


@pytest.fixture
def site() -> str:
    return new_site()


async def test_a_token_an_agent_renews_is_read_again(
    openbao: OpenBao, site: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    first = openbao.token(site)
    file.write_text(f"{first}\n")
    store = TransitKeys(openbao.config(site, token_file=file), site)
    await store.open()
    await store.make(DAY)

    openbao.revoke(first)
    with pytest.raises(StorageError, match="has expired"):
        await store.wrap(DAY, [SECRET])
    file.write_text(openbao.token(site))

    found = await asyncio.gather(*(store.wrap(DAY, [SECRET]) for _ in range(8)))
    assert [len(each) for each in found] == [1] * 8
    await store.close()


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff\xfe", b"a\nb"])
async def test_a_file_that_holds_no_token_is_said_to_hold_none(
    openbao: OpenBao, site: str, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    store = TransitKeys(openbao.config(site, token_file=file), site)

    with pytest.raises(StorageError, match="token_file") as caught:
        await store.open()

    assert caught.value.field == "vault.transit"


RIGHTS = [
    (path, right)
    for path, rights in re.findall(r'path "(.*?)" .*?\[(.*?)\]', documented_policy())
    for right in re.findall(r"\w+", rights)
]


@pytest.mark.parametrize(("path", "right"), RIGHTS)
async def test_every_right_of_the_documented_policy_is_needed_at_the_start(
    openbao: OpenBao, site: str, path: str, right: str
) -> None:
    """What is granted in vain would be too much, what shows later would be too late."""
    lines = documented_policy().splitlines()
    [line] = [line for line in lines if f'"{path}"' in line]
    without = line.replace(f'"{right}"', '"sudo"')
    token = openbao.token(site, documented_policy().replace(line, without))
    store = TransitKeys(openbao.config(site, token=token), site)

    with pytest.raises(StorageError, match="0020-key-stores") as caught:
        await store.open()
    await store.close()

    assert caught.value.field == "vault.transit"
    assert token not in str(caught.value)


async def test_a_token_that_makes_keys_by_using_them_is_refused_at_the_start(
    openbao: OpenBao, site: str
) -> None:
    """Who wrapped a moment too late would bring a dead key's name back to life."""
    store = TransitKeys(openbao.config(site, token=openbao.root_token), site)

    with pytest.raises(StorageError, match="disable_upsert"):
        await store.open()
    assert await store.names() == []

    openbao.ask("POST", "transit/config/keys", {"disable_upsert": True})
    await store.open()
    openbao.ask("POST", "transit/config/keys", {"disable_upsert": False})
    await store.close()


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"mount": "nowhere"}, "transit"),
        ({"notes_mount": "nowhere"}, "KV version 2"),
        ({"notes_mount": "old"}, "KV engine of version 2"),
    ],
)
async def test_an_engine_that_is_missing_or_too_old_is_said_at_the_start(
    openbao: OpenBao, site: str, changes: dict, hint: str
) -> None:
    """A missing engine answers 404 like a missing key; it is no absence."""
    mounts = openbao.ask("GET", "sys/mounts")
    if "old/" not in mounts:
        openbao.ask("POST", "sys/mounts/old", {"type": "kv"})
    openbao.ask("POST", "transit/config/keys", {"disable_upsert": True})
    config = openbao.config(site, token=openbao.root_token, **changes)
    store = TransitKeys(config, site)

    with pytest.raises(StorageError, match=hint) as caught:
        await store.open()

    openbao.ask("POST", "transit/config/keys", {"disable_upsert": False})
    await store.close()
    assert caught.value.field == "vault.transit"


async def test_a_missing_engine_is_not_an_absent_key(
    openbao: OpenBao, site: str
) -> None:
    config = openbao.config(site, token=openbao.root_token, mount="x", notes_mount="y")
    store = TransitKeys(config, site)

    for question in (
        store.exists(DAY),
        store.names(),
        store.destroy(DAY),
        store.has_secret("log"),
        store.read_note("dead"),
        store.note_names(""),
        store.remove_note("dead"),
    ):
        with pytest.raises(StorageError, match="enable the engines"):
            await question
    await store.close()


def test_a_token_shows_in_no_description_of_the_settings() -> None:
    config = TransitConfig(address="https://keys.example:8200", token="s.secret")

    assert "s.secret" not in repr(config)


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "http://keys.example:8200"},
        {"address": "https://keys.example/v1"},
        {"address": "https://user:pass@keys.example"},
        {"address": "keys.example"},
        {"address": "https://[::1"},
        {"address": ""},
        {"token": ""},
        {"token": "two\nlines"},
        {"token_file": Path("t")},
        {"mount": ""},
        {"mount": "../sys"},
        {"mount": "transit/../sys"},
        {"notes_mount": "a?b"},
    ],
)
def test_settings_under_which_nothing_may_be_asked_are_refused(wrong: dict) -> None:
    right = {"address": "https://keys.example:8200", "token": "s.secret"}

    with pytest.raises(SettingsError, match=r"vault\.transit") as caught:
        TransitConfig(**right | wrong)

    assert "s.secret" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:8200", "http://[::1]:8200", "http://localhost:8200/"],
)
def test_a_server_on_this_machine_needs_no_tls(address: str) -> None:
    TransitConfig(address=address, token=os.urandom(4).hex())
