"""Recompute every recorded draw from the ledger's own leaves, and say what differs.

Leaf by leaf, in the ledger's order:
1. Places: no leaf is missing.
2. Policies: versions go forward, within the hard limits.
3. Epochs: a seed is committed before its first draw and opens its commitment after the
   last one; draws never go back to an earlier epoch.
4. Draws: one per tag; thresholds follow from the policy and from the budget that the
   draws before have left; RECORD if and only if u < T.
5. Outcomes: for RECORD draws only, one each.
6. Deletions: of what was recorded only, once each.

Whatever cannot be checked yet, or never from leaves alone, is counted in `not_checked`.
This is the service's check of itself; outsiders have a verifier that shares no code.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sampling.budget import (
    SITE_BUCKET,
    Budget,
    refilled,
    spent,
    threshold,
)
from sampling.decision import BUDGET_CODE
from sampling.draw import (
    SEED_SIZE,
    TAG_SIZE,
    draw_value,
    epoch_key,
    hex64,
    seed_commitment,
)
from sampling.policy import Purpose, SamplingPolicy, faults

Leaf = Mapping[str, object]

_HASH_SIZE = 32
_THRESHOLD_SIZE = 8
_INTEGERS_END = 2**53  # larger ones break JSON parsers that use floats
_OPERATOR_SEEDED = "operator"


class Code(StrEnum):
    """What can be wrong. Never renamed: reports and alarms name them."""

    LEDGER_GAP = "ledger-gap"
    LEAF_MALFORMED = "leaf-malformed"
    POLICY_ORDER = "policy-order"
    POLICY_LIMITS = "policy-limits"
    EPOCH_REPEATED = "epoch-repeated"
    EPOCH_NOT_OPEN = "epoch-not-open"
    EPOCH_ORDER = "epoch-order"
    EPOCH_COUNTS = "epoch-counts"
    SEED_NOT_COMMITTED = "seed-not-committed"
    DRAW_WITHOUT_POLICY = "draw-without-policy"
    DRAW_REPEATED = "draw-repeated"
    DRAW_REASON = "draw-reason"
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


@dataclass(frozen=True, slots=True)
class _Draw:
    seq: int
    epoch: int
    tags: tuple[bytes, ...]
    stratum: str
    threshold: int
    is_record: bool
    code: str | None

    @property
    def has_closed_gate(self) -> bool:
        return self.code not in (None, BUDGET_CODE)


class _MalformedError(ValueError):
    """A leaf has not the fields of its kind."""


def replay(leaves: Iterable[tuple[int, Leaf]]) -> Replayed:
    """Check a whole ledger, given as (place, leaf) from its first leaf on."""
    state = _Replay()
    expected = 0
    for seq, leaf in leaves:
        if seq != expected:
            state.find(Code.LEDGER_GAP, seq, f"leaf {expected} is not where it belongs")
        state.read(seq, leaf)
        expected = seq + 1
    return state.conclude()


class _Replay:
    """Everything the leaves so far have established."""

    def __init__(self) -> None:
        self._findings: list[Finding] = []
        self._not_checked: Counter[NotChecked] = Counter()
        self._policy: SamplingPolicy | None = None
        self._tokens: dict[str, int] = {}
        self._commitments: dict[int, bytes] = {}
        self._revealed: set[int] = set()
        self._last_epoch = 0
        self._tags: set[bytes] = set()
        self._draws: dict[int, _Draw] = {}
        self._unopened: dict[int, list[_Draw]] = {}
        self._is_recorded: dict[int, bool] = {}
        self._deleted: set[int] = set()
        self._readers = {
            "POLICY": self._read_policy,
            "OPEN": self._read_open,
            "CLOSE": self._read_close,
            "DRAW": self._read_draw,
            "OUT": self._read_outcome,
            "DEL": self._read_deletion,
        }

    def find(self, code: Code, seq: int, detail: str) -> None:
        self._findings.append(Finding(code, seq, detail))

    def read(self, seq: int, leaf: Leaf) -> None:
        kind = leaf.get("leaf")
        reader = self._readers.get(str(kind))
        if reader is None:
            # Keys commit to nothing a draw depends on: opening them needs the keys.
            if kind not in ("GENESIS", "TAGKEY+", "KEK+", "KEK-"):
                self._not_checked[NotChecked.OTHER_LEAVES] += 1
            return
        try:
            reader(seq, leaf)
        except _MalformedError as error:
            self.find(Code.LEAF_MALFORMED, seq, str(error))

    def conclude(self) -> Replayed:
        waiting = sum(map(len, self._unopened.values()))
        pending = sum(draw.is_record for draw in self._draws.values())
        self._not_checked[NotChecked.OPEN_EPOCHS] = waiting
        self._not_checked[NotChecked.OUTCOMES] = pending - len(self._is_recorded)
        counted = {code: number for code, number in self._not_checked.items() if number}
        return Replayed(tuple(self._findings), counted)

    # 2. Policies

    def _read_policy(self, seq: int, leaf: Leaf) -> None:
        policy = _policy_of(leaf)
        before = self._policy.version if self._policy else 0
        if policy.version != before + 1:
            self.find(
                Code.POLICY_ORDER, seq, f"version {policy.version} after {before}"
            )
        if policy.rate_ppm:  # at rate 0 nothing is drawn, whatever the rest says
            for fault in faults(policy):
                self.find(Code.POLICY_LIMITS, seq, f"{fault.field} {fault.wrong}")
        self._policy = policy

    # 3. Epochs

    def _read_open(self, seq: int, leaf: Leaf) -> None:
        epoch, commitment = _integer(leaf, "e"), _bytes(leaf, "commit", _HASH_SIZE)
        if epoch in self._commitments:
            self.find(Code.EPOCH_REPEATED, seq, f"epoch {epoch} was opened before")
            return
        self._commitments[epoch] = commitment

    def _read_close(self, seq: int, leaf: Leaf) -> None:
        epoch, seed = _integer(leaf, "e"), _bytes(leaf, "seed", SEED_SIZE)
        commitment = self._commitments.get(epoch)
        if commitment is None or epoch in self._revealed:
            self.find(Code.EPOCH_NOT_OPEN, seq, f"epoch {epoch} is not open")
            return
        self._revealed.add(epoch)
        draws = self._unopened.pop(epoch, [])
        said = _integer(leaf, "draws"), _integer(leaf, "records")
        found = len(draws), sum(draw.is_record for draw in draws)
        if said != found:
            self.find(Code.EPOCH_COUNTS, seq, f"{said} said, {found} in the ledger")
        if seed_commitment(epoch, seed) != commitment:
            self.find(Code.SEED_NOT_COMMITTED, seq, f"epoch {epoch}")
            self._not_checked[NotChecked.UNOPENED_SEEDS] += len(draws)
            return
        self._check_values(epoch_key(epoch, seed), draws)

    # 4. Draws

    def _read_draw(self, seq: int, leaf: Leaf) -> None:
        draw = _draw_of(seq, leaf)
        self._draws[seq] = draw
        self._unopened.setdefault(draw.epoch, []).append(draw)
        self._check_tags(draw)
        self._check_epoch(draw)
        if self._policy is None:
            self.find(Code.DRAW_WITHOUT_POLICY, seq, "no policy is in force")
        else:
            self._check_threshold(draw, self._policy)
        if draw.has_closed_gate:
            self._not_checked[NotChecked.CLOSED_GATES] += 1

    def _check_tags(self, draw: _Draw) -> None:
        """A call that lasts over the weekly change of tags is still the same call."""
        if not self._tags.isdisjoint(draw.tags):
            self.find(Code.DRAW_REPEATED, draw.seq, "the call was drawn before")
        self._tags.update(draw.tags)

    def _check_epoch(self, draw: _Draw) -> None:
        epoch = draw.epoch
        if epoch not in self._commitments or epoch in self._revealed:
            self.find(Code.EPOCH_NOT_OPEN, draw.seq, f"epoch {epoch} is not open")
        if epoch < self._last_epoch:
            self.find(Code.EPOCH_ORDER, draw.seq, f"{epoch} after {self._last_epoch}")
        self._last_epoch = max(self._last_epoch, epoch)

    def _check_threshold(self, draw: _Draw, policy: SamplingPolicy) -> None:
        budget = policy.budget
        buckets = refilled(budget, self._tokens, draw.stratum)
        limit = threshold(budget, buckets, draw.stratum, policy.rate_ppm)
        self._tokens = spent(buckets, draw.stratum) if draw.is_record else buckets
        is_exhausted = not limit and bool(policy.rate_ppm)
        if not draw.has_closed_gate and is_exhausted != (draw.code == BUDGET_CODE):
            self.find(Code.DRAW_REASON, draw.seq, f"the budget allows {hex64(limit)}")
        if draw.is_record and not draw.threshold:  # no u is below 0, revealed or not
            self.find(Code.DRAW_VALUE, draw.seq, "RECORD with T = 0")
        expected = 0 if draw.has_closed_gate else limit
        if draw.threshold != expected:
            self.find(
                Code.DRAW_THRESHOLD,
                draw.seq,
                f"{hex64(draw.threshold)} instead of {hex64(expected)}",
            )

    def _check_values(self, key: bytes, draws: Iterable[_Draw]) -> None:
        for draw in draws:
            value = draw_value(key, draw.tags[0])
            if draw.threshold and (value < draw.threshold) != draw.is_record:
                self.find(
                    Code.DRAW_VALUE,
                    draw.seq,
                    f"u is {hex64(value)}, T is {hex64(draw.threshold)}",
                )

    # 5. and 6. What became of it

    def _read_outcome(self, seq: int, leaf: Leaf) -> None:
        drawn = _integer(leaf, "draw")
        named = [name for name in ("rec", "fail", "objected") if name in leaf]
        if len(named) != 1:
            raise _MalformedError("an outcome is one of rec, fail and objected")
        draw = self._draws.get(drawn)
        if draw is None or not draw.is_record:
            self.find(Code.OUTCOME_NOT_DRAWN, seq, f"leaf {drawn} drew no RECORD")
        elif drawn in self._is_recorded:
            self.find(Code.OUTCOME_REPEATED, seq, f"draw {drawn} had its outcome")
        else:
            self._is_recorded[drawn] = named == ["rec"]

    def _read_deletion(self, seq: int, leaf: Leaf) -> None:
        drawn = _integer(leaf, "draw")
        if not self._is_recorded.get(drawn):
            self.find(Code.DELETION_NOT_RECORDED, seq, f"draw {drawn} was not recorded")
        elif drawn in self._deleted:
            self.find(Code.DELETION_REPEATED, seq, f"draw {drawn} was deleted before")
        self._deleted.add(drawn)


def _policy_of(leaf: Leaf) -> SamplingPolicy:
    if leaf.get("mode") != _OPERATOR_SEEDED:
        raise _MalformedError("only operator-seeded policies are known")
    budget = Budget(
        _integer(leaf, "c"), _integer(leaf, "B"), max(1, _integer(leaf, "smooth"))
    )
    try:
        return SamplingPolicy(
            version=_integer(leaf, "version"),
            purpose=Purpose(_text(leaf, "purpose")),
            rate_ppm=_integer(leaf, "ppm"),
            budget=budget,
            starts_on=date.fromisoformat(_text(leaf, "starts")),
            ends_on=date.fromisoformat(_text(leaf, "ends")),
            max_seconds=_integer(leaf, "max_seconds"),
            kept_days=_integer(leaf, "kept_days"),
            announcement="",
            opt_out_key="",
        )
    except ValueError as error:
        raise _MalformedError(str(error)) from None


def _draw_of(seq: int, leaf: Leaf) -> _Draw:
    tags = [_bytes(leaf, name, TAG_SIZE) for name in ("c", "c_prev") if name in leaf]
    is_record = _integer(leaf, "d")
    if not tags or "c" not in leaf or is_record not in (0, 1):
        raise _MalformedError("a draw has a tag c and a d of 0 or 1")
    stratum = _text(leaf, "s")
    if stratum == SITE_BUCKET:
        raise _MalformedError(f"no stratum may be called {SITE_BUCKET}")
    return _Draw(
        seq=seq,
        epoch=_integer(leaf, "e"),
        tags=tuple(tags),
        stratum=stratum,
        threshold=int.from_bytes(_bytes(leaf, "T", _THRESHOLD_SIZE), "big"),
        is_record=bool(is_record),
        code=_text(leaf, "x") if "x" in leaf else None,
    )


def _integer(leaf: Leaf, name: str) -> int:
    value = leaf.get(name)
    # Not isinstance: True would pass for 1.
    if type(value) is not int or not 0 <= value < _INTEGERS_END:
        raise _MalformedError(f"{name} is not a natural number below 2^53")
    return value


def _text(leaf: Leaf, name: str) -> str:
    value = leaf.get(name)
    if not isinstance(value, str):
        raise _MalformedError(f"{name} is not text")
    return value


def _bytes(leaf: Leaf, name: str, size: int) -> bytes:
    """Binary as lower-case hex: one spelling only."""
    text = _text(leaf, name)
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size or value.hex() != text:
        raise _MalformedError(f"{name} is not {size} bytes in lower-case hex")
    return value
