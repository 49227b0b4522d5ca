"""Everything a key store can be asked, and a real one behind a door that breaks it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from aiohttp import web

from proxy.errors import StorageError
from proxy.vault.key_store import KeyStore
from proxy.vault.transit import TransitKeys
from proxy.vault.transit_client import LARGEST_ANSWER
from tests.fakes.faulty_door import FaultyDoor
from tests.fakes.openbao import OpenBao, new_site

IMPATIENT, PATIENT = 0.3, 10  # seconds
MOST_EXCHANGES = 40

DAY, NEW_DAY = "audio-2026-12-01", "audio-2026-12-02"
SECRET = bytes(range(32))
Question = Callable[[KeyStore, list[bytes]], Awaitable[object]]

QUESTIONS: dict[str, Question] = {
    "open": lambda store, _: store.open(),
    "exists": lambda store, _: store.exists(DAY),
    "names": lambda store, _: store.names(),
    "make": lambda store, _: store.make(NEW_DAY),
    "wrap": lambda store, _: store.wrap(DAY, [SECRET]),
    "unwrap": lambda store, wrapped: store.unwrap(DAY, wrapped),
    "secret": lambda store, _: store.secret("callers"),
    "has_secret": lambda store, _: store.has_secret("log"),
    "write_note": lambda store, _: store.write_note("new", b"x"),
    "read_note": lambda store, _: store.read_note("dead"),
    "note_names": lambda store, _: store.note_names(""),
    "destroy": lambda store, _: store.destroy(DAY),
    "remove_note": lambda store, _: store.remove_note("dead"),
}
ANSWERS: dict[str, Callable[[str], web.Response]] = {
    "a page": lambda _: web.Response(text="<html>Please sign in</html>"),
    "a page, not found": lambda _: web.Response(status=404, text="<html></html>"),
    "nothing, not found": lambda _: web.Response(status=404),
    "not found by a gateway": lambda _: web.json_response({"message": "x"}, status=404),
    "not found, null": lambda _: web.json_response(None, status=404),
    "half of it": lambda _: web.Response(text='{"data": {"keys": ["ponc'),
    "empty": lambda _: web.Response(),
    "a list": lambda _: web.json_response([]),
    "no data": lambda _: web.json_response({"data": None}),
    "other data": lambda _: web.json_response({"data": {"name": 1, "keys": 2}}),
    "done, with errors": lambda token: web.json_response(
        {"data": {}, "errors": [f"bad token {token}"]}
    ),
    "very deep": lambda _: web.Response(text="[" * 100_000),
    "too long": lambda _: web.Response(body=b" " * (LARGEST_ANSWER + 1)),
    "broken inside": lambda token: web.json_response(
        {"errors": [f"internal error: {token}"]}, status=500
    ),
    "a gateway without a server": lambda _: web.Response(status=502, text="<html>"),
    "too many requests": lambda _: web.json_response({"errors": ["quota"]}, status=429),
    "refused": lambda token: web.json_response({"errors": [token]}, status=400),
    "denied": lambda token: web.json_response({"errors": [token]}, status=403),
    "elsewhere": lambda _: web.Response(
        status=307, headers={"Location": "http://127.0.0.1:9/v1/"}
    ),
}


@dataclass
class Scene:
    """One of everything in a real server, asked through a door and without it.

    `impatient` asks through the door, too: what answers may be too slow for it.
    """

    server: OpenBao
    door: FaultyDoor
    site: str
    token: str
    store: KeyStore
    impatient: KeyStore
    honest: KeyStore
    wrapped: list[bytes]

    def has(self, name: str) -> bool:
        return self.server.has(f"transit/keys/ponctuel-{self.site}.{name}")

    async def refused(
        self, question: Question, store: KeyStore | None = None
    ) -> StorageError:
        """What comes of asking: where, what to do, and nothing that is secret."""
        with pytest.raises(StorageError) as caught:
            await question(store or self.store, self.wrapped)
        assert self.token not in str(caught.value)
        assert caught.value.field == "vault.transit"
        assert caught.value.fix
        assert caught.value.__cause__ is None
        return caught.value

    async def ends_well(
        self, question: Question, broken: Callable[[int], None]
    ) -> None:
        """Ask, broken from the first, second, … exchange on, until it is done."""
        for after in range(MOST_EXCHANGES):
            broken(after)
            try:
                await question(self.store, self.wrapped)
            except StorageError:
                pass
            else:
                assert after > 0, "nothing was broken"
                return
            finally:
                self.door.mend()
        pytest.fail("it never ends")

    async def holds(self) -> None:
        """Nothing is half there: every key that is there works."""
        for name in await self.honest.names():
            [wrapped] = await self.honest.wrap(name, [SECRET])
            assert await self.honest.unwrap(name, [wrapped]) == [SECRET]
        assert len(await self.honest.secret("log")) == len(SECRET)


@asynccontextmanager
async def staged(server: OpenBao) -> AsyncIterator[Scene]:
    site = new_site()
    token = server.token(site)
    async with FaultyDoor.before(server.address) as door:
        stores = [
            TransitKeys(server.config(site, token=token, **how), site)
            for how in (
                {"address": door.address, "timeout": PATIENT},
                {"address": door.address, "timeout": IMPATIENT},
                {"timeout": PATIENT},
            )
        ]
        honest = stores[-1]
        await honest.make(DAY)
        await honest.secret("log")
        await honest.write_note("dead", b"x")
        wrapped = await honest.wrap(DAY, [SECRET])
        try:
            yield Scene(server, door, site, token, *stores, wrapped)
        finally:
            for store in stores:
                await store.close()
