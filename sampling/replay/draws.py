"""4. Draws: one per call, and each follows from what stands before it."""

from dataclasses import dataclass

from sampling.budget import SITE_BUCKET, refilled, spent, threshold
from sampling.caps import CAP_CODES
from sampling.coverage import ladder
from sampling.decision import BUDGET_CODE
from sampling.draw import TAG_SIZE, draw_value, hex64
from sampling.policy import NO_POLICY, SamplingPolicy
from sampling.replay.epochs import ClosedEpoch, Epochs, TagKeys
from sampling.replay.fields import Leaf, MalformedError, binary, integer, text
from sampling.replay.findings import Code, NotChecked, Notes
from sampling.replay.policies import Policies
from sampling.replay.rules import Rules

_THRESHOLD_SIZE = 8
_NO_POLICY_CODE = "policy_none"
_STOP_CODES = {"operator": "stopped", "breaker": "breaker"}


@dataclass(frozen=True, slots=True)
class Draw:
    """A DRAW leaf. `rate_ppm` only where the policy has a coverage."""

    seq: int
    epoch: int
    tags: tuple[bytes, ...]
    stratum: str
    rate_ppm: int | None
    threshold: int
    is_record: bool
    code: str | None

    @property
    def has_closed_gate(self) -> bool:
        return self.code not in (None, BUDGET_CODE)


class Draws:
    """All draws so far, and the tokens they have left."""

    def __init__(
        self, notes: Notes, policies: Policies, epochs: Epochs, tag_keys: TagKeys
    ) -> None:
        self._notes = notes
        self._policies = policies
        self._epochs = epochs
        self._tag_keys = tag_keys
        self._tokens: dict[str, int] = {}
        self._tags: set[bytes] = set()
        self._unopened: dict[int, list[Draw]] = {}
        self._stops: set[str] = set()
        self.records: set[int] = set()
        self.last_epoch = 0

    def read(self, seq: int, leaf: Leaf) -> None:
        draw = _draw_of(seq, leaf)
        self._unopened.setdefault(draw.epoch, []).append(draw)
        if draw.is_record:
            self.records.add(seq)
        if draw.has_closed_gate:
            self._notes.not_checked[NotChecked.CLOSED_GATES] += 1
        self._check_tags(draw)
        self._check_epoch(draw)
        self._check_stops(draw)
        rules = self._policies.holding_in(draw.epoch)
        if rules:
            self._check_rules(draw, rules)
        else:
            self._check_no_rules(draw)

    def read_stop(self, _: int, leaf: Leaf) -> None:
        party, is_on = text(leaf, "by"), integer(leaf, "on")
        if party not in _STOP_CODES or is_on not in (0, 1):
            raise MalformedError("a stop is by operator or breaker, and on or off")
        change = self._stops.add if is_on else self._stops.discard
        change(_STOP_CODES[party])

    def close(self, seq: int, closed: ClosedEpoch) -> None:
        """Recompute the draws of an epoch whose seed is out."""
        draws = self._unopened.pop(closed.epoch, [])
        said = closed.said_draws, closed.said_records
        found = len(draws), sum(draw.is_record for draw in draws)
        if said != found:
            detail = f"{said} said, {found} in the ledger"
            self._notes.find(Code.EPOCH_COUNTS, seq, detail)
        if draws and not closed.has_outside_value:
            detail = "drawn without the outside value"
            self._notes.find(Code.OUTSIDE_VALUE, seq, detail)
        if closed.key is None:
            self._notes.not_checked[NotChecked.UNOPENED_SEEDS] += len(draws)
        else:
            for draw in draws:
                self._check_value(closed.key, draw)

    def conclude(self) -> None:
        waiting = sum(map(len, self._unopened.values()))
        self._notes.not_checked[NotChecked.OPEN_EPOCHS] = waiting

    def _check_tags(self, draw: Draw) -> None:
        """A call that lasts over the weekly change of tags is still the same call."""
        if not self._tags.isdisjoint(draw.tags):
            self._notes.find(Code.DRAW_REPEATED, draw.seq, "the call was drawn before")
        self._tags.update(draw.tags)

    def _check_epoch(self, draw: Draw) -> None:
        epoch = draw.epoch
        if self._epochs.mode_of(epoch) is None:
            detail = f"epoch {epoch} is not open"
            self._notes.find(Code.EPOCH_NOT_OPEN, draw.seq, detail)
        if epoch < self.last_epoch:
            detail = f"{epoch} after {self.last_epoch}"
            self._notes.find(Code.EPOCH_ORDER, draw.seq, detail)
        self.last_epoch = max(self.last_epoch, epoch)

    def _check_stops(self, draw: Draw) -> None:
        if self._stops and draw.threshold:
            self._notes.find(Code.DRAW_STOPPED, draw.seq, "draws were stopped")
        if draw.code in _STOP_CODES.values() and draw.code not in self._stops:
            detail = f"{draw.code}, but no leaf says so"
            self._notes.find(Code.DRAW_REASON, draw.seq, detail)

    def _check_no_rules(self, draw: Draw) -> None:
        """Calls are bound before the first policy too; none has a chance."""
        if draw.code != _NO_POLICY_CODE:
            detail = "no policy is in force"
            self._notes.find(Code.DRAW_WITHOUT_POLICY, draw.seq, detail)
        self._check_threshold(draw, NO_POLICY, NO_POLICY.rate_ppm)

    def _check_rules(self, draw: Draw, rules: Rules) -> None:
        mode = self._epochs.mode_of(draw.epoch)
        if mode not in (None, rules.mode):
            detail = f"the epoch is of mode {mode}, the policy of mode {rules.mode}"
            self._notes.find(Code.EPOCH_MODE, draw.seq, detail)
        self._tag_keys.check(draw.seq, draw.epoch, rules.epoch_seconds)
        rate = self._rate_of(draw, rules.policy)
        self._check_threshold(draw, rules.policy, rate)

    def _rate_of(self, draw: Draw, policy: SamplingPolicy) -> int:
        """The rate to replay with: the leaf's own where there is a coverage."""
        conditions, rate = policy.conditions(draw.stratum), draw.rate_ppm
        coverage = conditions.coverage
        if coverage and rate in (*ladder(coverage), conditions.rate_ppm):
            return rate
        if coverage or rate is not None:
            detail = f"{rate} ppm is no rate of {draw.stratum}"
            self._notes.find(Code.DRAW_RATE, draw.seq, detail)
        return conditions.rate_ppm

    def _check_threshold(self, draw: Draw, policy: SamplingPolicy, rate: int) -> None:
        budgets = policy.budgets(draw.stratum)
        buckets = refilled(budgets, self._tokens)
        limit = threshold(budgets, buckets, rate)
        self._tokens = spent(budgets, buckets) if draw.is_record else buckets
        is_exhausted = not limit and bool(rate)
        if not draw.has_closed_gate and is_exhausted != (draw.code == BUDGET_CODE):
            detail = f"the budget allows {hex64(limit)}"
            self._notes.find(Code.DRAW_REASON, draw.seq, detail)
        if draw.is_record and not draw.threshold:  # no u is below 0, revealed or not
            self._notes.find(Code.DRAW_VALUE, draw.seq, "RECORD with T = 0")
        expected = 0 if draw.has_closed_gate else limit
        if draw.code in CAP_CODES:  # whose they are is not in the ledger
            expected = min(draw.threshold, limit)
        if draw.threshold != expected:
            detail = f"{hex64(draw.threshold)} instead of {hex64(expected)}"
            self._notes.find(Code.DRAW_THRESHOLD, draw.seq, detail)

    def _check_value(self, key: bytes, draw: Draw) -> None:
        value = draw_value(key, draw.tags[0])
        if draw.threshold and (value < draw.threshold) != draw.is_record:
            detail = f"u is {hex64(value)}, T is {hex64(draw.threshold)}"
            self._notes.find(Code.DRAW_VALUE, draw.seq, detail)


def _draw_of(seq: int, leaf: Leaf) -> Draw:
    tags = [binary(leaf, name, TAG_SIZE) for name in ("c", "c_prev") if name in leaf]
    is_record = integer(leaf, "d")
    if not tags or "c" not in leaf or is_record not in (0, 1):
        raise MalformedError("a draw has a tag c and a d of 0 or 1")
    stratum = text(leaf, "s")
    if stratum == SITE_BUCKET:
        raise MalformedError(f"no stratum may be called {SITE_BUCKET}")
    return Draw(
        seq=seq,
        epoch=integer(leaf, "e"),
        tags=tuple(tags),
        stratum=stratum,
        rate_ppm=integer(leaf, "p") if "p" in leaf else None,
        threshold=int.from_bytes(binary(leaf, "T", _THRESHOLD_SIZE), "big"),
        is_record=bool(is_record),
        code=text(leaf, "x") if "x" in leaf else None,
    )
