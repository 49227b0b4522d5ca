"""Free text in the register: short, and without what singles a person out.

No check finds a name. The limits keep people from pasting what a caller said; whoever
writes is told, wherever they write, that patients' data do not belong here.
"""

import re

from proxy.errors import PonctuelError

LONGEST_NOTE = 500  # characters
LONGEST_TEXT = 2000
WARNING = "write no name, number or anything a caller said: codes and sizes only"

_DATE = re.compile(r"\b(\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4})\b")
_PHONE = re.compile(r"\d(?:[ ./-]?\d){8}")
_ADDRESS = re.compile(r"\S@\S")


class IncidentTextError(PonctuelError):
    """This text cannot be kept in the register of incidents."""

    status = 422
    error_id = "incident-text"


def checked(field: str, text: str, longest: int = LONGEST_TEXT) -> str:
    """The text without blanks around it. Raises IncidentTextError."""
    text = text.strip()
    if len(text) > longest:
        raise IncidentTextError(
            f"{len(text)} characters", field=field, fix=f"at most {longest}"
        )
    if _ADDRESS.search(text) or _PHONE.search(_DATE.sub(" ", text)):
        raise IncidentTextError(
            "holds what looks like a telephone number or an address",
            field=field,
            fix=WARNING,
        )
    return text


def required(field: str, text: str, longest: int = LONGEST_TEXT) -> str:
    """A text that says something. Raises IncidentTextError."""
    text = checked(field, text, longest)
    if not text:
        raise IncidentTextError("is empty", field=field, fix="say why or what")
    return text
