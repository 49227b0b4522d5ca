"""What people write, before it is kept: short, and nothing but text."""

import unicodedata
from collections.abc import Iterator

from proxy.errors import UnlawfulPolicyError
from proxy.policy_document import PolicyPart
from sampling.policy import PolicyFault

_LONGEST = 2_000
_LINE_ENDS = "\n\t"


def check_text(field: str, text: str) -> None:
    """Raise UnlawfulPolicyError for a reason that says nothing, or is no text."""
    if not text.strip():
        raise UnlawfulPolicyError([PolicyFault(field, "is empty", "say why")])
    if len(text) > _LONGEST:
        fix = f"at most {_LONGEST} characters"
        raise UnlawfulPolicyError([PolicyFault(field, "is too long", fix)])
    if not _is_plain(text):
        raise UnlawfulPolicyError([_not_plain(field)])


def faults_of_texts(document: PolicyPart) -> Iterator[PolicyFault]:
    """A database keeps no NUL, and nobody can say a control character."""
    for field in ("announcement", "request"):
        if not _is_plain(getattr(document, field)):
            yield _not_plain(field)


def _not_plain(field: str) -> PolicyFault:
    return PolicyFault(field, "has control characters", "write plain text")


def _is_plain(text: str) -> bool:
    """No control characters, halves of characters, or invisible ones."""
    return all(
        character in _LINE_ENDS or not unicodedata.category(character).startswith("C")
        for character in text
    )
