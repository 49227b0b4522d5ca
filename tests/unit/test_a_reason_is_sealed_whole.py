"""What somebody wrote when they broke the glass: checked, sealed, read back whole."""

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.break_glass.faults import GlassReasonError
from proxy.access.break_glass.records import checked_reason, sealed, unsealed
from proxy.access.words import LONGEST, WordsError

KEY = bytes(32)


class Seal:
    """A key ring's, with a key everybody knows."""

    def wrap_service(self, secret: bytes) -> bytes:
        return aes_key_wrap(KEY, secret)

    def unwrap_service(self, wrapped: bytes) -> bytes:
        return aes_key_unwrap(KEY, wrapped)


@given(st.text(max_size=LONGEST))
def test_whatever_was_written_is_read_back(reason):
    kept = sealed(Seal(), reason)

    assert unsealed(Seal(), kept) == reason
    assert len(reason) < 8 or reason.encode() not in kept


@pytest.mark.parametrize("reason", ["", "a b c", "urgenturgenturgenturgent"])
def test_a_reason_has_twenty_characters_and_three_words(reason):
    with pytest.raises(GlassReasonError):
        checked_reason(reason)


@pytest.mark.parametrize(
    "reason",
    ["Mr X, 06.12.34.56.78, complains", "ask a@example.test about it", "x " * 300],
)
def test_a_reason_has_no_number_and_no_address_and_an_end(reason):
    with pytest.raises(WordsError):
        checked_reason(reason)


def test_blanks_around_it_are_no_part_of_it():
    reason = "A complaint of today names this call."

    assert checked_reason(f"  {reason}\n") == reason
