"""Facts of every letter, made up: dates, counts, and words that no format likes."""

from dataclasses import fields
from datetime import UTC, date, datetime
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from proxy.letters.facts import Muted, Refusal
from proxy.letters.speech import SPEECH

_UNFRIENDLY = (
    "<script>alert(1)</script>",
    "{{ desk }}{% raw %}",
    "Objet : autre chose\n\nMadame,",
    "« L\u2019œuvre »; 100 % & co.",
    "%s %(x)d \\n {0}",
    "a\u202eb\u0000c",
)
WORDS = st.sampled_from(_UNFRIENDLY) | st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z", "N"]), min_size=1
).filter(lambda text: text.strip() != "")
DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))
_MOMENTS = st.datetimes(timezones=st.just(UTC), allow_imaginary=False)
_CLOSED = {
    "kind": "kinds",
    "purpose": "purposes",
    "role": "roles",
    "listeners": "roles",
    "how": "listened",
    "searched_by": "searched",
    "tried": "tried",
    "what": "files",
    "article_6": "article_6",
    "article_9": "article_9",
    "hosting": "hosting",
}
_NAMED = {
    "number_ending": st.sampled_from(["", "0", "42"]),
    "code": st.from_regex(r"[0-9]{6}", fullmatch=True),
    "reference": st.from_regex(r"[A-Z2-9]{4}-[A-Z2-9]{4}", fullmatch=True),
    "consent": st.sampled_from(["opt_in", "opt_out"]),
    "opt_out_key": st.just("9"),
    "opt_in_key": st.just("1"),
    "minutes": st.integers(1, 60),
}
_BY_TYPE = {
    str: WORDS,
    bool: st.booleans(),
    int: st.integers(0, 10**6),
    float: st.floats(0, 3600),
    date: DAYS,
    datetime: _MOMENTS,
}


def facts_of(cls: type) -> st.SearchStrategy[Any]:
    """Every field of it, those with a default too."""
    hints = get_type_hints(cls)
    each = {
        field.name: _of(field.name, hints[field.name], cls) for field in fields(cls)
    }
    if cls is Refusal:
        each["articles"] = st.just(("12(5)", "17(3)(e)"))
    return st.builds(cls, **each)


def _of(name: str, hint: Any, cls: type) -> st.SearchStrategy[Any]:
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return st.lists(_of(name, item, cls), min_size=1, max_size=3).map(tuple)
    if isinstance(hint, UnionType):
        return _of(name, get_args(hint)[0], cls)
    if cls is Muted and name == "reason":
        return st.sampled_from(sorted(SPEECH["fr"].words["cuts"]))
    if name in _CLOSED:
        return st.sampled_from(sorted(SPEECH["fr"].words[_CLOSED[name]]))
    if name in _NAMED:
        return _NAMED[name]
    return _BY_TYPE[hint] if hint in _BY_TYPE else facts_of(hint)
