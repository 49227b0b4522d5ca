"""Offering a recording to the service, which answers before it is sent.

`Expect: 100-continue` (RFC 9110, section 10.1.1): the audio is not even decoded until
the service has said that it wants it, so refused audio never leaves this machine.
"""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from proxy.errors import BadAudioError, SettingsError

_ANSWER_SECONDS: Final = 15  # from the offer to "continue" or a refusal
_UPLOAD_SECONDS: Final = 300
_CHUNK_BYTES: Final = 1 << 16
# Not drawn, unknown, outcome closed, too long, no audio: it will never be taken.
_FINAL_REFUSALS: Final = frozenset({403, 404, 409, 413, 422})


class Verdict(Enum):
    """What became of an offer."""

    TAKEN = "taken"  # sealed and durable
    REFUSED = "refused"  # for good
    LATER = "later"  # the service answered, but could not decide or store
    UNREACHABLE = "unreachable"


@dataclass(frozen=True, slots=True)
class Service:
    """Where recordings go, and the secret that opens the door."""

    url: URL
    token: str = field(repr=False)

    @classmethod
    def from_arguments(cls, raw_url: str, token_file: Path) -> "Service":
        """Raises `SettingsError` for an address that would expose token or audio."""
        return cls(_checked_url(raw_url), _read_token(token_file))


def _checked_url(raw_url: str) -> URL:
    try:
        url = URL(raw_url)
    except ValueError as error:
        raise SettingsError("not a URL", field="--url") from error
    if not url.host or url.scheme not in {"http", "https"}:
        raise SettingsError("not an http or https URL", field="--url")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise SettingsError(
            "plain http would send clear audio over the network",
            field="--url",
            fix="use https, or http to 127.0.0.1",
        )
    return url


def _is_loopback(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _read_token(token_file: Path) -> str:
    try:
        token = token_file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("cannot be read", field="--token-file") from error
    if not token or not token.isprintable() or " " in token:
        raise SettingsError("does not hold one token", field="--token-file")
    return token


class Uploader:
    """One HTTP session with the service."""

    def __init__(self, session: aiohttp.ClientSession, service: Service) -> None:
        self._session = session
        self._service = service

    async def offer(self, decision_id: str, make_audio: Callable[[], bytes]) -> Verdict:
        """Offer one recording; `make_audio` runs in a thread, and only when wanted.

        Raises the `BadAudioError` that `make_audio` raised; the request is then broken
        off. An answer that got lost leads to a second offer, which the service
        refuses as closed: nothing is stored twice.
        """
        body = _Body(make_audio)
        try:
            async with body.limit:
                return _verdict(await self._put(decision_id, body))
        except (aiohttp.ClientError, OSError):
            if body.fault is not None:
                raise body.fault from None
            return Verdict.UNREACHABLE

    async def _put(self, decision_id: str, body: "_Body") -> int:
        """The HTTP status. A redirect is not followed: the token stays here."""
        async with self._session.put(
            self._service.url / "recordings" / decision_id,
            data=body,
            headers={
                "Authorization": f"Bearer {self._service.token}",
                "Content-Type": "audio/wav",
            },
            expect100=True,
            allow_redirects=False,
        ) as answer:
            return answer.status


class _Body:
    """The request's body, which begins to exist when the service wants it.

    Each iteration begins anew: the HTTP client sends a PUT again by itself when the
    connection broke.
    """

    def __init__(self, make_audio: Callable[[], bytes]) -> None:
        self._make_audio = make_audio
        self.limit = asyncio.timeout(_ANSWER_SECONDS)
        self.fault: BadAudioError | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.limit.reschedule(asyncio.get_running_loop().time() + _UPLOAD_SECONDS)
        try:
            clear_audio = await asyncio.to_thread(self._make_audio)
        except BadAudioError as error:
            self.fault = error
            raise
        for begin in range(0, len(clear_audio), _CHUNK_BYTES):
            yield clear_audio[begin : begin + _CHUNK_BYTES]


def _verdict(status: int) -> Verdict:
    """Any other success is somebody else's: a proxy's page is no promise to keep."""
    if status == HTTPStatus.CREATED:
        return Verdict.TAKEN
    return Verdict.REFUSED if status in _FINAL_REFUSALS else Verdict.LATER
