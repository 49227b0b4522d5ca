"""2. Policies: which one holds for a draw, and whether it may."""

from collections.abc import Mapping

from sampling.mixing import Mode
from sampling.policy import faults
from sampling.replay.approvals import Approvals
from sampling.replay.fields import Leaf
from sampling.replay.findings import Code, Notes
from sampling.replay.rules import NO_RULES, Rules, rules_of


class Policies:
    """All policies so far, in the ledger's order."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._all: list[Rules] = []
        self.approvals = Approvals(notes)

    def holding_in(self, epoch: int) -> Rules | None:
        """The newest policy that has begun by this epoch."""
        begun = (rules for rules in reversed(self._all) if rules.first_epoch <= epoch)
        return next(begun, None)

    def read(
        self, seq: int, leaf: Leaf, last_drawn: int, modes: Mapping[int, Mode]
    ) -> None:
        """`last_drawn`: the last epoch drawn in; `modes`: of the epochs opened."""
        rules = rules_of(leaf)
        before = self._all[-1] if self._all else NO_RULES
        version = before.policy.version
        if rules.policy.version != version + 1:
            detail = f"version {rules.policy.version} after {version}"
            self._notes.find(Code.POLICY_ORDER, seq, detail)
        # What was drawn, or committed to in another mode, stays under its own rules.
        others = (epoch + 1 for epoch, mode in modes.items() if mode != rules.mode)
        first = max(last_drawn, before.first_epoch, *others)
        if rules.first_epoch < first:
            detail = f"from epoch {rules.first_epoch}, at the earliest {first}"
            self._notes.find(Code.POLICY_ORDER, seq, detail)
        # At rate 0 nothing is drawn, whatever the rest says.
        if rules.policy.rate_ppm or rules.policy.strata:
            for fault in faults(rules.policy):
                detail = f"{fault.field} {fault.wrong}"
                self._notes.find(Code.POLICY_LIMITS, seq, detail)
        self.approvals.check(seq, before, rules)
        self._all.append(rules)
