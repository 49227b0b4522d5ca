"""Asking for outside values: drand relays, or whoever holds the nonces.

Addresses are tried in turn until one gives an answer that holds. None is believed: a
nonce must open the commitment that stands in the ledger, a beacon must carry the
network's signature, so a lying address can only withhold.

    GET {url}/{chain}/public/{round}                        a drand relay
    GET {url}/nonce-commitments?origin=O&first=E&count=N    a nonce's holder
    GET {url}/nonce?origin=O&epoch=E                        425 before the epoch began
"""

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import TypeVar

from yarl import URL

from proxy.errors import NoOutsideValueError, PonctuelError
from proxy.platforms.outbound import OutboundClient, OutboundPolicy
from proxy.platforms.strict_json import read_object
from sampling.mixing import (
    NONCE_SIZE,
    QUICKNET_CHAIN,
    QUICKNET_SIGNATURE_SIZE,
    nonce_commitment,
    randomness,
)

# An address that hangs must not cost the epoch more than a few seconds of its calls.
TOTAL_SECONDS = 3
_HASH_SIZE = 32  # bytes, of SHA-256
_HEX = re.compile(r"(?:[0-9a-f]{2})*")

Fields = dict[str, object]
Checked = TypeVar("Checked")
IsSigned = Callable[[int, bytes], bool]
"""Whether the network signed this round so."""


@dataclass(frozen=True, slots=True)
class OutsideValue:
    """What is mixed into an epoch's key, and a beacon's signature that proves it."""

    value: bytes
    proof: bytes | None = None


class OutsideSource:
    """The addresses of one site, and how their answers are checked.

    Every method raises `NoOutsideValueError` when no address gives a true answer.
    """

    def __init__(
        self, urls: Sequence[str], origin: str, is_signed: IsSigned | None = None
    ) -> None:
        """Without `is_signed` no beacon is ever believed."""
        hosts = (URL(url).host_port_subcomponent for url in urls)
        self.urls = tuple(urls)
        self._origin = origin
        self._is_signed = is_signed
        self._client = OutboundClient(
            OutboundPolicy(
                allowed_hosts=frozenset(host for host in hosts if host),
                # The settings name them, nobody else; a witness may be next door.
                allow_private_addresses=True,
                connect_timeout=timedelta(seconds=TOTAL_SECONDS),
                idle_timeout=timedelta(seconds=TOTAL_SECONDS),
                total_timeout=timedelta(seconds=TOTAL_SECONDS),
            ),
            headers={},
        )

    async def commitments(self, first: int, count: int) -> dict[int, bytes]:
        """The nonce commitments of up to `count` epochs, from `first` on."""
        query = {"origin": self._origin, "first": str(first), "count": str(count)}

        def check(told: Fields) -> dict[int, bytes]:
            listed = told.get("commitments")
            if told.get("first") != first or not isinstance(listed, list):
                raise NoOutsideValueError("commitments of other epochs")
            if not 0 < len(listed) <= count:
                raise NoOutsideValueError("not the number of commitments asked for")
            return {
                first + place: _binary(text, _HASH_SIZE)
                for place, text in enumerate(listed)
            }

        return await self._ask("nonce-commitments", query, check)

    async def nonce(self, epoch: int, commitment: bytes) -> OutsideValue:
        """The nonce of an epoch that has begun: the one committed to, no other."""
        query = {"origin": self._origin, "epoch": str(epoch)}

        def check(told: Fields) -> OutsideValue:
            nonce = _binary(told.get("nonce"), NONCE_SIZE)
            is_opened = hmac.compare_digest(nonce_commitment(epoch, nonce), commitment)
            if told.get("epoch") != epoch or not is_opened:
                raise NoOutsideValueError("another nonce than was committed to")
            return OutsideValue(nonce)

        return await self._ask("nonce", query, check)

    async def beacon(self, number: int) -> OutsideValue:
        """The value of a quicknet round, signed by the network."""

        def check(told: Fields) -> OutsideValue:
            signature = _binary(told.get("signature"), QUICKNET_SIGNATURE_SIZE)
            value = _binary(told.get("randomness"), _HASH_SIZE)
            if told.get("round") != number or value != randomness(signature):
                raise NoOutsideValueError("another round, or not its randomness")
            if self._is_signed is None or not self._is_signed(number, signature):
                raise NoOutsideValueError("not signed by the network")
            return OutsideValue(value, signature)

        return await self._ask(f"{QUICKNET_CHAIN}/public/{number}", {}, check)

    async def close(self) -> None:
        await self._client.close()

    async def _ask(
        self, path: str, query: dict[str, str], check: Callable[[Fields], Checked]
    ) -> Checked:
        """The first answer that holds."""
        fault = "no address is configured"
        for url in self.urls:
            try:
                return check(await self._get(str(URL(f"{url}/{path}") % query)))
            except PonctuelError as error:
                fault = str(error)
        raise NoOutsideValueError(fault, fix="look at sites.<site>.randomness.urls")

    async def _get(self, url: str) -> Fields:
        async with self._client.request("GET", url) as response:
            if response.status != HTTPStatus.OK:
                raise NoOutsideValueError(f"answered {response.status}")
            return read_object(await self._client.read(response))


def _binary(told: object, size: int) -> bytes:
    """Bytes written as lower-case hex, exactly `size` of them."""
    if not isinstance(told, str) or len(told) != 2 * size or not _HEX.fullmatch(told):
        raise NoOutsideValueError("a value is missing or is not of its form")
    return bytes.fromhex(told)
