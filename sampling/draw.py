"""The choice itself: one keyed number per call, compared with one threshold.

Anyone who knows the revealed epoch seed and a call's tag recomputes the draw. All
64-bit values are unsigned, big endian, and written as 16 lower-case hex digits.

Labels keep the hashes of different purposes apart; they are part of the ledger's format
and never change under the same version.
"""

import hmac
from hashlib import sha256

SEED_LABEL = b"ponctuel/seed/v1"
EPOCH_LABEL = b"ponctuel/epoch/v1"
TAG_LABEL = b"ponctuel/tag/v1\0"
DRAW_LABEL = b"ponctuel/draw/v1"
TAG_KEY_LABEL = b"ponctuel/tagkey/v1"

TAG_SIZE = 16
SEED_SIZE = 32


def _u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def seed_commitment(epoch: int, seed: bytes) -> bytes:
    """What is published before the epoch, so that its seed cannot be changed later."""
    return sha256(SEED_LABEL + _u64(epoch) + seed).digest()


def tag_key_commitment(week: int, tag_key: bytes) -> bytes:
    """What binds a week's tags to one key before any call of that week is tagged."""
    return sha256(TAG_KEY_LABEL + str(week).encode() + tag_key).digest()


def epoch_key(epoch: int, seed: bytes, mixed_in: bytes = b"") -> bytes:
    """The key of all draws of an epoch. `mixed_in` is the outside value, if any."""
    return _mac(seed, EPOCH_LABEL + _u64(epoch) + mixed_in)


def call_tag(tag_key: bytes, connection: str, root_call_id: str) -> bytes:
    """A call's 16-byte name in the ledger: keyed, and the same however often asked.

    It must not be salted: a salt would let the operator try names until one is drawn.
    """
    message = TAG_LABEL + connection.encode() + b"\0" + root_call_id.encode()
    return _mac(tag_key, message)[:TAG_SIZE]


def draw_value(key: bytes, tag: bytes) -> int:
    """The call's number u, uniform on 0 … 2^64-1. RECORD if and only if u < T."""
    return int.from_bytes(_mac(key, DRAW_LABEL + tag)[:8], "big")


def hex64(number: int) -> str:
    """16 hex digits: JSON numbers of 64 bits break parsers that use floats."""
    return f"{number:016x}"
