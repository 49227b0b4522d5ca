"""Keys in two hands keep the key store's promises, and take both hands to open."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from typing_extensions import override

from proxy.errors import KeyMissingError, StorageError
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.key_store import KeyStore
from proxy.vault.keys import KeyRing
from proxy.vault.transit import TransitKeys
from proxy.vault.two_keepers import TwoKeepers
from tests.contracts.key_store_suite import (
    DAY,
    OTHER_SITE,
    SECRET,
    KeyStoreSuite,
    Opened,
)
from tests.fakes.openbao import OpenBao, bao_server, new_site, openbao

__all__ = ["bao_server", "openbao"]

Keeper = Callable[[str, str], KeyStore]


@pytest.fixture
def site() -> str:
    return new_site()


@pytest.fixture
def directory(tmp_path) -> Keeper:
    return lambda who, site: KeyDirectory(tmp_path / who, site)


@pytest.fixture
def transit(openbao: OpenBao) -> Keeper:
    def keeper(who: str, site: str) -> KeyStore:
        return TransitKeys(openbao.config(f"{site}-{who}"), f"{site}-{who}")

    return keeper


async def opening(
    operator: Keeper, custodian: Keeper, site: str
) -> AsyncIterator[Opened]:
    sites = {"": site, OTHER_SITE: f"{site}-audio"}
    async with AsyncExitStack() as stack:

        async def opened(which: str = "") -> KeyStore:
            at = sites[which]
            store = TwoKeepers(operator("operator", at), custodian("custodian", at))
            stack.push_async_callback(store.close)
            await store.open()
            return store

        yield opened


class TestOperatorsServerAndCustodiansDirectory(KeyStoreSuite):
    """All promises of a key store; what the first wraps has an odd size."""

    @pytest.fixture
    async def opened(
        self, transit: Keeper, directory: Keeper, site: str
    ) -> AsyncIterator[Opened]:
        async for opened in opening(transit, directory, site):
            yield opened


class TestTwoDirectories(KeyStoreSuite):
    """All promises of a key store."""

    @pytest.fixture
    async def opened(self, directory: Keeper, site: str) -> AsyncIterator[Opened]:
        async for opened in opening(directory, directory, site):
            yield opened


@pytest.mark.parametrize(
    ("first", "second"), [("directory", "transit"), ("transit", "transit")]
)
async def test_any_two_kinds_of_keepers_work_together(
    request: pytest.FixtureRequest, site: str, first: str, second: str
) -> None:
    keepers = [request.getfixturevalue(kind) for kind in (first, second)]
    async for opened in opening(*keepers, site):
        store = await opened()
        await store.make(DAY)
        secrets = [n.to_bytes(32) for n in range(300)]

        wrapped = await store.wrap(DAY, secrets)

        assert await store.unwrap(DAY, wrapped) == secrets
        await store.destroy(DAY)
        assert not await store.exists(DAY)


@pytest.fixture
async def keepers(directory: Keeper) -> tuple[KeyStore, KeyStore]:
    """The operator's and the custodian's own stores."""
    both = directory("operator", "clinic"), directory("custodian", "clinic")
    for keeper in both:
        await keeper.open()
    return both


@pytest.fixture
async def store(keepers: tuple[KeyStore, KeyStore]) -> KeyStore:
    return TwoKeepers(*keepers)


async def test_the_custodian_never_sees_what_the_operator_wrapped(
    store: KeyStore, keepers: tuple[KeyStore, KeyStore]
) -> None:
    operator, custodian = keepers
    await store.make(DAY)
    wrapped = await store.wrap(DAY, [SECRET])

    seen = await custodian.unwrap(DAY, wrapped)

    assert seen != [SECRET]
    assert await operator.unwrap(DAY, seen) == [SECRET]
    with pytest.raises(StorageError):
        await operator.unwrap(DAY, wrapped)


@pytest.mark.parametrize("who", [0, 1], ids=["operator", "custodian"])
async def test_either_ones_destruction_suffices_and_counts_once_both_have(
    store: KeyStore, keepers: tuple[KeyStore, KeyStore], who: int
) -> None:
    await store.make(DAY)
    wrapped = await store.wrap(DAY, [SECRET])

    await keepers[who].destroy(DAY)

    with pytest.raises(KeyMissingError):
        await store.unwrap(DAY, wrapped)
    assert not await store.exists(DAY)
    assert await store.names() == [DAY], "nobody would finish it otherwise"

    await store.destroy(DAY)

    assert await store.names() == []
    assert not await keepers[1 - who].exists(DAY)


class Lying(KeyDirectory):
    """Says of a day's key that it was destroyed, and keeps it."""

    @override
    async def destroy(self, name: str) -> None:
        if name != DAY:
            await super().destroy(name)


@pytest.mark.parametrize("who", [0, 1], ids=["operator", "custodian"])
async def test_nothing_counts_as_destroyed_that_one_keeper_says_and_has_not_done(
    keepers: tuple[KeyStore, KeyStore], tmp_path, who: int
) -> None:
    liar = Lying(tmp_path / ("operator", "custodian")[who], "clinic")
    await liar.open()
    honest = keepers[1 - who]
    ring = KeyRing(TwoKeepers(*((liar, honest) if who == 0 else (honest, liar))))
    await ring.make(DAY)

    assert not await ring.destroy(DAY)

    assert not await honest.exists(DAY)
    assert await liar.exists(DAY)
    assert await KeyRing(TwoKeepers(*keepers)).destroy(DAY)


@pytest.mark.parametrize("away", ["operator", "custodian"])
async def test_a_keeper_out_of_reach_leaves_the_other_to_destroy_and_is_not_hidden(
    store: KeyStore, keepers: tuple[KeyStore, KeyStore], tmp_path, away: str
) -> None:
    await store.make(DAY)
    wrapped = await store.wrap(DAY, [SECRET])
    place, elsewhere = tmp_path / away, tmp_path / "elsewhere"
    place.rename(elsewhere)

    with pytest.raises(StorageError):
        await store.destroy(DAY)
    with pytest.raises(StorageError):
        await store.names()
    elsewhere.rename(place)

    assert sum([await keeper.exists(DAY) for keeper in keepers]) == 1
    assert await store.names() == [DAY]
    with pytest.raises(KeyMissingError):
        await store.unwrap(DAY, wrapped)
    await store.destroy(DAY)
    assert await store.names() == []


async def test_a_key_made_by_one_keeper_alone_is_finished_by_the_next_attempt(
    store: KeyStore, keepers: tuple[KeyStore, KeyStore]
) -> None:
    await keepers[0].make(DAY)
    assert not await store.exists(DAY)

    await store.make(DAY)

    assert await store.exists(DAY)
    assert await store.unwrap(DAY, await store.wrap(DAY, [SECRET])) == [SECRET]


async def test_an_operator_who_sets_the_keys_back_opens_nothing(
    store: KeyStore, tmp_path
) -> None:
    await store.make(DAY)
    wrapped = await store.wrap(DAY, [SECRET])
    shutil.copytree(tmp_path / "operator", tmp_path / "yesterday")
    await store.destroy(DAY)

    shutil.copytree(tmp_path / "yesterday", tmp_path / "operator", dirs_exist_ok=True)

    assert not await store.exists(DAY)
    with pytest.raises(KeyMissingError):
        await store.unwrap(DAY, wrapped)
    assert await store.names() == [DAY], "what came back is found and destroyed again"


async def test_standing_secrets_and_notes_are_the_operators_alone(
    store: KeyStore, keepers: tuple[KeyStore, KeyStore]
) -> None:
    operator, custodian = keepers
    secret = await store.secret("log")
    await store.write_note("dead", b"x")

    assert await operator.secret("log") == secret
    assert await operator.read_note("dead") == b"x"
    assert not await custodian.has_secret("log")
    assert await custodian.note_names("") == []


@pytest.mark.parametrize("away", ["operator", "custodian"])
async def test_a_service_does_not_start_with_one_keeper(
    keepers: tuple[KeyStore, KeyStore], tmp_path, away: str
) -> None:
    shutil.rmtree(tmp_path / away)
    (tmp_path / away).write_text("a file, not a directory")

    with pytest.raises(StorageError, match=away):
        await TwoKeepers(*keepers).open()
