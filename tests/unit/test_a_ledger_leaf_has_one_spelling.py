"""A leaf is one sequence of bytes or it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.ledger.entry import (
    LARGEST_INTEGER,
    Kind,
    NotCanonicalError,
    decode,
    encode,
)

values = st.recursive(
    st.none() | st.text(max_size=20) | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=8,
)
leaves = st.dictionaries(st.text(max_size=8).filter(lambda k: k != "leaf"), values)


@given(leaves)
def test_what_is_written_is_read_back_and_written_the_same_again(
    fields: dict[str, object],
) -> None:
    body = encode(Kind.DRAW, fields)

    read = decode(body)

    assert read == {"leaf": "DRAW", **fields}
    assert encode(Kind.DRAW, {k: v for k, v in read.items() if k != "leaf"}) == body


@pytest.mark.parametrize("value", [1.5, True, b"x", 2**53, -(2**53), {"a": 0.1}, [0.5]])
def test_what_has_no_one_spelling_cannot_be_written(value: object) -> None:
    with pytest.raises(NotCanonicalError):
        encode(Kind.DRAW, {"x": value})


@pytest.mark.parametrize(
    "body",
    [
        b'{"leaf": "DRAW"}',
        b'{"leaf":"DRAW","a":1}',
        b'{"a":1,"a":1,"leaf":"DRAW"}',
        b'{"a":1.0,"leaf":"DRAW"}',
        b'{"a":1e3,"leaf":"DRAW"}',
        b'{"a":NaN,"leaf":"DRAW"}',
        b'{"leaf":"\xc3\xa9"}',
        b"[1]",
        b"",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_any_other_spelling_is_refused(body: bytes) -> None:
    with pytest.raises(NotCanonicalError):
        decode(body)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_break_the_reader(body: bytes) -> None:
    try:
        leaf = decode(body)
    except NotCanonicalError:
        return

    assert isinstance(leaf, dict)
