"""Rules of the documents that the 28 attacks do not touch."""

import pytest

from tests.attacks.emitter import HOUR, Site
from tests.attacks.formats import digest
from tests.attacks.tampering import FIRST, site_with

# Policies


@pytest.mark.parametrize(
    "change",
    [
        {"version": 3},
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
    ],
    ids=str,
)
def test_a_policy_outside_the_hard_limits_is_found(check, change):
    site = Site().live(2)
    site.adopt(**change)

    assert "POLICY" in check(site.live(2).finish()).codes


def test_the_length_of_epochs_cannot_change(check):
    site = Site().live(2)
    site.adopt(epoch_seconds=1800)

    assert "POLICY" in check(site.live(2).finish()).codes


@pytest.mark.parametrize("seconds", [299, 86_401])
def test_an_epoch_is_five_minutes_to_a_day(check, seconds):
    assert "POLICY" in check(Site(span=seconds).live(2).finish()).codes


def test_nothing_is_drawn_outside_the_campaign(check):
    site = Site(policy={"ends": "2026-11-17"}).live(30)

    assert check(site.finish()).codes == {"POLICY"}


def test_the_mode_cannot_change_inside_an_epoch(check):
    site = Site().live(3)
    site.now += 100
    site.draw_batch([site.ring(site.now // HOUR, place, 3) for place in range(3)])
    site.adopt(**{"from": site.now // HOUR, "mode": "witness"})
    site.now += HOUR

    assert "RETROPOLICY" in check(site.finish()).codes


@pytest.mark.parametrize("mode", ["witness", "drand"])
def test_a_mode_is_never_given_up_silently(check, mode):
    """The beacon was unreachable for an hour, and the draws went on without it."""

    class Alone(Site):
        def outside_value(self, epoch):
            return (b"", b"") if epoch == FIRST + 8 else super().outside_value(epoch)

    def without_value(kind, fields):
        names = ("nonce_commit", "round", "x", "sig")
        if kind in ("OPEN", "CLOSE") and fields["e"] == FIRST + 8:
            fields = {k: v for k, v in fields.items() if k not in names}
        return [(kind, fields)]

    site = Alone(policy={"mode": mode}, tamper=without_value).live(12).finish()

    assert check(site).codes == {"BEACON"}


def test_a_policy_first_witnessed_long_after_it_began_is_retroactive(check):
    site = Site().live(12)
    site.now += 6 * HOUR  # a night without calls
    site.adopt(**{"from": site.now // HOUR - 5, "ppm": 70_000})
    site.live(3).finish()

    assert check(site).codes == {"RETROPOLICY"}


# Epochs


def test_without_witnesses_a_late_commitment_is_said_not_found(check):
    """The service was away when it should have been made."""
    late = FIRST + 5

    class Late(Site):
        def open(self, epoch):
            if epoch != late or self.now > late * HOUR:
                super().open(epoch)

        def live_epoch(self, epoch, calls):
            if epoch == late:
                self.now = late * HOUR + 310
                self.close_old_epochs()
                self.open(late)
            super().live_epoch(epoch, calls)

    site = Late(witnesses=()).live(8).finish()

    found = check(site, policy="# mine\n\n" + site.auditor(0))

    assert found.codes == set()
    assert found.leaves_out("committed after they began")


def test_a_draw_in_an_epoch_without_a_commitment_is_found(check):
    site = site_with("OPEN", lambda _: None, fits=lambda f: f["e"] == FIRST + 10)

    assert "LATECOMMIT" in check(site).codes


def test_a_draw_after_its_epochs_reveal_is_found(check):
    site = Site().live(3, 6)
    site.now += 600
    calls = [site.ring(FIRST + 2, place, 9) for place in range(6, 9)]
    site.close(FIRST + 2)
    site.closed.add(FIRST + 2)
    site.now -= HOUR
    site.draw_batch(calls)
    site.now += HOUR

    assert "ORDER" in check(site.finish()).codes


def test_draws_cannot_go_back_to_an_earlier_epoch(check):
    site = Site().live(4, 6)
    site.now -= 2 * HOUR
    calls = [site.ring(site.now // HOUR, place, 9) for place in range(6, 9)]
    site.draw_batch(calls)
    site.now += 2 * HOUR

    assert "ORDER" in check(site.live(3).finish()).codes


def test_a_seed_that_was_public_before_is_found(check):
    class Lazy(Site):
        def seed_of(self, epoch):
            return digest(b"the same every day", bytes([epoch % 8]))

    assert check(Lazy().live(12).finish()).codes == {"SEED"}


def test_a_reveal_of_what_was_never_opened_is_found(check):
    site = Site().live(3)
    site.write("CLOSE", e=5, seed="ab" * 32, draws=0, records=0)

    assert check(site.finish()).codes == {"SEED"}


def test_an_epoch_closed_twice_is_found(check):
    site = Site().live(5)
    site.close(FIRST + 1)

    assert check(site.finish()).codes == {"EPOCHREOPENED"}


@pytest.mark.parametrize("name", ["draws", "records"])
def test_counts_told_at_the_reveal_must_be_true(check, name):
    site = site_with("CLOSE", lambda f: f | {name: f[name] + 1}, skip=3)

    assert check(site).codes == {"COUNT"}


def test_a_round_chosen_later_than_the_first_is_found(check):
    site = site_with(
        "OPEN",
        lambda f: f | {"round": f["round"] + 1},
        skip=8,
        site={"policy": {"mode": "drand"}},
    )

    assert "BEACON" in check(site).codes


@pytest.mark.parametrize("mode", ["witness", "drand"])
@pytest.mark.parametrize("value", [None, "ab" * 32])
def test_an_outside_value_left_out_or_changed_is_found(check, mode, value):
    def change(fields):
        kept = {k: v for k, v in fields.items() if k not in ("x", "sig")}
        return kept | ({"x": value} if value else {})

    site = site_with("CLOSE", change, skip=3, site={"policy": {"mode": mode}})

    assert "BEACON" in check(site).codes


@pytest.mark.parametrize("name", ["x", "sig"])
def test_a_value_mixed_in_without_being_committed_to_is_found(check, name):
    value = "ab" * (32 if name == "x" else 48)
    site = site_with("CLOSE", lambda f: f | {name: value}, skip=3)

    assert "BEACON" in check(site).codes


def test_an_epoch_with_two_outside_values_to_choose_from_is_found(check):
    both = {"nonce_commit": "ab" * 32, "round": 7}
    site = site_with("OPEN", lambda f: f | both, skip=3)

    assert "ENCODING" in check(site).codes


class FarAhead(Site):
    """Commits to an epoch in three hundred years before all others."""

    def _look_ahead(self):
        if not self.seeds:
            self.modes[FAR], self.seeds[FAR] = "operator", self.seed_of(FAR)
            self.write("OPEN", e=FAR, commit="ab" * 32)
        super()._look_ahead()


FAR = FIRST + 300 * 365 * 24


def test_the_first_epochs_are_not_whatever_was_committed_to_first(check):
    class Late(FarAhead):
        def open(self, epoch):
            if epoch != FIRST + 2 or self.now >= (FIRST + 2) * HOUR:
                super().open(epoch)

        def close_old_epochs(self):
            if self.now > (FIRST + 3) * HOUR:
                super().close_old_epochs()

        def sign(self):
            self.now += 60
            super().sign()

    assert check(Late().live(20, 12).finish()).codes == {"LATECOMMIT"}


def test_c_no_call_is_from_before_the_ledger_because_an_epoch_lies_far_ahead(
    check_all,
):
    site = FarAhead().live(6).finish()
    lost = site.calls[9].row() | {"root_call_id": "never-drawn"}
    rows = [*(call.row() for call in site.calls), lost]

    assert "MISSINGCALL" in check_all(site, calls=rows).codes


def test_a_call_drawn_after_its_epoch_is_dated_by_witnesses(check):
    """Asked again an hour later, under the seed of whichever hour suits."""
    site = Site().live(3, 6)
    late = [site.ring(FIRST + 2, place, 9) for place in range(6, 9)]
    site.now += 1200
    site.sign()
    site.now -= HOUR
    site.draw_batch(late)
    site.now += HOUR

    assert "LATEBIND" in check(site.finish()).codes


def test_a_call_drawn_before_its_epoch_is_dated_by_witnesses(check):
    site = Site().live(3, 6)
    early = [site.ring(FIRST + 5, place, 9) for place in range(3)]
    site.now += 2 * HOUR
    site.draw_batch(early)
    site.now -= 2 * HOUR
    site.sign()
    site.now += 3 * HOUR

    assert "LATEBIND" in check(site.finish()).codes
