"""What people write beside a decision: short, and without what singles a person out.

No check finds a name. Whoever writes is told that callers' data do not belong here.
"""

import re

from proxy.errors import PonctuelError

LONGEST = 500  # characters
_PHONE = re.compile(r"\d(?:[ ./-]?\d){8}")
_ADDRESS = re.compile(r"\S@\S")


class WordsError(PonctuelError):
    """This text cannot be kept."""

    status = 422
    error_id = "words"


def checked(field: str, text: str) -> str:
    """The text without blanks around it. Raises WordsError."""
    text = text.strip()
    if len(text) > LONGEST:
        raise WordsError(
            f"{len(text)} characters", field=field, fix=f"at most {LONGEST}"
        )
    if _ADDRESS.search(text) or _PHONE.search(text):
        raise WordsError(
            "holds what looks like a telephone number or an address",
            field=field,
            fix="write no name, number or anything a caller said",
        )
    return text
