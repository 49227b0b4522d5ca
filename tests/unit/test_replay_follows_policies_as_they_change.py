"""Which policy holds for a draw, what an agent's rate may be, what was mixed in."""

import pytest

from sampling.mixing import randomness, round_of_epoch
from sampling.replay import Code, NotChecked, replay
from tests.unit.written_ledgers import (
    COVER,
    EPOCH,
    POLICY,
    STRATA,
    STRATUM,
    Writer,
    changed,
    covered_story,
    outside_story,
    places,
    story,
    stratified_story,
    stripped,
)

# Round 1000 of quicknet as published, and the second it came out.
SIGNATURE_OF_ROUND_1000 = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
VALUE_OF_ROUND_1000 = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
TIME_OF_ROUND_1000 = 1_692_806_364


def codes_of(leaves):
    return {finding.code for finding in replay(enumerate(leaves)).findings}


def test_a_policy_holds_from_its_epoch_on_and_the_one_before_it_until_then():
    writer = Writer()
    writer.adopt()
    writer.open(7, 8, 9)
    writer.adopt(**{"from": 9, "ppm": 40_000, "c": 42_000})
    for epoch in (7, 8, 9):
        for number in range(60):
            writer.draw(epoch, f"{epoch} {number}")
    writer.close(7, 8, 9)
    thresholds = {leaf["T"] for leaf in writer.leaves if leaf["leaf"] == "DRAW"}

    assert codes_of(writer.leaves) == set()
    assert len(thresholds) > 1

    too_soon = changed(writer.leaves, "POLICY", {"from": 8})
    assert Code.DRAW_THRESHOLD in codes_of(too_soon)


def test_a_draw_before_the_first_policy_has_begun_has_none():
    assert Code.DRAW_WITHOUT_POLICY in codes_of(changed(story(), "POLICY", {"from": 8}))


def test_a_policy_may_not_begin_before_draws_already_made():
    late = POLICY | {"version": 2, "from": 7}

    assert codes_of([*story(), late]) == {Code.POLICY_ORDER}
    assert codes_of([*story(), late | {"from": 8}]) == set()


def test_the_mode_may_not_change_for_an_epoch_already_opened():
    witnessed = POLICY | {"version": 2, "mode": "witness"}

    assert codes_of([*story(), witnessed | {"from": 8}]) == {Code.POLICY_ORDER}
    assert codes_of([*story(), witnessed | {"from": 9}]) == set()


def test_every_agents_own_rate_is_followed_and_estimates_can_divide_by_it():
    leaves = covered_story()

    assert codes_of(leaves) == set()
    assert places(leaves, "DRAW", d=1)


def test_values_from_outside_are_followed_from_one_mode_to_the_next():
    leaves = outside_story()

    assert replay(enumerate(leaves)).findings == ()
    assert replay(enumerate(leaves)).not_checked[NotChecked.OUTCOMES]


def test_an_epoch_whose_outside_value_never_came_is_clean_if_nothing_was_drawn():
    writer = Writer()
    writer.adopt(mode="witness", **{"from": EPOCH})
    writer.open(EPOCH, mode="witness")
    writer.close(EPOCH)

    assert codes_of(stripped(writer.leaves, "CLOSE", "x")) == set()


def _adopt(**changes):
    return lambda leaves: changed(leaves, "POLICY", changes)


def _change(kind, changes, which=-1, **having):
    return lambda leaves: changed(leaves, kind, changes, which, **having)


def _strip(kind, name, which=-1):
    return lambda leaves: stripped(leaves, kind, name, which)


COVERAGE_ALTERATIONS = {
    "a rate is none of the steps": (_change("DRAW", {"p": 5_001}), Code.DRAW_RATE),
    "a rate is not told": (_strip("DRAW", "p"), Code.DRAW_RATE),
    "a rate is another step than was used": (
        _change("DRAW", {"p": 50_000}, p=5_000),
        Code.DRAW_THRESHOLD,
    ),
    "a rate is no number": (_change("DRAW", {"p": "5000"}), Code.LEAF_MALFORMED),
    "coverage goes above the soft ceiling": (
        _adopt(cover=COVER | {"max": 50_001}),
        Code.POLICY_LIMITS,
    ),
    "coverage asks for more than is lawful": (
        _adopt(cover=COVER | {"k": 11}),
        Code.POLICY_LIMITS,
    ),
    "the lowest rate is nothing at all": (
        _adopt(cover=COVER | {"min": 0}),
        Code.LEAF_MALFORMED,
    ),
    "coverage has a rule nobody knows": (
        _adopt(cover=COVER | {"agent": 7}),
        Code.LEAF_MALFORMED,
    ),
    "coverage is left out of the policy": (
        lambda leaves: stripped(leaves, "POLICY", "cover"),
        Code.DRAW_RATE,
    ),
}


@pytest.mark.parametrize("said", COVERAGE_ALTERATIONS)
def test_with_coverage_it_is_found_when(said):
    alter, code = COVERAGE_ALTERATIONS[said]
    assert code in codes_of(alter(covered_story()))


def test_every_stratum_is_followed_by_its_own_conditions():
    leaves = stratified_story()
    rates = {leaf["s"]: "p" in leaf for leaf in leaves if leaf["leaf"] == "DRAW"}

    assert codes_of(leaves) == set()
    assert rates == {"cardio_in": False, "cardio_out": True, "desk_in": False}
    assert places(leaves, "DRAW", x="budget", s="cardio_in")
    assert not places(leaves, "DRAW", x="budget", s="desk_in")


def _strata(changed_strata):
    return lambda leaves: changed(leaves, "POLICY", {"strata": changed_strata})


def _stratum(**changes):
    return _strata(STRATA | {"cardio_in": STRATA["cardio_in"] | changes})


STRATA_ALTERATIONS = {
    "a stratum's rate is another one": (_stratum(ppm=80_000), Code.DRAW_THRESHOLD),
    "a stratum's bucket is another one": (_stratum(B=3), Code.DRAW_THRESHOLD),
    "strata are left out of the policy": (
        lambda leaves: stripped(leaves, "POLICY", "strata"),
        Code.DRAW_RATE,
    ),
    "a draw is counted under another stratum": (
        _change("DRAW", {"s": "cardio_in"}, s="desk_in"),
        Code.DRAW_THRESHOLD,
    ),
    "a stratum tells a rate of its own without coverage": (
        _change("DRAW", {"p": 90_000}, s="cardio_in"),
        Code.DRAW_RATE,
    ),
    "a stratum is above the hard ceiling": (
        _stratum(ppm=100_001, c=100_001),
        Code.POLICY_LIMITS,
    ),
    "a stratum is kept for too long": (_stratum(kept_days=181), Code.POLICY_LIMITS),
    "strata are none": (_strata({}), Code.LEAF_MALFORMED),
    "strata are a list": (_strata([STRATUM]), Code.LEAF_MALFORMED),
    "strata are too many": (
        _strata({f"s{number}_in": STRATUM for number in range(11)}),
        Code.LEAF_MALFORMED,
    ),
    "a stratum has no direction": (
        _strata({"cardio": STRATUM}),
        Code.LEAF_MALFORMED,
    ),
    "a stratum lacks a condition": (
        _strata({"cardio_in": {"ppm": 10_000}}),
        Code.LEAF_MALFORMED,
    ),
    "a stratum says whom it is for": (_stratum(queues=["q"]), Code.LEAF_MALFORMED),
    "a stratum is no object": (_strata({"cardio_in": 1}), Code.LEAF_MALFORMED),
}


@pytest.mark.parametrize("said", STRATA_ALTERATIONS)
def test_with_strata_it_is_found_when(said):
    alter, code = STRATA_ALTERATIONS[said]
    assert code in codes_of(alter(stratified_story()))


def stopped_story(party="operator"):
    """Draws are stopped for a while: counted, with a reason, never drawn."""
    writer = Writer()
    writer.adopt()
    writer.open(7)
    writer.draw(7, "before")
    writer.add(leaf="STOP", by=party, on=1)
    code = {"operator": "stopped", "breaker": "breaker"}[party]
    writer.draw(7, "meanwhile", gate=code)
    writer.add(leaf="STOP", by=party, on=0)
    writer.draw(7, "afterwards")
    writer.close(7)
    return writer.leaves


@pytest.mark.parametrize("party", ["operator", "breaker"])
def test_a_stop_that_is_kept_is_clean_and_one_that_is_not_is_found(party):
    leaves = stopped_story(party)
    [stop, end] = places(leaves, "STOP")
    without_end = [*leaves[:end], *leaves[end + 1 :]]
    without_stop = [*leaves[:stop], *leaves[stop + 1 :]]

    assert codes_of(leaves) == set()
    assert codes_of(without_end) == {Code.DRAW_STOPPED}
    assert codes_of(without_stop) == {Code.DRAW_REASON}


@pytest.mark.parametrize("wrong", [{"by": "dpo"}, {"on": 2}], ids=str)
def test_a_stop_of_somebody_else_or_of_no_kind_is_malformed(wrong):
    leaves = changed(stopped_story(), "STOP", wrong, 0)

    assert Code.LEAF_MALFORMED in codes_of(leaves)


MODE_ALTERATIONS = {
    "a witness's nonce is not the promised one": (
        _change("CLOSE", {"x": "11" * 32}, e=EPOCH + 1),
        Code.OUTSIDE_VALUE,
    ),
    "the beacon's value is not that of its signature": (
        _change("CLOSE", {"sig": "11" * 48}, e=EPOCH + 2),
        Code.OUTSIDE_VALUE,
    ),
    "the beacon's value comes without its signature": (
        _strip("CLOSE", "sig"),
        Code.LEAF_MALFORMED,
    ),
    "draws were made without the outside value": (
        _strip("CLOSE", "x", 1),
        Code.OUTSIDE_VALUE,
    ),
    "a later round is awaited": (
        lambda leaves: changed(
            leaves, "OPEN", {"round": leaves[places(leaves, "OPEN")[-1]]["round"] + 1}
        ),
        Code.OUTSIDE_VALUE,
    ),
    "an epoch awaits two outside values": (
        _change("OPEN", {"round": 7}, e=EPOCH + 1),
        Code.LEAF_MALFORMED,
    ),
    "an epoch is of another mode than its policy": (
        _strip("OPEN", "nonce_commit", 1),
        Code.EPOCH_MODE,
    ),
    "an operator's epoch mixes something in": (
        _change("CLOSE", {"x": "11" * 32}, e=EPOCH),
        Code.LEAF_MALFORMED,
    ),
    "another chain of the beacon is named": (
        _adopt(chain="11" * 32),
        Code.LEAF_MALFORMED,
    ),
    "a mode is unknown": (_adopt(mode="dice"), Code.LEAF_MALFORMED),
}


@pytest.mark.parametrize("said", MODE_ALTERATIONS)
def test_with_values_from_outside_it_is_found_when(said):
    alter, code = MODE_ALTERATIONS[said]
    assert code in codes_of(alter(outside_story()))


def weeks_apart():
    """Draws in two weeks; the first week's key is destroyed in the second."""
    first = 100 * 7 * 24
    writer = Writer()
    writer.adopt(**{"from": first})
    for week in (100, 101):
        writer.add(leaf="TAGKEY+", week=week, commit="00" * 32)
    writer.open(first, first + 168)
    writer.draw(first, "an early call")
    writer.close(first)
    writer.draw(first + 168, "a call of the next week")
    writer.add(leaf="TAGKEY-", week=100)
    writer.draw(first + 168, "a call after the key is gone")
    writer.close(first + 168)
    return writer.leaves


def test_a_tag_key_may_be_destroyed_when_its_week_is_over():
    assert codes_of(weeks_apart()) == set()


@pytest.mark.parametrize(
    "alter",
    [
        _change("TAGKEY-", {"week": 101}),
        _change("TAGKEY-", {"week": 99}),
        lambda leaves: [*leaves, leaves[places(leaves, "TAGKEY-")[0]]],
    ],
    ids=["during its week", "that was never made", "twice"],
)
def test_a_tag_key_may_not_be_destroyed(alter):
    assert Code.TAG_KEY_ORDER in codes_of(alter(weeks_apart()))


def test_the_beacons_round_is_the_first_that_begins_no_earlier_than_the_epoch():
    signature = bytes.fromhex(SIGNATURE_OF_ROUND_1000)

    assert randomness(signature).hex() == VALUE_OF_ROUND_1000
    assert [
        round_of_epoch(TIME_OF_ROUND_1000 + late, 1) for late in (-3, -2, -1, 0, 1)
    ] == [999, 1000, 1000, 1000, 1001]
    assert round_of_epoch(7, 3600) == 1, "the chain had not begun"
