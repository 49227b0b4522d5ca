"""Outside values mixed into an epoch's seed, so that its holder did not choose alone.

Mode `operator` mixes nothing in. Mode `witness` mixes in a nonce that a witness has
committed to. Mode `drand` mixes in the randomness of the first round of drand's public
chain "quicknet" that comes out when the epoch begins or later; period and genesis are
those of the chain named here, and of no other.
"""

from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

NONCE_LABEL = b"ponctuel/nonce/v1"
NONCE_SIZE = 32
QUICKNET_CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
QUICKNET_SIGNATURE_SIZE = 48
_QUICKNET_GENESIS = 1_692_803_367  # Unix seconds of round 1
_QUICKNET_PERIOD = 3  # seconds


class Mode(StrEnum):
    """What is mixed into an epoch's seed, as POLICY leaves name it."""

    OPERATOR = "operator"
    WITNESS = "witness"
    DRAND = "drand"


def nonce_commitment(epoch: int, nonce: bytes) -> bytes:
    """What a witness publishes before it may say its nonce for this epoch."""
    return sha256(NONCE_LABEL + epoch.to_bytes(8, "big") + nonce).digest()


def round_of_epoch(epoch: int, epoch_seconds: int) -> int:
    """The first round whose time is the epoch's beginning or later."""
    periods = -(-(epoch * epoch_seconds - _QUICKNET_GENESIS) // _QUICKNET_PERIOD)
    return max(0, periods) + 1


def time_of_round(number: int) -> datetime:
    """When a round comes out; relays have it a second or so later."""
    seconds = _QUICKNET_GENESIS + _QUICKNET_PERIOD * (number - 1)
    return datetime.fromtimestamp(seconds, UTC)


def randomness(signature: bytes) -> bytes:
    """A round's 32 bytes, of a signature checked to be the chain's own elsewhere."""
    return sha256(signature).digest()
