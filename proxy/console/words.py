"""What the pages say: one catalogue for each language, and who reads which.

A text is looked up by its key and may name values, `{so}`; escaping is the template's.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

_TEXTS = Path(__file__).parent / "texts"
_DEFAULT = "fr"  # those who listen work where French is spoken
_HEADER_LENGTH = 200


class Words:
    """One language's texts."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self.keys = frozenset(texts)
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """Raises KeyError for a key nobody wrote."""
        return self._texts[key].format(**values)

    def named(self, group: str, code: str) -> str:
        """What a code of a closed list is called, or the code, if it is not in it."""
        key = f"{group}.{code}"
        return self(key) if key in self.keys else code

    def first_of(self, *keys: str) -> str:
        """The first of these that was written; the last one must have been."""
        return self(next((key for key in keys if key in self.keys), keys[-1]))


def _flat(tree: Mapping[str, object], before: str = "") -> Iterator[tuple[str, str]]:
    for name, below in tree.items():
        if isinstance(below, Mapping):
            yield from _flat(below, f"{before}{name}.")
        else:
            yield before + name, str(below)


def _read(file: Path) -> Words:
    return Words(file.stem, dict(_flat(tomllib.loads(file.read_text()))))


LANGUAGES: Mapping[str, Words] = {
    file.stem: _read(file) for file in sorted(_TEXTS.glob("*.toml"))
}


def choose_words(chosen: str, accepted: str) -> Words:
    """The language chosen on a page, or the first the browser asks for (RFC 9110)."""
    if chosen in LANGUAGES:
        return LANGUAGES[chosen]
    wanted = sorted(_weighed(accepted), key=lambda each: -each[1])
    known = [name for name, weight in wanted if name in LANGUAGES and weight > 0]
    return LANGUAGES[known[0] if known else _DEFAULT]


def _weighed(accepted: str) -> Iterator[tuple[str, float]]:
    for part in accepted[:_HEADER_LENGTH].split(","):
        name, _, weight = part.strip().partition(";q=")
        try:
            yield name.partition("-")[0].lower(), float(weight or 1)
        except ValueError:
            continue
