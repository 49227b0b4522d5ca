"""Rules of the documents that the 28 attacks do not touch."""

import pytest

from tests.attacks.emitter import DAY, HOUR, MONDAY, WEEK, Site
from tests.attacks.formats import digest
from tests.attacks.publishing import Head
from tests.attacks.tampering import FIRST, site_with, tampering

# Draws


NO = {"T": "0" * 16, "d": 0}
BENT_DRAWS = {
    "a reason, but a threshold": ({"x": "line_excluded"}, "THRESHOLD"),
    "no token left, but there are": ({"x": "budget", **NO}, "THRESHOLD"),
    "no threshold and no reason": (NO, "THRESHOLD"),
    "a RECORD without a threshold": ({**NO, "d": 1}, "DRAW"),
    "a threshold one too low": ({"T": "147ae147ae147ae0"}, "THRESHOLD"),
    "a cap that raises": ({"T": "f" * 16, "x": "cap_agent"}, "THRESHOLD"),
    "an end of a running campaign": ({"x": "campaign_ended", **NO}, "THRESHOLD"),
    "no policy while there is one": ({"x": "policy_none", **NO}, "THRESHOLD"),
    "a stop that nobody ordered": ({"x": "stopped", **NO}, "STOPPED"),
    "a reason of another list": ({"x": "because", **NO}, "ENCODING"),
    "a stratum with a name": ({"s": "Care In"}, "ENCODING"),
    "a stratum with the site's name": ({"s": "all"}, "ENCODING"),
    "a third result": ({"d": 2}, "ENCODING"),
    "upper-case hex": ({"T": "147AE147AE147AE1"}, "ENCODING"),
    "a field nobody knows": ({"who": "agent 7"}, "ENCODING"),
}


@pytest.mark.parametrize("bent", BENT_DRAWS)
def test_a_draw_that_contradicts_itself_or_the_ledger_is_found(check, bent):
    change, code = BENT_DRAWS[bent]
    site = site_with(
        "DRAW", lambda f: f | change, skip=70, epochs=20, fits=lambda f: not f["d"]
    )

    assert code in check(site).codes


def test_a_cap_may_lower_the_threshold_only(check):
    lowered = tampering(
        "DRAW",
        lambda f: f | {"T": f"{int(f['T'], 16) >> 3:016x}", "x": "cap_agent"},
        once=False,
        fits=lambda f: not f["d"] and f["s"] == "care_out",
    )
    site = Site(tamper=lowered).live(12).finish()

    found = check(site)

    assert found.codes == set()
    assert found.said["excluded"]["cap_agent"] > 10


def test_draws_go_on_after_a_stop_only_in_an_attack(check):
    site = Site().live(3)
    site.write("STOP", by="operator", on=1)

    assert check(site.live(2).finish()).codes == {"STOPPED"}


def test_the_breakers_stop_is_not_the_operators(check):
    site = Site().live(3)
    site.write("STOP", by="breaker", on=1)
    site.now += 60
    site.draw_batch([site.ring(FIRST + 3, 0, 3)], gate="stopped")
    site.now += HOUR

    assert check(site.finish()).codes == {"STOPPED"}


BENT_BATCHES = {
    "in the order of arrival": [{"b": 1}, {}, {}],
    "without a beginning": [{}, {}, {}],
    "of two epochs": [{"b": 1}, {"e": FIRST + 4}, {"e": FIRST + 4}],
}


@pytest.mark.parametrize("bent", BENT_BATCHES)
def test_the_order_inside_a_batch_is_nobodys_choice(check, bent):
    changes, held = iter(BENT_BATCHES[bent]), []

    def tamper(_, fields):
        plain = {name: value for name, value in fields.items() if name != "b"}
        held.append(("DRAW", plain | next(changes)))
        if len(held) < 3:
            return []
        return held[:1] + held[:0:-1] if bent == "in the order of arrival" else held

    site = Site().live(3)
    site.now += 60
    site.tamper = tamper
    site.draw_batch([site.ring(FIRST + 3, place, 9) for place in range(3)])
    site.tamper = None
    site.now += 2 * HOUR

    assert "ORDER" in check(site.finish()).codes


def test_a_leaf_between_the_draws_of_a_batch_is_found(check):
    site = site_with("DRAW", lambda f: f, epochs=2)
    place = next(
        n
        for n, leaf in enumerate(site.leaves)
        if b'"DRAW"' in leaf and b'"b"' not in leaf
    )
    site.leaves.insert(place, b'{"leaf":"NOTE","text":"wait"}')
    site.heads = [Head(len(site.leaves), site.now)]

    assert "ORDER" in check(site).codes


def test_a_batch_has_at_most_500_draws(check):
    class Crowd(Site):
        def _draw_waiting(self, calls, _):
            more = [self.ring(self.now // HOUR, n, 9) for n in range(9, 510)]
            self.draw_batch([*calls, *more])

    assert "ORDER" in check(Crowd().live(1, 3).finish()).codes


def test_more_than_a_hundred_of_a_thousand_is_a_window_whatever_the_policies(check):
    """Two policies, each within its limits, changed to spend two budgets in a row."""
    site = Site(tamper=tampering("DRAW", always, once=False))
    for burst, refill in ((90, 10_000), (1, 99_000)) * 2:
        site.adopt(B=burst, c=refill, ppm=10_000, smooth=1)
        site.live(1, 120)

    found = check(site.finish())

    assert {"WINDOW", "BIAS"} <= found.codes


def always(fields):
    return fields | {"d": 1}


def test_a_sample_that_chance_does_not_explain_is_found(check):
    """Seeds the operator chose, one for each hour, so that nobody is ever drawn."""

    class Choosy(Site):
        def seed_of(self, epoch):
            return next(
                seed
                for seed in (digest(b"%d/%d" % (epoch, n)) for n in range(10**6))
                if not any(self.drawn(epoch, seed))
            )

        def drawn(self, epoch, seed):
            self.seeds[epoch] = seed
            key = self.epoch_key(epoch)
            week = epoch * HOUR // WEEK
            for place in range(10):
                tag = bytes.fromhex(self.tag(f"call-{epoch}-{place}", week))
                yield self.number(key, tag) < (80_000 << 64) // 10**6

    assert check(Choosy().live(40, 10).finish()).codes == {"BIAS"}


def test_exclusions_that_follow_the_draws_are_found(check):
    """Few calls, each with a reason nobody can check, and each was drawn."""
    excluding = tampering(
        "DRAW",
        lambda f: f | NO | {"x": "line_excluded"},
        once=False,
        fits=lambda f: f["d"],
    )
    policy = {"ppm": 20_000}
    site = Site(
        policy=policy, span=DAY, checkpoints_per_epoch=1, tamper=excluding
    ).live(6, 100)

    found = check(site.finish())

    spared = found.said["chance"][-1]
    assert found.codes == {"BIAS"}
    assert spared["recorded"] == spared["calls"] > 3


def test_stops_that_follow_the_draws_are_found(check):
    """Stopped, and running again, around calls that would have been drawn."""

    def stopping(kind, fields):
        if kind != "DRAW" or not fields["d"]:
            return [(kind, fields)]
        by = {"by": "operator"}
        stopped = fields | NO | {"x": "stopped", "b": 1}
        return [("STOP", by | {"on": 1}), (kind, stopped), ("STOP", by | {"on": 0})]

    class Alone(Site):
        def _batch_size(self, _):
            return 1

    policy = {"ppm": 20_000}
    site = Alone(
        policy=policy, span=DAY, checkpoints_per_epoch=1, tamper=stopping
    ).live(4, 100)

    assert check(site.finish()).codes == {"BIAS"}


def test_exclusions_that_do_not_follow_the_draws_are_clean(check):
    class Excluding(Site):
        def _draw_waiting(self, calls, _):
            for call in calls:
                gate = "opted_out" if call.stratum == "desk_in" else ""
                self.draw_batch([call], gate=gate)

    found = check(Excluding(span=DAY, checkpoints_per_epoch=1).live(6, 60).finish())

    spared = found.said["chance"][-1]
    assert found.codes == set()
    assert spared["calls"] == found.said["excluded"]["opted_out"] > 90
    assert 0 < spared["recorded"] <= spared["high"]


# Tags


@pytest.fixture
def rotation():
    return {"start": MONDAY + 2 * DAY}  # tag keys change on Thursday


def test_a_call_of_last_week_does_not_get_a_second_draw(check, rotation):
    """At ten to midnight it was not drawn; at ten past it is tried again."""
    site = Site(**rotation).live(24, 9)
    again = site.calls[-1]
    site.now += 60
    site.draw_batch([again])

    found = check(site.live(3).finish())

    assert found.codes == {"DUPLICATE"}


def test_leaving_out_last_weeks_tag_is_found(check, rotation):
    site = site_with(
        "DRAW",
        lambda f: {k: v for k, v in f.items() if k != "c_prev"},
        fits=lambda f: "c_prev" in f,
        site=rotation,
    )

    assert check(site).codes == {"DUPLICATE"}


def test_c_a_false_tag_of_last_week_is_found(check_all, rotation):
    site = site_with(
        "DRAW",
        lambda f: f | {"c_prev": "ab" * 16},
        fits=lambda f: "c_prev" in f,
        site=rotation,
    )

    assert check_all(site).codes == {"PHANTOM"}


def test_a_second_tag_key_for_a_week_is_found(check):
    site = Site().live(2)
    site.write("TAGKEY+", week=site.now // WEEK, commit="ab" * 32)

    assert check(site.live(1).finish()).codes == {"DUPLICATE"}


def test_a_tag_key_committed_after_its_use_is_found(check, rotation):
    site = site_with("TAGKEY+", lambda _: None, skip=1, site=rotation)

    assert "LATECOMMIT" in check(site).codes


def test_a_tag_key_witnessed_after_the_outside_value_was_known_is_found(check):
    """With the beacon's value in hand a tag key could be chosen to suit."""
    site = Site(start=MONDAY + DAY, policy={"mode": "drand"})
    week = MONDAY // WEEK + 1
    label = b"ponctuel/tagkey/v1" + str(week).encode()
    held = {}

    def tamper(kind, fields):
        if kind == "TAGKEY+" and fields["week"] == week:
            held.update(fields)
            return []
        return [(kind, fields)]

    site = Site(start=MONDAY + DAY, policy={"mode": "drand"}, tamper=tamper)
    site.live(48, 6)
    site.tamper = None
    assert held["commit"] == digest(label, site.tag_keys[week]).hex()
    site.now += 30
    site.write("TAGKEY+", **held)

    assert check(site.live(3, 6).finish()).codes == {"LATECOMMIT"}


def test_a_tag_key_is_not_used_after_it_was_destroyed(check):
    site = Site().live(2)
    site.write("TAGKEY-", week=site.now // WEEK)

    assert check(site.live(1).finish()).codes == {"ORDER"}


@pytest.mark.parametrize("span", [HOUR, DAY])
def test_a_tag_key_destroyed_while_its_week_lasts_is_dated_by_witnesses(check, span):
    """Nobody calls any more in that week, so no draw contradicts it."""
    site = Site(start=MONDAY + DAY, span=span, checkpoints_per_epoch=1).live(2)
    site.write("TAGKEY-", week=site.now // WEEK)
    site.live(2 * DAY // span, 0)

    assert check(site.live(3, 6).finish()).codes == {"ORDER"}


@pytest.mark.parametrize("names_last_week", [True, False])
def test_a_tag_key_lives_as_long_as_last_weeks_calls_are_named(
    check, rotation, names_last_week
):
    """Destroyed on the first day of the next week, it would let calls be drawn again:
    nobody could see that they were drawn before."""
    site = Site(**rotation).live(26)
    week = site.now // WEEK - 1
    site.write("TAGKEY-", week=week)
    if not names_last_week:
        del site.tag_keys[week]
    site.live(3)

    codes = {"ORDER"} if names_last_week else {"ORDER", "DUPLICATE"}
    assert check(site.finish()).codes == codes


@pytest.mark.parametrize("known", [True, False])
def test_only_a_tag_key_that_exists_is_destroyed_and_only_once(check, known):
    site = Site(start=MONDAY + 2 * DAY, span=DAY, checkpoints_per_epoch=1).live(9)
    week = min(site.tag_keys) if known else 5
    for _ in range(1 + known):
        site.write("TAGKEY-", week=week)

    assert check(site.live(1).finish()).codes == {"ORDER"}


def test_c_a_call_drawn_under_this_weeks_key_and_the_next_is_found(check_all):
    """Both keys exist ahead, and in the middle of a week no leaf names two tags."""

    class Twice(Site):
        ahead = 0

        def tag(self, call_id, week):
            return super().tag(call_id, week + self.ahead)

    site = Twice(start=MONDAY + 2 * DAY).live(12)
    call = next(call for call in site.calls[-3:] if not call.is_recorded)
    site.now, site.ahead = site.now - 60, 1
    site.draw_batch([call])
    site.now, site.ahead = site.now + 60, 0

    assert "DUPLICATE" in check_all(site.live(1).finish()).codes


def test_c_a_tag_key_that_is_not_the_committed_one_is_found(check_all):
    site = Site().live(2).finish()
    site.tag_keys[site.now // WEEK] = bytes(32)

    assert "SEED" in check_all(site).codes
