"""Lists that grow are read and answered a page at a time.

A page begins behind the last item of the one before: what comes or goes between two
questions moves nothing else to another page.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from pydantic import Field, StringConstraints

from proxy.api.route import Model

Item = TypeVar("Item")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class PageQuestion(Model):
    """`after` is the `next` of the page before: here, the last item's number."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,18}$")] = ""

    @property
    def place(self) -> int:
        return int(self.after or 0)

    @property
    def reach(self) -> int:
        """How many to read: one more shows whether there is another page."""
        return self.limit + 1


class TimedQuestion(PageQuestion):
    """For what is listed by when it was, and which it is."""

    # Microseconds since 1970, and an id: all of them exist.
    after: Annotated[
        str, StringConstraints(pattern=r"^([0-9]{1,16}_[0-9a-f]{32})?$")
    ] = ""

    @property
    def behind(self) -> tuple[datetime, UUID] | None:
        """None is before all."""
        if not self.after:
            return None
        passed, _, item = self.after.partition("_")
        return _EPOCH + int(passed) * _MICROSECOND, UUID(item)


def timed_place(at: datetime, item: UUID) -> str:
    """What the page behind this one is asked by."""
    return f"{(at - _EPOCH) // _MICROSECOND}_{item.hex}"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items, and where the next page begins if there is one."""

    items: Sequence[Item]
    next: str | None


def page_of(
    read: Sequence[Item], question: PageQuestion, key: Callable[[Item], str]
) -> Page[Item]:
    """The page, of as many as were to be read. `key` is what the next is asked by."""
    items = read[: question.limit]
    return Page(items, key(items[-1]) if len(read) > len(items) else None)
