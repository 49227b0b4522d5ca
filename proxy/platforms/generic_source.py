"""Recordings of a generic platform, at the addresses its events name.

The contract: GET gives the audio, DELETE deletes it, and afterwards the same address
answers 404 or 410; each with our bearer token, if the connection has one.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus

from proxy.platforms.outbound import GONE, OutboundClient, unexpected_answer

_NO_HEAD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})


class GenericRecordings:
    """A `RecordingSource` whose references are addresses the client has checked."""

    def __init__(self, client: OutboundClient) -> None:
        self._client = client

    def fetch(
        self, source_ref: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        return self._client.stream(source_ref)

    async def delete(self, source_ref: str) -> None:
        await self._client.delete(source_ref)

    async def is_gone(self, source_ref: str) -> bool:
        """Ask with HEAD, which moves no audio; with GET where there is no HEAD."""
        status = await self._status("HEAD", source_ref)
        if status in _NO_HEAD:
            status = await self._status("GET", source_ref)
        return status in GONE

    async def stop(self, call_id: str) -> None:
        """Do nothing: the contract has no commands, only `max_seconds` in the answer.

        What such a platform goes on recording is refused and deleted when it arrives.
        """

    async def close(self) -> None:
        await self._client.close()

    async def _status(self, method: str, source_ref: str) -> int:
        async with self._client.request(method, source_ref) as response:
            is_clear = response.ok or response.status in GONE | _NO_HEAD
            if not is_clear:
                raise unexpected_answer(response)
            return response.status
