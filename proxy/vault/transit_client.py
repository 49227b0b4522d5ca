"""The HTTP client that talks to OpenBao or HashiCorp Vault, and believes little.

It follows no redirect and no proxy of the environment, because its token goes with each
request; it reads no answer without a limit; and it repeats nothing of an answer, which
may quote the token, in an error. What is no answer of the API's is StorageError.
"""

import asyncio
import ipaddress
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp
from yarl import URL

from proxy.errors import SettingsError, StorageError

LARGEST_ANSWER = 8 << 20  # bytes; 200 wrapped secrets need 40 KB, 100,000 names 4 MB
_ATTEMPTS = 4
POLICY = "docs/decisions/0020-key-stores.md"
_WHO_ANSWERS = "see what answers at its address, and read its log"
_MOUNT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_TOKEN = re.compile(r"[!-~]{1,4096}")
_READABLE = frozenset(
    {
        HTTPStatus.OK,
        HTTPStatus.NO_CONTENT,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)


@dataclass(frozen=True, kw_only=True)
class TransitConfig:
    """Where the key store is, and how it knows us.

    Give a `token`, or a `token_file` that an agent renews. `mount` is a transit engine,
    `notes_mount` a KV engine of version 2; `timeout` is in seconds for one request.
    `setting` is what errors call all this.
    """

    address: str
    token: str = field(default="", repr=False)
    token_file: Path | None = None
    mount: str = "transit"
    notes_mount: str = "secret"
    ca_file: Path | None = None
    timeout: float = 5
    setting: str = "vault.transit"

    def __post_init__(self) -> None:
        self._check_address()
        for mount in (self.mount, self.notes_mount):
            if not _MOUNT.fullmatch(mount):
                raise self._wrong("a mount is a path such as `transit`")
        if bool(self.token) == bool(self.token_file):
            raise self._wrong("give either token or token_file")
        if self.token and not _is_token(self.token):
            raise self._wrong("a token is one line of visible ASCII characters")

    def _check_address(self) -> None:
        try:
            url = URL(self.address)
        except ValueError:
            url = URL()
        if url.scheme not in {"http", "https"} or url != url.origin():
            raise self._wrong('write the address as "https://host:8200"')
        if url.scheme == "http" and not _is_loopback(url.host or ""):
            raise self._wrong("keys cross the network: use https")

    def _wrong(self, fix: str) -> SettingsError:
        return SettingsError(
            "the key store cannot be asked like this", field=self.setting, fix=fix
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the key store said, with a status of `_READABLE`, and what came with it.

    `is_absence`: it says that there is no such thing. Not every 404 does: one with
    errors is about a mount that is missing, others are no answers of the API's.
    """

    status: int
    data: Mapping[str, object]
    is_absence: bool

    @property
    def is_done(self) -> bool:
        return self.status in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}


class TransitClient:
    """Asks one key store; every method raises StorageError."""

    def __init__(self, config: TransitConfig) -> None:
        self._config = config
        self._token = config.token
        self._session: aiohttp.ClientSession | None = None
        self._opening = asyncio.Lock()

    async def ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        """Send one request; again where that helps, with a renewed token for one."""
        if not self._token:
            await self._read_token()
        for _ in range(_ATTEMPTS - 1):
            token = self._token
            answer = await self._send(method, path, body)
            if not await self._is_worth_repeating(answer, token):
                return answer
        return await self._send(method, path, body)

    async def demand(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> Answer:
        """Like `ask`, when nothing but "done" will do."""
        answer = await self.ask(method, path, body)
        if not answer.is_done:
            raise self.refused(answer, path)
        return answer

    async def names(self, path: str) -> list[str]:
        """LIST a path; one that holds nothing does not exist."""
        answer = await self.ask("GET", f"{path}?list=true")
        if answer.is_absence:
            return []
        if not answer.is_done:
            raise self.refused(answer, path)
        names = answer.data.get("keys")
        if not isinstance(names, list):
            raise self.fault("its list is none")
        return [str(name) for name in names]

    def refused(self, answer: Answer, path: str) -> StorageError:
        """Say what a refusal means, and who mends it."""
        if answer.status == HTTPStatus.FORBIDDEN:
            return self.fault(
                f"the token may not use {path}, or has expired",
                f"give it the policy in {POLICY}, or renew it",
            )
        if answer.status == HTTPStatus.NOT_FOUND:
            return self.fault(
                f"there is nothing at {path}",
                f"enable the engines {self._config.mount} (transit) and"
                f" {self._config.notes_mount} (KV version 2), or name the right ones",
            )
        return self.fault(f"it answered {answer.status} for {path}")

    def fault(self, detail: str, fix: str = _WHO_ANSWERS) -> StorageError:
        return StorageError(detail, field=self._config.setting, fix=fix)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(
        self, method: str, path: str, body: Mapping[str, object] | None
    ) -> Answer:
        session = await self._open_session()
        try:
            async with session.request(
                method,
                f"{self._config.address.rstrip('/')}/v1/{path}",
                json=body,
                headers={"X-Vault-Token": self._token, "X-Vault-Request": "true"},
                allow_redirects=False,
            ) as response:
                raw = await _read(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._unreachable(error) from None
        if raw is None:
            raise self.fault(f"its answer has more than {LARGEST_ANSWER} bytes")
        return self._understand(response.status, raw)

    def _understand(self, status: int, raw: bytes) -> Answer:
        if status in range(300, 400):
            raise self.fault(
                "it redirects to another address", "name that of the active server"
            )
        document = _parse(raw)
        errors = document.get("errors")
        if status == HTTPStatus.SERVICE_UNAVAILABLE and "sealed" in str(errors):
            raise self.fault("it is sealed", "unseal it: bao operator unseal")
        if status not in _READABLE:
            raise self.fault(f"it answered {status}")
        data = document.get("data")
        if _is_answer(status, data, errors):
            is_absence = status == HTTPStatus.NOT_FOUND and errors == []
            return Answer(status, data if isinstance(data, dict) else {}, is_absence)
        raise self.fault("its answer is none of OpenBao's or Vault's")

    def _unreachable(self, error: Exception) -> StorageError:
        if isinstance(error, TimeoutError):
            return self.fault(
                f"no answer within {self._config.timeout:g} s", "look after its machine"
            )
        if isinstance(error, ssl.SSLError):
            return self.fault(
                f"its certificate is not trusted ({_of_certificate(error)})",
                "name the file of whoever signed it as ca_file",
            )
        return self.fault(
            f"it cannot be reached ({type(error).__name__})",
            "start it, or correct its address",
        )

    async def _is_worth_repeating(self, answer: Answer, token: str) -> bool:
        """Whether there is another token by now, or OpenBao lost a race.

        It answers 500 when two write the same at once, and does nothing for one.
        """
        if answer.status == HTTPStatus.FORBIDDEN:
            await self._read_token()
            return self._token != token
        return answer.status == HTTPStatus.INTERNAL_SERVER_ERROR

    async def _read_token(self) -> None:
        if self._config.token_file is None:
            return
        try:
            raw = await asyncio.to_thread(self._config.token_file.read_bytes)
        except OSError as error:
            raise self.fault(
                f"token_file cannot be read ({error.strerror})",
                "start the agent that writes it",
            ) from None
        self._token = self._token_of(raw)

    def _token_of(self, raw: bytes) -> str:
        token = raw.decode("ascii", "replace").strip()
        if not _is_token(token):
            raise self.fault("token_file holds no token", "look at what writes it")
        return token

    async def _open_session(self) -> aiohttp.ClientSession:
        # On first use: a session belongs to the running loop.
        async with self._opening:
            if self._session is None:
                context = await asyncio.to_thread(self._trust)
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=context),
                    timeout=aiohttp.ClientTimeout(total=self._config.timeout),
                    headers={"Accept-Encoding": "identity"},
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                )
        return self._session

    def _trust(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._config.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise self.fault(
                f"ca_file cannot be read ({type(error).__name__})",
                "name a file of certificates in PEM form",
            ) from None


async def _read(response: aiohttp.ClientResponse) -> bytes | None:
    try:
        await response.content.readexactly(LARGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    return None


def _parse(raw: bytes) -> dict[str, object]:
    """What is no JSON object says nothing."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_answer(status: int, data: object, errors: object) -> bool:
    """Whether the API says it like this: with data when done, or a list of errors."""
    if status == HTTPStatus.NO_CONTENT:
        return True
    if status == HTTPStatus.OK:
        return isinstance(data, dict) and not errors
    return isinstance(data, dict) or isinstance(errors, list)


def _is_token(text: str) -> bool:
    return bool(_TOKEN.fullmatch(text))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of_certificate(error: ssl.SSLError) -> str:
    cause = getattr(error, "certificate_error", error)  # aiohttp wraps it
    return str(getattr(cause, "verify_message", type(cause).__name__))
