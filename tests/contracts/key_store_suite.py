"""What every key store promises; subclass it and say how one is opened."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from proxy.errors import KeyMissingError, StorageError, TamperedError
from proxy.vault.key_store import KEY_SIZE, KeyStore

DAY, NEXT_DAY = "audio-2026-12-01", "audio-2026-12-02"
SECRET = bytes(range(KEY_SIZE))
OTHER_SITE = "another site, whose name begins with the whole name of the first"
Opened = Callable[..., Awaitable[KeyStore]]


class KeyStoreSuite:
    """Subclasses provide the fixture `opened`.

    `await opened()` opens the site's store as one more replica does, `await
    opened(OTHER_SITE)` that of another site in the same place.
    """

    @pytest.fixture
    async def store(self, opened: Opened) -> KeyStore:
        return await opened()

    async def test_what_was_wrapped_is_unwrapped_by_the_same_key_alone(
        self, store: KeyStore
    ) -> None:
        await store.make(DAY)
        await store.make(NEXT_DAY)

        [wrapped] = await store.wrap(DAY, [SECRET])

        assert SECRET not in wrapped
        assert await store.unwrap(DAY, [wrapped]) == [SECRET]
        with pytest.raises(TamperedError):
            await store.unwrap(NEXT_DAY, [wrapped])

    @pytest.mark.parametrize("size", [1, 8, 15, 16, 31, 32, 64, 89, 1024])
    async def test_secrets_of_any_size_come_back_whole(
        self, store: KeyStore, size: int
    ) -> None:
        await store.make(DAY)
        secret = os.urandom(size)

        assert await store.unwrap(DAY, await store.wrap(DAY, [secret])) == [secret]

    async def test_many_are_wrapped_at_once_and_keep_their_order(
        self, store: KeyStore
    ) -> None:
        await store.make(DAY)
        secrets = [os.urandom(KEY_SIZE) for _ in range(1_203)]

        wrapped = await store.wrap(DAY, secrets)

        assert await store.unwrap(DAY, wrapped) == secrets
        assert await store.wrap(DAY, []) == await store.unwrap(DAY, []) == []

    async def test_one_tampered_among_many_is_noticed(self, store: KeyStore) -> None:
        await store.make(DAY)
        wrapped = await store.wrap(DAY, [SECRET] * 3)

        for changed in _tampered(wrapped[1]):
            with pytest.raises(TamperedError):
                await store.unwrap(DAY, [wrapped[0], changed, wrapped[2]])

    async def test_two_that_make_a_key_at_once_make_one(self, opened: Opened) -> None:
        replicas = [await opened() for _ in range(3)]

        await asyncio.gather(*(replica.make(DAY) for replica in replicas))

        wrapped = [(await replica.wrap(DAY, [SECRET]))[0] for replica in replicas]
        for replica in replicas:
            assert await replica.unwrap(DAY, wrapped) == [SECRET] * 3
        assert await replicas[0].names() == [DAY]

    async def test_making_a_key_that_exists_keeps_it(self, store: KeyStore) -> None:
        await store.make(DAY)
        wrapped = await store.wrap(DAY, [SECRET])

        await store.make(DAY)

        assert await store.unwrap(DAY, wrapped) == [SECRET]

    async def test_a_key_that_was_never_made_is_missing_and_not_made_by_use(
        self, store: KeyStore
    ) -> None:
        await store.make(NEXT_DAY)
        wrapped = await store.wrap(NEXT_DAY, [SECRET])

        with pytest.raises(KeyMissingError):
            await store.wrap(DAY, [SECRET])
        with pytest.raises(KeyMissingError):
            await store.unwrap(DAY, wrapped)

        assert not await store.exists(DAY)
        assert await store.names() == [NEXT_DAY]

    async def test_a_destroyed_key_is_gone_for_every_replica(
        self, opened: Opened
    ) -> None:
        store, replica = await opened(), await opened()
        await store.make(DAY)
        await store.make(NEXT_DAY)
        wrapped = await store.wrap(DAY, [SECRET])
        assert await replica.unwrap(DAY, wrapped) == [SECRET]

        await store.destroy(DAY)

        for each in (store, replica):
            assert not await each.exists(DAY)
            assert await each.names() == [NEXT_DAY]
            with pytest.raises(KeyMissingError):
                await each.unwrap(DAY, wrapped)
            with pytest.raises(KeyMissingError):
                await each.wrap(DAY, [SECRET])

    async def test_destroying_may_be_repeated_by_several_at_once(
        self, opened: Opened
    ) -> None:
        replicas = [await opened() for _ in range(3)]
        await replicas[0].make(DAY)

        await asyncio.gather(*(replica.destroy(DAY) for replica in replicas))
        await replicas[0].destroy(DAY)

        assert not await replicas[0].exists(DAY)

    async def test_a_key_made_again_does_not_open_what_died_with_the_first(
        self, store: KeyStore
    ) -> None:
        await store.make(DAY)
        wrapped = await store.wrap(DAY, [SECRET])
        await store.destroy(DAY)

        await store.make(DAY)

        with pytest.raises(TamperedError):
            await store.unwrap(DAY, wrapped)

    async def test_sites_neither_see_nor_open_nor_destroy_each_others_keys(
        self, opened: Opened
    ) -> None:
        store, other = await opened(), await opened(OTHER_SITE)
        for each in (store, other):
            await each.make(DAY)
            await each.write_note("dead", b"of one site")
        wrapped = await store.wrap(DAY, [SECRET])
        await store.make(NEXT_DAY)

        with pytest.raises(TamperedError):
            await other.unwrap(DAY, wrapped)
        assert await other.names() == [DAY]
        assert await store.secret("log") != await other.secret("log")

        await other.destroy(DAY)
        await other.remove_note("dead")

        assert await store.names() == [DAY, NEXT_DAY]
        assert await store.note_names("") == ["dead"]
        assert await store.unwrap(DAY, wrapped) == [SECRET]

    async def test_a_standing_secret_is_made_once_by_two_that_ask_at_once(
        self, opened: Opened
    ) -> None:
        replicas = [await opened() for _ in range(3)]
        assert not await replicas[0].has_secret("log")

        found = await asyncio.gather(*(replica.secret("log") for replica in replicas))

        assert len(set(found)) == 1
        assert len(found[0]) == KEY_SIZE
        assert await (await opened()).secret("log") == found[0]
        assert await replicas[0].secret("callers") != found[0]
        assert await replicas[0].has_secret("log")

    async def test_standing_secrets_are_no_keys_and_are_never_destroyed(
        self, store: KeyStore
    ) -> None:
        secret = await store.secret("log")
        await store.secret("service")
        await store.make("service")
        wrapped = await store.wrap("service", [SECRET])

        assert await store.names() == []
        for name in ("log", "service"):
            with pytest.raises(StorageError, match="standing"):
                await store.destroy(name)
        with pytest.raises(StorageError, match="standing"):
            await store.secret(DAY)

        assert await store.secret("log") == secret
        assert await store.unwrap("service", wrapped) == [SECRET]

    async def test_a_note_is_replaced_and_found_by_how_it_begins(
        self, opened: Opened
    ) -> None:
        store, replica = await opened(), await opened()
        await store.write_note("dead-1", b"old")
        await store.write_note("alive-1", b"")

        await replica.write_note("dead-1", b"new")
        await replica.write_note("dead-0", bytes(64 << 10))

        assert await store.read_note("dead-1") == b"new"
        assert await store.read_note("alive-1") == b""
        assert await store.read_note("dead-0") == bytes(64 << 10)
        assert await store.note_names("dead-") == ["dead-0", "dead-1"]
        assert await store.note_names("") == ["alive-1", "dead-0", "dead-1"]
        assert await store.names() == []

    async def test_two_that_write_a_note_at_once_leave_one_of_the_two(
        self, opened: Opened
    ) -> None:
        replicas = [await opened() for _ in range(3)]
        contents = [bytes([n]) * 10_000 for n in range(3)]

        await asyncio.gather(
            *(r.write_note("dead", c) for r, c in zip(replicas, contents, strict=True))
        )

        assert await replicas[0].read_note("dead") in contents
        assert await replicas[0].note_names("") == ["dead"]

    async def test_a_removed_note_is_gone_and_may_be_removed_again(
        self, store: KeyStore
    ) -> None:
        await store.write_note("dead", b"x")

        await store.remove_note("dead")
        await store.remove_note("dead")

        assert await store.read_note("dead") is None
        assert await store.note_names("") == []

    async def test_a_note_too_long_is_refused_and_the_one_before_it_stays(
        self, store: KeyStore
    ) -> None:
        await store.write_note("dead", b"short")

        with pytest.raises(StorageError, match="too long"):
            await store.write_note("dead", bytes((64 << 10) + 1))

        assert await store.read_note("dead") == b"short"

    async def test_everything_outlives_the_process_that_made_it(
        self, opened: Opened
    ) -> None:
        before = await opened()
        await before.make(DAY)
        wrapped = await before.wrap(DAY, [SECRET])
        secret = await before.secret("log")
        await before.write_note("dead", b"yesterday")
        await before.close()

        after = await opened()

        assert await after.unwrap(DAY, wrapped) == [SECRET]
        assert await after.secret("log") == secret
        assert await after.read_note("dead") == b"yesterday"

    async def test_opening_leaves_nothing_behind(self, store: KeyStore) -> None:
        await store.open()

        assert await store.names() == []
        assert await store.note_names("") == []


def _tampered(wrapped: bytes) -> list[bytes]:
    """Changed, cut, longer, empty, and something that was never wrapped."""
    middle = len(wrapped) // 2
    other = b"A" if wrapped[middle : middle + 1] != b"A" else b"B"
    changed = wrapped[:middle] + other + wrapped[middle + 1 :]
    return [changed, wrapped[:-8], wrapped + b"AAAA", b"", os.urandom(40)]
