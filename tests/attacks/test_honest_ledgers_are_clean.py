"""What honest sites do never gives a finding, and what was not checked is said."""

import subprocess
import sys
from pathlib import Path

import pytest

from audit import verify
from tests.attacks.approving import increase
from tests.attacks.emitter import DAY, HOUR, MONDAY, Site
from tests.attacks.leaves import later

# Round 1000 of the quicknet beacon, as published, and the second it came out.
ROUND_1000 = 1_692_806_364
SIGNATURE_1000 = bytes.fromhex(
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
RANDOMNESS_1000 = bytes.fromhex(
    "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"
)
SPAN_1000 = 3532  # seconds; an epoch of this length begins when round 1000 came out


@pytest.mark.parametrize("name", ["nord", "sud", "ouest"])
def test_three_sites_are_clean_for_everybody_who_may_look(check_all, name):
    site = Site(name).live(30, 12).finish()

    found = check_all(site)

    assert (found.status, found.codes) == (0, set())
    assert found.said["size"] == found.said["entries"] == len(site.leaves)
    assert found.said["draws"] == 360


def test_a_week_of_tag_keys_ends_without_a_second_draw(check_all):
    wednesday = Site(start=MONDAY + 2 * DAY)

    found = check_all(wednesday.live(60, 9).finish())

    assert found.codes == set()
    assert len(wednesday.tag_keys) == 3


def test_batches_of_changing_leaders_are_clean(check):
    site = Site(failover_every=2).live(30, 12).finish()

    assert check(site).codes == set()
    assert {leaf.count(b'"b":1') for leaf in site.leaves} == {0, 1}


def test_deletions_and_a_hold_over_a_month_are_clean(check_all):
    site = Site(span=DAY, checkpoints_per_epoch=1).live(6, 15)
    held = min(min(seqs) for seqs in site.days.values() if seqs)
    site.hold(held, days=16)
    site.live(24, 15).finish()

    found = check_all(site)

    assert found.codes == set()
    assert found.said["outcomes"]["holds"] == 1
    assert found.said["outcomes"]["deleted"] > 20


def test_changes_of_policy_keep_the_tokens_and_stay_clean(check):
    site = Site().live(8, 12)
    increase(site, 12, ppm=18_000, c=20_000, B=50, smooth=20).live(8, 12)
    increase(site, 12, ppm=90_000, c=95_000, B=5, smooth=5, kept_days=2).live(8, 12)
    site.adopt(**{"from": site.now // HOUR + 3, "ppm": 0})

    assert check(site.live(3, 6).finish()).codes == set()


def test_a_policy_taken_away_is_clean(check):
    site = Site().live(3)
    nothing = {"ppm": 0, "c": 0, "B": 1, "smooth": 1, "kept_days": 1, "max_seconds": 1}
    site.adopt(**nothing, starts="0001-01-01", ends="0001-01-01")

    assert check(site.live(3).finish()).codes == set()


def test_a_site_is_clean_before_its_first_policy_and_after(check):
    site = Site(policy=None).live(5, 9)
    site.adopt()

    found = check(site.live(30, 9).finish())

    assert found.codes == set()
    assert found.said["excluded"]["policy_none"] == 45


@pytest.mark.parametrize(
    ("party", "reason"), [("operator", "stopped"), ("breaker", "breaker")]
)
def test_a_stop_is_clean_as_long_as_it_is_kept(check, party, reason):
    site = Site().live(3)
    site.write("STOP", by=party, on=1)
    site.now += 60
    calls = [site.ring(site.now // HOUR, place, 3) for place in range(3)]
    site.draw_batch(calls, gate=reason)
    site.write("STOP", by=party, on=0)
    site.now += HOUR - 60

    assert check(site.live(3).finish()).codes == set()


def test_other_leaves_are_known_and_counted(check):
    site = Site().live(3)
    site.write("RECON", day="2026-11-16", sha256="ab" * 32, n=24, missing=2)
    own, given = {"source": "platform"}, {"source": "by_hand"}
    site.write("RECON", day="2026-11-17", sha256="ab" * 32, n=24, missing=1, **own)
    site.write("RECON", day="2026-11-17", sha256="ef" * 32, n=24, missing=5, **given)
    site.write("INV", day="2026-11-16", sha256="cd" * 32, n=3)
    site.write("NOTE", text="[" * 40 + ' the "Monday" copy \u2014 no loss\n')

    found = check(site.live(2).finish())

    assert found.codes == set()
    told = found.said["told"]
    assert (told["RECON leaves"], told["calls missing by RECON"]) == (2, 3)
    assert told["RECON by hand leaves"] == 1
    assert told["calls missing by RECON by hand"] == 5


def test_tag_keys_are_destroyed_after_their_week(check):
    site = Site(start=MONDAY + 2 * DAY, span=DAY, checkpoints_per_epoch=1).live(10)
    site.write("TAGKEY-", week=min(site.tag_keys))

    assert check(site.live(2).finish()).codes == set()


# Who could know the draws


def test_without_witnesses_times_and_rewriting_are_said_to_be_unchecked(check):
    site = Site(witnesses=()).live(30).finish()

    found = check(site, policy=site.auditor(0))

    assert found.codes == set()
    assert found.said["mode"] == "operator-seeded"
    assert found.leaves_out("operator's own claim")


def test_a_witnesss_nonce_makes_a_ledger_witness_seeded(check):
    site = Site(policy={"mode": "witness"}).live(30).finish()

    found = check(site)

    assert found.codes == set()
    assert found.said["mode"] == "witness-seeded"
    assert found.leaves_out("nonces came from somebody independent")


def test_a_nonce_nobody_cosigned_in_time_leaves_it_operator_seeded(check):
    site = Site(policy={"mode": "witness"}, witnesses=()).live(30).finish()

    found = check(site, policy=site.auditor(0))

    assert (found.codes, found.said["mode"]) == (set(), "operator-seeded")


class Quicknet(Site):
    """August 2023: one of its epochs begins with the beacon's round 1000."""

    def outside_value(self, epoch):
        if epoch == ROUND_1000 // SPAN_1000:
            return RANDOMNESS_1000, SIGNATURE_1000
        # Before the beacon began its first round is the next one.
        return super().outside_value(max(epoch, ROUND_1000 // SPAN_1000 - 1))


def test_a_beacon_makes_a_ledger_drand_seeded(check):
    site = Quicknet(
        start=ROUND_1000 - 3 * SPAN_1000,
        span=SPAN_1000,
        policy={"mode": "drand", "starts": "2023-08-01", "ends": "2023-09-01"},
    )
    site.live(10, 12).finish()

    found = check(site)

    assert site.beacons[1000] == RANDOMNESS_1000
    assert (found.codes, found.said["mode"]) == (set(), "drand-seeded")


def test_beacon_values_the_auditor_does_not_have_prove_nothing(check):
    site = Site(policy={"mode": "drand"}).live(30).finish()
    policy = "\n".join(
        line for line in site.auditor().splitlines() if not line.startswith("beacon")
    )

    found = check(site, policy=policy)

    assert (found.codes, found.said["mode"]) == (set(), "operator-seeded")
    assert found.leaves_out("beacon values that are not in the auditor's file")


# What is not there yet


def test_hours_that_are_not_over_are_withheld_rightly(check):
    site = Site().live(20, 12)

    found = check(site)

    assert found.codes == set()
    assert found.said["entries"] < found.said["size"]
    assert found.leaves_out("only their hashes")


def test_the_day_of_asking_shows_a_bundle_that_is_too_old(check):
    site = Site().live(20).finish()

    assert check(site, "--now", later(site.now, minutes=20)).codes == set()
    assert "WITHHELD" in check(site, "--now", later(site.now, hours=9)).codes


def test_witnesses_that_came_later_are_asked_from_then_on(check):
    site = Site(witnesses=()).live(30)
    first = len(site.leaves)
    site.freeze()
    site.cosigners = Site().cosigners
    site.live(30).finish()

    late, allowed = (
        check(site, policy=site.auditor().replace("quorum 2", f"quorum 2{since}"))
        for since in ("", f" {first}")
    )

    assert "LATECOMMIT" in late.codes
    assert allowed.codes == set()
    assert allowed.leaves_out(f"the first {first} leaves")


def test_a_checkpoint_the_auditor_kept_is_found_again(check):
    site = Site().live(12).finish()

    assert check(site, policy=site.auditor(2, site.seen(150))).codes == set()


# As it is run


def test_the_verifier_runs_alone_from_any_folder(tmp_path):
    site = Site(witnesses=()).live(3).finish()
    bundle, policy = tmp_path / "b.zip", tmp_path / "a.txt"
    bundle.write_bytes(site.bundle())
    policy.write_text(site.auditor(0))
    copy = tmp_path / "verify.py"
    copy.write_bytes(Path(verify.__file__).read_bytes())

    done = subprocess.run(
        [sys.executable, "-I", "-S", copy, bundle, "--policy", policy],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "RESULT: nothing found" in done.stdout
    assert "NOT CHECKED:" in done.stdout


def test_the_report_for_people_names_every_finding_and_what_was_left_out(
    auditor, capsys
):
    site = Site().live(12).finish()
    for _ in range(25):
        site.write("DEL", draw=1, n="0" * 16)
    site.sign()
    bundle = auditor.file("b.zip", site.bundle())
    policy = auditor.file("a.txt", site.auditor())

    status = verify.main([bundle, "--policy", policy])

    said = capsys.readouterr().out
    assert status == 1
    assert "RESULT: 25 findings" in said
    assert "UNSAMPLED: 25, first 20:" in said
    assert said.count("leaf 1 was not recorded") == 20
    assert "NOT CHECKED:" in said
    assert "Mode: operator-seeded" in said
