"""The ledgers here are written by the formulas of the published proof, not by ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sampling.replay import Code, NotChecked, replay
from tests.unit.written_ledgers import (
    POLICY,
    Writer,
    changed,
    covered_story,
    outside_story,
    places,
    story,
    stripped,
)


def codes_of(leaves):
    return {finding.code for finding in replay(enumerate(leaves)).findings}


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
    writer.adopt()
    writer.open(7)
    for number, (stratum, gate) in enumerate(calls):
        writer.draw(7, f"{number}", stratum, gate)
    writer.close(7)
    assert codes_of(writer.leaves) == set()


def test_an_emptying_budget_lowers_the_thresholds_and_the_replay_follows():
    writer = Writer()
    writer.adopt(ppm=85_000)
    writer.open(7)
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
    return lambda leaves: changed(leaves, kind, changes, which, **having)


def _strip(kind, name, **having):
    return lambda leaves: stripped(leaves, kind, name, **having)


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
            leaves[places(leaves, "OUT")[0]] | {"draw": places(leaves, "DRAW", d=0)[0]},
        ],
        Code.OUTCOME_NOT_DRAWN,
    ),
    "an outcome comes before its draw": (
        lambda leaves: [leaves[places(leaves, "OUT")[0]] | {"draw": 40}, *leaves],
        Code.OUTCOME_NOT_DRAWN,
    ),
    "a draw has two outcomes": (_repeat("OUT"), Code.OUTCOME_REPEATED),
    "a recording that never was is deleted": (
        lambda leaves: [
            *leaves,
            leaves[places(leaves, "DEL")[0]] | {"draw": places(leaves, "DRAW", d=0)[0]},
        ],
        Code.DELETION_NOT_RECORDED,
    ),
    "a recording is deleted twice": (_repeat("DEL"), Code.DELETION_REPEATED),
    "an outcome is two things at once": (
        _change("OUT", {"fail": "media"}, objected=1),
        Code.LEAF_MALFORMED,
    ),
    "an outcome could be guessed from its hash": (
        _strip("OUT", "n"),
        Code.LEAF_MALFORMED,
    ),
    "a deletion could be guessed from its hash": (
        _change("DEL", {"n": "00"}),
        Code.LEAF_MALFORMED,
    ),
    "a call has a rate of its own where the policy has one for all": (
        _change("DRAW", {"p": 80_000}),
        Code.DRAW_RATE,
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
    nothing = {"ppm": 0, "starts": "0001-01-01", "ends": "0001-01-01"}
    last = POLICY | nothing | {"version": 2, "from": 8}
    assert codes_of([*story(), last]) == set()


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
    st.dictionaries(st.sampled_from(["k", "calls", "min", "max"]), st.integers()),
)


@given(data=st.data(), tell=st.sampled_from([story, covered_story, outside_story]))
def test_no_leaf_whatever_it_holds_stops_the_replay(data, tell):
    leaves = tell(40)
    seq = data.draw(st.integers(0, len(leaves) - 1))
    name = data.draw(st.sampled_from(sorted(leaves[seq])))
    leaves[seq] = leaves[seq] | {name: data.draw(JUNK)}
    replay(enumerate(leaves))
