"""The 28 attacks of the design, each signed and witnessed as far as the attacker can.

`C`: only an auditor with the platform's or the store's own list sees it.
"""

import json

import pytest

from tests.attacks.emitter import DAY, HOUR, MONDAY, Site
from tests.attacks.formats import Signer, entry_bundles, pack, with_manifest
from tests.attacks.leaves import leaf_bytes
from tests.attacks.publishing import Head

FULL = (1 << 64) * 80_000 // 10**6


def a_day(**options) -> Site:
    return Site(**options).live(12).finish()


def weeks(days: int = 26, **options) -> Site:
    """Long enough for everything to fall due, in epochs of a day."""
    return Site(span=DAY, checkpoints_per_epoch=1, **options).live(days, 12).finish()


def honestly(kind, fields):
    return [(kind, fields)]


class Once:
    """Lets a tamper act on the first leaf that fits, and only there."""

    def __init__(self, kind, act, fits=lambda _: True, skip=0):
        self.kind, self.act, self.fits, self.skip = kind, act, fits, skip

    def __call__(self, kind, fields):
        if kind != self.kind or self.act is None or not self.fits(fields):
            return [(kind, fields)]
        if self.skip:
            self.skip -= 1
            return [(kind, fields)]
        act, self.act = self.act, None
        return act(kind, fields)


def place_of(site, kind, **wanted):
    for seq, leaf in enumerate(map(json.loads, site.leaves)):
        if leaf["leaf"] == kind and wanted.items() <= leaf.items():
            return seq
    raise AssertionError(f"no {kind} with {wanted}")


# 1 to 6: the log itself


def test_01_a_flipped_decision_no_longer_hashes_to_the_signed_root(check):
    site = a_day()
    seq = place_of(site, "DRAW", d=0)
    files = site.files()
    changed = [*site.leaves]
    changed[seq] = changed[seq].replace(b'"d":0', b'"d":1')
    files |= entry_bundles(changed[: len(site.disclosed())])

    found = check(site, bundle=pack(with_manifest(files, site.log)))

    assert found.status == 1
    assert seq in found.seqs("ROOT")


def test_02_history_rewritten_under_the_log_key_lacks_the_witnesses(check):
    site = a_day()
    del site.leaves[place_of(site, "DRAW", d=0)]
    site.heads = [Head(len(site.leaves), site.now)]
    policy = site.auditor()
    site.cosigners = []

    assert "QUORUM" in check(site, policy=policy).codes


def test_03_history_rewritten_with_one_witness_of_two_contradicts_the_other(check):
    site = Site(witnesses=("dpo", "cse")).live(12)
    site.freeze()
    policy = site.auditor()
    del site.leaves[place_of(site, "DRAW", d=0)]
    site.cosigners = site.cosigners[:1]
    site.heads.append(Head(len(site.leaves), site.now))

    assert {"ROOT", "QUORUM"} <= check(site, policy=policy).codes


def test_04_one_witness_under_two_names_counts_once(check):
    site = Site(witnesses=("dpo",))
    site.cosigners.append(Signer("cse.example", 4, secret="dpo.example"))

    assert "QUORUM" in check(site.live(12).finish()).codes


def test_05_two_signed_trees_of_one_size_are_a_split_view(check):
    site = a_day()
    head = site.heads[-1]
    site.note_of(head)
    files = site.files()
    other = a_day(name="demo", strata=("elsewhere",))
    other.leaves = (other.leaves * 2)[: head.size]
    other.log, other.cosigners = site.log, site.cosigners
    files["checkpoint"] = other.note_of(Head(head.size, head.time))

    found = check(site, bundle=pack(with_manifest(files, site.log)))

    assert "SPLITVIEW" in found.codes


def test_05_a_root_the_auditor_kept_shows_a_split_view(check):
    site = a_day()
    kept = site.seen(100)
    other = a_day(strata=("elsewhere",))

    found = check(other, policy=other.auditor(2, kept))

    assert found.codes == {"SPLITVIEW"}


def test_06_a_shortened_log_is_shorter_than_what_was_seen(check):
    site = a_day()
    kept = site.seen(len(site.leaves))
    site.heads = [head for head in site.heads if head.size < len(site.leaves) - 20]

    assert "TRUNCATED" in check(site, policy=site.auditor(2, kept)).codes


def test_06_a_shortened_log_is_shorter_than_its_own_checkpoints(check):
    site = a_day()
    longer = site.files()
    name = max(name for name in longer if name.startswith("checkpoints/"))
    site.heads = site.heads[:-3]
    files = site.files() | {name: longer[name]}

    found = check(site, bundle=pack(with_manifest(files, site.log)))

    assert "TRUNCATED" in found.codes


# 7 to 12: calls, draws, the ceiling


def test_07_c_a_call_that_was_never_bound_is_missing(check_all):
    tamper = Once("DRAW", lambda _kind, _fields: [], lambda f: "b" not in f, skip=20)

    assert "MISSINGCALL" in check_all(a_day(tamper=tamper)).codes


def test_08_a_replayed_webhook_does_not_get_a_second_draw(check):
    drawn = []

    def again(kind, fields):
        if kind == "DRAW":
            drawn.append(fields)
            if len(drawn) == 60 and "b" in fields:
                return [(kind, drawn[10] | {"e": fields["e"], "b": 1}), (kind, fields)]
        return [(kind, fields)]

    assert "DUPLICATE" in check(a_day(tamper=again)).codes or len(drawn) < 60


def test_09_c_a_name_invented_until_it_was_drawn_belongs_to_no_call(check_all):
    def grind(kind, fields):
        return [(kind, fields | {"c": "5" * 32})]

    tamper = Once("DRAW", grind, lambda f: "b" in f, skip=10)

    assert {"PHANTOM", "MISSINGCALL"} <= check_all(a_day(tamper=tamper)).codes


@pytest.mark.parametrize("result", [0, 1])
def test_10_a_decision_overridden_is_recomputed(check, result):
    def override(kind, fields):
        return [(kind, fields | {"d": result})]

    tamper = Once("DRAW", override, lambda f: f["d"] != result and int(f["T"], 16))

    assert "DRAW" in check(a_day(tamper=tamper)).codes


def test_11_a_stratum_with_a_raised_threshold_is_recomputed(check):
    def raised(kind, fields):
        if kind == "DRAW" and fields["s"] == "care_in":
            higher = min(2**64 - 1, int(fields["T"], 16) * 3)
            return [(kind, fields | {"T": f"{higher:016x}"})]
        return [(kind, fields)]

    assert "THRESHOLD" in check(a_day(tamper=raised)).codes


def test_12_full_recording_breaks_ceiling_threshold_and_windows(check):
    def always(kind, fields):
        if kind == "DRAW":
            return [(kind, fields | {"d": 1, "T": f"{FULL:016x}"})]
        return [(kind, fields)]

    assert {"CEILING", "THRESHOLD", "WINDOW"} <= check(a_day(tamper=always)).codes


# 13 to 17: epochs


def test_13_a_seed_swapped_at_the_reveal_opens_no_commitment(check):
    def swapped(kind, fields):
        return [(kind, fields | {"seed": "ab" * 32})]

    tamper = Once("CLOSE", swapped, lambda f: f["draws"], skip=3)

    assert {"SEED", "DRAW"} <= check(Site(tamper=tamper).live(40).finish()).codes


def test_14_a_reveal_withheld_is_missed_even_when_its_draws_are_hidden(check):
    tamper = Once("CLOSE", lambda _kind, _fields: [], skip=3)

    assert "WITHHELD" in check(a_day(tamper=tamper)).codes


@pytest.mark.parametrize("mode", ["operator", "witness", "drand"])
def test_15_a_seed_committed_when_its_epoch_had_begun_is_late(check, mode):
    late = MONDAY // HOUR + 30

    class Late(Site):
        def open(self, epoch):
            if epoch != late or self.now >= late * HOUR:
                super().open(epoch)

    class LateByAMinute(Late):
        def sign(self):
            self.now += 60
            super().sign()

    site = LateByAMinute(policy={"mode": mode}).live(40).finish()

    found = check(site)

    assert found.codes == {"LATECOMMIT"}
    assert found.said["mode"] == "operator-seeded"


def test_16_a_beacon_value_invented_for_the_draws_is_not_the_beacons(check):
    site = Site(policy={"mode": "drand"}).live(40).finish()
    policy = site.auditor().replace(
        f"{site.beacons[site.round_of(MONDAY // HOUR + 30)].hex()}", "ab" * 32
    )

    assert check(site, policy=policy).codes == {"BEACON"}


def test_16_a_beacon_value_invented_at_the_reveal_contradicts_the_draws(check):
    def invented(kind, fields):
        return [(kind, fields | {"x": "ab" * 32})]

    tamper = Once("CLOSE", invented, lambda f: f["records"] > 1, skip=1)
    site = Site(policy={"mode": "drand"}, tamper=tamper).live(40).finish()

    assert {"BEACON", "DRAW"} <= check(site).codes


def test_17_an_epoch_opened_by_a_second_instance_stands_twice(check):
    def twice(kind, fields):
        return [(kind, fields), (kind, fields | {"commit": "cd" * 32})]

    assert "EPOCHREOPENED" in check(a_day(tamper=Once("OPEN", twice, skip=5))).codes


# 18 to 25: outcomes and deletions


def test_18_c_a_recording_by_the_platform_alone_is_in_its_own_list(check_all):
    site = a_day()
    rows = [call.row() for call in site.calls]
    next(row for row in rows if row["recorded"] == "0")["recorded"] = "1"

    assert check_all(site, calls=rows).codes == {"PLATFORMRECORDED"}


def test_19_an_outcome_of_a_call_nobody_drew_is_seen(check):
    site = Site().live(12)
    site.keep(place_of(site, "DRAW", d=0))
    site.finish()

    assert check(site).codes == {"UNSAMPLED"}


def test_20_c_an_object_no_leaf_speaks_of_is_a_stray(check_all):
    site = a_day()
    stray = {"id": "o-9", "sha256": "12" * 32, "bytes": "512"}

    found = check_all(site, store=[*site.kept_objects.values(), stray])

    assert found.codes == {"STRAYOBJECT"}


def test_21_a_drawn_call_discarded_silently_has_no_outcome(check):
    tamper = Once("OUT", lambda _kind, _fields: [])

    assert check(Site(tamper=tamper).live(30).finish()).codes == {"NOOUTCOME"}


def test_22_a_recording_never_deleted_is_overdue(check):
    tamper = Once("DEL", lambda _kind, _fields: [])

    assert check(weeks(tamper=tamper)).codes == {"LATEDELETE"}


def test_23_a_day_key_never_destroyed_is_overdue(check):
    tamper = Once("KEK-", lambda _kind, _fields: [])

    assert check(weeks(tamper=tamper)).codes == {"KEKALIVE"}


def test_24_a_policy_for_hours_that_are_over_is_retroactive(check):
    site = Site().live(12)
    site.adopt(**{"from": site.now // HOUR - 6, "ppm": 90_000, "c": 90_000, "B": 10})
    site.live(6).finish()

    assert "RETROPOLICY" in check(site).codes


def test_25_receipts_later_than_they_pretend_are_dated_by_witnesses(check):
    """Forgotten for two weeks, then put where the ledger still stands in the old days:
    by its own account all is in time."""
    site = Site(span=DAY, checkpoints_per_epoch=1).live(8, 12).finish()
    site.now += 14 * DAY
    site.sweep()
    site.close_old_epochs()
    site.sign()

    assert check(site).codes == {"BACKDATED"}


# 26 to 28


def test_26_a_leaf_with_a_key_that_stands_twice_has_two_readings(check):
    def doubled(kind, fields):
        raw = leaf_bytes(kind, fields)
        return [raw.replace(b'"d":0', b'"d":1,"d":0')]

    tamper = Once("DRAW", doubled, lambda f: not f["d"] and "b" not in f)

    assert "ENCODING" in check(a_day(tamper=tamper)).codes


def test_27_a_log_signed_by_another_key_is_not_the_one_trusted(check):
    site = a_day()
    policy = site.auditor()
    site.log = Signer(site.log.name, 1, secret="another")

    assert "LOGSIG" in check(site, policy=policy).codes


def test_28_c_a_call_drawn_an_hour_late_was_bound_late(check_all):
    class Late(Site):
        def ring(self, epoch, place, of):
            call = super().ring(epoch, place, of)
            if place == 2 and epoch % 5 == 0:
                call.started -= HOUR  # the platform's list knows the true second
            return call

    assert "LATEBIND" in check_all(Late().live(12).finish()).codes
