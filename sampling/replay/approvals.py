"""2. Policies that allow more: approved by two, and announced a day before."""

import re
from dataclasses import dataclass

from sampling.increases import raised_by_name
from sampling.lifecycle import NOTICE
from sampling.policy import NO_POLICY
from sampling.replay.fields import Leaf
from sampling.replay.findings import Code, Notes
from sampling.replay.rules import Rules

_BY_OPERATOR_AND_DPO = 2
_ANNOUNCED = re.compile(
    "policy approved: doc ([0-9a-f]{64}), not before epoch ([0-9]{1,15})"
)


@dataclass(frozen=True, slots=True)
class _Announcement:
    """A NOTE: which document shall hold, from when, and the epoch it was made in."""

    doc: str
    first_epoch: int
    epoch: int


class Approvals:
    """Compares each policy with the one adopted before it, as leaves show both."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._announced: _Announcement | None = None

    def read_note(self, leaf: Leaf, epoch: int) -> None:
        """`epoch`: the newest that had begun by then. The last announcement counts."""
        found = _ANNOUNCED.fullmatch(str(leaf.get("text")))
        if found:
            self._announced = _Announcement(found[1], int(found[2]), epoch)

    def check(self, seq: int, before: Rules, after: Rules) -> None:
        """The first policy of a ledger takes nobody's approval, nor a notice."""
        if before.policy.version != NO_POLICY.version:
            self._check_increase(seq, before, after)
        self._forget(before, after)

    def _check_increase(self, seq: int, before: Rules, after: Rules) -> None:
        raised = ", ".join(raised_by_name(before.policy, after.policy))
        if raised and after.approvals != _BY_OPERATOR_AND_DPO:
            self._notes.find(Code.POLICY_APPROVALS, seq, raised)
        elif raised and not self._is_announced(after):
            self._notes.find(Code.POLICY_NOTICE, seq, raised)

    def _is_announced(self, rules: Rules) -> bool:
        """By its document and its first epoch, in an epoch a day or more before it."""
        said = self._announced
        if said is None or said.doc != rules.doc:
            return False
        ahead = (rules.first_epoch - said.epoch) * rules.epoch_seconds
        is_early = ahead >= NOTICE.total_seconds()
        return is_early and rules.first_epoch >= said.first_epoch

    def _forget(self, before: Rules, after: Rules) -> None:
        """It was this one, or another was decided on: not the same one once more."""
        said = self._announced
        is_again = after.doc is not None and after.doc == before.doc
        if said and (not is_again or after.doc == said.doc):
            self._announced = None
