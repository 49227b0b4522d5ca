"""A generic platform's call list, fetched from the address of its settings.

`{day}` in the address becomes the day, as in 2026-01-31. Asked with our bearer token,
the platform answers with the list of `call_list.py`.
"""

from collections.abc import AsyncIterator
from datetime import date
from http import HTTPStatus

from proxy.errors import ForbiddenSourceError, SettingsError
from proxy.platforms.base import ListedCall, ListedRecording
from proxy.platforms.call_list import LARGEST_LIST, GivenList
from proxy.platforms.outbound import OutboundClient, unexpected_answer

_PLACE = "{day}"


class GenericLists:
    """The `CallLists` of one generic connection."""

    def __init__(self, client: OutboundClient, address: str) -> None:
        """Raises SettingsError for an address that cannot be right."""
        if _PLACE not in address:
            raise SettingsError(
                "it does not say which day is asked for",
                field="call_list_url",
                fix=f"put {_PLACE} where the day belongs",
            )
        try:
            client.check(address.replace(_PLACE, "2026-01-31"))
        except ForbiddenSourceError as error:
            raise SettingsError(
                error.detail, field="call_list_url", fix=error.fix
            ) from None
        self._client = client
        self._address = address

    async def calls_of(self, day: date) -> AsyncIterator[ListedCall]:
        async for call in (await self._list_of(day)).calls_of(day):
            yield call

    async def recordings_of(self, day: date) -> AsyncIterator[ListedRecording]:
        async for recording in (await self._list_of(day)).recordings_of(day):
            yield recording

    async def _list_of(self, day: date) -> GivenList:
        address = self._address.replace(_PLACE, day.isoformat())
        async with self._client.request("GET", address) as response:
            if response.status != HTTPStatus.OK:
                raise unexpected_answer(response)
            return GivenList(await self._client.read(response, LARGEST_LIST))
