"""Reading the fields of a leaf: the right type and one spelling, or malformed."""

from collections.abc import Mapping

Leaf = Mapping[str, object]

_INTEGERS_END = 2**53  # larger ones break JSON parsers that use floats


class MalformedError(ValueError):
    """A leaf has not the fields of its kind."""


def integer(leaf: Leaf, name: str) -> int:
    value = leaf.get(name)
    # Not isinstance: True would pass for 1.
    if type(value) is not int or not 0 <= value < _INTEGERS_END:
        raise MalformedError(f"{name} is not a natural number below 2^53")
    return value


def text(leaf: Leaf, name: str) -> str:
    value = leaf.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not text")
    return value


def binary(leaf: Leaf, name: str, size: int) -> bytes:
    """`size` bytes as lower-case hex: one spelling only."""
    spelled = text(leaf, name)
    try:
        value = bytes.fromhex(spelled)
    except ValueError:
        value = b""
    if len(value) != size or value.hex() != spelled:
        raise MalformedError(f"{name} is not {size} bytes in lower-case hex")
    return value
