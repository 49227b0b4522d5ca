"""What a grant may be: for whom, over what, how long. Pure; it knows no clock.

CNIL deliberation on patient files: a right ends with its need, and nobody gives
themselves one.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from proxy.access.permissions import Role
from proxy.errors import PonctuelError

LONGEST = timedelta(days=90)
# Those who listen by trade. A data protection officer and a rights officer hear what
# they opened for one case; an agent what is about themselves: nobody widens that.
RECEIVERS = frozenset({Role.TRAINER})
# A campaign is named by its purpose and first day, as recordings are.
_CAMPAIGN = re.compile(r"[a-z]{1,20}-[0-9]{4}-[0-9]{2}-[0-9]{2}")


class GrantRefusedError(PonctuelError):
    """This grant is not one that may be given."""

    status = 422
    error_id = "grant-refused"


class OwnGrantError(PonctuelError):
    """Nobody decides about their own grants."""

    status = 403
    error_id = "own-grant"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A grant as somebody asks for it; what is None is not looked at."""

    code: str
    practice: str | None
    campaign: str | None
    until: datetime


def check_wanted(
    wanted: Wanted, role: Role | None, practices: Collection[str], now: datetime
) -> None:
    """`role` is the receiver's, None if nobody has that code. Raises GrantRefusedError.

    A practice that is not listed would be one nobody ever checks.
    """
    _check_receiver(role)
    _check_end(wanted.until, now)
    if wanted.practice is not None and wanted.practice not in practices:
        known = ", ".join(sorted(practices)) or "none"
        raise GrantRefusedError(
            "there is no such practice here", field="practice", fix=f"known: {known}"
        )
    if wanted.campaign is not None and not _CAMPAIGN.fullmatch(wanted.campaign):
        raise GrantRefusedError(
            "this is no campaign's name",
            field="campaign",
            fix="write its purpose and first day, as training-2026-11-01",
        )


def _check_receiver(role: Role | None) -> None:
    if role is None:
        raise GrantRefusedError(
            "nobody has this code", field="code", fix="invite them first"
        )
    if role not in RECEIVERS:
        raise GrantRefusedError(
            f"the role {role} does not listen by grants",
            field="code",
            fix=f"grants are for: {', '.join(sorted(RECEIVERS))}",
        )


def _check_end(until: datetime, now: datetime) -> None:
    if until.tzinfo is None or until <= now:
        raise GrantRefusedError(
            "it would be over", field="until", fix="say a later day"
        )
    if until > now + LONGEST:
        raise GrantRefusedError(
            f"a grant holds for {LONGEST.days} days at most",
            field="until",
            fix=f"say {(now + LONGEST).date()} or sooner, and give it anew then",
        )
