"""Tiles are laid out as C2SP tlog-tiles says, and are all a proof ever needs."""

import string
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import NoteError
from proxy.ledger.entry import Kind, encode
from proxy.ledger.tiles import (
    ENTRIES,
    LARGEST_LEAF,
    Tile,
    bundles_between,
    encode_bundle,
    grown_tiles,
    hashes_in,
    leaves_in,
    reading_tiles,
    tiles_between,
    tiles_read,
)
from proxy.ledger.tree import (
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    reading,
    root_of,
    verify_consistency,
    verify_inclusion,
)

HASHES = [leaf_hash(number.to_bytes(4)) for number in range(70_000)]

indexes = st.integers(0, 2**56)
tiles = st.builds(Tile, st.integers(-1, 63), indexes, st.integers(1, 256))
# Sizes around the borders of tiles: that is where things go wrong.
sizes = st.integers(0, 1100) | st.sampled_from([255, 256, 257, 511, 512, 513, 767, 768])


def stored(*sizes: int) -> dict[Tile, bytes]:
    """Every tile of a log that had a checkpoint at each of these sizes."""
    store: dict[Tile, bytes] = {}
    for old, new in pairwise((0, *sizes)):
        read = reading_tiles(store.__getitem__, old)
        store.update(grown_tiles(read, old, HASHES[old:new]))
    return store


def test_the_example_of_the_specification_has_its_tiles():
    expected = Counter({(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1})

    tiles = list(tiles_between(0, 70_000))

    assert Counter((tile.level, tile.width) for tile in tiles) == expected
    assert list(stored(70_000)) == tiles
    assert list(tiles_between(0, 256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_between(0, 0)) == []
    assert len(list(bundles_between(0, 70_000))) == 274
    assert list(bundles_between(0, 7)) == [Tile(ENTRIES, 0, 7)]


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 0), "tile/0/000"),
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(0, 1_234_067, 8), "tile/0/x001/x234/067.p/8"),
        (Tile(15, 455_667, 255), "tile/15/x455/667.p/255"),
        (Tile(63, 1000), "tile/63/x001/000"),
        (Tile(ENTRIES, 0, 1), "tile/entries/000.p/1"),
        (Tile(ENTRIES, 1_234_067), "tile/entries/x001/x234/067"),
    ],
)
def test_paths_are_those_of_the_specification(tile, path):
    assert tile.path == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/entry/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/01",
        "tile/0/001.p/",
        "tile/0/001.p/-1",
        "tile/0/001/",
        "/tile/0/001",
        "tile/0/001\n",
        "tile/0/\u0660\u0660\u0661",
        "tile/0/../001",
        "tile/0/" + "x999/" * 7 + "999",
        "tile/0/" + "x999/" * 9999 + "999",
    ],
)
def test_any_other_path_is_refused(path):
    with pytest.raises(NoteError):
        Tile.parse(path)


@given(tiles)
def test_a_path_is_read_back(tile):
    assert Tile.parse(tile.path) == tile


@given(tiles, st.data())
def test_a_tile_has_one_path(tile, data):
    path = tile.path
    at = data.draw(st.integers(0, len(path)))
    gone = data.draw(st.integers(0, 2))
    new = data.draw(st.text(st.sampled_from(string.printable), max_size=3))

    try:
        read = Tile.parse(path[:at] + new + path[at + gone :])
    except NoteError:
        return

    assert read.path == path[:at] + new + path[at + gone :]


@pytest.mark.parametrize(
    ("level", "index", "width"),
    [(-2, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)],
)
def test_a_tile_that_cannot_be_is_refused(level, index, width):
    with pytest.raises(NoteError):
        Tile(level, index, width)


@given(st.lists(sizes, max_size=5))
@settings(max_examples=40, deadline=None)
def test_tiles_do_not_tell_in_which_batches_a_ledger_grew(checkpoints):
    checkpoints = sorted({size for size in checkpoints if size})

    store = stored(*checkpoints)

    for size in checkpoints:
        read = reading_tiles(store.__getitem__, size)
        assert frontier_at(read, size) == Frontier().extended(HASHES[:size])
        assert set(tiles_between(0, size)) <= set(store)
        for tile in tiles_between(0, size):
            assert store[tile] == b"".join(expected_hashes(tile))


def expected_hashes(tile: Tile) -> list[bytes]:
    """The hashes of a tile in the words of the specification."""
    start, width = tile.index * 256, 256**tile.level
    return [
        root_of(HASHES[at * width : (at + 1) * width])
        for at in range(start, start + tile.width)
    ]


@given(st.data())
@settings(deadline=None)
def test_proofs_from_tiles_are_those_of_the_tree(data):
    old, size = sorted((data.draw(sizes), data.draw(sizes.filter(bool))))
    index = data.draw(st.integers(0, size - 1))
    read = reading_tiles(stored(size).__getitem__, size)
    root = root_of(HASHES[:size])

    inclusion = inclusion_proof(read, index, size)
    consistency = consistency_proof(read, old, size)

    assert inclusion == inclusion_proof(reading(HASHES), index, size)
    verify_inclusion(inclusion, HASHES[index], index, size, root)
    verify_consistency(consistency, old, root_of(HASHES[:old]), size, root)


@pytest.mark.parametrize("size", [1, 256, 70_000, 10**6, 2**40 + 12_345, 10**15])
@pytest.mark.parametrize("share", [0, 0.3, 0.99999])
def test_a_proof_reads_few_tiles_of_however_large_a_ledger(size, share):
    levels = -(-size.bit_length() // 8)
    index = int(size * share)

    for_one_leaf = tiles_read(lambda read: inclusion_proof(read, index, size), size)
    for_growth = tiles_read(lambda read: consistency_proof(read, index, size), size)
    to_go_on = tiles_read(lambda read: frontier_at(read, size), size)

    assert len(for_one_leaf) <= 2 * levels
    assert len(for_growth) <= 2 * levels
    assert len(to_go_on) <= levels


def test_the_tiles_a_proof_reads_are_known_beforehand():
    """So that whoever stores them can fetch them in one go."""
    store = stored(70_000)

    needed = tiles_read(lambda read: inclusion_proof(read, 300, 70_000), 70_000)

    fetched = {tile: store[tile] for tile in needed}
    read = reading_tiles(fetched.__getitem__, 70_000)
    proof = inclusion_proof(read, 300, 70_000)
    verify_inclusion(proof, HASHES[300], 300, 70_000, root_of(HASHES))
    assert set(needed) <= set(tiles_between(0, 70_000))


@given(sizes.filter(bool), st.data(), st.integers(1, 255))
@settings(deadline=None)
def test_a_ledger_never_grows_from_a_changed_tile(size, data, change):
    """Whatever growing reads is in the frontier, whose root is the signed one."""
    store = stored(size)
    partial = [tile for tile in tiles_between(0, size) if not tile.is_full]
    tile = data.draw(st.sampled_from(partial or list(store)))
    at = data.draw(st.integers(0, len(store[tile]) - 1))
    changed = bytearray(store[tile])
    changed[at] ^= change

    store[tile] = bytes(changed)

    read = reading_tiles(store.__getitem__, size)
    is_read = tile in tiles_read(lambda read: frontier_at(read, size), size)
    assert is_read or tile.is_full
    if is_read:
        assert frontier_at(read, size).root != root_of(HASHES[:size])


@pytest.mark.parametrize("size", [0, 31, 33, 32 * 7, 32 * 9, 32 * 256])
def test_a_tile_of_another_width_is_refused(size):
    with pytest.raises(NoteError, match=r"067.p/8 has"):
        hashes_in(Tile(0, 1_234_067, 8), bytes(size))


def test_a_ledger_cannot_shrink():
    with pytest.raises(ValueError, match="cannot have become"):
        list(tiles_between(2, 1))


leaves = st.lists(st.binary(max_size=300), min_size=1, max_size=256)


@given(leaves)
def test_leaves_are_read_back_from_their_bundle(leaves):
    bundle = Tile(ENTRIES, 0, len(leaves))

    assert leaves_in(bundle, encode_bundle(leaves)) == leaves


@given(leaves, st.data())
def test_a_bundle_holds_as_many_leaves_as_it_says(leaves, data):
    raw_bundle = encode_bundle(leaves)
    width = data.draw(st.integers(1, 256).filter(lambda width: width != len(leaves)))
    cut = data.draw(st.integers(0, len(raw_bundle) - 1))

    for tile, raw in (
        (Tile(ENTRIES, 0, width), raw_bundle),
        (Tile(ENTRIES, 0, len(leaves)), raw_bundle[:cut]),
        (Tile(ENTRIES, 0, len(leaves)), raw_bundle + b"\x00"),
        (Tile(ENTRIES, 0, len(leaves)), raw_bundle + b"\x00\x00"),
    ):
        with pytest.raises(NoteError):
            leaves_in(tile, raw)


def test_a_bundle_is_lengths_and_leaves():
    leaf = encode(Kind.DELETED, {"draw": 7})

    assert encode_bundle([leaf, b""]) == b"\x00\x17" + leaf + b"\x00\x00"
    assert len(encode_bundle([bytes(LARGEST_LEAF)])) == 2 + 65_535
    with pytest.raises(ValueError, match="65535"):
        encode_bundle([bytes(65_536)])
