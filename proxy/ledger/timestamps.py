"""Time stamps: once a day an outside authority dates the newest head (RFC 3161).

What it dates is the checkpoint's text, three lines, and not the signatures under it:
more of those may come later. Nothing is stored that was not verified first, against
certificates the operator has chosen. An authority that is down, slow or wrong costs a
line in the log; heads are signed and published as ever.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Self

import aiohttp
import structlog
from cryptography import x509
from rfc3161_client import (
    HashAlgorithm,
    TimeStampRequest,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from proxy.errors import PonctuelError
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.publisher import Publisher
from proxy.ledger.transaction import QUERIES, Ledger

log = structlog.get_logger()

ONCE_A = timedelta(days=1)
TRY_AGAIN = timedelta(minutes=15)
LARGEST_RESPONSE = 64 * 1024  # bytes; with a chain of certificates it has about 6,000
_LONGEST_REASON = 200
_QUERY = "application/timestamp-query"


class TimeStampError(PonctuelError):
    """The authority gave no time stamp that holds."""

    error_id = "no-time-stamp"


@dataclass(frozen=True, slots=True)
class Authority:
    """A time-stamping authority, and whose certificates make it believed.

    It is waited for `patience` seconds.
    """

    url: str
    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...] = ()
    patience: float = 10.0

    @classmethod
    def trusting(cls, url: str, raw_pem: bytes) -> Self:
        """Believe what these certificates vouch for; ValueError without a root."""
        known = x509.load_pem_x509_certificates(raw_pem)
        roots = tuple(one for one in known if one.issuer == one.subject)
        if not roots:
            raise ValueError("it holds no root: no certificate is its own issuer")
        return cls(url, roots, tuple(one for one in known if one not in roots))

    async def stamp(self, text: bytes) -> bytes:
        """Get a time for `text`: the DER of a TimeStampResp that was verified.

        Raises TimeStampError for anything else.
        """
        request = (
            TimestampRequestBuilder()
            .data(text)
            .hash_algorithm(HashAlgorithm.SHA256)
            .build()
        )
        try:
            async with asyncio.timeout(self.patience):
                raw_response = await self._post(request.as_bytes())
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            # Only the kind: its text may quote an address with credentials.
            raise TimeStampError(type(error).__name__) from error
        await asyncio.to_thread(self._verify, request, raw_response, text)
        return raw_response

    async def _post(self, query: bytes) -> bytes:
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                self.url,
                data=query,
                headers={"Content-Type": _QUERY},
                allow_redirects=False,
            ) as response,
        ):
            if response.status != HTTPStatus.OK:
                raise TimeStampError(f"it answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > LARGEST_RESPONSE:
                    raise TimeStampError("its answer is too long")
            return bytes(body)

    def _verify(
        self, request: TimeStampRequest, raw_response: bytes, text: bytes
    ) -> None:
        """Status, signature up to a root, nonce and digest (RFC 3161, section 2.2)."""
        verifier = VerifierBuilder(
            roots=list(self.roots),
            intermediates=list(self.intermediates),
            nonce=request.nonce,
        ).build()
        try:
            response = decode_timestamp_response(raw_response)
            verifier.verify_message(response, text)
        except (ValueError, VerificationError) as error:
            raise TimeStampError(str(error)[:_LONGEST_REASON]) from error


class TimeStamps:
    """The time stamps of one site's ledger. Without an authority there are none."""

    def __init__(
        self,
        ledger: Ledger,
        publisher: Publisher,
        authority: Authority | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._publisher = publisher
        self._authority = authority
        self._clock = clock
        self._not_before = datetime.min.replace(tzinfo=UTC)

    async def stamp_if_due(self) -> None:
        """Date the newest head unless one was dated within a day."""
        now = self._clock()
        if self._authority is None or now < self._not_before:
            return
        newest = await self._head_to_stamp(now)
        if newest is None:
            return
        try:
            token = await self._authority.stamp(newest.text.encode())
        except TimeStampError as error:
            self._not_before = now + TRY_AGAIN
            log.warning("no time stamp", why=error.detail)
            return
        async with self._ledger.database.connection() as connection:
            await connection.execute(
                QUERIES["insert_timestamp"], self._site, newest.size, token, now
            )

    async def _head_to_stamp(self, now: datetime) -> Checkpoint | None:
        async with self._ledger.database.connection() as connection:
            newest = await self._publisher.newest(connection)
            last = await connection.fetchrow(
                QUERIES["read_newest_timestamp"], self._site
            )
        if newest is None or last is None:
            return newest
        # One from the future is a clock's fault, and must not keep others away.
        is_fresh = timedelta(0) <= now - last["stamped_at"] < ONCE_A
        return None if is_fresh or last["size"] == newest.size else newest
