"""Lists that grow are answered a page at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import Field, StringConstraints

from proxy.api.route import Model

Item = TypeVar("Item")


class PageQuestion(Model):
    """`after` is the `next` of the page before."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z:.+_-]{0,100}$")] = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items, and where the next page begins if there is one."""

    items: list[Item]
    next: str | None


def page_of(
    items: Iterable[Item], question: PageQuestion, key: Callable[[Item], str]
) -> Page[Item]:
    """The page in the order of `key`.

    What comes or goes between two questions moves nothing else to another page.
    """
    later = sorted((item for item in items if key(item) > question.after), key=key)
    page = later[: question.limit]
    return Page(page, key(page[-1]) if len(later) > len(page) else None)
