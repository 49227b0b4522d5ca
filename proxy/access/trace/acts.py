"""One line of the trace: closed words, codes, ids and whole numbers, and nothing else.

A trace that could hold a name or a number would be one more file about callers, kept
longer than their recordings. GDPR Art. 5(1)(c); CNIL deliberation 2021-122 on logs.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Self
from uuid import UUID

from proxy.access.permissions import Role
from proxy.errors import PonctuelError
from proxy.ledger.entry import LARGEST_INTEGER, Leaf, canonical, decode, salted

SERVICE = "service"
"""Who acts where nobody in particular does."""

_MILLISECOND = timedelta(milliseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CODE = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_WORD = re.compile(r"[a-z0-9][a-z0-9:_-]{0,63}")
_PHONE_DIGITS = 9
_ROLES = frozenset({"", *Role})


class NotOpaqueError(PonctuelError):
    """The trace was given something that could name or number somebody."""

    error_id = "not-opaque"


class Act(StrEnum):
    """The closed list of what the trace can say."""

    SIGNED_IN = "signed-in"
    SIGN_IN_FAILED = "sign-in-failed"
    SIGNED_OUT = "signed-out"
    ACCOUNT_INVITED = "account-invited"
    ACCOUNT_MADE = "account-made"
    ACCOUNT_CHANGED = "account-changed"
    ACCOUNT_ENDED = "account-ended"
    FACTOR_SET = "factor-set"
    FACTOR_RESET = "factor-reset"
    GRANT_GIVEN = "grant-given"
    GRANT_ENDED = "grant-ended"
    KEY_MADE = "key-made"
    KEY_ENDED = "key-ended"
    LISTED = "listed"
    VIEWED = "viewed"
    PLAY = "play"
    HEARD = "heard"
    REFUSED = "refused"
    EXPORTED = "exported"
    GLASS_BROKEN = "glass-broken"
    GLASS_REVIEWED = "glass-reviewed"
    ALERT_OPENED = "alert-opened"
    ALERT_DECIDED = "alert-decided"
    REVIEW_SIGNED = "review-signed"
    ANALYSIS_WRITTEN = "analysis-written"
    ANALYSIS_CLOSED = "analysis-closed"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody did. Raises NotOpaqueError for what the trace must not hold.

    `actor` is a code, or empty where nobody is known; `first` and `last` are the bytes
    of a range; `about` is a code, an id or a word of a closed list.
    """

    act: Act
    actor: str
    role: Role | str
    item: UUID | None = None
    purpose: str = ""
    first: int | None = None
    last: int | None = None
    about: str = ""

    def __post_init__(self) -> None:
        _check(
            act=self.act in frozenset(Act),
            actor=not self.actor or _is_opaque(_CODE, self.actor),
            role=self.role in _ROLES,
            item=self.item is None or isinstance(self.item, UUID),
            purpose=not self.purpose or _is_opaque(_CODE, self.purpose),
            first=_is_count(self.first),
            last=_is_count(self.last),
            about=not self.about or _is_id(self.about),
        )

    def body(self, at: datetime) -> bytes:
        """Its canonical bytes. Salted: once they are gone, their hash says nothing."""
        fields: Leaf = {
            "act": self.act.value,
            "actor": self.actor,
            "at": in_milliseconds(at),
            "first": self.first,
            "item": None if self.item is None else str(self.item),
            "last": self.last,
            "purpose": self.purpose,
            "role": str(self.role),
            "about": self.about,
        }
        said = {
            name: value for name, value in fields.items() if value not in ("", None)
        }
        return canonical(salted(said))

    @classmethod
    def read(cls, body: bytes) -> tuple[datetime, Self]:
        """When, and what. Raises NotCanonicalError or NotOpaqueError."""
        said = decode(body)
        _check(at=isinstance(said.get("at"), int))
        item = said.get("item")
        try:
            entry = cls(
                act=Act(str(said.get("act"))),
                actor=str(said.get("actor", "")),
                role=str(said.get("role", "")),
                item=None if item is None else UUID(str(item)),
                purpose=str(said.get("purpose", "")),
                first=_number(said.get("first")),
                last=_number(said.get("last")),
                about=str(said.get("about", "")),
            )
        except ValueError as error:
            raise NotOpaqueError("no word or id the trace knows") from error
        return from_milliseconds(_number(said["at"]) or 0), entry


def in_milliseconds(at: datetime) -> int:
    """Whole milliseconds since 1970 (UTC): the trace holds no other kind of time."""
    return (at - _EPOCH) // _MILLISECOND


def from_milliseconds(count: int) -> datetime:
    return _EPOCH + count * _MILLISECOND


def _check(**fields: bool) -> None:
    """Whether each is what the trace may hold. Raises NotOpaqueError for the first."""
    for field, is_well in fields.items():
        if not is_well:
            raise NotOpaqueError(
                "only codes, ids, closed words and counts", field=field
            )


def _is_opaque(pattern: re.Pattern[str], text: str) -> bool:
    digits = sum(character.isdigit() for character in text)
    return pattern.fullmatch(text) is not None and digits < _PHONE_DIGITS


def _is_id(text: str) -> bool:
    """Whether it is a UUID as it is written, or a code or word without a number."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return _is_opaque(_WORD, text)


def _is_count(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value <= LARGEST_INTEGER)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None
