"""What the monitors are told, in the order of the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, StrEnum, auto


class Monitor(StrEnum):
    """Each looks for one way in which recordings may not be random."""

    CEILING = "ceiling"
    AGENT = "agent"
    HOUR = "hour"
    DIRECTION = "direction"
    DURATION = "duration"
    SERIAL = "serial"
    FAILURE = "failure"


class End(Enum):
    """How a call that was drawn ended, as far as its recording goes."""

    OPEN = auto()  # nobody knows; also of a call that was not drawn
    RECORDED = auto()
    FAILED = auto()
    EXCUSED = auto()  # ended by the people on the phone: refused, private, hung up


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One root call and what came of it.

    `probability` is that of its leaf. `is_seen`: a recording of it was seen, by the
    platform's word or by its audio. `agent` is an opaque name. `seconds` is None where
    the length is not known. `is_judged` is False for a call that had to be counted
    before it could have ended. `is_bound` is False for a recording whose call nobody
    told us of: it has no leaf, and counts for the ceiling alone.
    """

    seq: int
    epoch: int
    at: datetime
    stratum: str
    probability: float
    is_drawn: bool
    is_seen: bool
    end: End = End.OPEN
    agent: str | None = None
    seconds: float | None = None
    is_judged: bool = True
    is_bound: bool = True

    @property
    def is_possible(self) -> bool:
        """Whether it could be drawn at all: that a closed gate held proves nothing."""
        return self.probability > 0

    @property
    def is_as_drawn(self) -> bool:
        """Recorded, or not for a reason that is neither chance nor ours."""
        return self.is_seen or (self.is_drawn and self.end is End.EXCUSED)


@dataclass(frozen=True, slots=True)
class Adopted:
    """A policy that holds from an epoch on: its ceilings, in millionths.

    `strata` are those with a ceiling of their own. `campaign` changes with its dates or
    its purpose.
    """

    seq: int
    version: int
    from_epoch: int
    ceiling_ppm: int
    campaign: str
    strata: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BreakerClosed:
    """People have looked, and the breaker no longer stops the draws."""

    seq: int


@dataclass(frozen=True, slots=True)
class Decided:
    """The DPO has decided about an alarm of this monitor."""

    seq: int
    monitor: Monitor


Item = Watched | Adopted | BreakerClosed | Decided
