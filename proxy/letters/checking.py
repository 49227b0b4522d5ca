"""Facts are looked at before they are printed: no blanks, no telephone numbers."""

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field
from typing import Any

from phonenumbers import PhoneNumberMatcher

from proxy.errors import PonctuelError
from proxy.letters.facts import AnswerAccess, Processing

_ENDING = re.compile(r"[0-9]{0,2}", re.ASCII)
_ARTICLE = re.compile(r"[0-9]{1,2}(\([0-9]{1,2}\)(\([a-z]\))?)?", re.ASCII)
_MANY_DIGITS = re.compile(r"[0-9]{9}")  # of any country, written without spaces
# What somebody wrote; everything else is a code, a date, a count or an address. The
# statement on a sheet goes back to whoever made it, in an archive of theirs: as it is.
_IN_OWN_WORDS = frozenset(
    {"doubt", "reason", "grounds", "withheld_because", "statement"}
)
_COUNTRY = "FR"  # how numbers look that begin without a country's code


class LetterFactError(PonctuelError):
    """A letter cannot be written from what was given."""

    status = 409
    error_id = "letter-fact"


def check(facts: object) -> None:
    """Raises LetterFactError, naming the field, for what must not be printed."""
    for place, field, value in _fields(facts, ""):
        _check_given(place, field, value)
        if isinstance(value, str):
            _check_text(place, field.name, value)
    if isinstance(facts, AnswerAccess):
        _check_answer(facts)
    if isinstance(facts, Processing):
        _check_keys(facts)
    for article in getattr(facts, "articles", ()):
        if not _ARTICLE.fullmatch(article):
            raise LetterFactError("is no article", field="articles", fix='as "17(3)"')


def _check_answer(facts: AnswerAccess) -> None:
    """Nothing is withheld without a word, nor waits at a page that is not named."""
    if facts.withheld:
        _check_said("withheld_because", facts.withheld_because)
    if facts.open_until:
        _check_said("page", facts.page)


def _check_keys(facts: Processing) -> None:
    """Nobody is asked to press a key that is not named."""
    if facts.asking("opt_out"):
        _check_said("opt_out_key", facts.opt_out_key)
    if facts.asking("opt_in"):
        _check_said("opt_in_key", facts.opt_in_key)


def _fields(facts: object, before: str) -> Iterator[tuple[str, Field[Any], object]]:
    if not dataclasses.is_dataclass(facts) or isinstance(facts, type):
        return
    for field in dataclasses.fields(facts):
        value = getattr(facts, field.name)
        place = before + field.name
        yield place, field, value
        for inner in value if isinstance(value, tuple) else (value,):
            yield from _fields(inner, f"{place}.")


def _check_given(place: str, field: Field[Any], value: object) -> None:
    """What has a default may be left out; nothing else may be blank."""
    if field.default is MISSING:
        _check_said(place, value)
    if isinstance(value, int | float) and value < 0:
        raise LetterFactError("is below zero", field=place, fix="give how many")


def _check_said(place: str, value: object) -> None:
    is_blank = isinstance(value, str) and not value.split()
    if value is None or value == () or is_blank:
        raise LetterFactError("is missing", field=place, fix="give it, none is blank")


def _check_text(place: str, name: str, value: str) -> None:
    if name == "number_ending" and not _ENDING.fullmatch(value):
        raise LetterFactError(
            "is more than an ending", field=place, fix="the last two digits"
        )
    if name in _IN_OWN_WORDS and _has_number(value):
        raise LetterFactError(
            "has a telephone number", field=place, fix="leave it out: letters go astray"
        )


def _has_number(text: str) -> bool:
    if _MANY_DIGITS.search(text):
        return True
    return next(iter(PhoneNumberMatcher(text, _COUNTRY)), None) is not None
