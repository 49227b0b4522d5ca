"""The ledgers here are written by the formulas of the published proof, not by ours."""

import hashlib
import hmac
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.replay import Code, NotChecked, replay

MICRO = 10**6
PPM, CEILING, BURST, SMOOTH = 80_000, 85_000, 15, 5
POLICY = {
    "leaf": "POLICY",
    "mode": "operator",
    "epoch_seconds": 3600,
    "purpose": "training",
    "ppm": PPM,
    "c": CEILING,
    "B": BURST,
    "smooth": SMOOTH,
    "starts": "2026-11-01",
    "ends": "2026-11-29",
    "max_seconds": 600,
    "kept_days": 30,
    "from": 7,
    "version": 1,
}


def _u64(number):
    return number.to_bytes(8, "big")


def _mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def seed_of(epoch):
    return hashlib.sha256(b"seed of %d" % epoch).digest()


def open_leaf(epoch):
    commit = hashlib.sha256(b"ponctuel/seed/v1" + _u64(epoch) + seed_of(epoch))
    return {"leaf": "OPEN", "e": epoch, "commit": commit.hexdigest()}


@dataclass
class Writer:
    """An honest ledger, written leaf by leaf with the arithmetic of the proof."""

    leaves: list = field(default_factory=list)
    tokens: dict = field(default_factory=dict)
    counted: dict = field(default_factory=dict)

    def add(self, **leaf):
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def draw(self, epoch, name, stratum="cardio_in", gate=None):
        tag = hashlib.sha256(name.encode()).digest()[:16]
        for bucket in ("all", stratum):
            held = self.tokens.get(bucket, BURST * MICRO)
            self.tokens[bucket] = min(BURST * MICRO, held + CEILING)
        least = min(self.tokens["all"], self.tokens[stratum])
        limit = 0
        if least >= MICRO:
            limit = 2**64 * PPM * min(least, SMOOTH * MICRO) // (MICRO * SMOOTH * MICRO)
        shown = 0 if gate else limit
        key = _mac(seed_of(epoch), b"ponctuel/epoch/v1" + _u64(epoch))
        u = int.from_bytes(_mac(key, b"ponctuel/draw/v1" + tag)[:8], "big")
        d = int(u < shown)
        for bucket in ("all", stratum):
            self.tokens[bucket] -= d * MICRO
        draws, records = self.counted.get(epoch, (0, 0))
        self.counted[epoch] = (draws + 1, records + d)
        code = gate or (None if limit else "budget")
        extra = {"x": code} if code else {}
        seq = self.add(
            leaf="DRAW",
            e=epoch,
            c=tag.hex(),
            s=stratum,
            T=f"{shown:016x}",
            d=d,
            **extra,
        )
        return seq if d else None

    def close(self, epoch):
        draws, records = self.counted.get(epoch, (0, 0))
        seed = seed_of(epoch).hex()
        self.add(leaf="CLOSE", e=epoch, seed=seed, draws=draws, records=records)


def story(calls=120):
    """Two epochs of calls; what was drawn is recorded, refused or failed in turn."""
    writer = Writer()
    writer.add(**POLICY)
    writer.add(leaf="TAGKEY+", week=2968, commit="00" * 32)
    for epoch in (7, 8):
        writer.leaves.append(open_leaf(epoch))
    for number in range(calls):
        epoch = 7 if number < calls // 2 else 8
        gate = "line_excluded" if number % 20 == 0 else None
        stratum = "cardio_in" if number % 3 else "cardio_out"
        drawn = writer.draw(epoch, f"call {number}", stratum, gate)
        if drawn is not None:
            _end(writer, drawn)
    writer.close(7)
    writer.close(8)
    return writer.leaves


def _end(writer, drawn):
    ending = drawn % 3
    if ending == 0:
        writer.add(leaf="OUT", draw=drawn, objected=1)
    elif ending == 1:
        writer.add(leaf="OUT", draw=drawn, fail="hangup")
    else:
        kept = {"bytes": 1, "day": "2026-12-01", "sha256": "00" * 32}
        writer.add(leaf="OUT", draw=drawn, rec=kept)
        writer.add(leaf="DEL", draw=drawn)


def codes_of(leaves):
    return {finding.code for finding in replay(enumerate(leaves)).findings}


def places(leaves, kind, **fields):
    return [
        seq
        for seq, leaf in enumerate(leaves)
        if leaf["leaf"] == kind and all(leaf.get(n) == v for n, v in fields.items())
    ]


def test_an_honest_ledger_has_no_findings():
    leaves = story()
    replayed = replay(enumerate(leaves))
    assert replayed.findings == ()
    assert replayed.not_checked == {NotChecked.CLOSED_GATES: 6}
    assert places(leaves, "DRAW", d=1), "a story without a RECORD shows little"


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(["cardio_in", "cardio_out", "other_in"]),
            st.sampled_from([None, None, None, "no_dpia", "campaign_ended"]),
        ),
        max_size=150,
    )
)
def test_whatever_calls_come_an_honest_ledger_has_no_findings(calls):
    writer = Writer()
    writer.add(**POLICY)
    writer.leaves.append(open_leaf(7))
    for number, (stratum, gate) in enumerate(calls):
        writer.draw(7, f"{number}", stratum, gate)
    writer.close(7)
    assert codes_of(writer.leaves) == set()


def test_an_emptying_budget_lowers_the_thresholds_and_the_replay_follows(monkeypatch):
    monkeypatch.setattr(f"{__name__}.PPM", 85_000)
    writer = Writer()
    writer.add(**POLICY | {"ppm": 85_000})
    writer.leaves.append(open_leaf(7))
    for number in range(3000):
        writer.draw(7, f"{number}")
    writer.close(7)
    thresholds = {writer.leaves[seq]["T"] for seq in places(writer.leaves, "DRAW")}
    assert len(thresholds) > 1, "the budget never came into play"
    assert codes_of(writer.leaves) == set()


def test_draws_of_an_epoch_that_is_not_over_are_named_as_not_checked():
    leaves = story()[:-1]
    replayed = replay(enumerate(leaves))
    assert replayed.findings == ()
    assert replayed.not_checked[NotChecked.OPEN_EPOCHS] == 60


def test_even_before_the_seed_is_revealed_a_raised_threshold_is_found():
    leaves = story()[:-1]
    last = places(leaves, "DRAW")[-1]
    leaves[last] = leaves[last] | {"T": "f" * 16}
    assert codes_of(leaves) == {Code.DRAW_THRESHOLD}


def test_a_drawn_call_that_waits_for_its_outcome_is_named_as_not_checked():
    leaves = story()
    replayed = replay(enumerate(_without(leaves, places(leaves, "OUT", fail="hangup"))))
    assert replayed.not_checked[NotChecked.OUTCOMES] >= 1


def _without(leaves, gone):
    """The same ledger with leaves taken out and the references moved along."""
    moved = {}
    kept = []
    for seq, leaf in enumerate(leaves):
        if seq not in gone:
            moved[seq] = len(kept)
            kept.append(leaf)
    return [
        leaf | {"draw": moved[leaf["draw"]]} if "draw" in leaf else leaf
        for leaf in kept
    ]


def _change(kind, changes, which=-1, **having):
    def alter(leaves):
        seq = places(leaves, kind, **having)[which]
        leaves[seq] = leaves[seq] | changes
        return leaves

    return alter


def _repeat(kind, changes=None, **having):
    def alter(leaves):
        seq = places(leaves, kind, **having)[0]
        return [*leaves, leaves[seq] | (changes or {})]

    return alter


def _drop(kind, which=0, **having):
    def alter(leaves):
        return _without(leaves, {places(leaves, kind, **having)[which]})

    return alter


OTHER = "11" * 32
ALTERATIONS = {
    "a call is recorded that was not drawn": (
        _change("DRAW", {"d": 1}, d=0),
        Code.DRAW_VALUE,
    ),
    "a drawn call is written down as not drawn": (
        _change("DRAW", {"d": 0}, d=1),
        Code.DRAW_VALUE,
    ),
    "a threshold is raised for one call": (
        _change("DRAW", {"T": "f" * 16}, which=3),
        Code.DRAW_THRESHOLD,
    ),
    "a call is excluded after the fact, its threshold kept": (
        _change("DRAW", {"x": "line_excluded"}, which=3),
        Code.DRAW_THRESHOLD,
    ),
    "a full budget is called exhausted": (
        _change("DRAW", {"x": "budget"}, which=3),
        Code.DRAW_REASON,
    ),
    "a call is drawn again until it suits": (
        _repeat("DRAW", {"e": 9}),
        Code.DRAW_REPEATED,
    ),
    "a call that lasted over the weekly change is drawn twice": (
        lambda leaves: [
            *leaves,
            leaves[places(leaves, "DRAW")[0]]
            | {"c": "22" * 16, "c_prev": leaves[places(leaves, "DRAW")[0]]["c"]},
        ],
        Code.DRAW_REPEATED,
    ),
    "a draw is made with a seed that is public": (
        _repeat("DRAW", {"c": "22" * 16}),
        Code.EPOCH_NOT_OPEN,
    ),
    "a draw is made in an epoch nobody committed to": (
        _change("DRAW", {"e": 9}),
        Code.EPOCH_NOT_OPEN,
    ),
    "a draw goes back to an earlier epoch": (
        lambda leaves: [
            leaf | {"e": 7} if seq == places(leaves, "DRAW")[-1] else leaf
            for seq, leaf in enumerate(leaves)
        ],
        Code.EPOCH_ORDER,
    ),
    "another seed is revealed than was committed": (
        _change("CLOSE", {"seed": OTHER}),
        Code.SEED_NOT_COMMITTED,
    ),
    "an epoch is committed to twice": (_repeat("OPEN"), Code.EPOCH_REPEATED),
    "a seed is revealed twice": (_repeat("CLOSE"), Code.EPOCH_NOT_OPEN),
    "a draw is left out of the ledger": (_drop("DRAW", d=0), Code.EPOCH_COUNTS),
    "an epoch claims fewer recordings": (
        _change("CLOSE", {"records": 0}),
        Code.EPOCH_COUNTS,
    ),
    "the policy is left out": (_drop("POLICY"), Code.DRAW_WITHOUT_POLICY),
    "an old policy comes back": (_repeat("POLICY"), Code.POLICY_ORDER),
    "a policy goes over the hard ceiling": (
        _change("POLICY", {"c": 100_001}),
        Code.POLICY_LIMITS,
    ),
    "an undrawn call has an outcome": (
        lambda leaves: [
            *leaves,
            {"leaf": "OUT", "draw": places(leaves, "DRAW", d=0)[0], "fail": "media"},
        ],
        Code.OUTCOME_NOT_DRAWN,
    ),
    "an outcome comes before its draw": (
        lambda leaves: [{"leaf": "OUT", "draw": 40, "objected": 1}, *leaves],
        Code.OUTCOME_NOT_DRAWN,
    ),
    "a draw has two outcomes": (_repeat("OUT"), Code.OUTCOME_REPEATED),
    "a recording that never was is deleted": (
        lambda leaves: [
            *leaves,
            {"leaf": "DEL", "draw": places(leaves, "DRAW", d=0)[0]},
        ],
        Code.DELETION_NOT_RECORDED,
    ),
    "a recording is deleted twice": (_repeat("DEL"), Code.DELETION_REPEATED),
    "an outcome is two things at once": (
        _change("OUT", {"fail": "media"}, objected=1),
        Code.LEAF_MALFORMED,
    ),
    "a tag is written in another spelling": (
        _change("DRAW", {"c": "AB" * 16}),
        Code.LEAF_MALFORMED,
    ),
    "a stratum is called like the site's own budget": (
        _change("DRAW", {"s": "all"}),
        Code.LEAF_MALFORMED,
    ),
    "a policy mixes in a value this replay does not know": (
        _change("POLICY", {"mode": "drand"}),
        Code.LEAF_MALFORMED,
    ),
}


@pytest.mark.parametrize("said", ALTERATIONS)
def test_it_is_found_when(said):
    alter, code = ALTERATIONS[said]
    assert code in codes_of(alter(story()))


def test_a_missing_leaf_is_found_by_its_place_once():
    leaves = list(enumerate(story()))
    del leaves[10]
    gaps = [f for f in replay(leaves).findings if f.code is Code.LEDGER_GAP]
    assert [gap.seq for gap in gaps] == [11]


def test_record_with_a_threshold_of_zero_is_found_without_the_seed():
    leaves = story()[:-2]
    seq = places(leaves, "DRAW", x="line_excluded")[-1]
    leaves[seq] = leaves[seq] | {"d": 1}
    assert Code.DRAW_VALUE in codes_of(leaves)


def test_a_policy_that_draws_nothing_needs_no_dates():
    nothing = {"ppm": 0, "starts": "0001-01-01", "ends": "0001-01-01", "version": 2}
    assert codes_of([*story(), POLICY | nothing]) == set()


def test_leaves_of_a_later_version_are_counted_and_left_alone():
    replayed = replay(enumerate([*story(), {"leaf": "HOLD", "draw": 3}, {}]))
    assert replayed.findings == ()
    assert replayed.not_checked[NotChecked.OTHER_LEAVES] == 2


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=40),
    st.lists(st.integers(), max_size=2),
)


@given(data=st.data())
def test_no_leaf_whatever_it_holds_stops_the_replay(data):
    leaves = story(40)
    seq = data.draw(st.integers(0, len(leaves) - 1))
    name = data.draw(st.sampled_from(sorted(leaves[seq])))
    leaves[seq] = leaves[seq] | {name: data.draw(JUNK)}
    replay(enumerate(leaves))
