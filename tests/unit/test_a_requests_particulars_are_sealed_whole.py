"""What names the person of a request: sealed in one piece, in no repr, read back."""

import os
from datetime import date

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import TamperedError
from proxy.rights.particulars import Particulars, Window, seal, unseal
from proxy.rights.records import NewRequest
from proxy.rights.requests import new_reference
from retention.rights.deadlines import Kind


class Ring:
    """The key ring's wrapping, with a key of its own."""

    def __init__(self) -> None:
        self._key = os.urandom(32)

    def wrap_service(self, secret: bytes) -> bytes:
        return aes_key_wrap(self._key, secret)

    def unwrap_service(self, wrapped: bytes) -> bytes:
        return aes_key_unwrap(self._key, wrapped)


WORDS = st.text(max_size=60)
WINDOWS = st.builds(
    Window,
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.integers(0, 22),
    st.integers(1, 24),
    WORDS,
)
PARTICULARS = st.builds(
    Particulars,
    number=st.sampled_from(["", "+33612345678"]),
    agent=WORDS,
    windows=st.lists(WINDOWS, max_size=3).map(tuple),
    name=WORDS,
    contact=WORDS,
    words=WORDS,
    grounds=WORDS,
    articles=st.lists(st.sampled_from(["12(5)", "17(3)(e)"]), max_size=2).map(tuple),
)


@given(told=PARTICULARS)
def test_they_are_read_as_they_were_told(told):
    ring = Ring()

    assert unseal(ring, seal(ring, told)) == told


@given(words=st.text("abcdefgh é", max_size=20))
def test_their_length_does_not_say_how_much_was_told(words):
    ring = Ring()
    sealed = seal(ring, Particulars(number="+33612345678", name=words))

    assert len(sealed) == len(seal(ring, Particulars(number="+33612345678")))


def test_what_is_no_particulars_is_not_read_as_some():
    ring = Ring()

    for clear in (b"\0\0\0\2{]" + b"\0" * 10, b"\0\0\0\7[1,2,3]" + b"\0" * 5):
        with pytest.raises(TamperedError):
            unseal(ring, ring.wrap_service(clear))


def test_no_repr_shows_them():
    told = Particulars(number="+33612345678", name="Jeanne Testard")
    new = NewRequest(kind=Kind.ACCESS, number="+33612345678", name="Jeanne Testard")

    for shown in (repr(told), repr(new), str([told]), f"{new}"):
        assert "Testard" not in shown
        assert "12345678" not in shown


def test_a_reference_is_short_random_and_no_counter():
    made = {new_reference() for _ in range(1000)}

    # Of 27 to the 8th two are the same in two runs of a million, and twice two never.
    assert len(made) >= 999
    signs = set("".join(made)) - {"-"}
    assert not signs & set("01OILAEUY")
    assert {len(reference) for reference in made} == {9}
