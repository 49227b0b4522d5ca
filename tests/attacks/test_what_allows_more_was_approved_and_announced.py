"""No policy allows more than the one before unless two said so, a day ahead."""

import pytest

from tests.attacks.approving import announce, approved, document, increase
from tests.attacks.emitter import Site
from tests.attacks.rules import COVERING, STRATUM

RARE = STRATUM | {"ppm": 10_000, "c": 12_000}
OFTEN = STRATUM | {"ppm": 85_000}
EARLY, LATE = "2026-10-31", "2027-01-31"


def living(**policy):
    return Site(policy={"approvals": 0, "doc": "ab" * 32, **policy}).live(3)


def codes_after(check, site, **changes):
    site.adopt(**changes)
    return check(site.live(3).finish()).codes


# Honest


def test_an_increase_that_was_announced_a_day_ahead_is_clean(check):
    site = increase(living(), ppm=85_000, kept_days=2)

    assert check(site.live(3).finish()).codes == set()


@pytest.mark.parametrize("approvals", [0, 1, 2, None])
def test_the_first_policy_of_a_site_is_clean_whoever_says_so(check, approvals):
    assert check(living(approvals=approvals).finish()).codes == set()


@pytest.mark.parametrize("approvals", [0, 1, 2, None])
@pytest.mark.parametrize(
    "less",
    [
        {"ppm": 70_000, "B": 14, "c": 84_000, "smooth": 6},
        {"starts": "2026-11-02", "ends": "2027-01-30", "max_seconds": 60},
        {"strata": {"care_in": RARE}},
        {"ppm": 0, "starts": EARLY, "ends": EARLY, "kept_days": 180},
    ],
    ids=["figures", "dates", "a rarer stratum", "taken away"],
)
def test_a_decrease_needs_nobody_else(check, approvals, less):
    assert codes_after(check, living(), approvals=approvals, **less) == set()


def test_a_change_of_mode_takes_no_announcement_back(check):
    """The same document once more: nobody has decided on another."""
    site = living()
    doc = document(site)
    announce(site, doc)
    site.live(12)
    site.adopt(approvals=0, mode="drand")
    site.live(30)

    assert codes_after(check, site, **approved(doc, ppm=85_000)) == set()


def test_a_stratum_under_another_name_is_said_to_be_unchecked(check):
    site = living(strata={"care_in": OFTEN, "care_out": RARE})
    site.adopt(approvals=1, strata={"desk_in": OFTEN, "care_out": RARE})

    found = check(site.live(3).finish())

    assert found.codes == set()
    assert found.leaves_out("whose a stratum is")


# Approved by nobody

RAISED = {
    "rate": {"ppm": 85_000},
    "ceiling": {"c": 85_001},
    "burst": {"B": 16, "c": 84_000},
    "smooth": {"smooth": 4},
    "seconds": {"max_seconds": 601},
    "days kept": {"kept_days": 2},
    "last day": {"ends": "2027-02-01", "starts": "2026-11-02"},
    "first day": {"starts": EARLY, "ends": "2027-01-30"},
    "purpose": {"purpose": "quality"},
    "coverage": {name: COVERING[name] for name in ("ppm", "c", "cover")},
    "a stratum's rate": {"strata": {"care_in": OFTEN}},
}


@pytest.mark.parametrize("approvals", [0, 1, None])
@pytest.mark.parametrize("raised", RAISED)
def test_what_allows_more_takes_two_by_the_ledgers_own_account(
    check, raised, approvals
):
    site = living(ppm=20_000) if raised == "coverage" else living()

    found = codes_after(check, site, approvals=approvals, **RAISED[raised])

    assert found == {"POLICY"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"care_in": RARE}, {"care_in": RARE | {"ppm": 11_000}}),
        ({"care_in": RARE}, {"care_in": STRATUM}),
        ({"care_in": RARE}, None),
        ({"care_in": RARE, "desk_in": STRATUM}, {"desk_in": STRATUM}),
        ({"care_in": RARE}, {"care_in": RARE, "desk_in": OFTEN}),
    ],
    ids=["its rate", "to the top", "taken away", "among others", "a new one"],
)
def test_a_stratum_is_not_raised_under_the_cover_of_a_higher_rate(check, before, after):
    site = living(strata=before)

    assert codes_after(check, site, approvals=1, strata=after) == {"POLICY"}


@pytest.mark.parametrize("changes", [{"min": 6000}, {"k": 2}, {"calls": 59}], ids=str)
def test_agents_are_not_made_more_urgent_by_one_alone(check, changes):
    cover = COVERING["cover"]
    site = living(**COVERING | {"smooth": 5})

    assert codes_after(check, site, approvals=1, cover=cover | changes) == {"POLICY"}


def test_what_was_lowered_is_not_raised_back_at_once(check):
    """The highest rate ever is not what counts, but what held before."""
    site = living()
    site.adopt(approvals=1, ppm=10_000, doc="cd" * 32)
    site.live(2)

    assert codes_after(check, site, approvals=0, ppm=80_000) == {"POLICY"}


# Announced by nobody


def test_an_increase_without_notice_is_found(check):
    site = living()

    found = codes_after(check, site, **approved(document(site), ppm=85_000))

    assert found == {"NOTICE"}


def test_an_increase_without_a_document_cannot_have_been_announced(check):
    site = living()
    announce(site, "ab" * 32)
    site.live(24)

    assert codes_after(check, site, approvals=2, doc=None, ppm=85_000) == {"NOTICE"}


@pytest.mark.parametrize("hours", [0, 1, 23])
def test_less_than_a_day_is_no_notice(check, hours):
    site = living()
    doc = document(site)
    announce(site, doc, seconds=0)
    site.live(hours)

    assert codes_after(check, site, **approved(doc, ppm=85_000)) == {"NOTICE"}


@pytest.mark.parametrize(("days", "codes"), [(0, {"NOTICE"}), (1, set())])
def test_where_an_epoch_is_a_day_notice_is_one_epoch(check, days, codes):
    policy = {"approvals": 0, "doc": "ab" * 32}
    site = Site(policy=policy, span=86_400, checkpoints_per_epoch=1).live(3)
    doc = document(site)
    announce(site, doc, seconds=0)
    site.live(days)

    assert codes_after(check, site, **approved(doc, ppm=85_000)) == codes


def test_an_increase_does_not_hold_before_the_epoch_that_was_announced(check):
    site = living()
    doc = document(site)
    announce(site, doc, seconds=2 * 86_400)
    site.live(30)

    assert codes_after(check, site, **approved(doc, ppm=85_000)) == {"NOTICE"}


def test_an_announcement_is_of_one_document_once(check):
    """Raised as announced, lowered, and raised back under the old announcement."""
    site = living()
    doc = document(site)
    announce(site, doc)
    site.live(24)
    site.adopt(**approved(doc, ppm=85_000))
    site.live(2)
    site.adopt(approvals=1, ppm=10_000)
    site.live(2)

    assert codes_after(check, site, **approved(doc, ppm=85_000)) == {"NOTICE"}


@pytest.mark.parametrize("later", ["decrease", "increase"])
def test_of_several_decisions_that_wait_the_last_one_counts(check, later):
    site = living()
    announce(site, "cd" * 32)
    site.live(2)
    if later == "decrease":
        site.adopt(approvals=1, ppm=70_000, doc="ef" * 32)
    else:
        announce(site, "ef" * 32)
    site.live(24)

    assert codes_after(check, site, **approved("cd" * 32, ppm=85_000)) == {"NOTICE"}


def test_an_announcement_put_in_its_place_afterwards_is_dated_by_witnesses(check):
    """For a day no head is signed: what stands where can still be chosen."""

    class Quiet(Site):
        is_quiet = False

        def sign(self):
            if not self.is_quiet:
                super().sign()

    site = Quiet(policy={"approvals": 0, "doc": "ab" * 32}).live(3)
    site.is_quiet = True
    site = increase(site, ppm=85_000).live(3)
    site.is_quiet = False

    found = check(site.finish())

    assert "NOTICE" in found.codes
    assert any("witnesses first saw" in one["detail"] for one in found.said["findings"])
