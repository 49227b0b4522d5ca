"""A folder of small bytes in a KV engine (version 2) of OpenBao or Vault."""

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus

from proxy.vault.transit_client import Answer, TransitClient

# 400: there is a version already. 403: the token may create and not update.
_LOST_RACE = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN})


class KvFolder:
    """Every method raises StorageError; names are checked by whoever calls."""

    def __init__(self, client: TransitClient, mount: str, folder: str) -> None:
        self._client = client
        self._mount = mount
        self._data = f"{mount}/data/{folder}"
        self._metadata = f"{mount}/metadata/{folder}"

    async def read(self, name: str) -> bytes | None:
        path = f"{self._data}/{name}"
        answer = await self._client.ask("GET", path)
        if answer.is_absence:
            return None
        if answer.status == HTTPStatus.NOT_FOUND and answer.data:
            raise self._client.fault(f"{path} was deleted by hand", "undelete it")
        if not answer.is_done:
            raise self._client.refused(answer, path)
        data = answer.data.get("data")
        content = from_base64(data.get("content")) if isinstance(data, dict) else None
        if content is None:
            raise self._client.fault(f"{path} is not what was written")
        return content

    async def create(self, name: str, content: bytes) -> None:
        """Write what is not there yet; what is there stays as it is."""
        answer = await self._post(name, content, {"cas": 0})
        if answer.status not in _LOST_RACE:
            self._require_version(answer, name)

    async def write(self, name: str, content: bytes) -> None:
        """Replace what is there, and forget it."""
        self._require_version(await self._post(name, content, {}), name)
        # The engine would keep ten versions. It is told after the first write, for what
        # has settings and no content yet would be listed.
        path = f"{self._metadata}/{name}"
        await self._client.demand("POST", path, {"max_versions": 1})

    async def names(self) -> list[str]:
        return await self._client.names(self._metadata)

    async def remove(self, name: str) -> None:
        """With all its versions; what is missing counts as removed."""
        await self._client.demand("DELETE", f"{self._metadata}/{name}")
        if await self.read(name) is not None:
            raise self._client.fault(f"{name} was removed and is still there")

    async def _post(
        self, name: str, content: bytes, options: Mapping[str, int]
    ) -> Answer:
        data = {"content": base64.b64encode(content).decode()}
        body = {"options": options, "data": data}
        return await self._client.ask("POST", f"{self._data}/{name}", body)

    def _require_version(self, answer: Answer, name: str) -> None:
        if not answer.is_done:
            raise self._client.refused(answer, f"{self._data}/{name}")
        if not isinstance(answer.data.get("version"), int):
            raise self._client.fault(
                f"{self._mount} keeps no versions", "make it a KV engine of version 2"
            )


def from_base64(text: object) -> bytes | None:
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
