"""Probabilities that follow an agent's count; what is mixed into a seed, and when."""

import json

import pytest

from tests.attacks.approving import increase
from tests.attacks.emitter import DAY, HOUR, Site
from tests.attacks.rules import COVERING, QUICKNET
from tests.attacks.tampering import FIRST, site_with

# Coverage


def test_probabilities_raised_for_coverage_are_clean_and_said_to_be_unchecked(check):
    site = Site(policy=COVERING).live(40, 12).finish()
    shares = {json.loads(leaf)["p"] for leaf in site.leaves if b'"DRAW"' in leaf}

    found = check(site)

    assert found.codes == set()
    assert {5000, 20_000, 50_000} <= shares <= {5000, 10_000, 20_000, 40_000, 50_000}
    assert found.leaves_out("follows its agent's own count")


def test_chance_is_reckoned_with_the_probability_each_draw_had(check):
    """All agents are raised to 5 %: far too many recordings for the policy's 1 %."""
    raised = {"k": 10, "calls": 1, "min": 1, "max": 50_000}
    policy = {"ppm": 10_000, "c": 60_000, "B": 40, "smooth": 1, "cover": raised}
    site = Site(policy=policy, span=DAY, checkpoints_per_epoch=1).live(12, 150)

    found = check(site.finish())

    everything = found.said["chance"][0]
    assert found.codes == set()
    assert everything["recorded"] > 60
    assert everything["low"] > 0.015 * everything["calls"]


COVERED = {"policy": COVERING}
PLAIN = {"policy": {"ppm": 20_000, "c": 30_000}}
BENT_SHARES = {
    "off the ladder": (COVERED, {"p": 15_000}),
    "one below a step": (COVERED, {"p": 39_999}),
    "above the most there is": (COVERED, {"p": 80_000}),
    "above everything": (COVERED, {"p": 999_999}),
    "nothing": (COVERED, {"p": 0}),
    "not named": (COVERED, {"p": None}),
    "named without coverage": (PLAIN, {"p": 20_000}),
    "another step than T was made with": (COVERED, {"p": 10_000}),
}


@pytest.mark.parametrize("bent", BENT_SHARES)
def test_a_probability_that_is_no_step_of_the_policys_is_found(check, bent):
    site, change = BENT_SHARES[bent]

    def bend(fields):
        new = fields | change
        return {name: value for name, value in new.items() if value is not None}

    bent_site = site_with(
        "DRAW",
        bend,
        skip=9,
        epochs=12,
        site=site,
        fits=lambda f: f.get("p") not in (10_000, 40_000) and not f["d"],
    )

    assert check(bent_site).codes == {"THRESHOLD"}


def test_one_agent_raised_beyond_the_most_there_is_is_found(check):
    """With a threshold that fits: for half of one agent's calls."""

    def raise_one(fields):
        higher = (90_000 << 64) // 10**6
        return fields | {"p": 90_000, "T": f"{higher:016x}"}

    site = site_with(
        "DRAW",
        raise_one,
        once=False,
        site=COVERED,
        fits=lambda f: int(f["c"], 16) % 12 == 0,
    )

    assert "THRESHOLD" in check(site).codes


def test_probabilities_chosen_when_the_draw_is_known_are_more_than_chance(check):
    """The holder of the seed raises the calls that are drawn then, and no others."""
    wide = {"k": 1, "calls": 60, "min": 1000, "max": 50_000}
    policy = {"ppm": 10_000, "c": 60_000, "B": 40, "smooth": 1, "cover": wide}

    class Steering(Site):
        def share(self, call):
            tag = bytes.fromhex(self.tag(call.id, self.now // (7 * DAY)))
            number = self.number(self.epoch_key(self.last_epoch), tag)
            return 50_000 if number < (50_000 << 64) // 10**6 else 1000

    site = Steering(policy=policy, span=DAY, checkpoints_per_epoch=1)

    assert check(site.live(8, 100).finish()).codes == {"BIAS"}


@pytest.mark.parametrize(
    "cover",
    [
        {"k": 0},
        {"k": 11},
        {"calls": 0},
        {"calls": 100_001},
        {"min": 0},
        {"min": 20_001},
        {"max": 19_999},
        {"max": 50_001},
    ],
    ids=str,
)
def test_coverage_outside_the_hard_limits_is_found(check, cover):
    policy = COVERING | {"cover": COVERING["cover"] | cover}

    assert "POLICY" in check(Site(policy=policy).live(2).finish()).codes


@pytest.mark.parametrize("cover", [{}, {"k": 1}, [], "wide", {"max": -1}], ids=str)
def test_coverage_in_another_spelling_is_found(check, cover):
    site = Site().live(2)
    site.leaves.append(json.dumps({"leaf": "POLICY", "cover": cover}).encode())

    assert check(site.finish()).codes == {"ENCODING"}


def test_a_policy_without_coverage_ends_the_own_probabilities(check):
    site = Site(policy=COVERING).live(6, 12)
    increase(site, 12, cover=None).live(6, 12)
    increase(site, 12, cover=COVERING["cover"] | {"max": 30_000})

    assert check(site.live(6, 12).finish()).codes == set()


# Modes


@pytest.mark.parametrize("chain", [None, "ab" * 32])
def test_a_beacon_that_is_not_named_or_not_known_is_found(check, chain):
    site = Site(policy={"mode": "drand", "chain": chain}).live(2).finish()

    assert check(site).codes == {"POLICY"}


@pytest.mark.parametrize("mode", ["operator", "witness"])
def test_a_beacon_named_without_being_used_is_found(check, mode):
    site = Site(policy={"mode": mode, "chain": QUICKNET}).live(2).finish()

    assert check(site).codes == {"POLICY"}


@pytest.mark.parametrize("mode", ["witness", "drand"])
def test_an_epoch_committed_to_in_another_mode_is_found_before_it_is_drawn_in(
    check, mode
):
    """So that nobody falls back when the value is known and does not please."""

    def plain(fields):
        return {name: fields[name] for name in ("e", "commit")}

    site = site_with(
        "OPEN",
        plain,
        epochs=2,
        site={"policy": {"mode": mode}},
        fits=lambda f: f["e"] == FIRST + 20,
    )

    assert check(site).codes == {"BEACON"}


def test_a_mode_given_up_in_the_middle_of_an_epoch_is_found(check):
    """The value is out, one draw does not please, and a new policy needs no value."""
    site = Site(policy={"mode": "drand"}).live(3)
    now = site.now
    site.now += 100
    site.draw_batch([site.ring(now // HOUR, place, 9) for place in range(3)])
    site.adopt(**{"from": now // HOUR, "mode": "operator"})
    site.modes[now // HOUR] = "operator"
    site.draw_batch([site.ring(now // HOUR, place, 9) for place in range(3, 6)])
    site.now = now + HOUR

    assert {"RETROPOLICY", "BEACON"} <= check(site.finish()).codes


def test_a_mode_changes_only_after_all_that_is_committed_to(check):
    site = Site(policy={"mode": "drand"}).live(3)
    site.adopt(**{"from": max(site.seeds), "mode": "witness"})

    assert "RETROPOLICY" in check(site.live(2).finish()).codes


def test_a_policy_cannot_hold_before_the_one_it_follows(check):
    site = Site().live(3)
    site.adopt(mode="witness")
    site.adopt(**{"from": site.now // HOUR + 1, "mode": "operator", "ppm": 70_000})

    assert "RETROPOLICY" in check(site.live(2).finish()).codes


@pytest.mark.parametrize("mode", ["witness", "drand"])
def test_a_signature_without_its_value_is_found(check, mode):
    def bare(fields):
        kept = {name: value for name, value in fields.items() if name != "x"}
        return kept | {"sig": "ab" * 48}

    site = site_with(
        "CLOSE", bare, site={"policy": {"mode": mode}}, fits=lambda f: not f["draws"]
    )
    site.now += 26 * HOUR  # a day nobody calls

    assert check(site.finish()).codes == {"BEACON"}


def test_a_nonce_that_was_public_before_is_nobodys_surprise(check):
    class Lazy(Site):
        def outside_value(self, _):
            return (b"again " * 6)[:32], b""

    found = check(Lazy(policy={"mode": "witness"}).live(30).finish())

    assert (found.codes, found.said["mode"]) == ({"BEACON"}, "operator-seeded")


def test_rules_made_when_the_draws_could_be_known_leave_the_epoch_to_the_operator(
    check,
):
    """A threshold fits any draw if it is chosen last. Nothing is false, so: a mode."""
    site = Site(policy={"mode": "drand"}).live(30)
    assert check(site).said["mode"] == "drand-seeded"
    site.adopt(ppm=60_000)

    found = check(site.live(3).finish())

    assert (found.codes, found.said["mode"]) == (set(), "operator-seeded")
    assert found.said["epochs"] == {"operator": 1, "drand": 30}
    assert found.leaves_out("rules were first seen when draws could be known")
