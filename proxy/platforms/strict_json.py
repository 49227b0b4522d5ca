"""JSON from strangers, read so that it can mean one thing only.

Two parsers that disagree about a duplicate name or a NaN disagree about what they were
sent. Everything refused here is `BadEventError`; nothing accepted here can break what
follows: a lone surrogate cannot be encoded, a NUL cannot be stored by PostgreSQL, an
infinity cannot be written back as JSON.
"""

import json
import math
from typing import NoReturn

from proxy.errors import BadEventError

MAX_DEPTH = 16


def read_object(raw: bytes) -> dict[str, object]:
    """Parse one JSON object in UTF-8. Raises `BadEventError`."""
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise BadEventError("the body is not valid JSON in UTF-8") from None
    if not isinstance(value, dict):
        raise BadEventError("the body is not a JSON object")
    if _may_hide_something(raw):
        _check_tree(value)
    return value


def _may_hide_something(raw: bytes) -> bool:
    """Whether there can be anything to find; nearly always the bytes say no.

    Only an escape spells NUL or half of a surrogate pair, and only many brackets make
    many levels.
    """
    return b"\\u" in raw or raw.count(b"{") + raw.count(b"[") > MAX_DEPTH


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BadEventError("a name appears twice in one object", fix="send it once")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise BadEventError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise BadEventError("a number is too large")
    return number


# Made once: to make it costs as much as to read a webhook.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
)


def _check_tree(root: object) -> None:
    """Walk without recursion: the depth of the input must not become ours."""
    waiting: list[tuple[object, int]] = [(root, 1)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise BadEventError(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, str):
            _check_text(node)
        elif isinstance(node, dict):
            waiting += [(each, depth + 1) for pair in node.items() for each in pair]
        elif isinstance(node, list):
            waiting += [(each, depth + 1) for each in node]


def _check_text(text: str) -> None:
    if "\0" in text:
        raise BadEventError("a text contains NUL")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadEventError("a text contains half of a surrogate pair") from None
