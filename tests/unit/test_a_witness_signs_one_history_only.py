"""A witness cosigns what its log signed, one tree of each size, and never goes back."""

import itertools
import threading
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.witness import (
    MOST_PROOF,
    Refusal,
    Witness,
    add_log,
    make_home,
)
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.note import Note, Signer, VerifierKey
from proxy.ledger.tree import consistency_proof, leaf_hash, reading, root_of
from proxy.ledger.witnessing import add_checkpoint

ORIGIN = "ponctuel.example/nord"
LOG = Signer(ORIGIN, b"l" * 32)
STRANGER = Signer(ORIGIN, b"s" * 32)
NOW = 1_795_000_000
LARGEST = 40
COMMON = 12  # leaves that both histories begin with


@cache
def leaves(history: str) -> list[bytes]:
    return [
        leaf_hash(f"{'both' if place < COMMON else history} {place}".encode())
        for place in range(LARGEST)
    ]


def root(history: str, size: int) -> bytes:
    return root_of(leaves(history)[:size])


def submission(old: int, size: int, history: str = "told", signer: Signer = LOG):
    note = Checkpoint(ORIGIN, size, root(history, size)).signed_by(signer).encode()
    read = reading(leaves(history))
    proof = consistency_proof(read, old, size) if old <= size else []
    return add_checkpoint(old, proof, note)


@pytest.fixture
def home(tmp_path):
    return a_home(tmp_path / "witness")


def a_home(home: Path) -> Path:
    make_home(home, "dpo.example/witness")
    add_log(home, LOG.key.encode(), 3600)
    return home


@pytest.fixture
def witness(home):
    witness = Witness(home, lambda: NOW)
    yield witness
    witness.close()


def refused(witness, body) -> Refusal:
    with pytest.raises(Refusal) as caught:
        witness.add_checkpoint(body)
    return caught.value


def time_of(witness, body, line) -> int:
    """When a cosignature says it was made; it holds, or this fails."""
    raw_note = body.partition(b"\n\n")[2]
    key = VerifierKey.parse(witness.vkey)
    opened = open_checkpoint(raw_note + line.encode(), LOG.key, [key])
    return opened.cosignatures[0].time


def test_what_it_signs_is_a_cosignature_as_the_ledger_reads_it(witness):
    body = submission(0, 20)

    line = witness.add_checkpoint(body)

    assert time_of(witness, body, line) == NOW


def test_a_tree_that_grows_is_cosigned_at_every_size(witness):
    for old, size in itertools.pairwise((0, 1, 2, 3, 7, 8, 9, 16, 31, 32, 33, 33, 40)):
        body = submission(old, size)

        assert time_of(witness, body, witness.add_checkpoint(body)) == NOW


def bent(body: bytes, **changes: bytes) -> bytes:
    for old, new in changes.values():
        assert old in body
        body = body.replace(old, new, 1)
    return body


FIRST = submission(0, 20)
GROWN = submission(20, 30)
UNREADABLE = {
    "nothing": b"",
    "no checkpoint": b"old 0\n\n",
    "no empty line": FIRST.replace(b"old 0\n\n", b"old 0\n"),
    "a size with a leading zero": FIRST.replace(b"old 0", b"old 00"),
    "a negative size": FIRST.replace(b"old 0", b"old -1"),
    "a size beyond all": FIRST.replace(b"old 0", b"old 9223372036854775808"),
    "another word": FIRST.replace(b"old 0", b"new 0"),
    "a hash that is too short": FIRST.replace(b"old 0\n", b"old 0\nAAAA\n"),
    "base64 in another spelling": GROWN.replace(b"=\n", b"=\r\n", 1),
    "too many hashes": FIRST.replace(
        b"\n\n", b"\n" + (b64encode(bytes(32)) + b"\n") * (MOST_PROOF + 1) + b"\n", 1
    ),
    "not UTF-8": FIRST + b"\xff\n",
    "a cut end": FIRST[:-1],
    "no signature": FIRST[: FIRST.index("\u2014".encode())],
    "a size with a plus": FIRST.replace(b"\n20\n", b"\n+20\n"),
    "a root that is too long": FIRST.replace(
        b64encode(root("told", 20)), b64encode(bytes(33))
    ),
    "a control character": FIRST.replace(b"nord\n20", b"no\trd\n20"),
    "101 signatures": FIRST + FIRST[FIRST.index("\u2014".encode()) :] * 100,
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_is_400_and_changes_nothing(witness, body):
    assert refused(witness, body).status == 400
    assert witness.head(ORIGIN).size == 0


def test_a_log_it_was_not_told_of_is_404(witness):
    other = Signer("elsewhere.example", b"o" * 32)
    note = Checkpoint(other.key.name, 20, root("told", 20)).signed_by(other)

    assert refused(witness, add_checkpoint(0, [], note.encode())).status == 404


def test_a_checkpoint_the_log_did_not_sign_is_403(witness):
    by_another = submission(0, 20, signer=STRANGER)
    of_another = FIRST.replace(b"\n20\n", b"\n21\n")

    assert [refused(witness, body).status for body in (by_another, of_another)] == [
        403,
        403,
    ]
    assert witness.head(ORIGIN).size == 0


def test_signatures_of_unknown_keys_are_ignored(witness):
    checkpoint = Checkpoint(ORIGIN, 20, root("told", 20))
    lines = (
        STRANGER.sign(checkpoint.text),
        Signer("x.example", b"x" * 32).sign("other\n"),
        LOG.sign(checkpoint.text),
    )

    assert witness.add_checkpoint(
        add_checkpoint(0, [], Note(checkpoint.text, lines).encode())
    )


def test_an_old_size_above_the_new_one_is_400(witness):
    assert refused(witness, submission(21, 20)).status == 400


@pytest.mark.parametrize(("old", "size"), [(0, 30), (10, 30), (21, 30), (20, 10)])
def test_another_old_size_is_answered_with_the_right_one(witness, old, size):
    witness.add_checkpoint(FIRST)

    refusal = refused(witness, submission(min(old, size), size))

    assert (refusal.status, refusal.text) == (409, "20")
    assert refusal.kind == "text/x.tlog.size"


def test_growth_that_is_not_proven_is_422(witness):
    witness.add_checkpoint(FIRST)
    proofs = {
        "none": [],
        "of another history": consistency_proof(reading(leaves("other")), 20, 30),
        "one hash too many": [
            *consistency_proof(reading(leaves("told")), 20, 30),
            b"x" * 32,
        ],
        "one too few": consistency_proof(reading(leaves("told")), 20, 30)[:-1],
    }
    note = GROWN.partition(b"\n\n")[2]

    answers = [
        refused(witness, add_checkpoint(20, proof, note)).status
        for proof in proofs.values()
    ]

    assert answers == [422] * len(proofs)
    assert witness.head(ORIGIN).size == 20


@pytest.mark.parametrize("old", [0, 20])
def test_a_proof_where_there_is_nothing_to_prove_is_422(witness, old):
    if old:
        witness.add_checkpoint(FIRST)

    assert (
        refused(
            witness, FIRST.replace(b"old 0\n", f"old {old}\n{'A' * 43}=\n".encode())
        ).status
        == 422
    )


def test_two_trees_of_one_size_are_never_both_signed_and_the_proof_is_kept(witness):
    witness.add_checkpoint(FIRST)

    refusal = refused(witness, submission(20, 20, "other"))

    assert (refusal.status, refusal.text) == (409, "20")
    ((origin, size, one, other),) = witness.splits()
    heads = [open_checkpoint(note, LOG.key).checkpoint for note in (one, other)]
    assert (origin, size) == (ORIGIN, 20)
    assert [head.root for head in heads] == [root("told", 20), root("other", 20)]


def test_lines_a_log_adds_to_its_checkpoints_are_signed_with_them(witness):
    text = Checkpoint(ORIGIN, 20, root("told", 20)).text + "an extension\n"
    body = add_checkpoint(0, [], Note(text, (LOG.sign(text),)).encode())

    line = witness.add_checkpoint(body)

    key = VerifierKey.parse(witness.vkey)
    note = Note.parse(body.partition(b"\n\n")[2] + line.encode())
    assert key.verify(text, note.signatures[-1].signature) == NOW


def test_a_log_that_changes_its_key_is_known_by_both(home):
    add_log(home, STRANGER.key.encode(), 3600)
    witness = Witness(home, lambda: NOW)

    witness.add_checkpoint(FIRST)
    witness.add_checkpoint(submission(20, 30, signer=STRANGER))

    witness.close()


def test_a_clock_that_goes_back_signs_nothing(home):
    now = [NOW]
    witness = Witness(home, lambda: now[0])
    witness.add_checkpoint(FIRST)
    now[0] -= 1

    assert refused(witness, GROWN).status == 503
    assert witness.head(ORIGIN).size == 20
    witness.close()


# --- Whatever is asked, in whatever order, across restarts ------------------------

histories = st.sampled_from(["told", "other"])
sizes = st.integers(0, LARGEST)
steps = st.one_of(
    st.tuples(st.just("ask"), st.none() | sizes, sizes, histories),
    st.tuples(st.just("restart")),
)


@given(st.lists(steps, max_size=25))
def test_no_order_of_requests_and_restarts_makes_it_contradict_itself(
    tmp_path_factory, given_steps
):
    home = a_home(tmp_path_factory.mktemp("any") / "witness")
    clock = itertools.count(NOW)
    witness = Witness(home, lambda: next(clock))
    signed: list[tuple[int, bytes]] = []
    for step in given_steps:
        if step == ("restart",):
            witness.close()
            witness = Witness(home, lambda: next(clock))
            continue
        _, old, size, history = step
        old = witness.head(ORIGIN).size if old is None else old
        body = submission(old, size, history)
        try:
            line = witness.add_checkpoint(body)
        except Refusal:
            continue
        assert time_of(witness, body, line) >= NOW
        signed.append((size, root(history, size)))
    witness.close()

    trees = dict(signed)
    assert set(trees.items()) == set(signed), "two trees of one size"
    assert [size for size, _ in signed] == sorted(size for size, _ in signed)
    assert all(trees[size] == root("told", size) for size in trees) or all(
        trees[size] == root("other", size) for size in trees
    )


def test_many_that_ask_at_once_are_told_one_history(witness):
    histories = ("told", "other") * 8
    start = threading.Barrier(len(histories))
    signed, refusals = [], []

    def ask(history):
        start.wait()
        try:
            witness.add_checkpoint(submission(0, 30, history))
            signed.append(history)
        except Refusal as refusal:
            refusals.append(refusal.status)

    threads = [threading.Thread(target=ask, args=[one]) for one in histories]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(signed), refusals) == (1, [409] * (len(histories) - 1))


def test_two_processes_over_one_folder_are_told_one_history(home):
    one, two = (Witness(home, lambda: NOW) for _ in range(2))
    last = two.head(ORIGIN)
    one.add_checkpoint(FIRST)
    two.head = lambda _: last  # as read an instant before the other wrote

    assert refused(two, submission(0, 30, "other")).status == 503
    assert one.head(ORIGIN).size == 20
    one.close()
    two.close()


# --- Nonces -----------------------------------------------------------------------


def test_a_nonce_is_what_was_committed_to_and_is_told_from_its_epoch_on(home):
    now = [NOW]
    epoch = NOW // 3600 + 2
    witness = Witness(home, lambda: now[0])
    committed = witness.nonce_commitment(ORIGIN, epoch)

    now[0] = epoch * 3600 - 1
    with pytest.raises(Refusal) as early:
        witness.nonce(ORIGIN, epoch)
    now[0] += 1
    nonce = bytes.fromhex(witness.nonce(ORIGIN, epoch))

    number = epoch.to_bytes(8, "big")
    assert early.value.status == 425
    assert committed == sha256(b"ponctuel/nonce/v1" + number + nonce).hexdigest()
    witness.close()


def test_nonces_outlive_a_restart_and_are_all_different(home):
    first, second = Witness(home, lambda: NOW), Witness(home, lambda: NOW)

    told = [first.nonce(ORIGIN, epoch) for epoch in range(100)]

    assert told == [second.nonce(ORIGIN, epoch) for epoch in range(100)]
    assert len(set(told)) == 100
    first.close()
    second.close()


def test_two_logs_have_different_nonces_and_an_unknown_one_has_none(home):
    add_log(home, Signer("x.example", b"x" * 32).key.encode(), 300)
    witness = Witness(home, lambda: NOW)

    assert witness.nonce(ORIGIN, 7) != witness.nonce("x.example", 7)
    for ask in (witness.nonce, witness.nonce_commitment):
        with pytest.raises(Refusal) as refusal:
            ask("elsewhere.example", 7)
        assert refusal.value.status == 404
    witness.close()
