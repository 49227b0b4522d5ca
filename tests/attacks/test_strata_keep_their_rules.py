"""Strata with conditions of their own: rates, buckets, dates and lengths."""

import json

import pytest

from tests.attacks.approving import increase
from tests.attacks.emitter import DAY, Site
from tests.attacks.rules import STRATUM
from tests.attacks.tampering import site_with, weeks

RARE = STRATUM | {"ppm": 10_000, "c": 12_000, "B": 2, "smooth": 1}
OFTEN = STRATUM | {"ppm": 90_000, "c": 90_000, "B": 10, "smooth": 2}
COVER = {"k": 1, "calls": 60, "min": 5000, "max": 50_000}
COVERED = STRATUM | {"ppm": 20_000, "c": 30_000, "cover": COVER}
TWO = {"strata": {"care_in": RARE, "care_out": OFTEN}}


def draws_of(site):
    leaves = map(json.loads, site.leaves)
    return [leaf for leaf in leaves if leaf["leaf"] == "DRAW"]


# Honest


def test_each_stratum_has_its_own_rate_and_bucket_and_all_is_clean(check_all):
    site = Site(policy=TWO).live(40, 12).finish()
    highest = {
        name: max(int(leaf["T"], 16) for leaf in draws_of(site) if leaf["s"] == name)
        for name in site.strata
    }

    found = check_all(site)

    assert (found.status, found.codes) == (0, set())
    ppm = {name: -(-limit * 10**6 >> 64) for name, limit in highest.items()}
    assert ppm == {"care_in": 10_000, "care_out": 90_000, "desk_in": 80_000}


def test_only_draws_of_a_covered_stratum_name_their_probability(check):
    site = Site(policy={"strata": {"care_out": COVERED}}).live(40, 12).finish()

    found = check(site)

    assert found.codes == set()
    assert {leaf["s"] for leaf in draws_of(site) if "p" in leaf} == {"care_out"}
    assert found.leaves_out("follows its agent's own count")


def test_strata_come_and_go_with_their_tokens_kept(check):
    site = Site().live(8, 12)
    increase(site, 12, **TWO).live(8, 12)
    strata = {"care_in": OFTEN | {"B": 5}, "desk_in": RARE}
    increase(site, 12, strata=strata).live(8, 12)
    increase(site, 12, strata=None)

    assert check(site.live(8, 12).finish()).codes == set()


def test_a_name_the_policy_does_not_have_gets_the_policys_own_conditions(check):
    """Its line group and its direction, as a rule."""
    elsewhere = {"strata": {"nobody_in": RARE}}

    assert check(Site(policy=elsewhere).live(20, 12).finish()).codes == set()


def test_a_strata_of_its_own_dates_ends_for_itself_alone(check):
    over = STRATUM | {"ends": "2026-11-16"}
    site = Site(policy={"strata": {"care_in": over}}).live(12).finish()
    reasons = {leaf["s"]: leaf.get("x") for leaf in draws_of(site)}

    assert check(site).codes == set()
    assert reasons["care_in"] == "campaign_ended"
    assert reasons["care_out"] is None


def test_recordings_of_a_stratum_are_kept_as_long_as_it_says(check):
    longer = {"strata": {"care_in": STRATUM | {"kept_days": 6}}}

    assert check(weeks(policy=longer)).codes == set()


# Hard limits


@pytest.mark.parametrize(
    "change",
    [
        {"ppm": 100_001, "c": 100_001},
        {"ppm": 86_000},
        {"B": 16},
        {"smooth": 0},
        {"smooth": 16},
        {"ends": "2027-02-02"},
        {"ends": "2026-10-31"},
        {"kept_days": 181},
        {"kept_days": 0},
        {"max_seconds": 3601},
        {"max_seconds": 0},
        {"cover": COVER | {"max": 50_001}},
        {"cover": COVER | {"min": 0}},
    ],
    ids=str,
)
def test_a_stratum_outside_the_hard_limits_is_found(check, change):
    strata = {"strata": {"care_in": STRATUM | change}}

    found = check(Site(policy=strata).live(2).finish())

    assert "POLICY" in found.codes
    assert "care_in: " in found.said["findings"][0]["detail"]


def test_more_strata_than_metrics_may_show_are_found(check):
    many = {f"s{number}_in": RARE for number in range(11)}

    found = check(Site(policy={"strata": many}).live(2).finish())

    assert found.codes == {"POLICY"}


# Attacks


def with_two(change, **options):
    return site_with("DRAW", change, site={"policy": TWO}, **options)


def raised(rate):
    return lambda fields: fields | {"T": f"{(rate << 64) // 10**6:016x}"}


def test_a_stratum_drawn_at_the_policys_own_rate_is_found(check):
    """Its own is lower, and the leaf does not say which of the two was used."""
    site = with_two(raised(80_000), once=False, fits=lambda f: f["s"] == "care_in")

    assert "THRESHOLD" in check(site).codes


def test_one_raised_threshold_of_a_stratum_is_found(check):
    site = with_two(
        raised(90_001), fits=lambda f: f["s"] == "care_out" and not f["d"], skip=9
    )

    assert check(site).codes == {"THRESHOLD"}


class OneBucket(Site):
    """Draws a stratum at its own rate, but pays from the site's bucket only."""

    def draw_batch(self, calls, gate=""):
        self.buckets.held.pop("care_in", None)
        super().draw_batch(calls, gate)


def test_a_stratum_whose_bucket_is_always_full_is_found(check):
    tight = STRATUM | {"ppm": 80_000, "c": 80_000, "B": 1, "smooth": 1}
    site = OneBucket(policy={"strata": {"care_in": tight}}).live(40, 12).finish()

    assert {"THRESHOLD", "CEILING", "WINDOW"} <= check(site).codes


def test_a_window_of_one_stratum_is_bound_by_its_own_budget(check):
    """Everything is signed: more of it than its B + c·n, less than the site's."""
    tight = STRATUM | {"ppm": 1000, "c": 1000, "B": 2, "smooth": 1}

    def always(fields):
        return fields | {"d": 1, "T": f"{(1000 << 64) // 10**6:016x}"}

    site = site_with(
        "DRAW",
        always,
        epochs=10,
        once=False,
        fits=lambda f: f["s"] == "care_in",
        site={"policy": {"strata": {"care_in": tight}}},
    )
    places = [
        seq
        for seq, leaf in enumerate(map(json.loads, site.leaves))
        if leaf.get("s") == "care_in"
    ]

    found = check(site)

    assert min(found.seqs("WINDOW")) == places[2]
    assert min(found.seqs("CEILING")) == places[2]


def test_a_stratum_is_not_drawn_outside_its_own_campaign(check):
    over = STRATUM | {"ends": "2026-11-16"}

    class Prolonged(Site):
        def draw_batch(self, calls, gate=""):
            strata = self.rules["strata"]
            self.rules = self.rules | {"strata": {"care_in": STRATUM}}
            super().draw_batch(calls, gate)
            self.rules = self.rules | {"strata": strata}

    site = Prolonged(policy={"strata": {"care_in": over}}).live(12).finish()

    assert check(site).codes == {"POLICY"}


def test_the_end_of_a_campaign_that_runs_in_its_stratum_is_no_reason(check):
    ended = {"ends": "2026-11-16", "strata": {"care_in": STRATUM}}

    def say(fields):
        return fields | {"T": "0" * 16, "x": "campaign_ended"}

    site = site_with(
        "DRAW",
        say,
        skip=4,
        site={"policy": ended, "strata": ("care_in",)},
        fits=lambda f: not f["d"],
    )

    assert check(site).codes == {"THRESHOLD"}


@pytest.mark.parametrize(
    ("stratum", "change"),
    [
        ("care_out", {"p": None}),
        ("care_in", {"p": 80_000}),
        ("care_out", {"p": 80_000}),
    ],
    ids=["left out", "in another stratum", "of another stratum"],
)
def test_a_probability_is_told_by_the_rules_of_its_stratum(check, stratum, change):
    def bend(fields):
        bent = fields | change
        return {name: value for name, value in bent.items() if value is not None}

    site = site_with(
        "DRAW",
        bend,
        skip=5,
        site={"policy": {"strata": {"care_out": COVERED}}},
        fits=lambda f: f["s"] == stratum and not f["d"] and f.get("p") != 20_000,
    )

    assert check(site).codes == {"THRESHOLD"}


def test_a_recording_kept_longer_than_its_stratum_allows_is_found(check):
    """The policy's own limit is longer, and the deletion comes in time for that."""

    class Keeping(Site):
        def keep(self, seq):
            self.kept_days[seq] = 6
            super().keep(seq)

    policy = {"kept_days": 6, "strata": {"care_in": STRATUM | {"kept_days": 1}}}
    site = Keeping(policy=policy, span=DAY, checkpoints_per_epoch=1)

    assert check(site.live(26, 12).finish()).codes == {"LATEDELETE"}


def test_c_a_call_moved_to_where_the_rate_is_higher_is_not_where_it_belongs(
    auditor,
):
    """Leaves know neither lines nor queues: without the platform's list it is clean."""

    class Moving(Site):
        def draw_batch(self, calls, gate=""):
            true = [call.stratum for call in calls]
            for call in calls:
                call.stratum = "care_out"
            super().draw_batch(calls, gate)
            for call, stratum in zip(calls, true, strict=True):
                call.stratum = stratum

    site = Moving(policy=TWO).live(12).finish()
    moved = {
        seq
        for seq, leaf in enumerate(map(json.loads, site.leaves))
        if leaf["leaf"] == "DRAW"
    }

    found = auditor.check_all(site)

    assert auditor.check(site).codes == set()
    assert found.codes == {"STRATUM"}
    assert found.seqs("STRATUM") < moved


# Bad input

WELL = json.dumps({"care_in": STRATUM}, sort_keys=True, separators=(",", ":"))
ONE = WELL[1:-1]
BENT = {
    "none, spelt out": "{}",
    "a list": "[]",
    "no stratum": '{"care_in":{}}',
    "twice the same": f"{{{ONE},{ONE}}}",
    "not in order": f"{{{ONE.replace('care', 'desk')},{ONE}}}",
    "of no direction": f"{{{ONE.replace('care_in', 'care')}}}",
    "in capitals": f"{{{ONE.replace('care_in', 'CARE_in')}}}",
    "the site's own name": f"{{{ONE.replace('care_in', 'all')}}}",
    "with spaces": WELL.replace(":", ": "),
    "with who is in it": WELL.replace('"smooth"', '"queues":["q"],"smooth"'),
    "a rate with a fraction": WELL.replace("80000", "80000.5"),
    "a negative rate": WELL.replace("80000", "-80000"),
    "in disorder": WELL.replace('"B":15,', "").replace("}}", ',"B":15}}'),
    "deep": '{"a_in":' * 25 + "1" + "}" * 25,
    "deeper than may be": '{"a_in":' * 200 + "1" + "}" * 200,
    "endless": "{" + ",".join([ONE] * 300) + "}",
}


@pytest.mark.parametrize("bent", BENT)
def test_strata_in_any_other_spelling_are_judged_in_one_line(check, bent):
    site = Site(policy={"strata": {"care_in": STRATUM}}).live(2)
    leaf = next(leaf for leaf in site.leaves if b'"POLICY"' in leaf)
    assert WELL.encode() in leaf
    site.leaves.append(leaf.replace(WELL.encode(), BENT[bent].encode()))

    found = check(site.finish())

    if bent == "deeper than may be":
        assert "nested deeper" in found.said["unreadable"]
    else:
        assert found.codes == {"ENCODING"}


def test_a_day_that_does_not_exist_is_no_policy(check):
    bad = {"strata": {"care_in": STRATUM | {"ends": "2026-02-30"}}}
    site = Site().live(2)
    site.write("POLICY", **{**site.rules, **bad, "version": 2})

    assert check(site.finish()).codes == {"ENCODING"}
