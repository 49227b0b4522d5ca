"""A caller's receipt: checked without a bundle, and never by more than one line."""

import base64
import json
import os
import subprocess
import sys

import pytest

from audit import verify
from tests.attacks.conftest import run
from tests.attacks.emitter import Site
from tests.attacks.formats import Signer, digest, root_of


@pytest.fixture(scope="module")
def site():
    return Site().live(3, 6).finish()


def path_of(place, hashes):
    """RFC 6962, section 2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    half = 1 << (len(hashes) - 1).bit_length() - 1
    if place < half:
        return [*path_of(place, hashes[:half]), root_of(hashes[half:])]
    return [*path_of(place - half, hashes[half:]), root_of(hashes[:half])]


def draws(site, size):
    leaves = enumerate(site.leaves[:size])
    return [place for place, leaf in leaves if b'"leaf":"DRAW"' in leaf]


def encoded(leaf, place, proof, note):
    lines = [base64.b64encode(one).decode() for one in proof]
    extra = base64.b64encode(leaf).decode()
    head = ["c2sp.org/tlog-proof@v1", f"extra {extra}", f"index {place}", *lines]
    return "\n".join(head).encode() + b"\n\n" + note


def receipt(site, place=None, leaf=None, head=None):
    head = head or site.heads[-1]
    place = draws(site, head.size)[0] if place is None else place
    proof = path_of(place, site.hashes()[: head.size])
    leaf = site.leaves[place] if leaf is None else leaf
    return encoded(leaf, place, proof, site.note_of(head))


@pytest.fixture
def examine(auditor, site):
    def check(raw, *options, policy=""):
        return run(
            *("--receipt", auditor.file("call.tlog-proof", raw)),
            *("--policy", auditor.file("auditor.txt", policy or site.auditor())),
            *options,
        )

    return check


def test_every_draw_of_every_signed_head_is_found_true(examine, site):
    for head in (site.heads[0], site.heads[-1], site.heads[len(site.heads) // 2]):
        for place in draws(site, head.size):
            found = examine(receipt(site, place, head=head))
            assert (found.status, found.codes) == (0, set())
            assert found.said["leaf"] == site.leaves[place].decode()


def test_it_says_in_plain_words_what_the_leaf_says_and_what_it_does_not_show(
    auditor, site, capsys
):
    place = draws(site, site.heads[-1].size)[0]
    leaf = json.loads(site.leaves[place])

    status = verify.main(
        [
            *("--receipt", auditor.file("r", receipt(site, place))),
            *("--policy", auditor.file("a", site.auditor())),
        ]
    )

    said = capsys.readouterr().out
    assert status == 0
    assert "RESULT: nothing found" in said
    assert ("(RECORD)" if leaf["d"] else "(SKIP)") in said
    assert f"Probability: {int(leaf['T'], 16) / 2**64:.4%}" in said
    assert f"Stratum: {leaf['s']}" in said
    assert "2026-11-16 00:00 to 01:00 UTC" in said
    assert f"epoch {leaf['e']}" in said
    assert "3 of your witnesses, 2 needed" in said
    assert f"tag {leaf['c']}" in said.partition("NOT SHOWN:")[2]


def test_another_leaf_place_or_proof_does_not_lead_to_the_signed_root(examine, site):
    head = site.heads[-1]
    first, second, *_ = draws(site, head.size)
    other = site.leaves[second]
    note, proof = site.note_of(head), path_of(first, site.hashes()[: head.size])
    leaf = site.leaves[first]
    forged = [
        receipt(site, first, leaf=other),
        encoded(leaf, second, proof, note),
        encoded(leaf, first + head.size, proof, note),
        encoded(leaf, first, proof[:-1], note),
        encoded(leaf, first, [*proof, proof[0]], note),
        encoded(leaf, first, proof[::-1], note),
        encoded(leaf, first, [], note),
        encoded(leaf, first, [*proof, *[bytes(32)] * 40], note),
    ]

    for raw in forged:
        found = examine(raw)
        assert (found.status, found.codes) == (1, {"ROOT"})


def test_a_head_the_log_did_not_sign_counts_for_nothing(examine, site):
    other = Signer(site.log.name, 1, secret="another")
    text = site.text_of(site.heads[-1].size)
    note = f"{text}\n{other.line(text)}".encode()
    place = draws(site, site.heads[-1].size)[0]
    proof = path_of(place, site.hashes()[: site.heads[-1].size])

    found = examine(encoded(site.leaves[place], place, proof, note))

    assert (found.status, found.codes) == (1, {"LOGSIG", "QUORUM"})


def test_too_few_witnesses_are_found_where_the_auditor_wants_a_quorum(examine, site):
    text = site.text_of(site.heads[-1].size)
    lines = [site.log.line(text), site.cosigners[0].line(text, site.now)]
    note = f"{text}\n{''.join(lines)}".encode()
    place = draws(site, site.heads[-1].size)[0]
    proof = path_of(place, site.hashes()[: site.heads[-1].size])
    raw = encoded(site.leaves[place], place, proof, note)

    assert examine(raw).codes == {"QUORUM"}
    assert examine(raw, policy=site.auditor(1)).status == 0
    alone = examine(raw, policy=site.auditor(0))
    assert alone.status == 0
    assert alone.leaves_out("no quorum of witnesses")


def test_a_root_the_auditor_saw_otherwise_is_a_split_view(examine, site):
    size = site.heads[-1].size
    kept = base64.b64encode(digest(b"another")).decode()

    found = examine(receipt(site), policy=site.auditor(2, f"seen {size} {kept}"))

    assert (found.status, found.codes) == (1, {"SPLITVIEW"})
    assert examine(receipt(site), policy=site.auditor(2, site.seen(size))).status == 0


def test_a_leaf_that_is_no_draw_is_no_receipt_of_a_call(examine, site):
    found = examine(receipt(site, 0))

    assert (found.status, found.codes) == (1, {"ENCODING"})
    assert found.said["said"] is None


HOSTILE = {
    "nothing": lambda _: b"",
    "bytes": lambda _: bytes(range(256)),
    "a bundle": lambda site: site.bundle(),
    "its head alone": lambda site: receipt(site).partition(b"\n\n")[0],
    "no note": lambda site: receipt(site).partition(b"\n\n")[0] + b"\n\n",
    "no leaf": lambda site: b"\n".join(
        line for line in receipt(site).split(b"\n") if not line.startswith(b"extra")
    ),
    "no place": lambda site: receipt(site).replace(b"index ", b"place "),
    "a place in another spelling": lambda s: receipt(s).replace(b"index ", b"index 0"),
    "a place beyond all": lambda s: receipt(s).replace(
        b"index ", b"index " + b"9" * 99
    ),
    "another title": lambda s: receipt(s).replace(b"proof@v1", b"proof@v2"),
    "short hashes": lambda s: encoded(b"x", 1, [b"short"], s.note_of(s.heads[-1])),
    "too many hashes": lambda s: encoded(
        b"x", 1, [bytes(32)] * 65, s.note_of(s.heads[-1])
    ),
    "base64 that is none": lambda s: receipt(s).replace(b"extra ", b"extra !"),
    "a huge one": lambda s: receipt(s) + b"x" * (1 << 20),
    "no checkpoint": lambda s: encoded(b"x", 1, [], s.log.line("a\n").encode()),
    "a terminal's orders": lambda _: b"\x1b[2J\n\n\x1b[2J",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_receipt_ends_in_one_line(examine, site, kind):
    found = examine(HOSTILE[kind](site))

    assert found.status == 2
    assert "\n" not in found.said["unreadable"]
    assert "\x1b" not in found.said["unreadable"]
    assert "unforeseen" not in found.said["unreadable"]


def test_a_receipt_cut_short_anywhere_is_refused_or_found_wanting(examine, site):
    whole = receipt(site)
    for length in range(len(whole)):
        assert examine(whole[:length], policy=site.auditor(3)).status in (1, 2)


def test_any_changed_byte_is_noticed(examine, site):
    """But below the log's own line, where a spoilt cosignature is one less."""
    whole = receipt(site)
    end = whole.index(f"\u2014 {site.cosigners[0].name}".encode())
    for place in range(end):
        changed = bytearray(whole)
        changed[place] ^= 1
        assert examine(bytes(changed)).status in (1, 2), place


def test_a_leaf_may_claim_any_time_without_a_trace(auditor, site, capsys):
    leaf = json.loads(site.leaves[draws(site, site.heads[-1].size)[0]])
    leaf["e"] = 10**15 - 1
    raw = json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode()

    status = verify.main(
        [
            *("--receipt", auditor.file("r", receipt(site, leaf=raw))),
            *("--policy", auditor.file("a", site.auditor())),
        ]
    )

    assert status == 1
    assert "unproven" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("bundle.zip", "--receipt", "r"),
        ("--receipt", "r", "--cdr", "x"),
        ("--receipt", "r", "--leaf", "3"),
        ("--receipt", "r", "--now", "2026-12-01T09:00:00Z"),
        ("--receipt", "nowhere"),
        ("--receipt", "."),
    ],
)
def test_what_does_not_go_together_is_one_line(arguments):
    found = run(*arguments, "--policy", __file__)

    assert found.status == 2


def test_one_leaf_of_a_bundle_is_printed_as_it_stands(check, auditor, site, capsys):
    opened = next(n for n, leaf in enumerate(site.leaves) if b'"leaf":"OPEN"' in leaf)

    found = check(site, "--leaf", str(opened))

    assert found.said["leaf"] == {"seq": opened, "body": site.leaves[opened].decode()}
    assert check(site, "--leaf", "99999").said["leaf"]["body"] is None
    bundle, policy = auditor.file("b", site.bundle()), auditor.file("a", site.auditor())
    verify.main([bundle, "--policy", policy, "--leaf", str(opened)])
    said = capsys.readouterr().out.splitlines()
    assert f"Leaf {opened}: {site.leaves[opened].decode()}" in said


def outside(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-I", verify.__file__, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        **options,
    )


def test_a_reader_who_stops_early_is_told_nothing(auditor, site):
    reading, writing = os.pipe()
    os.close(reading)

    done = outside(
        *(auditor.file("b", site.bundle()), "--policy"),
        auditor.file("a", site.auditor()),
        stdout=writing,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (1, "")


def test_help_has_examples_and_says_what_each_file_is():
    said = outside("--help", stdout=subprocess.PIPE).stdout

    assert "python3 verify.py --receipt call.tlog-proof --policy auditor.txt" in said
    for told in ("whose keys count", "when you asked for the bundle"):
        assert told in said
