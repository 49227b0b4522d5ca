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

from audit import verify
from tests.attacks.conftest import run
from tests.attacks.emitter import Site
from tests.attacks.formats import pack, with_manifest
from tests.attacks.publishing import Head

MEMORY = 640 << 20  # bytes of address space a verifier may take for a hostile file


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


@pytest.mark.parametrize("limit", ["LARGEST_BUNDLE", "LARGEST_PIECE", "LARGEST_LIST"])
def test_what_is_larger_than_its_limit_is_refused(refused, site, monkeypatch, limit):
    monkeypatch.setattr(verify, limit, 100)

    assert refused(site.bundle())


def test_even_a_fault_of_the_verifier_is_one_line(auditor, site, monkeypatch, capsys):
    def fail(*_):
        raise KeyError("a bug\nof two lines")

    monkeypatch.setattr(verify, "verify", fail)
    bundle = auditor.file("b.zip", site.bundle())

    assert verify.main([bundle, "--policy", "a.txt"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_more_than_can_be_kept_in_mind_is_refused(refused, site, monkeypatch):
    monkeypatch.setattr(verify, "MOST_TRACKED", 3)

    assert "more than 3 epochs" in refused(site.bundle())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"\xff\xfe",
        b"text\n\n\xe2\x80\x94 a AAAA\n",
        b"a\n\n" + b"\xe2\x80\x94 a AAAA\n" * 101,
        b"a\n1\nAAAA\n\n- b\n",
    ],
)
def test_a_checkpoint_that_is_no_signed_note_is_refused(refused, content):
    assert refused(pack({"checkpoint": content}))


def test_a_bundle_without_a_checkpoint_is_refused(refused):
    assert refused(pack({"README.txt": b"hello"})) == "the bundle has no checkpoint"


def test_a_note_too_large_to_be_true_is_refused(refused):
    assert "larger than" in refused(pack({"checkpoint": b"x" * 100_000}))


@pytest.mark.parametrize(
    "deep", [b"[" * 40_000, b'{"a":' * 9000, b"[" * 40 + b"]" * 40]
)
def test_deep_json_is_refused(refused, site, deep):
    other = Site(witnesses=()).live(1)
    other.leaves = [*site.leaves[:20], deep]
    other.heads = [Head(21, other.now)]
    other.disclosed = lambda: other.leaves

    raw = pack(with_manifest(other.files(), site.log))

    assert "nested deeper" in refused(raw)


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
        ("--store", '[{"id": "x", "stored_at": "yesterday"}]'),
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


def test_a_finding_cannot_draw_on_the_readers_terminal(check, site):
    files = site.files() | {"checkpoints/000000000009": "\u2014 \x1b[2J\n\n".encode()}

    found = check(
        site, bundle=pack(with_manifest(files, site.log)), policy=site.auditor(0)
    )

    assert "ENCODING" in found.codes
    assert json.dumps(found.said).isascii()
    assert all("\x1b" not in one["detail"] for one in found.said["findings"])
