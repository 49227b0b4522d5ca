"""Recordings at Twilio, over its REST API (twilio-oai, twilio_api_v2010).

Addresses are built from the account and the recording's id; the `RecordingUrl` of a
callback is never used.
"""

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from re import Pattern

from yarl import URL

from proxy.errors import (
    BadEventError,
    ForbiddenSourceError,
    SourceUnavailableError,
)
from proxy.platforms.outbound import (
    GONE,
    OutboundClient,
    OutboundPolicy,
    unexpected_answer,
)
from proxy.platforms.strict_json import read_object
from proxy.platforms.twilio_config import TwilioConfig

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")
RECORDING_SID = re.compile(r"RE[0-9a-fA-F]{32}")


def open_client(config: TwilioConfig) -> OutboundClient:
    """The client of one account, which goes nowhere but to the API."""
    base = URL(config.api_base)
    policy = OutboundPolicy(
        allowed_hosts=frozenset({f"{base.host_subcomponent}:{base.port}"}),
        allow_private_addresses=config.allow_private_addresses,
        idle_timeout=config.idle_timeout,
    )
    credentials = f"{config.account_sid}:{config.auth_token}".encode()
    authorization = f"Basic {b64encode(credentials).decode()}"
    return OutboundClient(policy, {"Authorization": authorization})


class TwilioRecordings:
    """A `RecordingSource` whose references are recording SIDs."""

    def __init__(self, config: TwilioConfig, client: OutboundClient) -> None:
        self._client = client
        self._account = config.account_address

    def fetch(
        self, source_ref: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream the WAV, with the channels it was recorded with: both of them."""
        return self._client.stream(f"{self._recording(source_ref)}.wav")

    async def delete(self, source_ref: str) -> None:
        await self._client.delete(f"{self._recording(source_ref)}.json")

    async def is_gone(self, source_ref: str) -> bool:
        """Want a 404, then the tombstone Twilio keeps for 40 days, or a 404 again."""
        metadata = f"{self._recording(source_ref)}.json"
        if await self._status(metadata) is not None:
            return False
        tombstone = await self._status(f"{metadata}?IncludeSoftDeleted=true")
        return tombstone in {None, "deleted"}

    async def stop(self, call_id: str) -> None:
        _check_sid(CALL_SID, call_id)
        url = f"{self._account}/Calls/{call_id}/Recordings/Twilio.CURRENT.json"
        async with self._client.request("POST", url, {"Status": "stopped"}) as response:
            if not response.ok and response.status not in GONE:
                raise unexpected_answer(response)

    async def close(self) -> None:
        await self._client.close()

    def _recording(self, recording_sid: str) -> str:
        _check_sid(RECORDING_SID, recording_sid)
        return f"{self._account}/Recordings/{recording_sid}"

    async def _status(self, url: str) -> str | None:
        """Return the `status` of a recording's metadata, None when there is none."""
        async with self._client.request("GET", url) as response:
            if response.status in GONE:
                return None
            if response.status != HTTPStatus.OK:
                raise unexpected_answer(response)
            raw_metadata = await self._client.read(response)
        try:
            return str(read_object(raw_metadata).get("status"))
        except BadEventError:
            raise SourceUnavailableError("the answer is not Twilio's JSON") from None


def _check_sid(pattern: Pattern[str], sid: str) -> None:
    """Keep anything that is not a SID out of the address that is built with it."""
    if not pattern.fullmatch(sid):
        raise ForbiddenSourceError("this is not a SID of Twilio's")
