"""Both catalogues are whole, and templates say nothing that is not in them."""

import importlib
import pkgutil
import re
import string
from html.parser import HTMLParser

import pytest

import proxy.access
import proxy.console
import proxy.playback
from proxy.access.break_glass.records import Outcome
from proxy.access.permissions import Role
from proxy.access.reviews.drafts import Judgement
from proxy.access.trace.acts import Act
from proxy.access.watch.alerts import Decision
from proxy.access.watch.rules import Rule
from proxy.console.menu import MENU
from proxy.console.rendering import TEMPLATES
from proxy.console.words import LANGUAGES, choose_words
from proxy.errors import PonctuelError
from proxy.playback.purposes import Use
from proxy.vault.analysis_form import WARNING

_ASKED = re.compile(r"""\bt\(\s*"([^"]+)"\s*([,)])""")
_MARKUP = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_NAMES = {"Ponctuel"}
# Asked for by programs and players, which read another kind of answer.
_NOT_ON_PAGES = {
    "expectation",
    "key-refused",
    "no-range",
    "play-spent",
    "unreadable-request",
}
FILES = sorted(TEMPLATES.glob("*.html"))


def _values(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _raw(language, key):
    return LANGUAGES[language]._texts[key]


def test_both_catalogues_have_the_same_texts():
    assert LANGUAGES["en"].keys == LANGUAGES["fr"].keys


def test_no_text_is_empty():
    empty = [
        (name, key)
        for name, words in LANGUAGES.items()
        for key in words.keys
        if not words._texts[key].strip()
    ]
    assert empty == []


def test_both_languages_fill_in_the_same_values():
    unlike = [
        key
        for key in LANGUAGES["en"].keys
        if _values(_raw("en", key)) != _values(_raw("fr", key))
    ]
    assert unlike == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_text_a_template_asks_for_is_written(file):
    asked = {key for key, _ in _ASKED.findall(file.read_text())}
    assert asked - LANGUAGES["en"].keys == set()


class _Texts(HTMLParser):
    """What a reader sees or hears of a page, outside of markup."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_data(self, data):
        self.found.append(data)

    def handle_starttag(self, _tag, attrs):
        told = {"alt", "title", "placeholder", "aria-label"}
        self.found += [value or "" for name, value in attrs if name in told]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_holds_no_words_of_its_own(file):
    parser = _Texts()
    parser.feed(_MARKUP.sub("", file.read_text()))
    words = re.findall(r"[^\W\d_]{2,}", " ".join(parser.found))
    assert set(words) - _NAMES == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_template_holds_neither_script_nor_style(file):
    text = file.read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert "|safe" not in text.replace(" ", "")


def _kinds(error):
    for kind in error.__subclasses__():
        yield kind
        yield from _kinds(kind)


def test_every_refusal_a_page_can_meet_is_put_into_words():
    for package in (proxy.access, proxy.playback, proxy.console):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            importlib.import_module(module.name)
    # What is not there and what is out of reach read alike, so 404 has one text.
    wanted = {
        f"errors.{kind.error_id}"
        for kind in _kinds(PonctuelError)
        if kind.__module__.startswith(("proxy.access", "proxy.playback", "proxy.cons"))
        and kind.status != 404
        and kind.status < 500
        and kind.error_id not in _NOT_ON_PAGES
    }
    assert wanted - LANGUAGES["en"].keys == set()


def test_the_warning_beside_the_form_is_the_forms_own():
    assert LANGUAGES["en"]("analysis.warning") == WARNING


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("acts", Act),
        ("decisions", Decision),
        ("judgements", Judgement),
        ("outcomes", Outcome),
        ("rules", Rule),
        ("uses", Use),
    ],
)
def test_every_word_of_a_closed_list_has_a_name(group, codes):
    wanted = {f"{group}.{code}" for code in codes}
    assert wanted - LANGUAGES["en"].keys == set()


def test_every_role_and_every_page_has_a_name():
    wanted = {f"roles.{role}" for role in Role} | {f"home.{role}" for role in Role}
    places = {place.strip("/").replace("-", "_") for place, _ in MENU}
    wanted |= {f"menu.{place}" for place in places}
    wanted |= {f"about.{place}" for place in places - {""}}
    assert wanted - LANGUAGES["en"].keys == set()


@pytest.mark.parametrize(
    ("chosen", "accepted", "language"),
    [
        ("", "", "fr"),
        ("", "en", "en"),
        ("", "en-GB,en;q=0.9,fr;q=0.8", "en"),
        ("", "de,fr;q=0.4,en;q=0.6", "en"),
        ("", "en;q=0,fr;q=0.1", "fr"),
        ("", "en;q=nonsense,fr", "fr"),
        ("fr", "en", "fr"),
        ("en", "fr", "en"),
        ("../../etc/passwd", "en", "en"),
    ],
)
def test_a_page_is_in_the_language_that_was_chosen_or_asked_for(
    chosen, accepted, language
):
    assert choose_words(chosen, accepted).language == language
