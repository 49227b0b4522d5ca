"""What ledgers for the verifier's tests are made of: leaves, and a platform's calls."""

import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.attacks.formats import digest
from tests.attacks.rules import Fields

CONNECTION = "nord-pbx"


def mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha256")


def day_of(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).date().isoformat()


def salt(*words: object) -> str:
    """16 hex digits that look like randomness, as `n`."""
    return digest(repr(words).encode())[:8].hex()


def leaf_bytes(kind: str, fields: Fields) -> bytes:
    leaf = {"leaf": kind, **fields}
    return json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()


def later(second: int, **kwargs: float) -> str:
    moment = datetime.fromtimestamp(second, UTC) + timedelta(**kwargs)
    return moment.isoformat()


@dataclass
class Call:
    """A call at the platform, as its own list has it."""

    id: str
    stratum: str
    started: int
    is_recorded: bool = False

    def row(self) -> dict[str, object]:
        when = datetime.fromtimestamp(self.started, UTC).isoformat()
        return {
            "connection": CONNECTION,
            "root_call_id": self.id,
            "started_at": when,
            "stratum": self.stratum,
            "recorded": str(int(self.is_recorded)),
        }
