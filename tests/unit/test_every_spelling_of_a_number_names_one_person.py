"""A number has one name however it is spelt, and no two numbers have the same.

The names of numbers are those of the world's numbering plans (ITU-T E.164), read by
Google's `phonenumbers`; who asks for their recordings gets those of their number alone.
"""

import phonenumbers
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType
from pydantic import ValidationError

from proxy.intake.numbers import all_spellings, ending, in_full, one_spelling
from proxy.rights_settings import RightsPart

HOME = "FR"
PLANS = sorted(phonenumbers.SUPPORTED_REGIONS)
# Of each plan a number as its own authority gives it for an example.
EXAMPLES = [
    number
    for region in PLANS
    for kind in (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)
    if (number := phonenumbers.example_number_for_type(region, kind))
    and len(str(number.country_code) + str(number.national_number)) >= 8
]


def written(number, style=PhoneNumberFormat.E164):
    return phonenumbers.format_number(number, style)


def named(text, country=HOME):
    spelling = one_spelling(text)
    return None if spelling is None else in_full(spelling, country)


# French numbers of any kind but those of the overseas departments, which are below.
FRENCH = st.from_regex(r"[1-57][0-9]{8}|6[0-2457][0-9]{7}", fullmatch=True).filter(
    lambda n: n[:3] not in {"262", "263", "269", "590", "594", "596", "508", "708"}
)
SEPARATORS = st.sampled_from(["", " ", ".", "-", "/", "\u00a0", "\u202f", "\u2011"])
BEGINNINGS = st.sampled_from(["0", "+33", "0033", "+33(0)", "+33 0", "33", "tel:+33"])
ENDINGS = st.sampled_from(["", " ", ";ext=12", "@pbx.example", ";user=phone", "\u202c"])


@given(FRENCH, BEGINNINGS, SEPARATORS, ENDINGS)
@example("612345678", "+33(0)", "\u202f", "\u202c")
def test_every_way_the_french_write_a_number_is_one_number(digits, begun, gap, ended):
    text = begun + gap + gap.join([digits[0], digits[1:3], digits[3:]]) + ended

    assert named(text) == f"+33{digits}"


def test_a_number_from_abroad_is_the_same_with_every_way_of_dialling_it():
    for number in EXAMPLES:
        full = written(number)
        spaced = written(number, PhoneNumberFormat.INTERNATIONAL)
        link = written(number, PhoneNumberFormat.RFC3966)

        assert {named(text) for text in (full, spaced, link, f"00{full[1:]}")} == {full}


def test_at_home_in_any_country_the_countrys_own_spelling_is_the_same():
    for number in EXAMPLES:
        country = phonenumbers.region_code_for_number(number)
        own = one_spelling(written(number, PhoneNumberFormat.NATIONAL))

        assert own is None or in_full(own, country) == written(number)


@pytest.mark.parametrize(
    ("inside", "full"),
    [
        ("0262 12 34 56", "+262262123456"),  # Réunion
        ("0692 12 34 56", "+262692123456"),
        ("0639 12 34 56", "+262639123456"),  # Mayotte
        ("0690 12 34 56", "+590690123456"),  # Guadeloupe
        ("0694 12 34 56", "+594694123456"),  # French Guiana
        ("0696 12 34 56", "+596696123456"),  # Martinique
    ],
)
def test_overseas_numbers_are_their_own_countrys_when_dialled_in_france(inside, full):
    assert named(inside) == named(full) == full
    assert named(f"+33{inside[1:]}") == full


# Three of five that differ are no numbers of any plan. In some runs of 100,000 these
# come first, and so many that Hypothesis would give up; it goes on to 100 that are.
@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_two_different_numbers_never_have_one_name(data):
    """Of all plans: the second differs from the first in a digit, or in its country."""
    one = data.draw(st.sampled_from(EXAMPLES))
    other = phonenumbers.PhoneNumber()
    other.merge_from(one)
    if data.draw(st.booleans()):
        other.country_code = data.draw(st.sampled_from(EXAMPLES)).country_code
    else:
        digits = list(str(one.national_number))
        place = data.draw(st.integers(0, len(digits) - 1))
        digits[place] = data.draw(st.sampled_from("123456789"))
        other.national_number = int("".join(digits))
    assume(phonenumbers.is_valid_number(one) and phonenumbers.is_valid_number(other))
    assume(written(one) != written(other))
    # What the plan itself takes for one line, as +52 1 and +52, is one.
    assume(written(phonenumbers.parse(written(other))) == written(other))

    assert named(written(one)) != named(written(other))


@given(FRENCH, st.sampled_from(["34", "44", "49", "352", "225"]))
def test_a_foreign_number_that_ends_alike_is_another_persons(digits, country):
    mine, foreign = f"+33{digits}", f"+{country}{digits}"

    assert named(mine) != named(foreign)
    assert ending(one_spelling(mine)) == ending(one_spelling(foreign))


@given(FRENCH)
def test_all_spellings_of_a_number_name_it_and_end_alike(digits):
    spellings = all_spellings(f"0{digits}", HOME)

    assert set(spellings) >= {f"0{digits}", f"+33{digits}", f"33{digits}"}
    assert {in_full(each, HOME) for each in spellings} == {f"+33{digits}"}
    assert {ending(each) for each in spellings} == {digits}


@given(st.text("0123456789", min_size=8, max_size=15), st.sampled_from(PLANS))
def test_every_full_number_has_a_name_whatever_the_plans_say_of_it(digits, country):
    for spelling in (digits, f"+{digits}"):
        assert in_full(spelling, country).removeprefix("+").isdecimal()
        assert all_spellings(spelling, country)[0] == spelling


@pytest.mark.parametrize("house", ["80001234", "20104567", "99887766"])
def test_a_houses_own_number_is_the_digits_it_is_and_no_countrys(house):
    assert named(house) == house
    assert all_spellings(house, HOME) == (house,)


def test_a_number_may_come_without_the_plus_of_its_country():
    assert named("447911123456") == named("+44 7911 123456") == "+447911123456"
    assert named("33612345678") == named("06 12 34 56 78")


@pytest.mark.parametrize(
    "text",
    ["", "anonymous", "112", "3131", "+266696687", "06 12 34 56 78 ou 07", "1" * 16],
)
def test_withheld_short_and_garbled_numbers_have_no_name(text):
    assert named(text) is None


@pytest.mark.parametrize("country", ["XX", "fr", "FRA", ""])
def test_a_country_without_a_numbering_plan_is_no_setting(country):
    with pytest.raises(ValidationError, match="country"):
        RightsPart(country=country)
    assert RightsPart().country == HOME
