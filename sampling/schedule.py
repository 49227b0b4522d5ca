"""Which policy holds in which epoch, when a change may not hold at once.

A change of mode waits until the last epoch that is already committed in another mode is
over; with witnesses every change waits for the next epoch. Until then the policy before
goes on. The rule is the auditor's too: of the policies adopted so far, the newest whose
first epoch is not later than the draw's.
"""

from dataclasses import dataclass
from datetime import date
from typing import Self

from sampling.mixing import Mode
from sampling.policy import NO_POLICY, SamplingPolicy


@dataclass(frozen=True, slots=True)
class ScheduledPolicy:
    """A policy, the epoch it holds from, and the mode of the epochs it holds in."""

    from_epoch: int
    policy: SamplingPolicy
    mode: Mode


@dataclass(frozen=True, slots=True)
class PolicySchedule:
    """The policies of a site, oldest first; their first epochs never fall."""

    entries: tuple[ScheduledPolicy, ...]

    @classmethod
    def empty(cls, mode: Mode) -> Self:
        """Nothing is adopted yet; epochs are committed in `mode` all the same."""
        return cls((ScheduledPolicy(0, NO_POLICY, mode),))

    def then(self, entry: ScheduledPolicy) -> Self:
        """The schedule with one more policy adopted."""
        if entry.from_epoch < self.entries[-1].from_epoch:
            raise ValueError("a policy cannot hold before the one it follows")
        return type(self)((*self.entries, entry))

    @property
    def newest(self) -> SamplingPolicy:
        """The policy adopted last, whether or not it holds already."""
        return self.entries[-1].policy

    @property
    def newest_version(self) -> int:
        return self.newest.version

    def at(self, epoch: int) -> SamplingPolicy:
        """The policy of a draw in `epoch`."""
        return self._entry(epoch).policy

    def mode_at(self, epoch: int) -> Mode:
        """The mode `epoch` must be committed in."""
        return self._entry(epoch).mode

    def kept_days(self, day: date, epochs: range) -> frozenset[int]:
        """How long what is drawn on a day is kept; `epochs` are those of that day."""
        entries = {self._entry(epochs.start)} | {
            entry for entry in self.entries if entry.from_epoch in epochs
        }
        return frozenset(
            own.kept_days
            for entry in entries
            for own in (entry.policy, *entry.policy.strata)
            if own.is_running(day) and own.rate_ppm
        )

    def _entry(self, epoch: int) -> ScheduledPolicy:
        holding = (e for e in reversed(self.entries) if e.from_epoch <= epoch)
        return next(holding, self.entries[0])
