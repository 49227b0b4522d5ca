"""The telephone number of the person outside, in one spelling, where there is one.

Two answers to "is it the same number": by its last digits, which costs nothing and may
take two for one; and in full by the world's numbering plans, which takes tens of
microseconds. The first may only ever keep calls from being recorded.
"""

import re
from functools import partial

import phonenumbers
from phonenumbers import PhoneNumberFormat, ValidationResult

from proxy.platforms.base import CallStarted, Direction

HOME_COUNTRY = "FR"
"""Whose plan numbers without a country are read by: ISO 3166-1, two letters."""

# Between the digits people, and pages they copy from, put more than a space: no-break
# spaces, other hyphens, and marks that turn the direction of what follows.
_BETWEEN = re.compile("[\u00a0\u2009\u2010-\u2014\u202f]")
_UNSEEN = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_ADDRESS = re.compile(r"(?:sips?:|tel:)?(\+?[0-9 ().\-/]+)(?:[@;].*)?", re.IGNORECASE)
_NO_DIGIT = re.compile(r"[^0-9]")
# An extension or a service's short code is no person; E.164 ends at 15 digits.
_FEWEST, _MOST = 8, 15
# With and without its country a number ends alike: +33 6 12 34 56 78, 06 12 34 56 78.
_SAME_DIGITS = 9
# Fewer digits than these, without a "+", are some house's own, not a foreign number.
_FEWEST_WITH_COUNTRY = 10
# France dials them as its own, and they have countries of their own: ARCEP, decision
# 2018-0881, the national plan. Under +33 they are nobody's.
_FRANCE = 33
_OVERSEAS = {
    **dict.fromkeys(("262", "263", "269", "639", "692", "693"), 262),
    **dict.fromkeys(("590", "690", "691"), 590),
    **dict.fromkeys(("594", "694"), 594),
    **dict.fromkeys(("596", "696", "697"), 596),
}
# What Twilio puts in place of a withheld number: these words on a telephone's keys.
# The second spelling of RESTRICTED is the one its own help page has.
_WITHHELD = frozenset(
    {
        "266696687",  # ANONYMOUS
        "7378742833",  # RESTRICTED
        "7378742883",
        "2562533",  # BLOCKED
        "8656696",  # UNKNOWN
        "86282452253",  # UNAVAILABLE
    }
)


def number_outside(event: CallStarted) -> str | None:
    """Whose call it is, seen from the site; None where the platform does not tell."""
    is_inbound = event.direction is Direction.INBOUND
    return one_spelling(event.caller if is_inbound else event.callee)


def one_spelling(written: str) -> str | None:
    """Digits, after a "+" if it begins with one; None for what is no full number."""
    plain = _BETWEEN.sub(" ", _UNSEEN.sub("", written)).strip()
    found = _ADDRESS.fullmatch(plain)
    if found is None:
        return None
    digits = _NO_DIGIT.sub("", found[1])
    if digits in _WITHHELD or not _FEWEST <= len(digits) <= _MOST:
        return None
    return f"+{digits}" if found[1].startswith("+") else digits


def ending(spelling: str) -> str:
    """What all spellings of a number have in common; other numbers may have it too."""
    return spelling.removeprefix("+")[-_SAME_DIGITS:]


def in_full(spelling: str, country: str) -> str:
    """The number of `one_spelling` with its country, as E.164 has it: "+33612345678".

    One that is in no numbering plan, as of a house's own exchange, stays the digits it
    is. Read by its length alone: which ranges are in use changes from one release of
    the plans to the next, and a number must keep its name while there is a recording.
    """
    readings = [spelling]
    if not spelling.startswith("+") and len(spelling) >= _FEWEST_WITH_COUNTRY:
        readings.append(f"+{spelling}")
    for reading in readings:
        if number := _parsed(reading, country):
            return phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return spelling.removeprefix("+")


def all_spellings(spelling: str, country: str) -> tuple[str, ...]:
    """As it was given first, then the others a platform may have it in."""
    number = _parsed(in_full(spelling, country), country)
    if number is None:
        return (spelling,)
    write = partial(phonenumbers.format_number, number)
    full = write(PhoneNumberFormat.E164)
    others = [full, full[1:], f"00{full[1:]}"]
    if number.country_code == phonenumbers.country_code_for_region(country):
        others.append(_NO_DIGIT.sub("", write(PhoneNumberFormat.NATIONAL)))
    return tuple(dict.fromkeys([spelling, *others]))


def _parsed(spelling: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(spelling, country)
    except phonenumbers.NumberParseException:
        return None
    reason = phonenumbers.is_possible_number_with_reason(number)
    return _at_home(number) if reason == ValidationResult.IS_POSSIBLE else None


def _at_home(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """Under the country it is in."""
    if number.country_code == _FRANCE:
        first = str(number.national_number)[:3]
        number.country_code = _OVERSEAS.get(first, _FRANCE)
    return number
