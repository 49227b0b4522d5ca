"""Which parts of a copy are silent, and why: other people's words are not the person's.

A copy must not adversely affect others (GDPR Art. 15(4)); what does is left out, and
nothing else (recital 63: that is no reason to refuse everything).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from proxy.errors import PonctuelError

MOST_CUTS = 500  # of one recording


class Why(StrEnum):
    """The closed list of reasons; the person is told which."""

    THIRD_PARTY = "third-party"
    """Somebody else speaks, or is spoken of."""
    TRADE_SECRET = "trade-secret"  # noqa: S105  # recital 63 names them
    SECURITY = "security"
    """A code or password somebody said aloud."""


class BadCutError(PonctuelError):
    """This part of the recording cannot be muted."""

    status = 422
    error_id = "bad-cut"


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """Milliseconds [start, stop) of a recording, and the reason."""

    start: int
    stop: int
    why: Why


def checked(cuts: Iterable[Cut], seconds: float) -> tuple[Cut, ...]:
    """The same, in their order. Raises BadCutError.

    `seconds` is how long the recording lasts; the last cut may end with its last,
    incomplete millisecond.
    """
    ordered = tuple(sorted(cuts))
    if len(ordered) > MOST_CUTS:
        raise BadCutError(
            f"more than {MOST_CUTS}", field="cuts", fix="join those that touch"
        )
    longest = -int(-seconds * 1000 // 1)
    for cut in ordered:
        if not 0 <= cut.start < cut.stop <= longest:
            raise BadCutError(
                f"[{cut.start}, {cut.stop}) is not within {longest} milliseconds",
                field="cuts",
                fix="begin before it ends, and stay inside the recording",
            )
    for before, cut in pairwise(ordered):
        if cut.start < before.stop:
            raise BadCutError(
                f"two cuts hold millisecond {cut.start}", field="cuts", fix="join them"
            )
    return ordered


def frames_of(cuts: Sequence[Cut], rate: int) -> list[tuple[int, int]]:
    """Frames [first, last) to silence at `rate` Hz: every one the cut touches."""
    return [(cut.start * rate // 1000, -(-cut.stop * rate // 1000)) for cut in cuts]


def silence(
    samples: bytearray, first: int, frame_size: int, spans: Iterable[tuple[int, int]]
) -> None:
    """Make what lies in `spans` exact digital silence; `samples` begin at `first`.

    `frame_size` in bytes; signed samples, whose silence is zero.
    """
    frames = len(samples) // frame_size
    for start, stop in spans:
        begin, end = max(0, start - first), min(frames, stop - first)
        if begin < end:
            samples[begin * frame_size : end * frame_size] = bytes(
                (end - begin) * frame_size
            )
