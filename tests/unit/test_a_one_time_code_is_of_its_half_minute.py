"""TOTP as RFC 6238 has it: its own test vectors, and clocks that drift."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.accounts.totp import (
    SECRET_SIZE,
    accepted_step,
    in_base32,
    new_totp_secret,
    otpauth_uri,
)

NOW = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
SECRET = bytes(range(SECRET_SIZE))
RFC_SECRET = b"12345678901234567890"


def shown(moment: datetime, secret: bytes = SECRET) -> str:
    return pyotp.TOTP(in_base32(secret)).at(moment)


@pytest.mark.parametrize(
    ("seconds", "digits"),
    [  # RFC 6238, appendix B, SHA-1, the last six of the eight digits
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_the_vectors_of_the_rfc_are_accepted_in_their_step(seconds, digits):
    at = datetime.fromtimestamp(seconds, UTC)

    assert accepted_step(RFC_SECRET, digits, at) == seconds // 30


@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_a_telephone_half_a_minute_off_is_accepted(drift):
    digits = shown(NOW + timedelta(seconds=30 * drift))

    assert accepted_step(SECRET, digits, NOW) == NOW.timestamp() // 30 + drift


@pytest.mark.parametrize("drift", [-1000, -3, -2, 2, 3, 1000])
def test_a_telephone_a_minute_off_is_refused(drift):
    digits = shown(NOW + timedelta(seconds=30 * drift))

    assert accepted_step(SECRET, digits, NOW) is None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "12345",
        "1234567",
        "abcdef",
        "١٢٣٤٥٦",
        "12 34 5",
        "-12345",
        "1e5000",
        "9" * 999,
    ],
)
def test_what_is_not_six_digits_is_refused(typed):
    assert accepted_step(SECRET, typed, NOW) is None


def test_a_space_in_the_middle_is_no_mistake():
    digits = shown(NOW)

    assert accepted_step(SECRET, f"{digits[:3]} {digits[3:]}", NOW) is not None


@given(st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # given their zone beside
def test_whatever_the_time_its_own_digits_are_accepted(moment):
    assert accepted_step(SECRET, shown(moment), moment) is not None


def test_secrets_are_random_and_long_enough_to_be_sealed():
    made = {new_totp_secret() for _ in range(100)}

    assert len(made) == 100
    assert {len(secret) for secret in made} == {32}


def test_the_address_for_the_app_names_the_account_by_its_code():
    parsed = pyotp.parse_uri(otpauth_uri(SECRET, "tr-1", "clinic"))

    assert parsed.secret == in_base32(SECRET)
    assert parsed.name == "tr-1@clinic"
    assert parsed.issuer == "Ponctuel"
