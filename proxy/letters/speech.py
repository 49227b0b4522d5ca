"""One language's words, dates and typography, without a locale of the machine."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Literal, get_args

from proxy.letters.checking import LetterFactError

Language = Literal["fr", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

_HERE = Path(__file__).parent
_NO_BREAK = "\u00a0"
# French sets no-break spaces before high punctuation and inside quotation marks; both
# languages do between a number and what it counts.
_FRENCH_BREAKS = re.compile(r" (?=[:;?!»%€])|(?<=«) ")
_NUMBER_BREAKS = re.compile(r"(?<=[0-9]) (?=[^\W\d])|(?<=\barticle) (?=[0-9])")
# A template's line may begin with what ends the sentence before it.
_NO_SPACE = re.compile(r" (?=[.,](?: |$))")
_ENGLISH_NO_SPACE = re.compile(r" (?=;(?: |$))")
_MANY = 2
_AND: Mapping[Language, str] = {"fr": "et", "en": "and"}


class Speech:
    """How one language says what facts are."""

    def __init__(self, language: Language) -> None:
        self.language = language
        text = (_HERE / "texts" / f"{language}.toml").read_text(encoding="utf-8")
        self.words: Mapping[str, Mapping[str, str]] = tomllib.loads(text)
        self._months = tuple(self.words["months"].values())

    def named(self, code: str, group: str) -> str:
        """Raises LetterFactError for a code of a closed list that nobody worded."""
        try:
            return self.words[group][code]
        except KeyError:
            raise LetterFactError(
                f'"{code}" has no words',
                field=group,
                fix=f"one of {self._codes(group)}",
            ) from None

    def listed(self, codes: Sequence[str], group: str) -> str:
        """Several of a closed list, as a sentence has them."""
        *first, last = (self.named(code, group) for code in codes)
        return f"{', '.join(first)} {_AND[self.language]} {last}" if first else last

    def _codes(self, group: str) -> str:
        return ", ".join(self.words[group])

    def day(self, on: date) -> str:
        first = "1er" if self.language == "fr" and on.day == 1 else str(on.day)
        return f"{first} {self._months[on.month - 1]} {on.year}"

    def moment(self, at: datetime) -> str:
        if self.language == "fr":
            return f"{self.day(at)} à {at.hour} h {at.minute:02}"
        return f"{self.day(at)} at {at.hour}:{at.minute:02}"

    def span(self, seconds: float) -> str:
        """Minutes and seconds; rounded to whole seconds."""
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"

    def count(self, number: int, thing: str) -> str:
        """How many of a thing of the group `things`."""
        is_one = number < _MANY if self.language == "fr" else number == 1
        return f"{number} {self.named(thing if is_one else thing + 's', 'things')}"

    def share(self, ppm: int) -> str:
        percent = f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".")
        if self.language == "fr":
            return f"{percent.replace('.', ',')} %"
        return f"{percent}%"

    def typeset(self, line: str) -> str:
        """One line with its spaces as printers set them."""
        line = _NUMBER_BREAKS.sub(_NO_BREAK, _NO_SPACE.sub("", line))
        if self.language == "fr":
            return _FRENCH_BREAKS.sub(_NO_BREAK, line)
        return _ENGLISH_NO_SPACE.sub("", line)


SPEECH: Mapping[Language, Speech] = {
    language: Speech(language) for language in LANGUAGES
}
