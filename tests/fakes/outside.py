"""A drand relay and a holder of nonces in one process, honest until told otherwise.

    python -m tests.fakes.outside

prints the port it listens on. Its beacon is a chain of its own, with the quicknet
scheme and a key that tests put in the place of the pinned one; the published rounds of
the real chain are there too. `/_fake/` is the puppeteer's: what to do wrong next, what
was asked.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import aiohttp
from aiohttp import web
from py_arkworks_bls12381 import G1Point, G2Point, Scalar

ROOT = Path(__file__).parents[2]
DST = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_"
KEY, OTHER_KEY = Scalar.from_be_bytes(b"\x17" * 32), Scalar.from_be_bytes(b"\x18" * 32)
PUBLIC_KEY = (G2Point() * KEY).to_compressed_bytes()
# Published by drand: quicknet's own rounds 42 and 1000.
REAL_ROUNDS = {
    42: "95a9f9f5b231b7714de1553105d8ffdf3dcda24cfdb1e689319bccf79a9c8ce4"
    "30a91b811fbfaf763900bc998b5d686a",
    1000: "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39",
}
HUGE = 20_000_000


def sign(number: int, key: Scalar = KEY) -> bytes:
    """The signature of a round."""
    message = sha256(number.to_bytes(8, "big")).digest()
    return (G1Point.hash_to_curve(message, DST) * key).to_compressed_bytes()


def beacon(number: int, signature: bytes | None = None) -> dict[str, object]:
    signature = signature or sign(number)
    return {
        "round": number,
        "randomness": sha256(signature).hexdigest(),
        "signature": signature.hex(),
    }


def nonce(origin: str, epoch: int) -> bytes:
    return sha256(f"{origin} {epoch}".encode()).digest()


def commitment(origin: str, epoch: int) -> str:
    told = b"ponctuel/nonce/v1" + epoch.to_bytes(8, "big") + nonce(origin, epoch)
    return sha256(told).hexdigest()


@dataclass
class Outsider:
    """What it holds and how it misbehaves, until told to be honest again.

    kind: "" (honest), "refuse" (503), "early" (425: not yet), "gone" (404), "drop",
    "slow" (answer only when told to be something else), "garbage" (no JSON), "huge",
    "redirect", "lie" (well-formed and false), "other" (true, but of another round or
    epoch), "forged" (a beacon by another key).
    """

    kind: str = ""
    is_real: bool = False
    asked: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self.misbehave])
        app.router.add_get("/{chain:[0-9a-f]{64}}/public/{round}", self.tell_beacon)
        app.router.add_get("/nonce", self.tell_nonce)
        app.router.add_get("/nonce-commitments", self.tell_commitments)
        app.router.add_post("/_fake/be", self.be)
        app.router.add_get("/_fake/asked", self.tell_asked)
        return app

    async def be(self, request: web.Request) -> web.Response:
        told = await request.json()
        self.kind, self.is_real = told["kind"], told["is_real"]
        self.changed.set()
        self.changed = asyncio.Event()
        return web.Response()

    async def tell_asked(self, _: web.Request) -> web.Response:
        return web.json_response(self.asked)

    @web.middleware
    async def misbehave(self, request: web.Request, handler) -> web.StreamResponse:
        if request.path.startswith("/_fake/"):
            return await handler(request)
        self.asked.append(request.path_qs)
        if self.kind == "slow":
            await self.changed.wait()
        statuses = {"refuse": 503, "early": 425, "gone": 404}
        if self.kind in statuses:
            return web.Response(status=statuses[self.kind])
        if self.kind == "redirect":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        if self.kind == "garbage":
            return web.Response(text="{" * 1000, content_type="application/json")
        if self.kind == "huge":
            return web.json_response(beacon(1) | {"filler": "x" * HUGE})
        if self.kind == "drop":
            request.transport.abort()
        return await handler(request)

    async def tell_beacon(self, request: web.Request) -> web.Response:
        number = int(request.match_info["round"])
        if self.kind == "other":
            number += 1
        told = (
            beacon(number, bytes.fromhex(REAL_ROUNDS[number])) if self.is_real else {}
        )
        told = told or beacon(number)
        if self.kind == "lie":
            told = beacon(number + 1) | {"round": number}
        if self.kind == "forged":
            told = beacon(number, sign(number, OTHER_KEY))
        return web.json_response(told)

    async def tell_nonce(self, request: web.Request) -> web.Response:
        epoch = int(request.query["epoch"]) + (self.kind == "other")
        value = nonce(request.query["origin"], epoch)
        if self.kind in ("lie", "forged"):
            value = bytes(32)
        return web.json_response({"epoch": epoch, "nonce": value.hex()})

    async def tell_commitments(self, request: web.Request) -> web.Response:
        origin, first = request.query["origin"], int(request.query["first"])
        first += self.kind == "other"
        epochs = range(first, first + int(request.query["count"]))
        told = [commitment(origin, epoch) for epoch in epochs]
        if self.kind in ("lie", "forged"):
            told = [each[:-1] for each in told]
        return web.json_response({"first": first, "commitments": told})


@dataclass
class OutsiderProcess:
    """The puppeteer of one, from the test's process."""

    url: str
    http: aiohttp.ClientSession

    async def be(self, kind: str, *, is_real: bool = False) -> None:
        """Misbehave in this way from now on; "" is honest."""
        order = {"kind": kind, "is_real": is_real}
        async with self.http.post(f"{self.url}/_fake/be", json=order) as answer:
            assert answer.status == 200

    async def asked(self) -> list[str]:
        """Every request so far, path and query."""
        async with self.http.get(f"{self.url}/_fake/asked") as answer:
            return list(await answer.json())


@contextmanager
def outsider_process() -> Iterator[str]:
    """An outsider in a process of its own; gives its address."""
    command = [sys.executable, "-m", "tests.fakes.outside"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@asynccontextmanager
async def honest_outsider(url: str) -> AsyncIterator[OutsiderProcess]:
    """One that runs already, honest at first, and free of its hangs at the end."""
    async with aiohttp.ClientSession() as http:
        outsider = OutsiderProcess(url, http)
        await outsider.be("")
        yield outsider
        await outsider.be("")


async def main() -> None:
    runner = web.AppRunner(Outsider().application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)  # noqa: T201 - for the parent
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
