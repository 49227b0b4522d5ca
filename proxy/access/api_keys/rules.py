"""What a machine's key may be for, and for how long. Pure; it knows no clock.

A key lies in a file of some other program: what it opens is what a person would not
mind a copy of that file to open.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError

from proxy.access.permissions import (
    IN_PERSON,
    PERMISSIONS,
    WITHIN_REACH,
    Permission,
    Role,
)
from proxy.errors import PonctuelError
from proxy.policy_document import Code

LONGEST = timedelta(days=365)
# Who may come in, and what people decide and answer for: never a machine's to do.
BY_PEOPLE_ONLY = (
    IN_PERSON
    | WITHIN_REACH
    | {
        Permission.ACCOUNTS_READ,
        Permission.ACCOUNTS_WRITE,
        Permission.ALERTS_DECIDE,
        Permission.BREAK_GLASS_REVIEW,
        Permission.BREAKER_CLOSE,
        Permission.EVIDENCE_EXPORT,
        Permission.GRANTS_READ,
        Permission.GRANTS_WRITE,
        Permission.HOLDS_WRITE,
        Permission.INCIDENTS_WRITE,
        Permission.KEYS_ROTATE,
        Permission.MONITORS_DECIDE,
        Permission.POLICY_APPROVE,
        Permission.POLICY_PROPOSE,
        Permission.POLICY_RESUME,
        Permission.REQUESTS_HANDLE,
        Permission.REQUESTS_READ,
        Permission.REVIEWS_SIGN,
        Permission.TRACE_READ,
    }
)
_CODE: TypeAdapter[str] = TypeAdapter(Code)


class KeyRefusedError(PonctuelError):
    """This key is not one that may be made."""

    status = 422
    error_id = "key-refused"


def check_code(code: str) -> None:
    """Raises KeyRefusedError."""
    try:
        _CODE.validate_python(code)
    except ValidationError:
        raise KeyRefusedError(
            "not a neutral code",
            field="code",
            fix="small letters, digits, - and _, at most 32; never a name",
        ) from None


def check_scopes(role: Role, scopes: Collection[Permission]) -> None:
    """Raises KeyRefusedError."""
    may = PERMISSIONS[role] - BY_PEOPLE_ONLY
    known = ", ".join(sorted(may)) or "nothing"
    if not scopes:
        raise KeyRefusedError(
            "a key is for something", field="scope", fix=f"for a {role}: {known}"
        )
    for scope in scopes:
        if scope not in may:
            raise KeyRefusedError(
                f"{scope} is not for a machine with the role {role}",
                field="scope",
                fix=f"for a {role}: {known}",
            )


def check_end(until: datetime, now: datetime) -> None:
    """Raises KeyRefusedError."""
    if until.tzinfo is None or until <= now:
        raise KeyRefusedError("it would be over", field="until", fix="say a later day")
    if until > now + LONGEST:
        raise KeyRefusedError(
            f"a key lives for {LONGEST.days} days at most",
            field="until",
            fix=f"say {(now + LONGEST).date()} or sooner, and make a new one then",
        )
