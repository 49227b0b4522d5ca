"""Which bytes of a package are asked for (RFC 9110, section 14).

One range, or all of it. A range is answered as it was asked for: a download that broke
off goes on where it was. What is no single range is answered with the whole, as the
standard allows; what lies behind the end is refused.
"""

import re
from dataclasses import dataclass

from proxy.errors import PonctuelError

_ONE_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})", re.ASCII)


class OutsideError(PonctuelError):
    """The package has no such bytes."""

    status = 416
    error_id = "outside-package"

    def __init__(self, size: int) -> None:
        """`size` of the package, in bytes."""
        self.size = size
        super().__init__(f"it has {size} bytes", field="Range")


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes [start, stop) of `size`; `is_part` if a range was asked for."""

    start: int
    stop: int
    size: int
    is_part: bool = True

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


def span_of(wanted: str | None, size: int) -> Span:
    """What is sent for the header `Range`. Raises OutsideError."""
    asked = _ONE_RANGE.fullmatch(wanted.strip()) if wanted else None
    if asked is None or not (asked["first"] or asked["last"]):
        return Span(0, size, size, is_part=False)
    if not asked["first"]:  # the last so many bytes
        start, last = max(0, size - int(asked["last"])), size - 1
    else:
        start, last = int(asked["first"]), int(asked["last"] or size - 1)
    if last < start and asked["last"] and asked["first"]:
        return Span(0, size, size, is_part=False)  # no range at all, 14.1.1
    stop = min(size, last + 1)
    if start >= stop:
        raise OutsideError(size)
    return Span(start, stop, size)
