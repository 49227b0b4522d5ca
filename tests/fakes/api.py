"""Somebody at a keyboard, who asks the API something."""

import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp

from tests.fakes.call_centre import CallCentre, site_settings
from tests.fakes.clinic import SITE

API = "/api/v1"
OTHER_SITE = "other-clinic"
TOKENS = {
    "olga": "operator-token-0123456789abcdef",
    "oleg": "operator-token-2-of-somebody-else",
    "dora": "officer-token-0123456789abcdef",
    "tina": "trainer-token-0123456789abcdef",
    "rita": "rights-token-0123456789abcdef",
    "aude": "auditor-token-0123456789abcdef",
    "ada": "administrator-token-0123456789abcdef",
}
STRANGER = "operator-token-3-of-another-site"
ROLES = {
    "olga": "operator",
    "oleg": "operator",
    "dora": "dpo",
    "tina": "trainer",
    "rita": "rights_officer",
    "aude": "auditor",
    "ada": "administrator",
}


def people() -> dict[str, dict[str, str]]:
    """As the settings list them: of the tokens only digests."""
    return {
        code: {"role": ROLES[code], "token_sha256": digest(token)}
        for code, token in TOKENS.items()
    }


def digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def with_people(centre: CallCentre, **options: Any) -> dict[str, Any]:
    """The usual clinic with people, and another with one of its own."""
    host = centre.platform.address.removeprefix("http://")
    policy = options.pop("policy", centre.policy(rate="1%", ceiling="2%"))
    clinic = site_settings(policy, host) | {"people": people()}
    stranger = {"role": "operator", "token_sha256": digest(STRANGER)}
    return {SITE: clinic, OTHER_SITE: {"people": {"otto": stranger}}}


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def problem(self) -> str:
        assert self.headers["Content-Type"] == "application/problem+json", self
        return str(self.body["type"]).removeprefix("urn:ponctuel:problem:")


@dataclass
class Asker:
    """Asks as one person; `token` may be anybody's."""

    http: aiohttp.ClientSession
    address: str
    token: str
    site: str = SITE

    async def ask(
        self, method: str, path: str, body: Any = None, **more: Any
    ) -> Answer:
        """`path` is below the site."""
        url = f"{self.address}{API}/sites/{self.site}{path}"
        if body is not None:
            more["data"] = json.dumps(body)
            more["headers"] = {"Content-Type": "application/json"} | more.get(
                "headers", {}
            )
        return await self.send(method, url, **more)

    async def send(self, method: str, url: str, **more: Any) -> Answer:
        shown = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers = shown | more.pop("headers", {})
        async with self.http.request(method, url, headers=headers, **more) as response:
            return Answer(response.status, response.headers, await response.text())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.ask("POST", path, body, **more)


_NAMED = {"policy": "999", "monitor": "agent", "month": "2026-10"}
_NOBODYS = "3f0b7a52-6c8e-4a53-9d44-1f3f6d2c9f10"


def path_below(path: str) -> str:
    """A route's path with names in it that nothing has; the site's stays a name."""
    names = re.findall(r"{([a-z]+)}", path)
    kept = {"site": "{site}"} | _NAMED
    return path.format_map({name: kept.get(name, _NOBODYS) for name in names})


def asker(centre: CallCentre, who: str = "olga", **more: Any) -> Asker:
    return Asker(centre.http, centre.service.address, TOKENS.get(who, who), **more)
