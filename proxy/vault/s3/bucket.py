"""One bucket, asked through aiobotocore: bounded in time, every fault a StorageError.

What is told of a fault has neither keys, ids nor secrets in it, and none of the
server's own words: they may quote what was asked for.
"""

import asyncio
import io
import os
from base64 import b64encode
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from aiobotocore.config import AioConfig  # type: ignore[import-untyped]  # has no types
from aiobotocore.session import AioSession  # type: ignore[import-untyped]  # as above
from aiohttp import ClientError as HttpError
from botocore.exceptions import (  # type: ignore[import-untyped]  # as above
    BotoCoreError,
    ClientError,
)
from botocore.parsers import (  # type: ignore[import-untyped]  # as above
    ResponseParserError,
)

from proxy.vault.s3.faults import NO_ANSWER, Fault

# ValueError: what a server that makes no sense ends in, inside the library.
_FAULTS = (BotoCoreError, ResponseParserError, HttpError, OSError, ValueError)
Untyped = Any  # what the library gives
_NOBODYS = (None, None, None, None)  # from no variable of the environment, no file
_CONNECTIONS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config:
    """Where the bucket is and how long it is waited for; times are in seconds."""

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    prefix: str = ""
    region: str = "us-east-1"
    is_path_style: bool = True
    ca_file: Path | None = None

    connect_seconds: float = 3
    silence_seconds: float = 10
    """How long an answer may be in coming, each time it is asked for."""
    call_seconds: float = 30
    """How long one call may take, all attempts and the pauses between them included."""
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answered; `refused` is its error code, if that was expected.

    `is_confirmed` unless it was sent a body and does not give back its checksum.
    """

    fields: Mapping[str, Untyped]
    refused: str = ""
    is_confirmed: bool = True

    def get(self, name: str) -> Untyped:
        return self.fields.get(name)


class Bucket:
    """The client, made when it is first used and in that event loop."""

    def __init__(self, config: S3Config) -> None:
        self._config = config
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._client: Untyped = None

    async def call(
        self, operation: str, expected: Collection[str] = (), **asked: object
    ) -> Answer:
        """Ask, trying again where that may help. Raises StorageError.

        Error codes among `expected` are returned instead.
        """
        async with self._bounded() as client:
            return await self._ask(client, operation, expected, asked)

    async def read(
        self, key: str, most: int, expected: Collection[str] = (), **asked: object
    ) -> tuple[Answer, bytes]:
        """What lies under `key`, or the part asked for, and one byte more than `most`.

        That one is for noticing a server that gives more than it was asked for.
        """
        async with self._bounded() as client:
            answer = await self._ask(
                client, "get_object", expected, {"Key": key, **asked}
            )
            if answer.refused:
                return answer, b""
            async with answer.get("Body") as stream:
                return answer, await _read_all(stream, most + 1)

    async def send(
        self,
        operation: str,
        body: io.BytesIO,
        expected: Collection[str] = (),
        **asked: object,
    ) -> Answer:
        """Call with a body and its SHA-256, which the server checks and gives back."""
        digest = await asyncio.to_thread(_sha256, body)
        checksum = b64encode(digest).decode("ascii")
        answer = await self.call(
            operation, expected, Body=body, ChecksumSHA256=checksum, **asked
        )
        is_confirmed = answer.get("ChecksumSHA256") == checksum
        return replace(answer, is_confirmed=is_confirmed)

    async def close(self) -> None:
        await self._stack.aclose()
        self._client = None

    async def _ask(
        self,
        client: Untyped,
        operation: str,
        expected: Collection[str],
        asked: Mapping[str, object],
    ) -> Answer:
        try:
            return Answer(
                await getattr(client, operation)(Bucket=self._config.bucket, **asked)
            )
        except ClientError as error:
            fault = Fault.of(error.response)
        if fault.code in expected:
            return Answer({}, refused=fault.code)
        raise fault.as_storage_error()

    @asynccontextmanager
    async def _bounded(self) -> AsyncIterator[Untyped]:
        try:
            async with asyncio.timeout(self._config.call_seconds):
                yield await self._open()
        except TimeoutError:
            raise NO_ANSWER.as_storage_error() from None
        except _FAULTS as error:
            raise Fault.of_connection(error).as_storage_error() from None

    async def _open(self) -> Untyped:
        async with self._opening:
            if self._client is None:
                self._client = await self._stack.enter_async_context(
                    _client(self._config)
                )
        return self._client


@cache
def _session() -> Untyped:
    """One, which reads once what S3 is, and nothing else: no profile, no credentials.

    Where credentials are looked for must not depend on who starts the service.
    """
    return AioSession(
        {
            "profile": _NOBODYS,
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
    )


def _client(config: S3Config) -> Untyped:
    """A client that goes straight to the endpoint, whatever the environment says.

    Bodies are not signed a second time, in the event loop: their checksum is signed,
    and checked by the server.
    """
    style = "path" if config.is_path_style else "virtual"
    return _session().create_client(
        "s3",
        endpoint_url=config.endpoint,
        region_name=config.region,
        aws_access_key_id=config.access_key,
        aws_secret_access_key=config.secret_key,
        verify=str(config.ca_file) if config.ca_file else True,
        config=AioConfig(
            connect_timeout=config.connect_seconds,
            read_timeout=config.silence_seconds,
            max_pool_connections=_CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": config.attempts},
            s3={"addressing_style": style, "payload_signing_enabled": False},
            signature_version="s3v4",
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            proxies={},
        ),
    )


async def _read_all(stream: Untyped, most: int) -> bytes:
    """A stream's bytes; the connection's end before their end is a fault."""
    pieces: list[bytes] = []
    while most and (piece := await stream.read(most)):
        pieces.append(piece)
        most -= len(piece)
    return b"".join(pieces)


def _sha256(body: io.BytesIO) -> bytes:
    return sha256(body.getbuffer()).digest()
