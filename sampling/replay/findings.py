"""What a replay can say, and the notes it takes on its way."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """What can be wrong. Never renamed: reports and alarms name them."""

    LEDGER_GAP = "ledger-gap"
    LEAF_MALFORMED = "leaf-malformed"
    POLICY_ORDER = "policy-order"
    POLICY_LIMITS = "policy-limits"
    POLICY_APPROVALS = "policy-approvals"
    POLICY_NOTICE = "policy-notice"
    EPOCH_REPEATED = "epoch-repeated"
    EPOCH_NOT_OPEN = "epoch-not-open"
    EPOCH_ORDER = "epoch-order"
    EPOCH_COUNTS = "epoch-counts"
    EPOCH_MODE = "epoch-mode"
    SEED_NOT_COMMITTED = "seed-not-committed"
    OUTSIDE_VALUE = "outside-value"
    TAG_KEY_ORDER = "tag-key-order"
    DRAW_WITHOUT_POLICY = "draw-without-policy"
    DRAW_REPEATED = "draw-repeated"
    DRAW_RATE = "draw-rate"
    DRAW_REASON = "draw-reason"
    DRAW_STOPPED = "draw-stopped"
    DRAW_THRESHOLD = "draw-threshold"
    DRAW_VALUE = "draw-value"
    OUTCOME_NOT_DRAWN = "outcome-not-drawn"
    OUTCOME_REPEATED = "outcome-repeated"
    DELETION_NOT_RECORDED = "deletion-not-recorded"
    DELETION_REPEATED = "deletion-repeated"


class NotChecked(StrEnum):
    """What this replay had to take on trust, so far or for good."""

    OPEN_EPOCHS = "draws-of-epochs-not-revealed-yet"
    UNOPENED_SEEDS = "draws-whose-seed-was-not-the-committed-one"
    CLOSED_GATES = "draws-excluded-for-a-reason-outside-the-ledger"
    OUTCOMES = "recordings-without-an-outcome-yet"
    OTHER_LEAVES = "leaves-of-a-later-version"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and the leaf that shows it."""

    code: Code
    seq: int
    detail: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    findings: tuple[Finding, ...]
    not_checked: Mapping[NotChecked, int]


class Notes:
    """What was found so far, and how much was not checked."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self.not_checked: Counter[NotChecked] = Counter()

    def find(self, code: Code, seq: int, detail: str) -> None:
        self._findings.append(Finding(code, seq, detail))

    def conclude(self) -> Replayed:
        counted = {code: number for code, number in self.not_checked.items() if number}
        return Replayed(tuple(self._findings), counted)
