"""What the API answers when it does not do what it was asked: RFC 9457, every fault.

No value that was sent is ever sent back: it may be a secret, or somebody's number.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from typing_extensions import override

from proxy.errors import PonctuelError
from proxy.policy_document import PolicyFaultsError
from sampling.policy import RateError

_PHONE_DIGITS = 9
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,40}|[0-9]{1,3}")
_A_DAY = 'write it as "2027-01-04"'
_A_MOMENT = 'write it as "2027-01-04T08:30:00Z"'
_FIXES = {
    "missing": "add it",
    "extra_forbidden": "remove it or check its spelling",
    "int_type": "write a whole number, without quotes",
    "float_type": "write a number, without quotes",
    "string_type": "write a text in quotes",
    "enum": "choose one of these",
    "literal_error": "choose one of these",
    "date_type": _A_DAY,
    "date_parsing": _A_DAY,
    "date_from_datetime_parsing": _A_DAY,
    "datetime_type": _A_MOMENT,
    "datetime_parsing": _A_MOMENT,
    "datetime_from_date_parsing": _A_MOMENT,
    "timezone_aware": _A_MOMENT,
}


class UnknownPlaceError(PonctuelError):
    """There is no such place here, or it is not yours."""

    status = 404
    error_id = "not-found"


class ForbiddenError(PonctuelError):
    """Your role may not do this."""

    status = 403
    error_id = "forbidden"


class BadBodyError(PonctuelError):
    """The body cannot be read as one JSON object."""

    status = 400
    error_id = "bad-body"


class BusyError(PonctuelError):
    """One at a time: the last one of these is still under way."""

    status = 429
    error_id = "busy"


class NotReadyError(PonctuelError):
    """The service is still starting."""

    status = 503
    error_id = "not-ready"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field, and what would be right."""

    field: str
    detail: str
    fix: str


class InvalidRequestError(PonctuelError):
    """Fields are missing or wrong; all of them are listed."""

    status = 422
    error_id = "invalid-request"

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        super().__init__()

    @override
    def problem(self) -> dict[str, object]:
        return super().problem() | {"errors": [asdict(fault) for fault in self.faults]}


def faults_of(error: ValidationError) -> list[Fault]:
    """Every fault a model found, in its order."""
    found = error.errors(include_input=False, include_url=False)
    return [fault for each in found for fault in _faults(each)]


def _faults(found: ErrorDetails) -> Iterator[Fault]:
    field = ".".join(_shown(part) for part in found["loc"])
    reason = found.get("ctx", {}).get("error")
    if isinstance(reason, PolicyFaultsError):
        for fault in reason.faults:
            name = f"{field}.{fault.field}".removeprefix(".")
            yield Fault(name, fault.wrong, fault.fix)
    elif isinstance(reason, RateError):
        yield Fault(field, reason.wrong, reason.fix)
    else:
        message = found["msg"].removeprefix("Value error, ")
        detail, _, fix = message.partition("; ")
        yield Fault(field, detail, fix or _FIXES.get(found["type"], "make it so"))


def _shown(part: str | int) -> str:
    """A field's name as it was sent, unless it is longer or odder than any of ours.

    What somebody mistook for a name may be a telephone number.
    """
    text = str(part)
    is_plain = text == "[key]" or _PLAIN_NAME.fullmatch(text)
    is_number = sum(map(str.isdigit, text)) >= _PHONE_DIGITS
    return text if is_plain and not is_number else "…"
