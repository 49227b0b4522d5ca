"""The HTTP client that talks to witnesses: short answers, no redirects, no waiting.

Their addresses come from the settings alone, so private ones are not forbidden: the
works council's machine may well be next door.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
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
# What C2SP tlog-witness means by these, and what mends it. 409 is no failure.
_REMEDIES: Mapping[int, str] = {
    HTTPStatus.FORBIDDEN: "the log's key is not the one it was given: compare it with"
    " what `ponctuel doctor` prints",
    HTTPStatus.NOT_FOUND: "it does not know this log: whoever runs it calls `witness.py"
    " add` with the key that `ponctuel doctor` prints, and starts its serve again; or"
    " the address is wrong",
    HTTPStatus.UNPROCESSABLE_ENTITY: "it saw another history of this ledger: find out"
    " whether our database went back; it keeps both heads as a proof",
    HTTPStatus.SERVICE_UNAVAILABLE: "whoever runs it looks at its clock and its disk",
}
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
                    raise OtherHistoryError(_refusal(response.status))
                if response.status not in {HTTPStatus.OK, HTTPStatus.CONFLICT}:
                    raise WitnessError(_refusal(response.status))
                return response.status, await _read(response)
        except ssl.SSLError as error:
            raise WitnessError(_untrusted(error)) from None
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


def _refusal(status: int) -> str:
    remedy = _REMEDIES.get(status)
    return f"it answered {status}" + (f": {remedy}" if remedy else "")


def _untrusted(error: ssl.SSLError) -> str:
    """Every fault of TLS; those of the certificate with what to do."""
    cause = getattr(error, "certificate_error", error)  # aiohttp wraps it
    if not isinstance(cause, ssl.SSLCertVerificationError):
        return f"no answer over TLS ({type(error).__name__}): does it speak https?"
    return (
        f"its certificate is not trusted ({cause.verify_message}): give it a public"
        " one, or name the file of whoever signed it in SSL_CERT_FILE, for this service"
    )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    try:
        body = await response.content.readexactly(LARGEST_ANSWER + 1)
    except asyncio.IncompleteReadError as whole:
        return whole.partial
    raise WitnessError(f"its answer has more than {len(body) - 1} bytes")
