"""What a log signed against its own history stays with the witness, to be shown."""

from base64 import b64encode

import pytest

from audit.witness import Refusal, Witness, add_log, main, make_home
from proxy.ledger.checkpoint import Checkpoint
from proxy.ledger.note import Signer
from proxy.ledger.tree import consistency_proof, leaf_hash, reading, root_of
from proxy.ledger.witnessing import add_checkpoint

ORIGIN = "ponctuel.example/nord"
LOG = Signer(ORIGIN, b"l" * 32)
STRANGER = Signer(ORIGIN, b"s" * 32)
NOW = 1_700_000_000  # 2023-11-14T22:13:20Z: long past for `show`'s clock
LEAVES = {
    history: [leaf_hash(f"{history} {place}".encode()) for place in range(200)]
    for history in ("told", "rewritten")
}


def note(size: int, history: str = "told", signer: Signer = LOG) -> bytes:
    root = root_of(LEAVES[history][:size])
    return Checkpoint(ORIGIN, size, root).signed_by(signer).encode()


def submission(old: int, size: int, history: str = "told", signer: Signer = LOG):
    proof = consistency_proof(reading(LEAVES[history]), old, size) if old else []
    return add_checkpoint(old, proof, note(size, history, signer))


@pytest.fixture
def home(tmp_path):
    make_home(tmp_path / "w", "dpo.example/witness")
    add_log(tmp_path / "w", LOG.key.encode(), 3600)
    return tmp_path / "w"


@pytest.fixture
def witness(home):
    witness = Witness(home, lambda: NOW)
    yield witness
    witness.close()


def status(witness, body) -> int:
    try:
        witness.add_checkpoint(body)
    except Refusal as refusal:
        return refusal.status
    return 200


def show(home, capsys) -> tuple[int, str]:
    capsys.readouterr()
    return main(["show", str(home)]), capsys.readouterr().out


def test_a_longer_ledger_that_was_rewritten_is_shown_with_its_signature(
    home, witness, capsys
):
    witness.add_checkpoint(submission(0, 20))
    assert status(witness, submission(20, 30, "rewritten")) == 422
    logged = capsys.readouterr().err

    exit_status, shown = show(home, capsys)

    assert logged == f"witness: {ORIGIN}: size 30 is not shown to continue 20\n"
    assert exit_status == 1
    assert "not shown to continue what I cosigned: size 30 after 20, 2023-" in shown
    assert note(30, "rewritten").decode() in shown


def test_it_outlives_honest_growth_and_a_restart(home, witness, capsys):
    witness.add_checkpoint(submission(0, 20))
    status(witness, submission(20, 30, "rewritten"))
    witness.add_checkpoint(submission(20, 40))
    witness.close()

    exit_status, shown = show(home, capsys)

    assert exit_status == 1
    assert note(30, "rewritten").decode() in shown


def test_an_honest_tree_that_was_badly_proven_is_forgotten_once_it_is_proven(
    home, witness, capsys
):
    witness.add_checkpoint(submission(0, 20))
    assert status(witness, add_checkpoint(20, [], note(30))) == 422
    assert show(home, capsys)[0] == 1

    assert status(witness, submission(20, 30)) == 200

    assert witness.refused() == []
    assert show(home, capsys)[0] == 0


def test_a_refused_tree_and_another_of_its_size_are_two_trees(home, witness, capsys):
    witness.add_checkpoint(submission(0, 20))
    status(witness, submission(20, 30, "rewritten"))
    witness.add_checkpoint(submission(20, 30))

    split = (ORIGIN, 30, note(30), note(30, "rewritten"))
    assert witness.splits() == [split]
    assert f"Two trees of size 30, both signed by {ORIGIN}" in show(home, capsys)[1]


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (submission(20, 30, "rewritten", STRANGER), 403),
        (add_checkpoint(10, [], note(10)), 409),
        (add_checkpoint(20, [bytes(32)], note(20)), 422),
        (submission(20, 30), 200),
    ],
    ids=["a stranger's", "smaller", "the same with a needless proof", "grown"],
)
def test_what_proves_nothing_is_not_kept(witness, body, answer):
    witness.add_checkpoint(submission(0, 20))

    assert status(witness, body) == answer
    assert witness.refused() == []


def test_with_nothing_cosigned_nothing_is_contradicted(witness):
    assert status(witness, add_checkpoint(0, [bytes(32)], note(20))) == 422
    assert witness.refused() == []


def test_many_refused_trees_push_out_neither_the_first_ones_nor_the_last(witness):
    witness.add_checkpoint(submission(0, 20))
    for size in range(21, 171):
        assert status(witness, add_checkpoint(20, [], note(size))) == 422
        status(witness, add_checkpoint(20, [], note(size)))  # the same is kept once

    kept = [tree.size for tree in witness.refused()]

    assert kept == [*range(21, 120), 170]


# --- The first size ---------------------------------------------------------------


def test_the_first_size_it_cosigned_is_remembered(home, witness, capsys):
    assert witness.first(ORIGIN) is None
    for old, size in ((0, 20), (20, 20), (20, 30)):
        witness.add_checkpoint(submission(old, size))

    exit_status, shown = show(home, capsys)

    root = b64encode(root_of(LEAVES["told"][:30])).decode()
    assert witness.first(ORIGIN) == (20, NOW)
    assert exit_status == 0
    assert f"\norigin {ORIGIN}\nseen 30 {root}\n# first cosigned: size 20, " in shown
    assert "size 20, 2023-11-14T22:13:20Z\n" in shown


# --- A clock that was far ahead ---------------------------------------------------


def test_a_clock_that_was_far_ahead_is_named_with_its_remedy_and_nothing_is_reset(
    home, capsys
):
    ahead = Witness(home, lambda: 4_000_000_000)  # 2096
    ahead.add_checkpoint(submission(0, 20))
    ahead.close()
    witness = Witness(home, lambda: NOW)
    with pytest.raises(Refusal) as refusal:
        witness.add_checkpoint(submission(20, 30))

    exit_status, shown = show(home, capsys)

    assert refusal.value.status == 503
    assert "`show`" in refusal.value.text
    assert exit_status == 1
    assert "BEHIND 2096-10-02T07:06:40Z" in shown
    assert "make a new witness" in shown
    assert witness.head(ORIGIN)[::2] == (20, 4_000_000_000)
    witness.close()
