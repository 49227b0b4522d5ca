"""Ranges of a package, as RFC 9110 reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rights.packages.ranges import OutsideError, Span, span_of

SIZES = st.integers(1, 2**40)


@given(SIZES, st.data())
def test_the_bytes_that_are_asked_for_are_sent(size: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(start, 2 * size))
    span = span_of(f"bytes={start}-{last}", size)
    assert span == Span(start, min(size, last + 1), size)
    assert span_of(f"bytes={start}-", size) == Span(start, size, size)


@given(SIZES, st.integers(1, 2**41))
def test_the_last_bytes_may_be_asked_for(size: int, count: int) -> None:
    assert span_of(f"bytes=-{count}", size) == Span(max(0, size - count), size, size)


@pytest.mark.parametrize(
    "odd", [None, "", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=0-1", "bytes=a-b"]
)
def test_what_is_no_single_range_is_answered_with_all(odd: str | None) -> None:
    assert span_of(odd, 10) == Span(0, 10, 10, is_part=False)


@pytest.mark.parametrize("behind", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_what_lies_behind_the_end_is_refused(behind: str) -> None:
    with pytest.raises(OutsideError) as refused:
        span_of(behind, 10)
    assert refused.value.size == 10
