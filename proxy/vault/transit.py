"""Keys that never leave OpenBao or HashiCorp Vault: its transit engine wraps for us.

A key is `ponctuel-<site>.<name>`; no site's code has a dot in it, so no site's names
begin like another's. Standing secrets and notes lie in a KV engine of version 2, the
secrets wrapped by a transit key, so that a copy of that engine alone opens nothing.
Wrapped bytes are the engine's own ciphertext, `vault:v1:…`. Needs the policy in
docs/decisions/0020-key-stores.md.
"""

import base64
import re
import secrets
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from proxy.errors import KeyMissingError, TamperedError
from proxy.vault.key_rules import (
    STANDING,
    checked,
    checked_mortal,
    checked_note,
    checked_standing,
    is_name,
    prove,
)
from proxy.vault.key_store import KEY_SIZE, UndestroyableKeysError
from proxy.vault.kv_folder import KvFolder, from_base64
from proxy.vault.transit_client import POLICY, Answer, TransitClient, TransitConfig

# OpenBao 2.7 refuses a request of more than 1,000 strings; each item has four.
BATCH = 200
_SERVICE = "service"
# OpenBao 2.7 keeps a deleted key in its memory, usable, when another replica allows its
# deletion in the same moment. Deleting it again removes it. (Seen in November 2026.)
_DELETIONS = 5
# What a key must be, or copies of it may exist that nobody destroys.
_DESTROYABLE: Mapping[str, object] = {
    "type": "aes256-gcm96",
    "exportable": False,
    "allow_plaintext_backup": False,
    "derived": False,
}
# With 400 each item that cannot be used says why.
_JUDGED = frozenset({HTTPStatus.OK, HTTPStatus.BAD_REQUEST})
_CIPHERTEXT = re.compile(rb"vault:v[1-9][0-9]{0,8}:(?P<sealed>[A-Za-z0-9+/]+={0,2})")
_OVERHEAD = 12 + 16  # bytes of AES-GCM's nonce and tag in a ciphertext


class TransitKeys:
    """A KeyStore in a transit engine."""

    def __init__(self, config: TransitConfig, site: str) -> None:
        self._client = TransitClient(config)
        self._mount = config.mount
        self._setting = config.setting
        self._prefix = f"ponctuel-{site}."
        folder = f"ponctuel/{site}"
        self._notes = KvFolder(self._client, config.notes_mount, f"{folder}/notes")
        self._secrets = KvFolder(self._client, config.notes_mount, f"{folder}/secrets")

    async def open(self) -> None:
        """Ask for everything once: a lack of permission shows now, not at a death."""
        await prove(self)
        await self._prove_that_use_makes_no_key()
        await self.names()
        await self.note_names("")

    async def close(self) -> None:
        await self._client.close()

    async def exists(self, name: str) -> bool:
        return await self._properties(checked(name)) is not None

    async def names(self) -> list[str]:
        listed = await self._client.names(f"{self._mount}/keys")
        ours = {key for key in listed if key.startswith(self._prefix)}
        names = {key.removeprefix(self._prefix) for key in ours}
        return sorted(filter(is_name, names - STANDING))

    async def make(self, name: str) -> None:
        """Raises UndestroyableKeysError if a key of this name can have copies."""
        properties = await self._properties(checked(name))
        if properties is None:
            await self._client.demand("POST", self._key_path(name), _DESTROYABLE)
            properties = await self._properties(name)
        if properties is None:
            raise self._client.fault(f"key {name} was made and is not there")
        for field, right in _DESTROYABLE.items():
            if properties.get(field) != right:
                raise self._undestroyable(name, field)
        if properties.get("imported_key"):  # servers that cannot import do not say
            raise self._undestroyable(name, "imported_key")

    async def wrap(self, name: str, secrets: Sequence[bytes]) -> list[bytes]:
        items = [{"plaintext": _to_text(secret)} for secret in secrets]
        results = await self._batches("encrypt", checked(name), items)
        return [
            self._wrapped(result, len(secret))
            for result, secret in zip(results, secrets, strict=True)
        ]

    async def unwrap(self, name: str, wrapped: Sequence[bytes]) -> list[bytes]:
        sizes = [_clear_size(each) for each in wrapped]
        items = [{"ciphertext": each.decode()} for each in wrapped]
        results = await self._batches("decrypt", checked(name), items)
        return [
            self._clear(result, size)
            for result, size in zip(results, sizes, strict=True)
        ]

    async def destroy(self, name: str) -> None:
        path = self._key_path(checked_mortal(name))
        answer = None
        for _ in range(_DELETIONS):
            answer = await self._delete(name)
            if await self._properties(name) is None:
                return
        if answer and not answer.is_done:
            raise self._client.refused(answer, path)
        raise UndestroyableKeysError(f"key {name} was destroyed and is still there")

    async def secret(self, name: str) -> bytes:
        kept = await self._secrets.read(checked_standing(name))
        if kept is None:
            await self.make(_SERVICE)
            [wrapped] = await self.wrap(_SERVICE, [secrets.token_bytes(KEY_SIZE)])
            # Of two that write at once the first wins, and both read what it wrote.
            await self._secrets.create(name, wrapped)
            kept = await self._secrets.read(name)
        if kept is None:
            raise self._client.fault(f"secret {name} was written and is not there")
        [secret] = await self.unwrap(_SERVICE, [kept])
        if len(secret) != KEY_SIZE:
            raise TamperedError(f"secret {name} has not {KEY_SIZE} bytes")
        return secret

    async def has_secret(self, name: str) -> bool:
        return await self._secrets.read(checked_standing(name)) is not None

    async def write_note(self, name: str, content: bytes) -> None:
        await self._notes.write(checked(name), checked_note(content))

    async def read_note(self, name: str) -> bytes | None:
        return await self._notes.read(checked(name))

    async def note_names(self, prefix: str) -> list[str]:
        names = filter(is_name, await self._notes.names())
        return sorted(name for name in names if name.startswith(prefix))

    async def remove_note(self, name: str) -> None:
        await self._notes.remove(checked(name))

    async def _prove_that_use_makes_no_key(self) -> None:
        """A token that may create by encrypting would bring dead keys' names back."""
        name = f"probe-{secrets.token_hex(8)}"
        try:
            await self.wrap(name, [bytes(KEY_SIZE)])
        except KeyMissingError:
            return
        await self.destroy(name)
        raise self._client.fault(
            "encrypting under a key that is missing makes it",
            f"give the token no more than {POLICY} does, or set disable_upsert in"
            f" {self._mount}/config/keys",
        )

    def _key_path(self, name: str, verb: str = "keys") -> str:
        return f"{self._mount}/{verb}/{self._prefix}{name}"

    async def _delete(self, name: str) -> Answer | None:
        path = self._key_path(name)
        properties = await self._properties(name)
        if properties is None:
            return None
        if not properties.get("deletion_allowed"):
            allowed = await self._client.ask(
                "POST", f"{path}/config", {"deletion_allowed": True}
            )
            if not allowed.is_done:
                return allowed
        return await self._client.ask("DELETE", path)

    async def _properties(self, name: str) -> Mapping[str, object] | None:
        path = self._key_path(name)
        answer = await self._client.ask("GET", path)
        if answer.is_absence:
            return None
        if not answer.is_done:
            raise self._client.refused(answer, path)
        if answer.data.get("name") != f"{self._prefix}{name}":
            raise self._client.fault(f"asked for key {name}, it told of another")
        return answer.data

    async def _batches(
        self, verb: str, name: str, items: Sequence[Mapping[str, str]]
    ) -> list[Mapping[str, object]]:
        """The result of each item, in their order."""
        results: list[Mapping[str, object]] = []
        for start in range(0, len(items), BATCH):
            results += await self._batch(verb, name, items[start : start + BATCH])
        return results

    async def _batch(
        self, verb: str, name: str, items: Sequence[Mapping[str, str]]
    ) -> list[Mapping[str, object]]:
        path = self._key_path(name, verb)
        numbered = [{**item, "reference": str(n)} for n, item in enumerate(items)]
        answer = await self._client.ask("POST", path, {"batch_input": numbered})
        if answer.status not in _JUDGED or "batch_results" not in answer.data:
            # A key that is missing is answered 400, or 403 where only existing ones
            # may be used; so is much else.
            if not await self.exists(name):
                raise KeyMissingError(f"no key {name}")
            raise self._client.refused(answer, path)
        results = _results(answer.data)
        if [each.get("reference") for each in results] != [
            each["reference"] for each in numbered
        ]:
            raise self._client.fault("it answered something else than was asked")
        return results

    def _wrapped(self, result: Mapping[str, object], size: int) -> bytes:
        wrapped = str(result.get("ciphertext")).encode()
        try:
            if _clear_size(wrapped) == size:
                return wrapped
        except TamperedError:
            pass
        raise self._client.fault("what it wrapped is not wrapped")

    def _clear(self, result: Mapping[str, object], size: int) -> bytes:
        error = str(result.get("error", ""))
        if "too old" in error:
            raise self._client.fault(
                "the key is told to forget its older versions",
                "lower its min_decryption_version",
            )
        if error:
            raise TamperedError("the wrapped key is not the one that was wrapped")
        clear = from_base64(result.get("plaintext"))
        if clear is None or len(clear) != size:
            raise self._client.fault("what it unwrapped is not what was wrapped")
        return clear

    def _undestroyable(self, name: str, field: str) -> UndestroyableKeysError:
        return UndestroyableKeysError(
            f"key {self._prefix}{name} has another `{field}` than a key that can die",
            field=self._setting,
            fix="find out who made it, and delete it",
        )


def _to_text(secret: bytes) -> str:
    return base64.b64encode(secret).decode()


def _results(data: Mapping[str, object]) -> list[Mapping[str, object]]:
    results = data.get("batch_results")
    if not isinstance(results, list):
        return []
    return [each for each in results if isinstance(each, dict)]


def _clear_size(wrapped: bytes) -> int:
    """Raises TamperedError for what is no ciphertext of a transit engine."""
    found = _CIPHERTEXT.fullmatch(wrapped)
    sealed = from_base64(found["sealed"].decode()) if found else None
    if sealed is None or len(sealed) < _OVERHEAD:
        raise TamperedError("the wrapped key is not one that was wrapped here")
    return len(sealed) - _OVERHEAD
