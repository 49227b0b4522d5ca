"""A browser that knows forms and cookies only, and keeps what it was given."""

import html
import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any

import aiohttp

_TOKEN = re.compile(r'name="csrf" value="([^"]*)"')


@dataclass
class Shown:
    """One page."""

    status: int
    text: str
    place: str
    """Where it sends us to, if it does."""

    def hidden(self, pattern: str) -> str:
        """What stands somewhere in the page. Fails where it does not."""
        found = re.search(pattern, self.text)
        assert found, self.text
        return html.unescape(found[1])


@dataclass
class FormBrowser:
    """One person's browser at one console."""

    http: aiohttp.ClientSession
    address: str
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""
    given: list[str] = field(default_factory=list)
    """Every cookie and token there ever was."""

    async def get(self, path: str) -> Shown:
        return await self._ask("GET", path)

    async def post(self, path: str, **fields: str) -> Shown:
        """A form of the page that was shown last."""
        return await self._ask("POST", path, data={"csrf": self.csrf} | fields)

    async def follow(self, path: str, **fields: str) -> Shown:
        """Send a form that is taken, and look at the page it leads to."""
        answer = await self.post(path, **fields)
        assert answer.status == 303, answer
        return await self.get(answer.place.removeprefix("/console"))

    async def _ask(self, method: str, path: str, **more: Any) -> Shown:
        shown = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        async with self.http.request(
            method,
            f"{self.address}/console{path}",
            headers=self.headers | {"Cookie": shown},
            allow_redirects=False,
            **more,
        ) as answer:
            text = await answer.text()
            self._keep(answer.headers.getall("Set-Cookie", []), text)
            return Shown(answer.status, text, answer.headers.get("Location", ""))

    def _keep(self, cookies: list[str], text: str) -> None:
        for line in cookies:
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
                self.given.append(morsel.value)
        if token := _TOKEN.search(text):
            self.csrf = token[1]
            self.given.append(self.csrf)
