"""GDPR Art. 13 and 21(4), and what is spoken in the call: from the live settings."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from proxy.letters.checking import LetterFactError
from proxy.letters.facts import Processing
from proxy.letters.notices import announcement, notice
from proxy.letters.speech import LANGUAGES
from proxy.rights.notices.spoken import faults_of_speech
from proxy.rights.notices.telling import processing
from retention.periods import AnalysisTerms
from sampling.gates import Line
from sampling.legal import LegalBasis
from sampling.policy import NO_POLICY
from tests.fakes.told import CONFIG, PAGE, TODAY, policy

languages = pytest.mark.parametrize("language", LANGUAGES)


def with_desk(**changes):
    return replace(CONFIG, desk=replace(CONFIG.desk, **changes))


def told(of=CONFIG, by=None, language="fr", made=notice, today=TODAY):
    text = made(processing(of, by or policy(), today), language).text
    return " ".join(text.split())


@languages
@pytest.mark.parametrize("kept_days", [1, 30, 180])
def test_its_retention_is_the_configured_one(language, kept_days):
    says = {"fr": "jour", "en": "day"}[language]
    number = f"{kept_days} {says}"

    for made in (announcement, notice):
        assert number in told(
            by=policy(kept_days=kept_days), language=language, made=made
        )


@languages
def test_it_says_everything_the_law_asks_for(language):
    text = told(language=language)

    expected = [
        *("Accueil Durand", "12 rue des Lilas", "dpo@durand.example"),  # 13(1)(a), (b)
        *("6(1)(f)", "9(2)(a)"),  # 13(1)(c)
        *("45 ", "170 ", "6 "),  # 13(2)(a)
        *("article 15", "article 16", "article 17", "article 18"),  # 13(2)(b)
        "7(3)",  # 13(2)(c)
        *("CNIL", "www.cnil.fr/fr/plaintes", "75334 Paris"),  # 13(2)(d)
        "article 21",  # 21(4)
        *("9", "3 ans" if language == "fr" else "3 years"),
    ]
    assert [each for each in expected if each not in text] == []


def test_the_right_to_object_stands_apart_from_the_others():
    text = notice(processing(CONFIG, policy(), TODAY), "fr").text

    apart = text.partition("Comment refuser")[2].partition("Quels sont")[0]
    assert "article\u00a021" in apart
    assert "article\u00a015" not in apart


@languages
def test_where_callers_are_asked_silence_is_said_to_record_nothing(language):
    text = told(by=policy(consent="opt_in", opt_in_key="5"), language=language)
    spoken = told(
        by=policy(consent="opt_in", opt_in_key="5"),
        language=language,
        made=announcement,
    )

    for each in (text, spoken):
        assert {"fr": "touche 5", "en": "pressing 5"}[language] in each or (
            "press 5" in each
        )
        assert {"fr": "rien n\u2019est enregistré", "en": "nothing is recorded"}[
            language
        ] in each


@languages
def test_the_announcement_names_the_key_and_where_the_notice_is(language):
    spoken = told(by=policy(opt_out_key="7"), language=language, made=announcement)

    assert {"fr": "touche 7", "en": "press 7"}[language] in spoken
    assert PAGE in spoken


BY = policy()
CHANGES = {
    "how long recordings are kept": (CONFIG, replace(BY, kept_days=31)),
    "what for": (CONFIG, policy(purpose="quality")),
    "the refusal key": (CONFIG, replace(BY, opt_out_key="0")),
    "the campaign's end": (CONFIG, replace(BY, ends_on=BY.ends_on + timedelta(days=1))),
    "the ceiling": (CONFIG, policy(ceiling="3%")),
    "the controller": (with_desk(controller="Accueil Dupont"), BY),
    "the officer": (with_desk(dpo_contact="a@b"), BY),
    "how long analyses are kept": (replace(CONFIG, analyses=AnalysisTerms(171, 6)), BY),
    "whether objections are kept": (replace(CONFIG, keeps_opt_outs=False), BY),
    "a line group without its basis": (
        replace(CONFIG, lines={"+334": Line(group="cardio", basis=LegalBasis())}),
        BY,
    ),
}


@languages
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_setting_changes_the_version(language, change):
    before = notice(processing(CONFIG, BY, TODAY), language)

    after = notice(processing(*change, TODAY), language)

    assert before.version != after.version
    assert len(after.version) == 12


def test_what_no_notice_tells_changes_no_version():
    before = notice(processing(CONFIG, policy(), TODAY), "fr")

    other = policy(announcement="Vous serez enregistré. Touche 9 pour refuser.")
    after = notice(processing(CONFIG, other, TODAY), "fr")

    assert after == before


@languages
def test_where_nothing_is_recorded_nothing_else_is_said(language):
    spoken = told(by=NO_POLICY, language=language, made=announcement)
    over = told(by=policy(), language=language, today=date(2027, 6, 1))

    assert {"fr": "n\u2019est pas enregistré", "en": "is not recorded"}[
        language
    ] in spoken
    assert {"fr": "rien en ce moment", "en": "nothing at present"}[language] in over


def test_a_group_whose_gate_is_closed_has_no_basis_to_tell():
    closed = Line(group="derma", basis=LegalBasis(), practice="p")
    out = Line(
        group="ortho", basis=CONFIG.lines["+33411000000"].basis, is_excluded=True
    )
    of = replace(CONFIG, lines=CONFIG.lines | {"+1": closed, "+2": out})

    assert [each.name for each in processing(of, policy(), TODAY).groups] == ["cardio"]


def test_strata_are_told_with_their_own_conditions():
    by = policy(
        strata={
            "cardio_in": {"line_groups": ["cardio"], "kept_days": 10},
            "cardio_out": {"line_groups": ["cardio"], "kept_days": 10},
        }
    )

    found = processing(CONFIG, by, TODAY).campaigns

    assert [(each.groups, each.kept_days) for each in found] == [
        ((), 45),
        (("cardio",), 10),
    ]


def test_no_listener_is_left_out_and_nobody_else_named():
    listeners = set(processing(CONFIG, policy(), TODAY).listeners)

    assert listeners == {"dpo", "trainer", "rights_officer", "agent"}


@pytest.mark.parametrize("missing", ["controller", "contact", "dpo_contact"])
def test_without_somebody_responsible_there_is_no_notice(missing):
    of = with_desk(**{missing: " "})

    with pytest.raises(LetterFactError) as told:
        notice(processing(of, policy(), TODAY), "fr")

    assert told.value.field == f"desk.{missing}"


def test_nobody_is_asked_to_press_a_key_that_has_no_name():
    facts = processing(CONFIG, policy(consent="opt_in"), TODAY)

    with pytest.raises(LetterFactError) as told:
        announcement(replace(facts, opt_in_key=""), "fr")

    assert told.value.field == "opt_in_key"
    assert isinstance(facts, Processing)


SPOKEN = {
    "Cet appel sera enregistré. Pour refuser, appuyez sur la touche 9.": None,
    "Appuyez sur 9 pour refuser. Gardé 45 jours.": None,
    "Press 9 to refuse; kept 45 days.": None,
    "Pour refuser, appuyez sur la touche 8.": "names 8, and 9 is in force",
    "To refuse, press the nine. It is short.": "names no key",
    "To refuse, press star. It is short.": "names *, and 9 is in force",
    "Cet appel sera enregistré, voilà tout.": "names no key",
    "Touche 9 pour refuser. Gardé 30 jours au plus.": (
        "says 30 jour, and recordings are kept 45 days"
    ),
    "Touche 9 pour refuser. Gardé 2 mois au plus.": (
        "says 2 mois, and recordings are kept 45 days"
    ),
    "Touche\u00a09 pour refuser. Gardé 45\u00a0jours.": None,
}


@pytest.mark.parametrize(("text", "wrong"), SPOKEN.items(), ids=SPOKEN)
def test_what_is_spoken_is_held_against_what_is_in_force(text, wrong):
    found = list(faults_of_speech(policy(announcement=text), TODAY))

    assert [each.wrong for each in found] == ([wrong] if wrong else [])
    assert all(each.field == "announcement" and each.fix for each in found)


def test_the_question_is_read_where_callers_are_asked_and_only_there():
    by = policy(
        consent="opt_in",
        announcement="Personne ne dit ce texte à qui que ce soit.",
        request="Pour accepter, appuyez sur la touche 2.",
    )

    [fault] = faults_of_speech(by, TODAY)

    assert (fault.field, fault.wrong) == ("request", "names 2, and 1 is in force")


def test_the_announcement_of_ours_would_be_found_right():
    for consent, field in (("opt_out", "announcement"), ("opt_in", "request")):
        for language in LANGUAGES:
            by = policy(consent=consent)
            ours = announcement(processing(CONFIG, by, TODAY), language).text
            spoken = replace(by, **{field: ours})

            assert list(faults_of_speech(spoken, TODAY)) == []


def test_a_month_is_as_long_as_a_month_can_be():
    for days, is_right in ((27, False), (28, True), (31, True), (32, False)):
        by = policy(announcement="Touche 9. Gardé 1 mois.", kept_days=days)

        assert (list(faults_of_speech(by, TODAY)) == []) is is_right


def test_a_campaign_that_is_over_tells_nobody_anything():
    by = policy(announcement="Rien de tout cela n'est vrai.")

    assert list(faults_of_speech(by, by.ends_on)) == []
