"""`write`: a letter in a language, from its facts. Pure: nothing but templates is read.

Templates are plain text. Lines of a paragraph are joined and wrapped anew; a line that
begins with "| " stands alone, one that begins with "- " is a point of a list. Facts
are printed on one line each: nobody's words can add a paragraph or a heading.
"""

import dataclasses
import unicodedata
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from textwrap import TextWrapper

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from proxy.letters.checking import LetterFactError, check
from proxy.letters.facts import Facts
from proxy.letters.letter import STATED, Letter
from proxy.letters.speech import SPEECH, Language, Speech

_HERE = Path(__file__).parent / "templates"
_SMS = frozenset({Letter.IDENTITY_CODE, Letter.PACKAGE_CODE})
_COLUMNS = 76  # what a printed page and an old mail program show whole
LONGEST_SMS = 160  # characters of GSM 03.38 in one message
_LONGEST_NAME = 30  # of a controller in it
_WIDE = TextWrapper(_COLUMNS, break_long_words=False, break_on_hyphens=False)
_POINT = TextWrapper(
    _COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
)
# Of GSM 03.38, the letters French names are written with; others cost half the length.
_SMS_LETTERS = frozenset("éèàùÉ .,:;'-&()/+0123456789")
_SMS_SPELLING = str.maketrans(
    {"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "\u2019": "'"}
)


def write(letter: Letter, language: Language, facts: Facts) -> str:
    """The letter's whole text; its lines end as on Unix.

    Raises LetterFactError, which names the fact that is missing, has no words in this
    language or must not be printed.
    """
    if type(facts) is not STATED[letter]:
        raise LetterFactError(
            f"{type(facts).__name__} are another letter's",
            field=letter.value,
            fix=f"give {STATED[letter].__name__}",
        )
    check(facts)
    text = fill(letter.value, language, _values(facts))
    return _one_sms(text) if letter in _SMS else text


def fill(template: str, language: Language, values: Mapping[str, object]) -> str:
    """A template of ours with facts that were checked."""
    text = _PAGES[language].get_template(f"{template}.txt").render(values)
    return _set(text, SPEECH[language])


def _values(facts: Facts) -> dict[str, object]:
    return {each.name: getattr(facts, each.name) for each in dataclasses.fields(facts)}


def _one_line(value: object) -> str:
    """What is printed of a fact: visible characters, single spaces."""
    shown = "".join(
        " " if unicodedata.category(character) in {"Cc", "Zl", "Zp"} else character
        for character in str(value)
        if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"}
    )
    return " ".join(shown.split())


def _set(text: str, speech: Speech) -> str:
    """Paragraphs joined and wrapped, with one empty line between them."""
    lines = text.strip().split("\n")
    parts = [list(part) for is_text, part in groupby(lines, key=_is_text) if is_text]
    typeset = ([speech.typeset(each) for each in _joined(part)] for part in parts)
    return "\n\n".join("\n".join(_wrapped(part)) for part in typeset) + "\n"


def _is_text(line: str) -> bool:
    return bool(line.strip())


def _wrapped(lines: list[str]) -> Iterator[str]:
    for joined in lines:
        if joined.startswith("| "):
            yield from _WIDE.wrap(joined[2:])
        else:
            yield from (_POINT if joined.startswith("- ") else _WIDE).wrap(joined)


def _joined(lines: list[str]) -> list[str]:
    joined: list[str] = []
    for line in lines:
        if not joined or line.startswith(("| ", "- ")):
            joined.append(line)
        else:
            joined[-1] += " " + line.strip()
    return joined


def _one_sms(text: str) -> str:
    sms = " ".join(text.split())
    if len(sms) > LONGEST_SMS:
        raise LetterFactError("is too long for one SMS", field="code", fix="shorten it")
    return sms


def _sms_name(name: str) -> str:
    """A name in letters that every telephone shows and that keep one SMS one."""
    spelt = name.translate(_SMS_SPELLING)
    pairs = ((each, unicodedata.normalize("NFKD", each)) for each in spelt)
    known = (each if _is_sms(each) else plain for each, plain in pairs)
    kept = filter(_is_sms, "".join(known))
    return " ".join("".join(kept).split())[:_LONGEST_NAME].strip()


def _is_sms(character: str) -> bool:
    is_plain = character.isascii() and character.isalnum()
    return is_plain or character in _SMS_LETTERS


def _pages(speech: Speech) -> Environment:
    pages = Environment(
        loader=FileSystemLoader(_HERE / speech.language),
        autoescape=False,  # noqa: S701  # plain text; a page that shows it escapes it
        auto_reload=False,
        finalize=_one_line,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {
        "articles": ", ".join,
        "count": speech.count,
        "day": speech.day,
        "listed": speech.listed,
        "moment": speech.moment,
        "named": speech.named,
        "share": speech.share,
        "sms_name": _sms_name,
        "span": speech.span,
    }
    return pages


_PAGES: Mapping[Language, Environment] = {
    language: _pages(speech) for language, speech in SPEECH.items()
}
