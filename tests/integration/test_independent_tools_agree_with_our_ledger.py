"""Tools we did not write judge our ledger, and our code judges theirs.

`tlog-scales` speaks the C2SP formats; `pymerkle` (GPLv3, nothing of ours ships with it)
has the tree of RFC 9162 and proofs of its own form.
"""

import base64
import os
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.exceptions import InvalidSignature

from proxy.errors import NoteError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.entry import Kind, encode
from proxy.ledger.note import Cosigner, Note, Signer
from proxy.ledger.receipt import Receipt
from proxy.ledger.tiles import (
    Tile,
    bundles_between,
    encode_bundle,
    grown_tiles,
    hashes_in,
    leaves_in,
    reading_tiles,
    tiles_between,
)
from proxy.ledger.tree import (
    ReadHashes,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    reading,
    root_of,
    verify_consistency,
    verify_inclusion,
)

ORIGIN = "ledger.example.org/clinic"
LOG = Signer(ORIGIN, b"l" * 32)
COUNCIL = Cosigner("witness.example.org/council", b"c" * 32)
TIME = 1_790_000_000

SIZES = [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 700]
LARGE = 70_000  # the example of tlog-tiles: three levels of tiles
LEAVES = [encode(Kind.DELETED, {"draw": number}) for number in range(LARGE)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
PLACES = [(0, 1), (0, 2), (6, 7), (255, 256), (256, 257), (300, 700), (699, 700)]
LARGE_PLACES = [(0, LARGE), (65_535, LARGE), (65_536, LARGE), (LARGE - 1, LARGE)]
GROWTHS = [(1, 2), (2, 3), (3, 7), (7, 8), (8, 700), (256, 700), (257, 512), (511, 512)]
LARGE_GROWTHS = [(1, LARGE), (257, LARGE), (65_536, LARGE), (LARGE - 1, LARGE)]


def oracle(module: str, distribution: str) -> ModuleType:
    """Import another's module; without it skip, or fail where CI is set."""
    try:
        return import_module(module)
    except ImportError:
        reason = f"{distribution} is not installed: pip install {distribution}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def scales() -> ModuleType:
    for name in ("backend", "cli", "reader", "signing", "tlog", "writer"):
        oracle(f"tlog_scales.{name}", "tlog-scales")
    return import_module("tlog_scales")


@pytest.fixture(scope="module")
def merkle() -> ModuleType:
    return oracle("pymerkle", "pymerkle")


@pytest.fixture(scope="module")
def their_tree(merkle):
    tree = merkle.InmemoryTree(algorithm="sha256")
    tree.append_entries(LEAVES[:700])
    return tree


def published(size: int) -> Note:
    """Our checkpoint, signed by the log and cosigned by a witness."""
    note = Checkpoint(ORIGIN, size, root_of(HASHES[:size])).signed_by(LOG)
    return Note(note.text, (*note.signatures, COUNCIL.cosign(note.text, TIME)))


@pytest.fixture(scope="module")
def our_log(tmp_path_factory) -> Path:
    """A log in a folder as any web server could serve it, grown in several steps."""
    folder = tmp_path_factory.mktemp("ours")
    for old, new in pairwise((0, *SIZES, LARGE)):
        grown = grown_tiles(our_reader(folder, old), old, HASHES[old:new])
        files = {tile.path: raw for tile, raw in grown}
        for bundle in bundles_between(old, new):
            first = bundle.index * 256
            leaves = LEAVES[first : first + bundle.width]
            files[bundle.path] = encode_bundle(leaves)
        for path, raw in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(raw)
    (folder / "checkpoint").write_bytes(published(LARGE).encode())
    return folder


@pytest.fixture(scope="module")
def their_log(scales, tmp_path_factory) -> Path:
    """The same log as tlog-scales writes it, with a signature of a kind we ignore."""
    folder = tmp_path_factory.mktemp("theirs") / "log"
    writer = scales.writer.TilesWriter.create(folder, ORIGIN)
    signers = [
        scales.signing.PlainEd25519Signer(ORIGIN, b"l" * 32),
        scales.signing.MLDSA44CosignatureSigner("witness.example.org/pq", b"q" * 32),
    ]
    for old, new in ((0, 700), (700, LARGE)):
        for leaf in LEAVES[old:new]:
            writer.add_leaf(leaf)
        writer.commit(signers, gc=False)
    return folder


def their_reader(scales, folder: Path, size: int):
    reader = scales.reader.TilesReader(scales.backend.LocalBackend(folder))
    reader.set_size(size)
    return reader


def our_reader(folder: Path, size: int) -> ReadHashes:
    return reading_tiles(lambda tile: (folder / tile.path).read_bytes(), size)


def test_tlog_scales_finds_our_root_in_our_tiles(scales, our_log):
    reader = their_reader(scales, our_log, LARGE)

    checkpoint = reader.get_checkpoint()

    assert checkpoint.origin == ORIGIN
    assert checkpoint.size == LARGE
    assert reader.calculate_root_hash() == checkpoint.root_hash == root_of(HASHES)


@pytest.mark.parametrize("size", SIZES)
def test_tlog_scales_finds_our_root_at_every_checkpoint(scales, our_log, size):
    reader = their_reader(scales, our_log, size)

    assert reader.calculate_root_hash() == root_of(HASHES[:size])


def test_tlog_scales_believes_our_log_and_our_witness(scales, our_log):
    checkpoint = their_reader(scales, our_log, LARGE).get_checkpoint()
    forged = scales.tlog.Checkpoint.from_text(
        (our_log / "checkpoint").read_text().replace(str(LARGE), str(LARGE - 1))
    )

    for key in (LOG.key, COUNCIL.key):
        vkey = scales.signing.Vkey.from_string(key.encode())
        assert vkey.serialize() == key.encode()
        checkpoint.verify(vkey)
        with pytest.raises(InvalidSignature):
            forged.verify(vkey)
    times = [int.from_bytes(line.payload[:8]) for line in checkpoint.signatures[1:]]
    assert times == [TIME]


@pytest.mark.parametrize(("index", "size"), [*PLACES, *LARGE_PLACES])
def test_tlog_scales_and_we_prove_the_same_inclusion(scales, our_log, index, size):
    reader, read = their_reader(scales, our_log, size), our_reader(our_log, size)
    root = root_of(HASHES[:size])

    ours = inclusion_proof(read, index, size)
    theirs = reader.get_inclusion_proof(index, size)

    assert theirs.node_hashes == ours
    scales.tlog.InclusionProof(index, size, ours).check(HASHES[index], root)
    verify_inclusion(theirs.node_hashes, HASHES[index], index, size, root)
    assert reader.get_entry(index) == LEAVES[index]


@pytest.mark.parametrize(("old", "new"), [*GROWTHS, *LARGE_GROWTHS])
def test_tlog_scales_and_we_prove_the_same_growth(scales, our_log, old, new):
    reader, read = their_reader(scales, our_log, new), our_reader(our_log, new)
    before, after = root_of(HASHES[:old]), root_of(HASHES[:new])

    ours = consistency_proof(read, old, new)
    theirs = reader.get_consistency_proof(old, new)

    assert theirs.node_hashes == ours
    scales.tlog.ConsistencyProof(old, new, ours).check(before, after)
    verify_consistency(theirs.node_hashes, old, before, new, after)


def test_tlog_scales_writes_the_very_files_we_write(our_log, their_log):
    for size in (700, LARGE):
        for tile in [*tiles_between(0, size), *bundles_between(0, size)]:
            ours, theirs = our_log / tile.path, their_log / tile.path
            assert theirs.read_bytes() == ours.read_bytes(), tile.path


def test_we_believe_a_log_that_tlog_scales_wrote(their_log):
    opened = open_checkpoint((their_log / "checkpoint").read_bytes(), LOG.key)

    size = opened.checkpoint.size
    frontier = frontier_at(our_reader(their_log, size), size)
    assert frontier.root == opened.checkpoint.root
    for bundle in bundles_between(0, size):
        tile = Tile(0, bundle.index, bundle.width)
        leaves = leaves_in(bundle, (their_log / bundle.path).read_bytes())
        hashes = hashes_in(tile, (their_log / tile.path).read_bytes())
        assert [leaf_hash(leaf) for leaf in leaves] == hashes


def test_a_checkpoint_is_the_same_whoever_signs_it(scales):
    root = root_of(HASHES[:42])
    signer = scales.signing.PlainEd25519Signer(ORIGIN, b"l" * 32)

    theirs = scales.tlog.Checkpoint.make_signed(ORIGIN, 42, root, [signer])
    ours = Checkpoint(ORIGIN, 42, root).signed_by(LOG)

    assert theirs.serialize().encode() == ours.encode()
    assert signer.vkey.serialize() == LOG.key.encode()


@pytest.mark.parametrize("index", [0, 255, 256, 65_536, LARGE - 1])
def test_tlog_scales_issues_the_very_receipts_we_issue(scales, our_log, index, capsys):
    parser = scales.cli.build_parser()
    options = parser.parse_args(["gen-proof", str(our_log), str(index)])
    proof = inclusion_proof(our_reader(our_log, LARGE), index, LARGE)

    options.func(options)
    theirs = capsys.readouterr().out.encode()

    assert Receipt(index, tuple(proof), published(LARGE).encode()).encode() == theirs
    opened = Receipt.parse(theirs).verify(LEAVES[index], LOG.key, [COUNCIL.key])
    assert [one.time for one in opened.cosignatures] == [TIME]
    with pytest.raises(NoteError):
        Receipt.parse(theirs).verify(LEAVES[index - 1], LOG.key)


def test_tlog_scales_can_check_our_receipt_with_its_own_parts(scales):
    index, size = 300, 700
    proof = inclusion_proof(reading(HASHES), index, size)
    raw_receipt = Receipt(index, tuple(proof), published(size).encode()).encode()

    head, _, raw_note = raw_receipt.decode().partition("\n\n")
    _, index_line, *hashes = head.split("\n")
    checkpoint = scales.tlog.Checkpoint.from_text(raw_note)

    for key in (LOG.key, COUNCIL.key):
        checkpoint.verify(scales.signing.Vkey.from_string(key.encode()))
    scales.tlog.InclusionProof(
        int(index_line.removeprefix("index ")),
        checkpoint.size,
        [base64.b64decode(one) for one in hashes],
    ).check(leaf_hash(LEAVES[index]), checkpoint.root_hash)


@pytest.mark.parametrize("size", [0, *SIZES])
def test_pymerkle_has_our_root(their_tree, size):
    assert their_tree.get_root(size) == root_of(HASHES[:size])


@pytest.mark.parametrize(("index", "size"), PLACES)
def test_pymerkle_and_we_prove_the_same_inclusion(merkle, their_tree, index, size):
    """Its proofs count leaves from one and begin with the leaf's own hash."""
    root = root_of(HASHES[:size])
    theirs = their_tree.prove_inclusion(index + 1, size)

    ours = inclusion_proof(reading(HASHES), index, size)

    assert theirs.path == [HASHES[index], *ours]
    verify_inclusion(theirs.path[1:], HASHES[index], index, size, root)
    merkle.InclusionProof(
        "sha256", True, size, index + 1, theirs.rule, [HASHES[index], *ours]
    ).verify(HASHES[index], root, index + 1, size)


@pytest.mark.parametrize(("old", "new"), GROWTHS)
def test_pymerkle_shows_that_our_ledger_only_grew(merkle, their_tree, old, new):
    """The hashes of its proofs are chosen in another way: each verifies its own."""
    before, after = root_of(HASHES[:old]), root_of(HASHES[:new])

    their_tree.prove_consistency(old, new).verify(before, after, old, new)
    verify_consistency(
        consistency_proof(reading(HASHES), old, new),
        old,
        their_tree.get_root(old),
        new,
        their_tree.get_root(new),
    )
    with pytest.raises(merkle.InvalidProof):
        their_tree.prove_consistency(old, new).verify(after, after, old, new)
