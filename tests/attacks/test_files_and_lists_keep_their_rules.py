"""Rules of the documents that the 28 attacks do not touch."""

import json

import pytest

from tests.attacks.emitter import HOUR, MONDAY, Site
from tests.attacks.formats import Signer, digest, pack, with_manifest
from tests.attacks.leaves import later
from tests.attacks.publishing import Head
from tests.attacks.tampering import site_with, weeks

# The log, its notes and its files


def test_a_log_begins_with_its_own_key_and_only_once(check):
    other = site_with("GENESIS", lambda f: f | {"vkey": Signer("x.example", 1).vkey})
    twice = Site().live(2)
    twice.write("GENESIS", origin=twice.log.name, vkey=twice.log.vkey)
    never = site_with("GENESIS", lambda _: None)

    assert check(other).codes == {"LOGSIG"}
    assert check(twice.finish()).codes == {"ORDER"}
    assert "ORDER" in check(never).codes


def test_the_logs_own_key_is_no_witness(check):
    site = Site(witnesses=("dpo", "cse"))
    site.cosigners[1] = Signer("cse.example", 4, secret=site.log.name)

    assert "QUORUM" in check(site.live(2).finish()).codes


def test_a_cosignature_that_does_not_hold_is_found(check):
    site = Site().live(2).finish()
    files = site.files()
    text = site.text_of(len(site.leaves))
    bad = site.cosigners[0].line(text + "x", site.now)
    good = [signer.line(text, site.now) for signer in site.cosigners[1:]]
    files["checkpoint"] = f"{text}\n{site.log.line(text)}{bad}{''.join(good)}".encode()

    found = check(site, bundle=pack(with_manifest(files, site.log)))

    assert found.codes == {"QUORUM"}


def repacked(site, change, *, log=None):
    files = site.files()
    change(files)
    return pack(with_manifest(files, log or site.log))


def without(name):
    return lambda files: files.pop(name)


def put(name, content):
    return lambda files: files.update({name: content})


BENT_FILES = {
    "no README": (without("README.txt"), "ENCODING"),
    "a file too many": (put("extra.txt", b"x"), "ENCODING"),
    "a tile too many": (put("tile/0/999", bytes(32)), "ENCODING"),
    "leaves out of place": (put("tile/entries/007", b""), "ENCODING"),
    "a checkpoint that is none": (put("checkpoints/000000000001", b"x"), "ENCODING"),
    "a tile too few": (without("tile/0/000"), "ENCODING"),
    "an upper tile too few": (without("tile/1/000.p/1"), "ENCODING"),
    "a short tile": (put("tile/0/000", bytes(8160)), "ENCODING"),
    "another tile": (put("tile/0/000", bytes(8192)), "ROOT"),
    "another upper tile": (put("tile/1/000.p/1", bytes(32)), "ROOT"),
    "leaves cut short": (put("tile/entries/000", b"\0\2{"), "ENCODING"),
    "a checkpoint of a wrong name": (
        lambda files: files.update({"checkpoints/000000000001": files["checkpoint"]}),
        "ENCODING",
    ),
}


@pytest.mark.parametrize("bent", BENT_FILES)
def test_a_file_missing_added_or_changed_is_found_though_signed(check, bent):
    change, code = BENT_FILES[bent]
    site = Site().live(20, 12).finish()

    assert code in check(site, bundle=repacked(site, change)).codes


def test_a_tree_with_a_hole_cannot_be_recomputed(check):
    site = Site().live(60, 12).finish()

    def change(files):
        files.pop("tile/0/001")
        files.pop("tile/entries/001")

    found = check(site, bundle=repacked(site, change))

    assert {"ENCODING", "ROOT"} <= found.codes


def test_a_leaf_hidden_behind_the_last_one_is_found(check):
    site = Site().live(2).finish()

    def change(files):
        name = next(name for name in files if name.startswith("tile/entries/"))
        files[name] += b"\0\1x"

    assert check(site, bundle=repacked(site, change)).codes == {"ENCODING"}


def test_a_tree_without_its_leaves_cannot_be_recomputed(check):
    site = Site().live(2).finish()

    def change(files):
        for name in [name for name in files if name.startswith("tile/")]:
            files.pop(name)

    assert "ROOT" in check(site, bundle=repacked(site, change)).codes


def test_a_leaf_spelt_in_another_way_is_found(check):
    site = Site().live(2)
    site.leaves.append(b'{"leaf":"NOTE","text":"\\u0041"}')

    assert check(site.live(1).finish()).codes == {"ENCODING"}


def test_a_manifest_must_be_there_be_the_logs_and_be_whole(check):
    site = Site().live(2).finish()
    files = site.files()
    signed = with_manifest(files, site.log)
    short = with_manifest({"README.txt": files["README.txt"]}, site.log)["manifest"]
    other = Signer("ponctuel.example/other", 1)
    renamed = with_manifest(files, site.log, origin=other.name)["manifest"]
    longer = with_manifest(files | {"more.txt": b""}, site.log)["manifest"]

    def codes(manifest):
        more = {"manifest": manifest} if manifest else {}
        return check(site, bundle=pack(files | more)).codes

    assert codes(signed["manifest"]) == set()
    assert codes(None) == {"ENCODING"}
    assert codes(b"not a note") == {"ENCODING"}
    assert codes(short) == {"ENCODING"}
    assert codes(longer) == {"ENCODING"}
    assert codes(renamed) == {"LOGSIG"}
    assert codes(with_manifest(files, other)["manifest"]) == {"LOGSIG"}


def test_a_readme_the_log_did_not_sign_is_found(check):
    site = Site().live(2).finish()
    files = with_manifest(site.files(), site.log) | {"README.txt": b"All is well.\n"}

    assert check(site, bundle=pack(files)).codes == {"ENCODING"}


def test_a_checkpoint_of_another_log_is_found(check):
    site = Site().live(2).finish()
    other = Site("other").live(2).finish()
    note = other.note_of(other.heads[-1])

    found = check(site, bundle=repacked(site, lambda f: f.update({"checkpoint": note})))

    assert "LOGSIG" in found.codes


def test_a_zip_packed_in_another_way_is_found(check):
    site = Site().live(2).finish()
    raw = site.bundle()

    for other in (raw + b"\0", b"\0" + raw, raw.replace(b"\xa4\x01", b"\xff\x01")):
        assert check(site, bundle=other).codes == {"ENCODING"}


def test_leaves_kept_back_although_their_hours_are_over_are_missed(check):
    site = Site().live(12).finish()
    for shown in (0, 4, 70):
        site.disclosed = lambda shown=shown: site.leaves[:shown]
        assert "WITHHELD" in check(site).codes


def test_a_log_with_nothing_in_it_has_no_beginning(check):
    site = Site()
    site.leaves.clear()
    site.heads = [Head(0, site.now)]

    assert check(site).codes == {"ORDER"}


def test_time_stamps_are_left_to_other_tools(check):
    site = Site().live(2).finish()
    stamped = repacked(site, lambda f: f.update({"timestamps/12.tsr": b"token"}))

    found = check(site, bundle=stamped)

    assert found.codes == set()
    assert found.leaves_out("RFC 3161")


# The platform's and the store's lists


def test_c_a_call_drawn_before_it_began_is_found(check_all):
    site = Site().live(6).finish()
    rows = [call.row() for call in site.calls]
    rows[5]["started_at"] = later(site.calls[5].started, hours=2)

    assert "LATEBIND" in check_all(site, calls=rows).codes


def test_c_a_call_recorded_and_never_drawn_is_found_twice_over(check_all):
    site = Site().live(6).finish()
    extra = {
        "connection": "nord-pbx",
        "root_call_id": "hidden",
        "started_at": later(MONDAY, hours=2),
        "recorded": "yes",
    }
    rows = [*(call.row() for call in site.calls), extra]

    assert check_all(site, calls=rows).codes == {"MISSINGCALL", "PLATFORMRECORDED"}


def test_c_calls_the_ledger_cannot_know_are_left_out_and_said(check_all):
    site = Site().live(6).finish()
    base = {"connection": "nord-pbx", "recorded": "0"}
    rows = [call.row() for call in site.calls if call.started > MONDAY + HOUR]
    rows += [
        base | {"root_call_id": "before", "started_at": later(MONDAY, days=-1)},
        base | {"root_call_id": "after", "started_at": later(site.now, hours=1)},
    ]

    found = check_all(site, calls=rows)

    assert found.codes == {"PHANTOM"}  # the list begins early and lacks an hour
    assert found.leaves_out("before the ledger, or after")


def test_c_without_the_tag_key_of_a_week_its_calls_are_said_to_be_unchecked(
    auditor, check
):
    site = Site().live(6).finish()
    calls = auditor.file("calls.json", json.dumps([call.row() for call in site.calls]))

    found = check(site, "--cdr", calls)

    assert found.codes == set()
    assert found.leaves_out("draws of weeks whose tag key was not given")
    assert found.leaves_out("calls of weeks whose tag key was not given")


def test_c_draws_outside_the_lists_period_are_left_out_and_said(check_all):
    site = Site().live(12).finish()
    rows = [call.row() for call in site.calls if call.started < MONDAY + 3 * HOUR]

    found = check_all(site, calls=rows)

    assert found.codes == set()
    assert found.leaves_out("outside the period")


def test_c_a_tag_key_in_the_auditors_own_file_serves_as_well(auditor, check):
    site = Site().live(6).finish()
    calls = auditor.file("calls.json", json.dumps([call.row() for call in site.calls]))
    keys = [f"tagkey {week} {key.hex()}" for week, key in site.tag_keys.items()]

    found = check(site, "--cdr", calls, policy=site.auditor(2, *keys))

    assert found.codes == set()
    assert not found.leaves_out("tag key was not given")


OBJECTS = {
    "of another size": (lambda row: row | {"bytes": "1"}, {"STRAYOBJECT"}),
    "by size alone": (lambda row: {"id": "x", "bytes": row["bytes"]}, set()),
    "of a size nobody knows": (lambda _: {"id": "x", "bytes": "77"}, {"STRAYOBJECT"}),
    "by name alone": (lambda _: {"id": "x"}, {"STRAYOBJECT"}),
    "by digest alone": (lambda row: {"sha256": row["sha256"]}, set()),
}


@pytest.mark.parametrize("listed", OBJECTS)
def test_c_objects_are_known_by_digest_or_at_least_by_size(check_all, listed):
    change, codes = OBJECTS[listed]
    site = Site().live(20, 12).finish()
    first, *rest = site.kept_objects.values()

    assert check_all(site, store=[change(first), *rest]).codes == codes


def test_c_a_recording_missing_from_the_store_is_said(check_all):
    site = Site().live(20, 12).finish()
    store = list(site.kept_objects.values())[1:]

    found = check_all(site, store=store)

    assert found.codes == set()
    assert found.leaves_out("not in the store's list")


def test_c_an_object_whose_deletion_was_reported_is_a_stray(check_all):
    site = weeks(12)
    deleted = {"sha256": digest(b"sealed", (5).to_bytes(8, "big")).hex(), "id": "o5"}
    gone = next(json.loads(leaf) for leaf in site.leaves if b'"DEL"' in leaf)
    deleted["sha256"] = digest(b"sealed", gone["draw"].to_bytes(8, "big")).hex()

    found = check_all(site, store=[*site.kept_objects.values(), deleted])

    assert found.codes == {"STRAYOBJECT"}
