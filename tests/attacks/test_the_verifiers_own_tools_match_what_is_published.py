"""Signatures, HMAC, tile paths and large ZIPs, beside vectors and other programs."""

import hashlib
import hmac
import io
import math
import zipfile

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import verify
from tests.attacks.formats import Signer, pack

# RFC 8032, section 7.1, tests 1 to 3: public key, message, signature in two halves.
RFC_8032 = """
d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a -
e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155
5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b

3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 72
92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da
085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00

fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025 af82
6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac
18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a
"""
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.mark.parametrize("vector", RFC_8032.strip().split("\n\n"))
def test_published_signatures_hold_and_changed_ones_do_not(vector):
    public, message, first, second = vector.split()
    words = public, message.replace("-", ""), first + second
    key, text, signed = map(bytes.fromhex, words)

    assert verify.is_signed(key, text, signed)
    assert not verify.is_signed(key, text + b"!", signed)
    assert not verify.is_signed(key, text, signed[:-1])
    for bit in range(0, 512, 37):
        bent = int.from_bytes(signed, "big") ^ 1 << bit
        assert not verify.is_signed(key, text, bent.to_bytes(64, "big"))


def test_a_signature_has_one_spelling():
    """S and S + the order are the same number to some verifiers."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"text")
    larger = int.from_bytes(signature[32:], "little") + ORDER

    assert verify.is_signed(public, b"text", signature)
    assert not verify.is_signed(
        public, b"text", signature[:32] + larger.to_bytes(32, "little")
    )


@settings(deadline=None, max_examples=60)
@given(
    secret=st.binary(min_size=32, max_size=32),
    text=st.binary(max_size=200),
    place=st.integers(0, 63),
    mask=st.integers(0, 255),
)
def test_signatures_are_judged_as_by_openssl(secret, text, place, mask):
    key = Ed25519PrivateKey.from_private_bytes(secret)
    public = key.public_key().public_bytes_raw()
    signature = bytearray(key.sign(text))
    signature[place] ^= mask
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(bytes(signature), text)
        is_signed = True
    except InvalidSignature:
        is_signed = False

    assert verify.is_signed(public, text, bytes(signature)) is is_signed


@pytest.mark.parametrize(
    "raw",
    [
        (2).to_bytes(32, "little"),  # on no point
        (2**255 - 18).to_bytes(32, "little"),  # 1, not reduced
        (1 + 2**255).to_bytes(32, "little"),  # x is 0, and negative
    ],
)
def test_what_is_no_point_of_the_curve_is_no_key(raw):
    with pytest.raises(ValueError, match="point"):
        verify.decode_point(raw)


def test_a_key_is_believed_under_its_own_name_and_kind_only():
    log, witness = Signer("ponctuel.example/demo", 1), Signer("dpo.example", 4)

    assert verify.Key.parse(log.vkey, 1).public == log.public
    for vkey, kind in (
        (witness.vkey, 1),
        (log.vkey.replace("demo", "other"), 1),
        (log.vkey[:-4], 1),
    ):
        with pytest.raises(ValueError, match=r"key|base64"):
            verify.Key.parse(vkey, kind)


@given(key=st.binary(min_size=32, max_size=32), message=st.binary(max_size=150))
def test_macs_are_those_of_the_standard_library(key, message):
    assert verify.Mac(key)(message) == hmac.digest(key, message, hashlib.sha256)


def test_tiles_are_found_where_the_specification_has_them():
    assert verify.tile_path(0, 1_234_067, 256) == "tile/0/x001/x234/067"
    assert verify.tile_path("entries", 5, 17) == "tile/entries/005.p/17"


def test_a_zip_of_very_many_files_is_canonical_as_zipfile_writes_it(tmp_path):
    """From 65,536 members on a ZIP has other last records."""
    path = tmp_path / "many.zip"
    path.write_bytes(pack({f"timestamps/{n}.tsr": b"" for n in range(65_600)}))
    case = verify.Case(verify.Auditor(), verify.Times())

    with verify.BoundedFile(path) as file:
        bundle = verify.Bundle(file, case)

    assert len(bundle.members) == 65_600
    assert case.findings == []


def test_a_packed_bundle_can_be_read_but_is_found(tmp_path):
    path, buffer = tmp_path / "packed.zip", io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("checkpoint", b"a note" * 50)
    path.write_bytes(buffer.getvalue())
    case = verify.Case(verify.Auditor(), verify.Times())

    with verify.BoundedFile(path) as file:
        raw = verify.Bundle(file, case).read("checkpoint")

    assert raw == b"a note" * 50
    assert [code for code, _, _ in case.findings] == ["ENCODING"]


@pytest.mark.parametrize(("calls", "rate"), [(10, 0.02), (1000, 0.018), (20_000, 0.1)])
def test_the_band_leaves_out_what_is_rarer_than_one_in_a_million(calls, rate):
    low, high = verify.band(calls, calls * rate)
    mass = [
        math.comb(calls, k) * rate**k * (1 - rate) ** (calls - k)
        if calls <= 1000
        else math.exp(
            math.lgamma(calls + 1)
            - math.lgamma(k + 1)
            - math.lgamma(calls - k + 1)
            + k * math.log(rate)
            + (calls - k) * math.log1p(-rate)
        )
        for k in range(calls + 1)
    ]

    assert sum(mass[:low]) <= 1e-6 < sum(mass[: low + 1])
    assert sum(mass[high + 1 :]) <= 1e-6 < sum(mass[high:])


def test_no_calls_or_certain_ones_have_no_band():
    assert verify.band(0, 0.0) == (0, 0)
    assert verify.band(5, 5.0) == (0, 5)
