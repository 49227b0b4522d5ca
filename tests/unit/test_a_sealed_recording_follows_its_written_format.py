import hashlib
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.vault.sealing import Sealer

PAGE = Path(__file__).parents[2] / "docs" / "sealing-format.md"
BLOCKS = [
    dict(re.findall(r"^([a-z0-9 -]+?)  +(\S+)$", block, re.MULTILINE))
    for block in PAGE.read_text("utf-8").partition("## Test vectors")[2].split("```")
]
INPUTS, SHORT, EMPTY, LONG = (block for block in BLOCKS if block)
DATA_KEY, PREFIX, RECORDING_ID = (
    bytes.fromhex(INPUTS[name]) for name in ("data key", "nonce prefix", "recording id")
)
TWO_CHUNKS = bytes(i % 251 for i in range(65_537))


def sealed(audio: bytes) -> bytes:
    sealer = Sealer(DATA_KEY, RECORDING_ID, nonce_prefix=PREFIX)
    return sealer.header() + b"".join(sealer.update(audio)) + sealer.finish()


def opened_from_the_page_alone(sealed_object: bytes) -> bytes:
    """An opener that shares nothing with the service's but the page."""
    header, rest = sealed_object[:16], sealed_object[16:]
    assert header[:9] == b"PNCT\x01\x00\x01\x00\x00"
    count = max(1, -(-len(rest) // 65_552))
    clear_audio = b""
    for index in range(count):
        final_mark = b"\x01" if index == count - 1 else b"\x00"
        clear_audio += AESGCM(DATA_KEY).decrypt(
            header[9:] + index.to_bytes(4, "big") + final_mark,
            rest[65_552 * index : 65_552 * (index + 1)],
            header + RECORDING_ID,
        )
    return clear_audio


@pytest.mark.parametrize(
    ("vector", "audio"),
    [
        pytest.param(SHORT, b"Ponctuel", id="short"),
        pytest.param(EMPTY, b"", id="empty"),
    ],
)
def test_the_short_vectors_of_the_page_are_reproduced(vector, audio):
    sealed_object = sealed(audio)

    assert vector["clear"] in (audio.hex(), "-")
    assert sealed_object.hex() == vector["sealed"]
    assert hashlib.sha256(sealed_object).hexdigest() == vector["sha-256"]


def test_the_long_vector_of_the_page_is_reproduced():
    sealed_object = sealed(TWO_CHUNKS)

    assert len(sealed_object) == int(LONG["sealed size"])
    assert sealed_object[-17:].hex() == LONG["final chunk"]
    assert hashlib.sha256(sealed_object).hexdigest() == LONG["sha-256"]


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 200_000])
def test_the_page_is_enough_to_open_a_recording(size):
    audio = (TWO_CHUNKS * 4)[:size]

    assert opened_from_the_page_alone(sealed(audio)) == audio
