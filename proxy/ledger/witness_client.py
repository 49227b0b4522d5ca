"""The HTTP client that talks to witnesses: short answers, no redirects, no waiting.

Their addresses come from the settings alone, so private ones are not forbidden: the
works council's machine may well be next door.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus

import aiohttp

from proxy.ledger.witnessing import (
    OtherHistoryError,
    SignedHead,
    Witness,
    WitnessError,
    add_checkpoint,
)

ANSWER_SECONDS = 5
LARGEST_ANSWER = 16 << 10  # bytes; a witness with several keys answers a line for each


class WitnessClient:
    """Asks witnesses to cosign."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def submit(
        self, witness: Witness, old_size: int, proof: Sequence[bytes], head: SignedHead
    ) -> tuple[int, bytes]:
        """POST a checkpoint; return the status, 200 or 409, and the body.

        Raises WitnessError for any other answer, and for none.
        """
        url = f"{witness.url}/add-checkpoint"
        body = add_checkpoint(old_size, proof, head.note)
        try:
            async with self._open_session().post(
                url, data=body, allow_redirects=False
            ) as response:
                if response.status == HTTPStatus.UNPROCESSABLE_ENTITY:
                    raise OtherHistoryError("it saw another history of this ledger")
                if response.status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
                    raise WitnessError(f"it answered {response.status}")
                return response.status, await _read(response)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            raise WitnessError(f"no answer ({type(error).__name__})") from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        # On first use: a session belongs to the running loop.
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS),
                headers={"Accept-Encoding": "identity"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                # A minute lies between two questions: nobody keeps a connection open.
                connector=aiohttp.TCPConnector(force_close=True),
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    try:
        body = await response.content.readexactly(LARGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    raise WitnessError(f"its answer has more than {len(body) - 1} bytes")
