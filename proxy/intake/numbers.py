"""The telephone number of the person outside, in one spelling, where there is one."""

import re

from proxy.platforms.base import CallStarted, Direction

_ADDRESS = re.compile(r"(?:sips?:|tel:)?(\+?[0-9 ().\-/]+)(?:[@;].*)?", re.IGNORECASE)
_NO_DIGIT = re.compile(r"[^0-9]")
# An extension or a service's short code is no person; E.164 ends at 15 digits.
_FEWEST, _MOST = 8, 15
# What Twilio puts in place of a withheld number: these words on a telephone's keys.
# The second spelling of RESTRICTED is the one its own help page has.
_WITHHELD = frozenset(
    {
        "266696687",  # ANONYMOUS
        "7378742833",  # RESTRICTED
        "7378742883",
        "2562533",  # BLOCKED
        "8656696",  # UNKNOWN
        "86282452253",  # UNAVAILABLE
    }
)


def number_outside(event: CallStarted) -> str | None:
    """Whose call it is, seen from the site; None where the platform does not tell."""
    is_inbound = event.direction is Direction.INBOUND
    return one_spelling(event.caller if is_inbound else event.callee)


def one_spelling(written: str) -> str | None:
    """Digits, after a "+" if it begins with one; None for what is no full number."""
    found = _ADDRESS.fullmatch(written.strip())
    if found is None:
        return None
    digits = _NO_DIGIT.sub("", found[1])
    if digits in _WITHHELD or not _FEWEST <= len(digits) <= _MOST:
        return None
    return f"+{digits}" if found[1].startswith("+") else digits
