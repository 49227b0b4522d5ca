"""Whatever is handed to the verifier: one line and exit 2, no trace, bounded memory."""

import io
import json
import resource
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit import verify
from tests.attacks.conftest import run
from tests.attacks.emitter import (
    DAY,
    HOUR,
    MONDAY,
    Head,
    Site,
    digest,
    leaf_bytes,
    note,
    pack,
    with_manifest,
)

MEMORY = 640 << 20  # bytes of address space a verifier may take for a hostile file
fuzzing = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def site():
    return Site(witnesses=(), checkpoints_per_epoch=1).live(3, 6).finish()


@pytest.fixture
def refused(auditor, site):
    """Give the line the verifier ends with."""

    def check(bundle, *options):
        policy = auditor.file("auditor.txt", site.auditor(0))
        path = auditor.file("bundle.zip", bundle)
        found = run(path, "--policy", policy, *options)
        assert found.status == 2
        line = found.said["unreadable"]
        assert "\n" not in line
        assert "unforeseen" not in line
        return line

    return check


def zipped(*members, method=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


# Files that are no bundles


@pytest.mark.parametrize(
    "raw",
    [b"", b"PK", b"no ZIP at all", b"\0" * 1000, b"PK\5\6" + b"\0" * 18, b"{}" * 50],
)
def test_what_is_no_bundle_is_refused(refused, raw):
    assert refused(raw)


def test_a_bundle_cut_short_anywhere_is_refused_or_found_wanting(check, site):
    whole = site.bundle()
    for length in range(0, len(whole), 97):
        assert check(site, bundle=whole[:length], policy=site.auditor(0)).status == 2


def test_a_missing_file_and_a_folder_are_refused(auditor, site, tmp_path):
    policy = auditor.file("a.txt", site.auditor(0))
    for path in (tmp_path / "nothing.zip", tmp_path):
        assert run(str(path), "--policy", policy).status == 2
    assert run(auditor.file("b.zip", site.bundle()), "--policy", str(tmp_path)).status


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/cron.d/x",
        "/etc/passwd",
        "C:\\autoexec.bat",
        "tile/../../x",
        "tile//0",
        "tile/0/",
        "./checkpoint",
        "verify.py\x00.txt",
        "caf\u00e9",
        "a b",
        "-rf\n",
    ],
)
def test_hostile_paths_are_refused(refused, name):
    assert refused(zipped(("checkpoint", b"x"), (name, b"x")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_stands_twice_is_refused(refused):
    assert "twice" in refused(zipped(("checkpoint", b"x"), ("checkpoint", b"y")))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_exotic_packing_is_refused(refused, method):
    assert "exotic" in refused(zipped(("checkpoint", b"x"), method=method))


def test_an_encrypted_member_is_refused(refused, site):
    raw = bytearray(site.bundle())
    at = raw.rindex(b"PK\1\2")
    raw[at + 8] |= 1

    assert "encrypted" in refused(bytes(raw))


def test_a_bomb_is_refused_unopened(refused):
    bomb = zipped(("checkpoint", b"\0" * (64 << 20)), method=zipfile.ZIP_DEFLATED)

    assert "bomb" in refused(bomb)


def test_a_size_that_is_a_lie_is_refused(refused, site):
    raw = bytearray(site.bundle())
    at = raw.rindex(b"PK\1\2")
    raw[at + 20 : at + 28] = struct.pack("<2I", 2**32 - 2, 2**32 - 2)

    assert refused(bytes(raw))


def test_too_many_members_are_refused(refused, site, monkeypatch):
    monkeypatch.setattr(verify, "MOST_MEMBERS", 5)

    assert "too many members" in refused(site.bundle())


def test_more_than_can_be_kept_in_mind_is_refused(refused, site, monkeypatch):
    monkeypatch.setattr(verify, "MOST_TRACKED", 3)

    assert "more than 3 epochs" in refused(site.bundle())


@pytest.mark.parametrize(
    "content",
    [b"", b"\n\n", b"\xff\xfe", b"text\n\n\xe2\x80\x94 a AAAA\n", b"a\n1\nAAAA\n\n- b\n"],
)
def test_a_checkpoint_that_is_no_signed_note_is_refused(refused, content):
    assert refused(pack({"checkpoint": content}))


def test_a_bundle_without_a_checkpoint_is_refused(refused):
    assert refused(pack({"README.txt": b"hello"})) == "the bundle has no checkpoint"


def test_a_note_too_large_to_be_true_is_refused(refused):
    assert "larger than" in refused(pack({"checkpoint": b"x" * 100_000}))


@pytest.mark.parametrize("deep", [b"[" * 40_000, b'{"a":' * 9000, b"[" * 40 + b"]" * 40])
def test_deep_json_is_refused(refused, site, deep):
    other = Site(witnesses=()).live(1)
    other.leaves = [*site.leaves[:20], deep]
    other.heads = [Head(21, other.now)]

    raw = pack(with_manifest(with_entries(other), site.log))

    assert "nested deeper" in refused(raw)


def with_entries(site):
    """The bundle's files, although not every leaf is JSON."""
    site.disclosed = lambda: site.leaves
    return site.files()


# What the auditor brings


@pytest.mark.parametrize(
    "changed",
    [
        "",
        "quorom 2\n",
        "quorum two\n",
        "quorum -1\n",
        "log nonsense\n",
        "origin a b\n",
        "witness boss x+1234abcd+AAAA\n",
        "seen 5 AAAA\n",
        "beacon 1 zz\n",
        "tagkey 1 ab\n",
        "\u00e9\n",
    ],
)
def test_an_auditors_file_with_a_mistake_is_refused(auditor, site, changed):
    text = site.auditor(0) + changed if changed else ""
    found = run(
        auditor.file("b.zip", site.bundle()), "--policy", auditor.file("a.txt", text)
    )

    assert found.status == 2
    assert "unforeseen" not in found.said["unreadable"]


@pytest.mark.parametrize(
    ("option", "content"),
    [
        ("--cdr", "connection,root_call_id\na,b\n"),
        ("--cdr", "connection,root_call_id,started_at\na,b,yesterday\n"),
        ("--cdr", "connection,root_call_id,started_at\na,b,2026-11-16T10:00:00\n"),
        ("--cdr", "[1, 2]"),
        ("--cdr", "[" * 5000),
        ("--store", '[{"bytes": '),
        ("--tagkeys", "[]"),
        ("--tagkeys", '{"x": "00"}'),
        ("--tagkeys", '{"1": 5}'),
        ("--now", None),
    ],
)
def test_lists_with_a_mistake_are_refused(refused, auditor, site, option, content):
    given = "tomorrow" if content is None else auditor.file("list", content)

    assert refused(site.bundle(), option, given)


def test_a_missing_option_is_one_line_too():
    done = subprocess.run(
        [sys.executable, verify.__file__, "b.zip"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


# Memory and traces, seen from outside


def from_outside(tmp_path: Path, raw: bytes, policy: str):
    bundle, auditor = tmp_path / "b.zip", tmp_path / "a.txt"
    bundle.write_bytes(raw)
    auditor.write_text(policy)
    return subprocess.run(
        [sys.executable, "-I", verify.__file__, bundle, "--policy", auditor],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
    )


def many_members(number: int) -> bytes:
    """A ZIP whose directory alone is as large as is read at all."""
    directory = b"".join(
        struct.pack(
            "<4s6H3I5H2I",
            *(b"PK\1\2", 20, 20, 0, 0, 0, 33, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0),
        )
        + b"%07d" % place
        for place in range(number)
    )
    end = (b"PK\5\6", 0, 0, number & 0xFFFF, number & 0xFFFF, len(directory), 0, 0)
    return directory + struct.pack("<4s4H2IH", *end)


def bomb(size: int) -> bytes:
    members = [(f"checkpoints/{n:012d}", b"\0" * size) for n in range(20)]
    return zipped(("checkpoint", b"x"), *members, method=zipfile.ZIP_DEFLATED)


HOSTILE = {
    "bomb": lambda: bomb(8 << 20),
    "hidden bomb": lambda: bomb(16 << 20) + bytes(4 << 20),
    "directory": lambda: many_members(300_000),
    "too large a directory": lambda: many_members(700_000),
    "sparse": lambda: b"PK\3\4" + bytes(200 << 20),
    "oversized note": lambda: pack({"checkpoint": bytes(100 << 20)}),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_end_in_one_line_and_little_memory(tmp_path, site, kind):
    done = from_outside(tmp_path, HOSTILE[kind](), site.auditor(0))

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "MemoryError" not in done.stderr
    assert "unforeseen" not in done.stderr


# Fuzzing: never a trace, never a word about the unforeseen


def judged(auditor, site, files):
    policy = auditor.file("a.txt", site.auditor(0))
    raw = pack(with_manifest(files, site.log))
    found = run(auditor.file("b.zip", raw), "--policy", policy)
    assert "unforeseen" not in found.said.get("unreadable", "")
    return found


@fuzzing
@given(
    cut=st.integers(0, 400),
    length=st.integers(0, 60),
    junk=st.binary(max_size=60) | st.text("\u2014+ \nAZaz09=/", max_size=60).map(str.encode),
)
def test_malformed_notes_are_judged_without_a_trace(auditor, site, cut, length, junk):
    files = site.files()
    raw = files["checkpoint"]
    files["checkpoint"] = raw[:cut] + junk + raw[cut + length :]

    found = judged(auditor, site, files)

    assert found.status or files["checkpoint"].startswith(raw[:120])


@fuzzing
@given(text=st.text(max_size=80), lines=st.lists(st.text(max_size=40), max_size=4))
@example(text="a\n1\n" + "A" * 43 + "=\n", lines=[])
def test_manifests_of_any_text_are_judged_without_a_trace(auditor, site, text, lines):
    files = site.files()
    text = f"ponctuel-bundle/1\n{site.log.name}\n{text}\n"
    try:
        files["manifest"] = note(text, [site.log.line(text), *lines])
    except UnicodeEncodeError:
        return
    policy = auditor.file("a.txt", site.auditor(0))

    found = run(auditor.file("b.zip", pack(files)), "--policy", policy)

    assert found.status
    assert "unforeseen" not in found.said.get("unreadable", "")


EPOCH = MONDAY // HOUR
numbers = st.integers(0, 12) | st.sampled_from([2**53, 10**14, 2**64, DAY])
epochs = st.integers(EPOCH - 1, EPOCH + 3) | numbers
hashes = st.integers(0, 3).map(lambda n: digest(bytes([n])).hex())
days = st.sampled_from(["2026-11-16", "0001-01-01", "9999-12-31", "2026-02-30", "x"])
words = st.sampled_from(["care_in", "hangup", "A", ""])
FIELDS = {
    "GENESIS": {"origin": words, "vkey": words},
    "POLICY": {
        **dict.fromkeys(("B", "c", "ppm", "smooth", "kept_days"), numbers),
        **dict.fromkeys(("max_seconds", "version"), numbers),
        "epoch_seconds": st.sampled_from([HOUR, 0, 300, 10**14]),
        "from": epochs,
        "mode": st.sampled_from(["operator", "witness", "drand"]),
        "purpose": st.just("training"),
        "starts": days,
        "ends": days,
    },
    "TAGKEY+": {"week": st.integers(2967, 2970), "commit": hashes},
    "TAGKEY-": {"week": st.integers(2967, 2970)},
    "OPEN": {"e": epochs, "commit": hashes, "nonce_commit?": hashes, "round?": numbers},
    "CLOSE": {
        **{"e": epochs, "seed": hashes, "draws": numbers, "records": numbers},
        **{"x?": hashes, "sig?": hashes.map(lambda text: text + text[:32])},
    },
    "DRAW": {
        **{"e": epochs, "c": hashes.map(lambda text: text[:32]), "s": words},
        "T": st.sampled_from(["0" * 16, "f" * 16, "147ae147ae147ae1"]),
        "d": st.integers(0, 2),
        "b?": st.just(1),
        "c_prev?": hashes.map(lambda text: text[:32]),
        "x?": st.sampled_from(["budget", "cap_agent", "stopped", "campaign_ended", "no"]),
    },
    "OUT": {
        "draw": st.integers(0, 40),
        "fail?": words,
        "objected?": st.just(1),
        "rec?": st.fixed_dictionaries({"sha256": hashes, "bytes": numbers, "day": days}),
    },
    "DEL": {"draw": st.integers(0, 40)},
    "KEK+": {"day": days},
    "KEK-": {"day": days},
    "HOLD": {"draw": st.integers(0, 40), "authority": st.text(max_size=9), "until": days},
    "STOP": {"by": st.sampled_from(["operator", "breaker"]), "on": st.integers(0, 1)},
    "RECON": {"day": days, "sha256": hashes, "n": numbers, "missing": numbers},
    "INV": {"day": days, "sha256": hashes, "n": numbers},
    "NOTE": {"text": st.text(max_size=20)},
}


def leaf_of(kind):
    shapes = FIELDS[kind]
    needed = {name: shape for name, shape in shapes.items() if not name.endswith("?")}
    more = {name[:-1]: shape for name, shape in shapes.items() if name.endswith("?")}
    fields = st.fixed_dictionaries(needed, optional=more)
    return fields.map(lambda some: leaf_bytes(kind, some))


leaves = st.sampled_from(sorted(FIELDS)).flatmap(leaf_of) | st.binary(max_size=40)


@fuzzing
@given(new=st.lists(leaves, max_size=25), kept=st.integers(0, 40))
def test_leaves_of_any_kind_in_any_order_are_judged_without_a_trace(
    auditor, site, new, kept
):
    other = Site(witnesses=())
    other.leaves = [*site.leaves[:kept], *new]
    other.heads = [Head(len(other.leaves), other.now)]

    judged(auditor, site, with_entries(other))


@fuzzing
@given(raw=st.binary(max_size=300))
def test_entry_bundles_of_any_bytes_are_judged_without_a_trace(auditor, site, raw):
    files = site.files()
    name = next(name for name in files if name.startswith("tile/entries/"))
    files[name] = raw

    assert judged(auditor, site, files).status


def test_a_finding_cannot_draw_on_the_readers_terminal(check, site):
    files = site.files() | {"checkpoints/000000000009": "\u2014 \x1b[2J\n\n".encode()}

    found = check(
        site, bundle=pack(with_manifest(files, site.log)), policy=site.auditor(0)
    )

    assert "ENCODING" in found.codes
    assert json.dumps(found.said).isascii()
    assert all("\x1b" not in one["detail"] for one in found.said["findings"])
