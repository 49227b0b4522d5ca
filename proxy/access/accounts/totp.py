"""Time-based one-time passwords (RFC 6238): six digits, a new one every 30 seconds.

Pure: the time is given. That each is accepted once (RFC 6238, 5.2) is kept track of by
whoever calls, with the step told here.
"""

import re
import secrets
from base64 import b32encode
from datetime import datetime

import pyotp

ISSUER = "Ponctuel"
STEP_SECONDS = 30
# A telephone's clock may be off by a step either way (RFC 6238, 5.2 and 6).
DRIFT = 1
SECRET_SIZE = 32  # bytes; what can be wrapped (RFC 3394) and is more than RFC 4226 asks
_DIGITS = re.compile(r"[0-9]{6}")


def new_totp_secret() -> bytes:
    return secrets.token_bytes(SECRET_SIZE)


def in_base32(secret: bytes) -> str:
    """As people type it into an app that cannot read the picture (RFC 4648)."""
    return b32encode(secret).rstrip(b"=").decode()


def otpauth_uri(secret: bytes, code: str, site: str) -> str:
    """What the picture says, for an app to read; never to be kept or logged."""
    made = pyotp.TOTP(in_base32(secret), interval=STEP_SECONDS)
    return made.provisioning_uri(name=f"{code}@{site}", issuer_name=ISSUER)


def accepted_step(secret: bytes, shown: str, now: datetime) -> int | None:
    """Which 30 seconds these six digits are of; None if of none near `now`.

    Every step is compared, in constant time each.
    """
    digits = shown.replace(" ", "")
    if not _DIGITS.fullmatch(digits):
        return None
    codes = pyotp.TOTP(in_base32(secret), interval=STEP_SECONDS)
    this = int(now.timestamp()) // STEP_SECONDS
    steps = range(this - DRIFT, this + DRIFT + 1)
    fitting = [
        step
        for step in steps
        if pyotp.utils.strings_equal(codes.generate_otp(step), digits)
    ]
    return fitting[-1] if fitting else None
