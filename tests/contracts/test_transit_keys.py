"""Keys in OpenBao keep the key store's promises: asked of a real server."""

import base64
import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from proxy.errors import KeyMissingError, StorageError
from proxy.vault.key_rules import STANDING
from proxy.vault.key_store import KeyStore, UndestroyableKeysError
from proxy.vault.transit import BATCH, TransitKeys
from proxy.vault.transit_client import TransitConfig
from tests.contracts.key_store_suite import (
    DAY,
    NEXT_DAY,
    OTHER_SITE,
    SECRET,
    KeyStoreSuite,
    Opened,
)
from tests.fakes.openbao import (
    OpenBao,
    bao_server,
    new_site,
    openbao,
)

__all__ = ["bao_server", "openbao"]


@pytest.fixture
def site() -> str:
    return new_site()


@pytest.fixture
async def opened(openbao: OpenBao, site: str) -> AsyncIterator[Opened]:
    sites = {"": site, OTHER_SITE: f"{site}-audio"}
    async with AsyncExitStack() as stack:

        async def opened(which: str = "") -> KeyStore:
            config = openbao.config(sites[which])
            store = TransitKeys(config, sites[which])
            stack.push_async_callback(store.close)
            await store.open()
            return store

        yield opened


@pytest.fixture
async def store(opened: Opened) -> KeyStore:
    return await opened()


class TestTransitKeys(KeyStoreSuite):
    """All promises of a key store, with no more than the documented policy."""


async def test_a_key_cannot_leave_the_server_and_may_not_be_deleted_by_accident(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.make(DAY)

    path = f"transit/keys/ponctuel-{site}.{DAY}"
    properties = openbao.ask("GET", path)["data"]

    assert properties["type"] == "aes256-gcm96"
    assert not properties["exportable"]
    assert not properties["allow_plaintext_backup"]
    assert not properties["deletion_allowed"]
    with pytest.raises(OSError, match="400"):
        openbao.ask("DELETE", path)
    with pytest.raises(OSError, match="400"):
        openbao.ask("GET", f"transit/export/encryption-key/ponctuel-{site}.{DAY}")


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"exportable": True}, "exportable"),
        ({"allow_plaintext_backup": True}, "allow_plaintext_backup"),
        ({"type": "chacha20-poly1305"}, "type"),
        ({"type": "aes128-gcm96"}, "type"),
        ({"derived": True}, "derived"),
    ],
)
async def test_a_key_somebody_else_made_that_can_have_copies_is_not_used(
    store: KeyStore, openbao: OpenBao, site: str, properties: dict, named: str
) -> None:
    openbao.ask("POST", f"transit/keys/ponctuel-{site}.{DAY}", properties)

    with pytest.raises(UndestroyableKeysError, match=f"{DAY} has another `{named}`"):
        await store.make(DAY)


def _imported(openbao: OpenBao, key: bytes) -> dict[str, str]:
    """A key wrapped for import as the server's documentation asks for."""
    public = openbao.ask("GET", "transit/wrapping_key")["data"]["public_key"]
    rsa = serialization.load_pem_public_key(public.encode())
    ephemeral = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    wrapped = aes_key_wrap_with_padding(ephemeral, key)
    both = rsa.encrypt(ephemeral, oaep) + wrapped
    return {"ciphertext": base64.b64encode(both).decode(), "hash_function": "SHA256"}


async def test_a_key_somebody_brought_along_is_not_used(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    """Whoever brought it may have kept a copy."""
    path = f"transit/keys/ponctuel-{site}.{DAY}/import"
    openbao.ask("POST", path, _imported(openbao, SECRET) | {"type": "aes256-gcm96"})

    with pytest.raises(UndestroyableKeysError, match="another `imported_key`"):
        await store.make(DAY)


async def test_a_destroyed_key_is_unknown_to_the_server(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.make(DAY)
    assert openbao.has(f"transit/keys/ponctuel-{site}.{DAY}")

    await store.destroy(DAY)

    assert not openbao.has(f"transit/keys/ponctuel-{site}.{DAY}")


async def test_a_destruction_that_was_cut_short_is_finished_by_the_next(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.make(DAY)
    path = f"transit/keys/ponctuel-{site}.{DAY}"
    openbao.ask("POST", f"{path}/config", {"deletion_allowed": True})
    assert await store.exists(DAY)

    await store.destroy(DAY)

    assert not openbao.has(path)


async def test_a_rotated_key_opens_what_it_wrapped_before(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.make(DAY)
    old = await store.wrap(DAY, [SECRET])

    openbao.ask("POST", f"transit/keys/ponctuel-{site}.{DAY}/rotate")

    new = await store.wrap(DAY, [SECRET])
    assert new[0].startswith(b"vault:v2:")
    assert await store.unwrap(DAY, [*old, *new]) == [SECRET] * 2


async def test_a_key_told_to_forget_old_versions_is_not_called_tampering(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.make(DAY)
    old = await store.wrap(DAY, [SECRET])
    path = f"transit/keys/ponctuel-{site}.{DAY}"
    openbao.ask("POST", f"{path}/rotate")
    openbao.ask("POST", f"{path}/config", {"min_decryption_version": 2})

    with pytest.raises(StorageError, match="min_decryption_version") as caught:
        await store.unwrap(DAY, old)

    assert caught.type is StorageError


async def test_what_a_copy_of_the_notes_engine_shows_opens_nothing(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    secret = await store.secret("log")

    kept = openbao.ask("GET", f"secret/data/ponctuel/{site}/secrets/log")

    assert secret.hex() not in str(kept)
    assert "dmF1bHQ6djE6" in str(kept)  # vault:v1:, in base64


async def test_a_secret_whose_wrapping_key_is_gone_is_not_made_anew(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    await store.secret("log")
    path = f"transit/keys/ponctuel-{site}.service"
    openbao.ask("POST", f"{path}/config", {"deletion_allowed": True})
    openbao.ask("DELETE", path)

    with pytest.raises(KeyMissingError):
        await store.secret("log")


async def test_a_secret_somebody_deleted_is_not_made_anew(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    secret = await store.secret("log")
    openbao.ask("DELETE", f"secret/data/ponctuel/{site}/secrets/log")

    for question in (store.secret, store.has_secret):
        with pytest.raises(StorageError, match="undelete"):
            await question("log")

    undeleted = {"versions": [1]}
    openbao.ask("POST", f"secret/undelete/ponctuel/{site}/secrets/log", undeleted)
    assert await store.secret("log") == secret


async def test_old_versions_of_a_note_are_forgotten(
    store: KeyStore, openbao: OpenBao, site: str
) -> None:
    for content in (b"first", b"second", b"third"):
        await store.write_note("dead", content)

    path = f"secret/metadata/ponctuel/{site}/notes/dead"
    assert list(openbao.ask("GET", path)["data"]["versions"]) == ["3"]
    await store.remove_note("dead")
    assert not openbao.has(path)


async def test_many_secrets_take_few_requests(
    store: KeyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.make(DAY)
    asked: list[str] = []
    really_ask = store._client.ask

    async def ask(method: str, path: str, *body: object) -> object:
        asked.append(path)
        return await really_ask(method, path, *body)

    monkeypatch.setattr(store._client, "ask", ask)

    await store.wrap(DAY, [SECRET] * (3 * BATCH + 1))

    assert len(asked) == 4


async def test_a_killed_server_comes_back_with_what_it_had_and_nothing_it_had_not(
    opened: Opened, openbao: OpenBao
) -> None:
    store = await opened()
    await store.make(DAY)
    await store.make(NEXT_DAY)
    wrapped = await store.wrap(DAY, [SECRET])
    secret = await store.secret("log")
    await store.write_note("dead", b"2026-12-02")
    await store.destroy(NEXT_DAY)

    openbao.kill()
    with pytest.raises(StorageError, match="cannot be reached"):
        await store.unwrap(DAY, wrapped)
    openbao.restart()

    assert await store.names() == [DAY]
    assert await store.unwrap(DAY, wrapped) == [SECRET]
    assert await store.secret("log") == secret
    assert await store.read_note("dead") == b"2026-12-02"


NAME = r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?"


@given(st.one_of(st.text(max_size=66), st.text("ab0-./%\n", max_size=9)))
@example("a")
@example("../sys/seal")
@settings(deadline=None)
async def test_a_name_that_is_none_is_refused_before_anybody_is_asked(
    name: str,
) -> None:
    nobody = TransitConfig(address="http://127.0.0.1:9", token="t")
    store = TransitKeys(nobody, "clinic")

    with pytest.raises(StorageError) as caught:
        await store.destroy(name)
    await store.close()

    is_asked = caught.value.field == "vault.transit"
    assert is_asked == bool(re.fullmatch(NAME, name) and name not in STANDING)


@given(st.from_regex(NAME, fullmatch=True).filter(lambda name: name not in STANDING))
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_every_name_that_is_allowed_names_one_key_and_one_note(
    openbao: OpenBao, name: str
) -> None:
    site = new_site()
    store = TransitKeys(openbao.config(site), site)
    try:
        await store.make(name)
        await store.write_note(name, b"x")

        assert await store.exists(name)
        assert await store.names() == [name]
        assert await store.note_names(name) == [name]
    finally:
        await store.close()
