"""The times at which a service does what is due every minute, quarter and hour.

They are those of the machine's own clock, so a test's step would now and then be taken
twice, or before its turn. In tests they never come; what is due is done when asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from proxy import jobs

_NAMES = ("EVERY_MINUTE", "EVERY_QUARTER", "EVERY_HOUR", "TEN_PAST_EVERY_HOUR")
_USUAL = {name: getattr(jobs, name) for name in _NAMES}
_NEVER = "0 0 29 2 *"  # soon enough in a leap year


def never() -> None:
    """Let no service that starts from now on do anything by the clock."""
    for name in _NAMES:
        setattr(jobs, name, _NEVER)


def as_usual() -> None:
    for name, times in _USUAL.items():
        setattr(jobs, name, times)


@contextmanager
def out_of_time() -> Iterator[None]:
    never()
    try:
        yield
    finally:
        as_usual()
