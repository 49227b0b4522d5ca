"""Which passwords will do: CNIL deliberation 2022-100 of 21 July 2022.

Accepted are 14 characters, which every seven words have, or 12 of all four kinds, if
nobody would guess them: forms alone let "Password1234!" pass. They never expire by age;
whoever fears for theirs makes another. Fourteen characters of one kind are less than
the 80 bits the deliberation asks of a password alone, but no account has one alone: it
asks 50 bits where attempts are limited, and there is always a second factor.
"""

import asyncio
import unicodedata
from collections.abc import Iterable

from zxcvbn import zxcvbn

from proxy.access.accounts.faults import WeakPasswordError

LONGEST = 256  # characters; more would only keep the hashing busy
LONG = 14
LONG_WITH_ALL_KINDS = 12
_KINDS = 4
# Its time grows with the cube of the length: what is good so far is good.
_LOOKED_AT = 32
_HARD_TO_GUESS = 4  # of 4: more than 10^10 guesses
# The library's lists are English; these come first where this runs.
_COMMON = (
    "motdepasse",
    "bonjour",
    "azerty",
    "azertyuiop",
    "soleil",
    "doudou",
    "chouchou",
    "loulou",
    "marseille",
    "france",
    "paris",
    "secret",
    "bienvenue",
    "cabinet",
    "medecin",
    "docteur",
    "secretariat",
    "rendezvous",
    "telesecretariat",
    "permanence",
    "appel",
    "centre",
    "ponctuel",
    "administrateur",
    "janvier",
    "ete",
    "hiver",
    "printemps",
    "automne",
)


def prepare(password: str) -> str:
    """The one spelling of a password that is compared (RFC 8265, OpaqueString).

    Raises WeakPasswordError for what cannot be one.
    """
    if not password or len(password) > LONGEST:
        raise WeakPasswordError(f"1 to {LONGEST} characters", field="password")
    spaced = ("\u0020" if unicodedata.category(c) == "Zs" else c for c in password)
    prepared = unicodedata.normalize("NFC", "".join(spaced))
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in prepared):
        raise WeakPasswordError("no control characters", field="password")
    return prepared


def prepared_or_none(password: str) -> str | None:
    """None for what nobody's password can be."""
    try:
        return prepare(password)
    except WeakPasswordError:
        return None


def check(password: str, known: Iterable[str]) -> str:
    """A new password, prepared. Raises WeakPasswordError.

    `known` are words anybody would try for this account: its code, its site. May take
    half a second.
    """
    prepared = prepare(password)
    if not _has_the_form(prepared):
        raise WeakPasswordError(
            "too short",
            field="password",
            fix=f"{LONG} characters; or {LONG_WITH_ALL_KINDS} with capitals, small "
            f"letters, digits and others; or seven words",
        )
    if _is_guessed(prepared, known):
        raise WeakPasswordError(
            "one of the first that are tried",
            field="password",
            fix="words or characters that have nothing to do with each other",
        )
    return prepared


async def check_in_thread(password: str, known: Iterable[str]) -> str:
    """As `check`, while others are served."""
    return await asyncio.to_thread(check, password, known)


def _has_the_form(password: str) -> bool:
    if len(password) >= LONG:
        return True
    if len(password) >= LONG_WITH_ALL_KINDS:
        return len({_kind(character) for character in password}) == _KINDS
    return False


def _kind(character: str) -> str:
    if character.isupper():
        return "capital"
    if character.islower():
        return "small"
    return "digit" if character.isdigit() else "other"


def _is_guessed(password: str, known: Iterable[str]) -> bool:
    found = zxcvbn(password[:_LOOKED_AT], user_inputs=[*_COMMON, *known])
    return int(found["score"]) < _HARD_TO_GUESS
