"""drand quicknet: published rounds hold, and nothing that was changed does."""

import struct
from hashlib import sha256

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from py_arkworks_bls12381 import G1Point, Scalar

from proxy.intake.randomness.quicknet import PUBLIC_KEY, is_signed
from sampling.mixing import QUICKNET_CHAIN, randomness
from tests.fakes.outside import REAL_ROUNDS, sign

ROUND = 1000
SIGNATURE = bytes.fromhex(REAL_ROUNDS[ROUND])
RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
# The hash of the founding nodes' group, the one parameter of the chain not in the code.
GROUP = "f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"


def test_the_key_is_the_one_the_chain_is_named_after() -> None:
    parameters = struct.pack(">Iq", 3, 1_692_803_367) + PUBLIC_KEY
    named = sha256(parameters + bytes.fromhex(GROUP) + b"quicknet")

    assert named.hexdigest() == QUICKNET_CHAIN


@pytest.mark.parametrize("number", REAL_ROUNDS)
def test_published_rounds_are_the_networks(number: int) -> None:
    assert is_signed(number, bytes.fromhex(REAL_ROUNDS[number]))


def test_the_published_randomness_is_the_signatures_hash() -> None:
    assert randomness(SIGNATURE).hex() == RANDOMNESS


@given(st.integers(1, 2**40))
@example(1001)
@example(999)
def test_a_signature_holds_for_no_other_round(number: int) -> None:
    assert is_signed(number, SIGNATURE) == (number == ROUND)


@given(st.integers(0, 8 * len(SIGNATURE) - 1))
@example(0)
@example(1)
@example(2)
def test_no_bit_of_a_signature_can_be_changed(bit: int) -> None:
    changed = bytearray(SIGNATURE)
    changed[bit // 8] ^= 0x80 >> bit % 8

    assert not is_signed(ROUND, bytes(changed))


@given(st.binary(max_size=100))
@example(b"")
@example(SIGNATURE + b"\0")
@example(SIGNATURE[:-1])
@example(b"\xc0" + bytes(47))  # the point at infinity
@example(b"\xff" * 48)
def test_nothing_else_is_a_signature(raw: bytes) -> None:
    assert not is_signed(ROUND, raw)


def test_a_point_outside_the_subgroup_is_refused() -> None:
    """Some x gives a point of the curve that is not in the prime-order subgroup."""
    strangers = []
    for x in range(2, 200):
        raw = bytearray(x.to_bytes(48, "big"))
        raw[0] |= 0x80
        try:
            point = G1Point.from_compressed_bytes_unchecked(bytes(raw))
        except ValueError:  # no point of the curve has this x
            continue
        if not point.is_in_subgroup():
            strangers.append(bytes(raw))

    assert strangers
    assert not any(is_signed(ROUND, stranger) for stranger in strangers)


def test_another_keys_signature_and_a_multiple_of_the_right_one_are_refused() -> None:
    twice = G1Point.from_compressed_bytes(SIGNATURE) * Scalar.from_be_bytes(
        bytes(31) + b"\2"
    )

    assert not is_signed(ROUND, sign(ROUND))
    assert not is_signed(ROUND, twice.to_compressed_bytes())
