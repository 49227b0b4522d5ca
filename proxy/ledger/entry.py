"""The canonical bytes of a leaf: one spelling only, so that a hash means one thing.

JSON with sorted keys, no spaces, ASCII, integers below 2^53, no floats, 64-bit values
and binary as lower-case hex strings. A leaf holds no personal data and, for a draw, no
time.
"""

import json
import secrets
from collections.abc import Mapping
from enum import StrEnum

from proxy.errors import PonctuelError

LARGEST_INTEGER = 2**53 - 1

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))

Value = str | int | None | Mapping[str, "Value"] | list["Value"]
Leaf = Mapping[str, Value]


class Kind(StrEnum):
    """The closed list of what the ledger can say."""

    GENESIS = "GENESIS"
    POLICY = "POLICY"
    TAG_KEY = "TAGKEY+"
    TAG_KEY_DESTROYED = "TAGKEY-"
    OPEN = "OPEN"
    CLOSE = "CLOSE"
    DRAW = "DRAW"
    OUTCOME = "OUT"
    DELETED = "DEL"
    DAY_KEY_MADE = "KEK+"
    DAY_KEY_DESTROYED = "KEK-"
    HOLD = "HOLD"
    STOP = "STOP"
    RECONCILED = "RECON"
    INVENTORY = "INV"
    NOTE = "NOTE"


class NotCanonicalError(PonctuelError):
    """A ledger leaf is not in its one canonical spelling."""

    error_id = "not-canonical"


def salted(fields: Leaf) -> Leaf:
    """Add 16 random hex digits, `n`, to a leaf that has few possible contents.

    Its hash may be published before the leaf itself is, and must not tell what it says.
    """
    return {**fields, "n": secrets.token_hex(8)}


def encode(kind: Kind, fields: Leaf) -> bytes:
    """A leaf's bytes. Raises NotCanonicalError for a value it cannot spell."""
    return canonical({"leaf": kind.value, **fields})


def canonical(fields: Leaf) -> bytes:
    """The one spelling. Raises NotCanonicalError for a value it cannot spell."""
    _check(fields)
    return _dump(fields)


def decode(body: bytes) -> dict[str, Value]:
    """Read a leaf, refusing anything that would not be written the very same way."""
    try:
        leaf = json.loads(
            body,
            object_pairs_hook=_without_repeats,
            parse_float=_no_float,
            parse_constant=_no_float,
        )
    except (ValueError, RecursionError) as error:
        raise NotCanonicalError(str(error)) from error
    if not isinstance(leaf, dict) or _dump(leaf) != body:
        raise NotCanonicalError("it does not re-encode to the same bytes")
    _check(leaf)
    return leaf


def _dump(leaf: Leaf) -> bytes:
    return _ENCODER.encode(leaf).encode()


def _check(value: object) -> None:
    if isinstance(value, Mapping):
        for inner in value.values():
            _check(inner)
    elif isinstance(value, list):
        for inner in value:
            _check(inner)
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonicalError(f"{value} does not fit a JSON integer")
    elif value is not None and not isinstance(value, str):
        raise NotCanonicalError(f"{type(value).__name__} has no canonical spelling")


def _without_repeats(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonicalError("a key stands twice")
    return found


def _no_float(text: str) -> Value:
    raise NotCanonicalError(f"{text} is not an integer")
