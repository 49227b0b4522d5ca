import dataclasses
import re
from dataclasses import MISSING, replace
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import proxy.letters
from proxy.letters.checking import LetterFactError
from proxy.letters.facts import (
    AnswerAccess,
    Desk,
    DoneErasure,
    IdentityCode,
    Letterhead,
    PackageCode,
    Refusal,
)
from proxy.letters.letter import STATED, Letter
from proxy.letters.speech import LANGUAGES, SPEECH
from proxy.letters.writing import LONGEST_SMS, write
from tests.fakes.letter_facts import DAYS, WORDS, facts_of

TEMPLATES = Path(proxy.letters.__file__).parent / "templates"
DESK = Desk(
    controller="Accueil Durand", contact="droits@d.example", dpo_contact="dpo@d"
)
HEAD = {
    "desk": DESK,
    "reference": "K7QD-3MXP",
    "written_on": date(2026, 11, 1),
    "kind": "access",
    "received_on": date(2026, 10, 22),
}
WITH_REMEDIES = (
    Letter.EXTENSION,
    Letter.NOTHING_HELD,
    Letter.REFUSAL,
    Letter.NOT_IDENTIFIED,
    Letter.IDENTITY_DOUBT,
)
REMEDIES = {
    "fr": ("CNIL", "3 place de Fontenoy", "www.cnil.fr", "article 77", "article 79"),
    "en": ("CNIL", "3 place de Fontenoy", "www.cnil.fr", "article 77", "article 79"),
}
letters = pytest.mark.parametrize("letter", Letter, ids=lambda letter: letter.value)
languages = pytest.mark.parametrize("language", LANGUAGES)
made_up = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def flat(text):
    return " ".join(text.split())


@letters
@languages
@made_up
@given(data=st.data())
def test_every_letter_is_written_in_both_languages(letter, language, data):
    facts = data.draw(facts_of(STATED[letter]))

    text = write(letter, language, facts)

    assert text.strip()
    assert not re.search(r"[\u202e\u0000]", text)
    assert all(line == line.rstrip() for line in text.splitlines())


@letters
@languages
@made_up
@given(data=st.data())
def test_a_letter_tells_every_date_it_was_given(letter, language, data):
    facts = data.draw(facts_of(STATED[letter]))

    text = flat(write(letter, language, facts))

    spoken = SPEECH[language]
    for field in dataclasses.fields(facts):
        value = getattr(facts, field.name)
        if isinstance(value, datetime):
            assert flat(spoken.moment(value)) in text
        elif isinstance(value, date) and not _left_out(facts, field.name):
            assert flat(spoken.day(value)) in text


def _left_out(facts, name):
    """What a letter about nothing kept, or nothing handed over, does not tell."""
    if name == "open_until" and facts.fetched_on:
        return True
    needs = dict.fromkeys(("open_until", "fetched_on"), "recordings")
    needs["kept_until"] = "kept"
    return not getattr(facts, needs.get(name, ""), True)


@letters
@languages
@made_up
@given(data=st.data())
def test_who_writes_and_which_request_it_is_stands_in_every_letter(
    letter, language, data
):
    facts = data.draw(facts_of(STATED[letter]))

    text = flat(write(letter, language, facts))

    assert facts.reference in text
    if isinstance(facts, Letterhead):
        plain = replace(facts, desk=DESK)
        text = flat(write(letter, language, plain))
        assert DESK.controller in text
        assert DESK.contact in text


@pytest.mark.parametrize("letter", WITH_REMEDIES)
@languages
@made_up
@given(data=st.data())
def test_whatever_is_refused_names_the_authority_and_the_court(letter, language, data):
    text = flat(write(letter, language, data.draw(facts_of(STATED[letter]))))

    assert [each for each in REMEDIES[language] if each not in text] == []
    assert "12(4)" in text


@languages
@pytest.mark.parametrize(
    ("left", "has_remedies"),
    [({}, False), ({"kept": 1}, True), ({"grounds": "x"}, True)],
)
def test_what_is_done_in_part_names_the_remedies(language, left, has_remedies):
    facts = DoneErasure(**HEAD, destroyed=1, done_on=date(2026, 11, 1), **left)

    assert ("CNIL" in write(Letter.DONE_ERASURE, language, facts)) is has_remedies


@letters
@given(data=st.data())
@made_up
def test_a_missing_fact_is_named_instead_of_leaving_a_blank(letter, data):
    cls = STATED[letter]
    facts = data.draw(facts_of(cls))
    needed = [f.name for f in dataclasses.fields(cls) if f.default is MISSING]
    missing = data.draw(st.sampled_from(needed))

    with pytest.raises(LetterFactError) as told:
        write(letter, "fr", replace(facts, **{missing: None}))

    assert told.value.field == missing
    with pytest.raises(TypeError, match="missing"):
        cls()


def test_a_blank_inside_the_desk_is_named_too():
    facts = Refusal(**HEAD | {"desk": replace(DESK, contact=" ")}, grounds="Motif.")

    with pytest.raises(LetterFactError) as told:
        write(Letter.REFUSAL, "fr", facts)

    assert told.value.field == "desk.contact"


def test_recordings_are_not_withheld_without_a_word():
    facts = AnswerAccess(
        **HEAD,
        recordings=1,
        muted=0,
        page="https://d.example",
        open_until=date(2026, 11, 8),
        withheld=1,
    )

    with pytest.raises(LetterFactError) as told:
        write(Letter.ANSWER_ACCESS, "fr", facts)

    assert told.value.field == "withheld_because"


def test_nobody_is_sent_to_a_page_that_is_not_named():
    facts = AnswerAccess(**HEAD, recordings=1, muted=0, open_until=date(2026, 11, 8))

    with pytest.raises(LetterFactError) as told:
        write(Letter.ANSWER_ACCESS, "fr", facts)

    assert told.value.field == "page"


@pytest.mark.parametrize(
    "number",
    ["06 12 34 56 78", "+33612345678", "0033 6 12 34 56 78", "+44 20 7946 0958"],
)
def test_no_words_of_the_desk_carry_a_telephone_number(number):
    facts = Refusal(**HEAD, grounds=f"Appelez le {number}.")

    with pytest.raises(LetterFactError) as told:
        write(Letter.REFUSAL, "fr", facts)

    assert told.value.field == "grounds"
    assert number not in str(told.value)


def test_a_number_is_told_by_its_last_two_digits_at_most():
    facts = AnswerAccess(
        **HEAD,
        recordings=1,
        muted=0,
        page="https://d.example",
        open_until=date(2026, 11, 8),
        number_ending="678",
    )

    with pytest.raises(LetterFactError, match="last two digits"):
        write(Letter.ANSWER_ACCESS, "fr", facts)


@languages
@made_up
@given(name=WORDS, code=st.from_regex(r"[0-9]{6,8}", fullmatch=True))
def test_a_code_fits_in_one_sms_whatever_the_controller_is_called(language, name, code):
    told = {"controller": name, "code": code, "reference": "K7QD-3MXP", "minutes": 15}
    for letter, facts in (
        (Letter.IDENTITY_CODE, IdentityCode(**told)),
        (Letter.PACKAGE_CODE, PackageCode(**told)),
    ):
        sms = write(letter, language, facts)

        assert len(sms) <= LONGEST_SMS
        assert code in sms
        assert not set(sms) - _GSM


_GSM = set(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


@languages
def test_somebodys_words_add_no_paragraph_and_run_no_template(language):
    words = "A\n\nSubject: B\r\n{{ desk.contact }} <b>"

    text = write(Letter.REFUSAL, language, Refusal(**HEAD, grounds=words))

    assert "A Subject: B {{ desk.contact }} <b>" in flat(text)
    assert "\nSubject: B" not in text


@pytest.mark.parametrize("name", sorted(p.name for p in (TEMPLATES / "fr").iterdir()))
def test_both_languages_tell_the_same_facts(name):
    told = {language: _told(TEMPLATES / language / name) for language in LANGUAGES}

    assert told["fr"] == told["en"]


def _told(template):
    source = template.read_text(encoding="utf-8")
    articles = set(re.findall(r"\b\d{1,2}\(\d\)(?:\([a-z]\))?", source))
    printed = {part.strip() for part in re.findall(r"\{[{%](.*?)[}%]\}", source)}
    return articles, printed


def test_both_languages_have_the_same_words():
    fr, en = (SPEECH[language].words for language in LANGUAGES)

    assert {group: set(fr[group]) for group in fr} == {g: set(en[g]) for g in en}


@given(day=DAYS)
def test_no_date_is_left_to_a_machines_locale(day):
    assert re.fullmatch(
        r"(1er|[2-9]|[12]\d|3[01]) [a-zéû]{3,9} \d{4}", SPEECH["fr"].day(day)
    )
    assert re.fullmatch(
        r"([1-9]|[12]\d|3[01]) [A-Z][a-z]+ \d{4}", SPEECH["en"].day(day)
    )


def test_french_punctuation_stays_with_its_word():
    facts = Refusal(**HEAD, grounds="Motif : « trop » !")

    text = write(Letter.REFUSAL, "fr", facts)

    assert "Motif\u00a0: «\u00a0trop\u00a0»\u00a0!" in text
    assert not re.search(r"(^| )[:;?!»]", text, re.MULTILINE)
    assert "1er novembre\u00a02026" not in text
    assert "22\u00a0octobre" in text
