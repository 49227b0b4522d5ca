"""A browser without a window: its cookies, and forms it fills in."""

import re
from typing import Any
from urllib.parse import urlencode

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from tests.fakes.clinic import SITE
from tests.fakes.console import Person

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
TOKEN = re.compile(r'name="csrf" value="([^"]+)"')


class Forms:
    """Whoever asks for pages; each request by itself, redirects not followed."""

    def __init__(self, http: aiohttp.ClientSession, address: str) -> None:
        self.http = http
        self.address = address
        self.cookies: dict[str, str] = {}

    async def ask(
        self, method: str, path: str, fields: Any = None, **headers: str
    ) -> tuple[aiohttp.ClientResponse, str]:
        sent = CIMultiDict(FORM if fields is not None else {})
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        async with self.http.request(
            method,
            URL(f"{self.address}/console{path}", encoded=True),
            data=fields if isinstance(fields, bytes) else urlencode(fields or {}),
            headers=sent,
            allow_redirects=False,
        ) as answer:
            self.cookies |= {n: c.value for n, c in answer.cookies.items() if c.value}
            return answer, await answer.text()

    async def token(self, path: str) -> str:
        """Of the forms on a page."""
        _, text = await self.ask("GET", path)
        found = TOKEN.search(text)
        assert found, text
        return found[1]

    async def sign_in(self, centre: Any, person: Person) -> aiohttp.ClientResponse:
        who = {"site": SITE, "code": person.code, "password": person.password}
        csrf = await self.token("/sign-in")
        await self.ask("POST", "/sign-in", who | {"csrf": csrf})
        proof = {"proof": person.digits(centre), "csrf": csrf}
        answer, text = await self.ask("POST", "/sign-in/second", proof)
        assert answer.headers.get("Location") == "/console/", text
        return answer
