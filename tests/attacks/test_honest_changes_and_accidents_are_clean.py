"""Changes of mode and rules, faults and pauses of an honest site give no finding."""

import json

import pytest

from tests.attacks.emitter import DAY, HOUR, MONDAY, Site
from tests.attacks.leaves import later
from tests.attacks.rules import NO_POLICY
from tests.attacks.tampering import FIRST, weeks

# Modes


def test_a_site_goes_from_mode_to_mode_at_the_edges_of_epochs(check):
    site = Site().live(4)
    for mode in ("drand", "witness", "operator"):
        site.adopt(mode=mode, ppm=70_000)
        site.live(30)

    found = check(site.finish())

    assert found.codes == set()
    assert {json.loads(leaf).get("round", 0) > 0 for leaf in site.leaves} == {0, 1}
    assert found.said["mode"] == "operator-seeded"


def test_of_two_outside_values_the_weaker_names_the_mode(check):
    site = Site(policy={"mode": "witness"}).live(4)
    site.adopt(mode="drand")

    assert check(site.live(60).finish()).said["mode"] == "witness-seeded"


@pytest.mark.parametrize("mode", ["witness", "drand"])
def test_where_the_outside_value_never_comes_nothing_is_drawn(check, mode):
    silent = range(FIRST + 5, FIRST + 8)

    class Silent(Site):
        def outside_value(self, epoch):
            return (b"", b"") if epoch in silent else super().outside_value(epoch)

        def _draw_waiting(self, calls, size):
            if self.now // HOUR not in silent:
                super()._draw_waiting(calls, size)

    found = check(Silent(policy={"mode": mode}).live(30).finish())

    assert found.codes == set()
    assert found.said["mode"] == f"{mode}-seeded"
    assert found.leaves_out("outside value never came: 3")


def test_the_first_policy_of_an_old_ledger_may_want_a_beacon(check):
    site = Site(policy=None).live(40, 6)
    site.adopt(mode="drand")
    site.live(30, 6).finish()

    found = check(site)

    assert (found.codes, found.said["mode"]) == (set(), "drand-seeded")
    assert found.said["excluded"]["policy_none"] == 64 * 6


def test_epochs_may_wait_for_a_beacon_before_there_is_a_policy(check):
    class Waiting(Site):
        def rules_of(self, epoch):
            rules = super().rules_of(epoch)
            return rules if rules["version"] else NO_POLICY | {"mode": "drand"}

    site = Waiting(policy=None).live(40, 6)
    site.adopt(mode="drand")

    assert check(site.live(20, 6).finish()).codes == set()


# Rules


def test_without_witnesses_rules_may_change_between_two_draws(check):
    site = Site(witnesses=()).live(3)
    now = site.now
    for rate in (70_000, 60_000):
        site.now += 600
        site.adopt(ppm=rate)
        site.draw_batch([site.ring(now // HOUR, rate + n, 9) for n in range(3)])
    site.now = now + HOUR

    assert check(site.live(2).finish(), policy=site.auditor(0)).codes == set()


def test_with_witnesses_rules_wait_for_the_next_epoch(check):
    def changed(wait):
        site = Site().live(3)
        now = site.now
        site.now += 600
        site.draw_batch([site.ring(now // HOUR, n, 9) for n in range(3)])
        site.adopt(ppm=60_000, **{"from": now // HOUR + wait})
        site.draw_batch([site.ring(now // HOUR, n, 9) for n in range(3, 6)])
        site.sign()
        site.now = now + HOUR
        return check(site.live(2).finish()).codes

    assert changed(wait=1) == set()
    assert changed(wait=0) == {"RETROPOLICY"}


def test_a_stop_may_find_calls_that_were_excluded_anyway(check):
    site = Site().live(3)
    site.write("STOP", by="breaker", on=1)
    site.now += 60
    for gate in ("line_excluded", "breaker", "opted_out"):
        site.draw_batch([site.ring(FIRST + 3, len(gate), 3)], gate=gate)
    site.write("STOP", by="breaker", on=0)
    site.now += HOUR

    assert check(site.live(2).finish()).codes == set()


# Clocks and pauses


@pytest.mark.parametrize("days", [0, 3])
def test_a_clock_set_back_over_an_epochs_edge_is_clean(check_all, days):
    """After three days the edge is also that of a week: last week's tag is named."""
    site = Site(start=MONDAY + days * DAY - 6 * HOUR).live(6)
    epoch = site.now // HOUR
    site.draw_batch([site.ring(epoch, 900, 10**6)])
    site.now -= 100
    site.draw_batch([site.ring(epoch, 901, 10**6)])
    site.sign()
    site.now += 100

    assert check_all(site.live(6).finish()).codes == set()


def test_after_a_pause_of_two_days_draws_begin_with_the_next_epoch(check_all):
    """The running one is committed when it has begun: nobody draws in it."""
    site = Site(start=MONDAY + DAY).live(6)
    site.now += 2 * DAY + 17 * 60  # over the edge of a week
    site.close_old_epochs()
    site._look_ahead()
    site.sweep()
    site.sign()
    site.now += HOUR - 17 * 60

    assert check_all(site.live(6).finish()).codes == set()


def test_nights_and_holidays_without_a_call_are_clean(check):
    site = Site(policy={"mode": "witness"})
    for _ in range(3):
        site.live(9, 6).live(15, 0)
    site.live(60, 0)

    assert check(site.finish()).codes == set()


def test_tag_keys_end_half_a_year_later(check):
    """The campaign is long over; calls are still counted."""
    site = Site(span=DAY, checkpoints_per_epoch=1, start=MONDAY + 2 * DAY).live(9, 3)
    site.adopt(ppm=0)
    week = min(site.tag_keys)
    for _ in range(26):
        site.live(7, 1)
        site.sweep()
    site.write("TAGKEY-", week=week)

    found = check(site.live(2, 1).finish())

    assert found.codes == set()


def test_epochs_that_do_not_end_with_the_day_leave_a_little_unchecked(check):
    """Part of such an epoch lies in its week's first day, part does not."""
    span = 7 * HOUR
    site = Site(start=MONDAY // span * span, span=span)

    found = check(site.live(20, 9).finish())

    assert found.codes == set()
    assert found.leaves_out("without last week's tag, perhaps of its week's end")


# Published heads


def thinned(site, hours=48):
    """One head of each hour; of the last two days all of them."""
    old = [head for head in site.heads if head.time < site.now - hours * HOUR]
    first = {head.time // HOUR: head for head in reversed(old)}
    site.heads = sorted(
        [*first.values(), *site.heads[len(old) :]], key=lambda h: h.size
    )
    return site


@pytest.mark.parametrize("mode", ["operator", "drand"])
def test_checkpoints_may_be_thinned(check, mode):
    site = Site(policy={"mode": mode}, checkpoints_per_epoch=12).live(40, 6)
    site.adopt(ppm=60_000, **{"from": site.now // HOUR + 1})
    site.live(40, 6).finish()
    before, whole = len(site.heads), check(site)

    found = check(thinned(site))

    assert len(site.heads) < before / 1.5
    assert (found.codes, found.said["mode"]) == (set(), whole.said["mode"])


def test_checkpoints_of_a_month_may_be_thinned(check):
    assert check(thinned(weeks())).codes == set()


# The platform's and the store's lists


def test_c_a_call_of_several_legs_is_one_call(check_all):
    site = Site().live(6).finish()
    rows = [call.row() for call in site.calls]
    legs = [row | {"started_at": later(MONDAY, hours=7)} for row in rows[::5]]

    assert check_all(site, calls=[*legs[::2], *rows, *legs]).codes == set()


def test_c_a_call_drawn_after_the_edge_of_its_epoch_is_said(check_all):
    site = Site().live(6)
    late = site.ring(site.now // HOUR, 900, 10**6)
    site.draw_batch([late])
    late.started -= 30

    found = check_all(site.live(3).finish())

    assert found.codes == set()
    assert found.leaves_out("drawn in the epoch after the one they began in")


def test_c_objects_younger_than_what_is_disclosed_are_said_to_be_unchecked(check_all):
    site = Site().live(20, 12)
    young = {"id": "o-9", "sha256": "12" * 32, "stored_at": later(site.now)}
    old = young | {"stored_at": later(site.now, hours=-5)}

    found = check_all(site, store=[*site.kept_objects.values(), young])

    assert found.codes == set()
    assert found.leaves_out("younger than the leaves")
    assert check_all(site, store=[old]).codes == {"STRAYOBJECT"}
