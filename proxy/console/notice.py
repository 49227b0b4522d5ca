"""The notice, for everybody: where the announcement sends whoever wants to know more.

It names nobody and leads nowhere; whoever reads it need not sign in, nor is counted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from proxy.api.faults import UnknownPlaceError
from proxy.api.route import PUBLIC
from proxy.console.visit import GET, Answer, Page, Visit
from proxy.letters.notices import NoticeKind
from proxy.letters.speech import LANGUAGES, Language

_PLACE = re.compile(r"/notice/[a-z0-9][a-z0-9_-]{0,31}")
_POINT = "- "


@dataclass(frozen=True, slots=True)
class Block:
    """A heading, a paragraph, or the points of a list."""

    kind: Literal["heading", "paragraph", "list"]
    lines: tuple[str, ...]


def is_notice(place: str) -> bool:
    """Whether it is where a notice may be read, below ROOT."""
    return _PLACE.fullmatch(place) is not None


async def show(visit: Visit) -> Answer:
    site = visit.sites.get(visit.request.match_info["site"])
    if site is None:
        raise UnknownPlaceError
    text = site.notices.current(NoticeKind.NOTICE, _language(visit))
    _, *parts = text.text.strip().split("\n\n")  # the page has a heading of its own
    values = {
        "blocks": list(map(_block, parts)),
        "version": text.version,
        "day": f"{site.clock():%Y-%m-%d}",
    }
    return Page("notice.html", values)


def _language(visit: Visit) -> Language:
    return next(each for each in LANGUAGES if each == visit.words.language)


def _block(part: str) -> Block:
    if part.startswith(_POINT):
        return Block("list", tuple(_points(part)))
    line = " ".join(part.split("\n"))
    return Block("heading" if line.endswith("?") else "paragraph", (line,))


def _points(part: str) -> Iterator[str]:
    for point in re.split(r"(?:^|\n)- ", part)[1:]:
        yield " ".join(line.strip() for line in point.split("\n"))


ROUTES = (GET("/notice/{site}", PUBLIC, show),)
