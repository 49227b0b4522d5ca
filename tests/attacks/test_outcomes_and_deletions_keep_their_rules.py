"""Rules of the documents that the 28 attacks do not touch."""

import json

import pytest

from tests.attacks.emitter import DAY, MONDAY, Site
from tests.attacks.leaves import day_of
from tests.attacks.tampering import site_with, tampering, weeks

# Outcomes, deletions, holds


def test_an_outcome_that_came_too_late_is_found(check):
    site = Site().live(3)
    site.settle = list
    site.live(12)
    del site.settle

    assert check(site.live(3).finish()).codes == {"NOOUTCOME"}


@pytest.mark.parametrize("kind", ["OUT", "DEL", "KEK-", "KEK+"])
def test_what_happens_once_does_not_happen_twice(check, kind):
    twice = {
        "OUT": "DUPLICATE",
        "DEL": "DUPLICATE",
        "KEK-": "ORDER",
        "KEK+": "DUPLICATE",
    }
    site = weeks(12)
    leaf = next(json.loads(raw) for raw in site.leaves if f'"{kind}"'.encode() in raw)
    site.write(leaf.pop("leaf"), **leaf)
    site.sign()

    assert check(site).codes == {twice[kind]}


def test_an_outcome_of_two_kinds_is_no_outcome(check):
    site = site_with("OUT", lambda f: f | {"objected": 1}, fits=lambda f: "rec" in f)

    assert "ENCODING" in check(site).codes


BENT_SALTS = {
    "missing": {},
    "short": {"n": "123456789abcdef"},
    "long": {"n": "0123456789abcdef0"},
    "upper case": {"n": "0123456789ABCDEF"},
    "a number": {"n": 7},
    "empty": {"n": ""},
}


@pytest.mark.parametrize("kind", ["OUT", "DEL"])
@pytest.mark.parametrize("bent", BENT_SALTS)
def test_a_leaf_that_could_be_guessed_by_its_hash_is_found(check, kind, bent):
    def bend(fields):
        kept = {name: value for name, value in fields.items() if name != "n"}
        return kept | BENT_SALTS[bent]

    found = check(weeks(12, tamper=tampering(kind, bend)))

    assert "ENCODING" in found.codes


@pytest.mark.parametrize("kind", ["OUT", "DEL"])
def test_a_salt_that_is_always_the_same_hides_nothing(check, kind):
    same = tampering(kind, lambda f: f | {"n": "0" * 16}, once=False)

    assert check(weeks(12, tamper=same)).codes == {"DUPLICATE"}


@pytest.mark.parametrize("kind", ["DEL", "HOLD"])
def test_only_what_was_recorded_can_be_deleted_or_held(check, kind):
    site = Site().live(12)
    hold = {"authority": "x", "until": "2026-12-24"}
    more = hold if kind == "HOLD" else {"n": "0" * 16}
    site.write(kind, draw=3, **more)

    assert check(site.finish()).codes == {"UNSAMPLED"}


def test_a_recording_to_be_kept_longer_than_the_policy_says_is_found(check):
    def far(fields):
        day = day_of(MONDAY + 9 * DAY)
        return fields | {"rec": fields["rec"] | {"day": day}}

    site = site_with("OUT", far, fits=lambda f: "rec" in f)
    site.cosigners = []

    found = check(site, policy=site.auditor(0))

    assert {"LATEDELETE", "KEKALIVE"} <= found.codes
    assert "LATEDELETE" in check(site_with("OUT", far, fits=lambda f: "rec" in f)).codes


def test_a_recording_under_a_day_key_that_is_in_no_leaf_is_found(check):
    assert "KEKALIVE" in check(site_with("KEK+", lambda _: None)).codes


def test_a_deletion_after_its_deadline_is_late_by_the_ledgers_own_account(check):
    """No witness is needed: draws of later days stand before the receipt."""
    site = Site(span=DAY, checkpoints_per_epoch=1, witnesses=())
    site.sweep = list
    site.live(16, 12)
    del site.sweep

    found = check(site.finish(), policy=site.auditor(0))

    assert found.codes == {"LATEDELETE", "KEKALIVE"}


def test_a_hold_declared_after_the_deadline_excuses_nothing(check):
    site = Site(span=DAY, checkpoints_per_epoch=1).live(3, 15)
    held = min(min(seqs) for seqs in site.days.values() if seqs)
    site.held[held] = site.now + 60 * DAY
    site.live(14, 15)
    site.hold(held, days=60)

    assert {"LATEDELETE", "BACKDATED"} <= check(site.live(2, 15).finish()).codes


def test_a_hold_ends(check):
    site = Site(span=DAY, checkpoints_per_epoch=1).live(3, 15)
    held = min(min(seqs) for seqs in site.days.values() if seqs)
    site.hold(held, days=10)
    site.held[held] = site.now + 90 * DAY
    site.live(24, 15)

    assert check(site.finish()).codes == {"LATEDELETE", "KEKALIVE"}


def test_a_hold_without_an_authority_is_no_hold(check):
    site = Site(span=DAY, checkpoints_per_epoch=1).live(3, 15)
    held = min(min(seqs) for seqs in site.days.values() if seqs)
    site.hold(held, days=10, authority="")

    assert "ENCODING" in check(site.finish()).codes


def renewed_site():
    """The newest day's key has been renewed."""
    site = Site(span=DAY, checkpoints_per_epoch=1).live(4, 15)
    site.renew(max(site.days))
    return site


def test_a_key_renewed_after_an_early_death_is_clean(check_all):
    found = check_all(renewed_site().live(20, 15).finish())

    assert found.codes == set()


def test_a_renewed_key_must_die_with_its_day_too(check):
    site = renewed_site()
    site.write("KEK+", day=max(site.days), gen=3)

    assert check(site.live(20, 15).finish()).codes == {"KEKALIVE"}


def test_a_key_that_was_never_there_cannot_be_renewed(check):
    site = Site().live(12)
    site.write("KEK+", day=max(site.days), gen=3)

    assert check(site.finish()).codes == {"ORDER"}


def test_a_recording_kept_under_a_key_that_is_gone_is_found(check):
    site = Site(span=DAY, checkpoints_per_epoch=1).live(4, 15)
    gone = day_of(site.now + site.rules["kept_days"] * DAY)
    site.write("KEK+", day=gone)
    site.write("KEK-", day=gone)
    site.days[gone] = []
    site.live(1, 40)

    assert check(site.finish()).codes == {"KEKALIVE"}
