"""Recovery codes: what lets somebody in once when their telephone is gone."""

import re
import secrets
from base64 import b32encode
from hashlib import sha256

CODES = 10
_BYTES = 10  # 80 bits, as CNIL deliberation 2022-100 asks of a secret alone
_GROUP = 4


def new_codes() -> tuple[str, ...]:
    """Ten codes, to be shown once: four groups of four letters and digits."""
    return tuple(_written(secrets.token_bytes(_BYTES)) for _ in range(CODES))


def recovery_digest(shown: str) -> bytes:
    """What is kept of one, however it is typed.

    SHA-256: nobody can try enough of 80 random bits, so a slow hash would gain nothing,
    and signing in would have to compute ten of them.
    """
    letters = re.sub(r"[\s-]", "", shown).upper()
    return sha256(letters.encode("utf-8", "surrogatepass")).digest()


def _written(random: bytes) -> str:
    text = b32encode(random).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))
