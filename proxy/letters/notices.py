"""What callers are told before anybody is recorded, made from what is in force.

The announcement is the first level, spoken in the call; the notice is the second, with
everything GDPR Art. 13 asks for and the right to object apart (Art. 21(4)). Each text
has a version of its own: change a setting it tells of, and the version changes.
"""

import hashlib
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from proxy.letters.checking import check
from proxy.letters.facts import Processing
from proxy.letters.speech import Language
from proxy.letters.writing import fill

_VERSION_DIGITS = 12


class NoticeKind(StrEnum):
    """Also the names of the templates."""

    ANNOUNCEMENT = "announcement"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Notice:
    """A text that is in force, or was."""

    kind: NoticeKind
    language: Language
    text: str

    @property
    def version(self) -> str:
        """The first 12 hexadecimal digits of the text's SHA-256 (UTF-8, NFC)."""
        canonical = unicodedata.normalize("NFC", self.text).encode()
        return hashlib.sha256(canonical).hexdigest()[:_VERSION_DIGITS]


def announcement(facts: Processing, language: Language) -> Notice:
    """What to say in the call, one paragraph for each way of asking.

    Raises LetterFactError, which names the setting's fact that is missing.
    """
    return _made(NoticeKind.ANNOUNCEMENT, facts, language)


def notice(facts: Processing, language: Language) -> Notice:
    """Everything there is to say. Raises LetterFactError."""
    return _made(NoticeKind.NOTICE, facts, language)


def _made(kind: NoticeKind, facts: Processing, language: Language) -> Notice:
    check(facts)
    return Notice(kind, language, fill(kind.value, language, {"processing": facts}))
