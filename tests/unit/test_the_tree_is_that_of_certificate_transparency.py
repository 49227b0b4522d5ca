"""Our tree is the one of RFC 6962, on the published vectors and by its definition.

The eight leaves, their roots and proofs are the reference vectors of Certificate
Transparency (github.com/transparency-dev/merkle, proof/verify_test.go); so is the list
of what must not pass for them.
"""

from base64 import b64decode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import NoteError
from proxy.ledger.tree import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    node_hash,
    reading,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
OTHER_HASH = bytes.fromhex(
    "abacaba000000000000000000000000000000000000000000060061e00123456"
)

INCLUSIONS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
CONSISTENCIES = {
    (1, 1): [],
    (1, 8): INCLUSIONS[0, 8],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        *INCLUSIONS[5, 8][1:],
    ],
    (2, 5): INCLUSIONS[1, 5][1:],
    (6, 7): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
}


def unhex(hashes: list[str]) -> list[bytes]:
    return [bytes.fromhex(one) for one in hashes]


def root(size: int) -> bytes:
    return bytes.fromhex(ROOTS[size])


def defined_root(hashes: list[bytes]) -> bytes:
    """The Merkle Tree Hash in the words of RFC 6962, section 2.1."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    left, right = defined_root(hashes[:k]), defined_root(hashes[k:])
    return sha256(b"\x01" + left + right).digest()


def defined_path(index: int, hashes: list[bytes]) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962, section 2.1.1."""
    if len(hashes) == 1:
        return []
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if index < k:
        return [*defined_path(index, hashes[:k]), defined_root(hashes[k:])]
    return [*defined_path(index - k, hashes[k:]), defined_root(hashes[:k])]


def defined_subproof(
    old_size: int, hashes: list[bytes], *, is_known: bool
) -> list[bytes]:
    """SUBPROOF(m, D[n], b) of RFC 6962, section 2.1.2."""
    if old_size == len(hashes):
        return [] if is_known else [defined_root(hashes)]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    if old_size <= k:
        proof = defined_subproof(old_size, hashes[:k], is_known=is_known)
        return [*proof, defined_root(hashes[k:])]
    proof = defined_subproof(old_size - k, hashes[k:], is_known=False)
    return [*proof, defined_root(hashes[:k])]


def flipped(hashes: list[bytes], number: int) -> list[bytes]:
    """The same hashes, with one bit of one changed."""
    one = hashes[number]
    return [
        *hashes[:number],
        bytes([one[0] ^ 8, *one[1:]]),
        *hashes[number + 1 :],
    ]


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_are_reproduced(size):
    assert root_of(HASHES[:size]) == root(size)


def test_an_empty_tree_has_the_hash_of_nothing():
    assert root(0) == EMPTY_ROOT == Frontier().root == root_of([])


@pytest.mark.parametrize(("where", "proof"), INCLUSIONS.items())
def test_the_published_inclusion_proofs_are_reproduced(where, proof):
    index, size = where

    assert inclusion_proof(reading(HASHES), index, size) == unhex(proof)
    verify_inclusion(unhex(proof), HASHES[index], index, size, root(size))


@pytest.mark.parametrize(("sizes", "proof"), CONSISTENCIES.items())
def test_the_published_consistency_proofs_are_reproduced(sizes, proof):
    old, new = sizes

    assert consistency_proof(reading(HASHES), old, new) == unhex(proof)
    verify_consistency(unhex(proof), old, root(old), new, root(new))


@pytest.mark.parametrize(("where", "published"), INCLUSIONS.items())
def test_no_published_inclusion_proof_shows_anything_else(where, published):
    index, size = where
    proof, leaf, top = unhex(published), HASHES[index], root(size)
    wrong = [
        *((proof, leaf, other, size, top) for other in (index - 1, index + 1)),
        (proof, leaf, index ^ 2, size, top),
        *((proof, leaf, index, other, top) for other in (size * 2, size // 2)),
        (proof, b"WrongLeaf", index, size, top),
        (proof, OTHER_HASH, index, size, top),
        (proof, leaf, index, size, EMPTY_ROOT),
        (proof, leaf, index, size, OTHER_HASH),
        (proof, leaf, index, size, b""),
        *(([*proof, more], leaf, index, size, top) for more in (b"", top)),
        *(([more, *proof], leaf, index, size, top) for more in (b"", top)),
        *((flipped(proof, n), leaf, index, size, top) for n in range(len(proof))),
    ]
    if proof:
        wrong += [
            (proof[:-1], leaf, index, size, top),
            (proof[1:], leaf, index, size, top),
            ([proof[0], OTHER_HASH, *proof[1:]], leaf, index, size, top),
        ]

    for claim in wrong:
        with pytest.raises(NoteError):
            verify_inclusion(*claim)


@pytest.mark.parametrize(
    ("sizes", "published"), [one for one in CONSISTENCIES.items() if one[1]]
)
def test_no_published_consistency_proof_shows_anything_else(sizes, published):
    old, new = sizes
    proof, before, after = unhex(published), root(old), root(new)
    wrong = [
        *((proof, other, before, new, after) for other in (old - 1, old + 1, old ^ 2)),
        *((proof, old, before, other, after) for other in (new * 2, new // 2)),
        (proof, old, b"WrongRoot", new, after),
        (proof, old, before, new, b"WrongRoot"),
        (proof, old, after, new, before),
        (proof, old, OTHER_HASH, new, after),
        ([], old, before, new, after),
        *(([*proof, more], old, before, new, after) for more in (b"", before, after)),
        *(([more, *proof], old, before, new, after) for more in (b"", before, after)),
        ([proof[0], *proof], old, before, new, after),
        (proof[:-1], old, before, new, after),
        *((flipped(proof, n), old, before, new, after) for n in range(len(proof))),
    ]

    for claim in wrong:
        with pytest.raises(NoteError):
            verify_consistency(*claim)


@pytest.mark.parametrize(
    ("proof", "old", "before", "new", "after"),
    [
        ([], 0, OTHER_HASH, 0, OTHER_HASH),
        ([], 0, OTHER_HASH, 1, HASHES[0]),
        ([], 0, EMPTY_ROOT, 0, OTHER_HASH),
        ([], 1, HASHES[0], 1, OTHER_HASH),
        ([], 1, HASHES[0], 0, EMPTY_ROOT),
        ([], 2, HASHES[0], 1, HASHES[0]),
        ([], -1, EMPTY_ROOT, 1, HASHES[0]),
        ([OTHER_HASH], 0, EMPTY_ROOT, 0, EMPTY_ROOT),
        ([OTHER_HASH], 0, EMPTY_ROOT, 1, HASHES[0]),
        ([OTHER_HASH], 1, HASHES[0], 1, HASHES[0]),
    ],
)
def test_where_there_is_nothing_to_prove_the_roots_decide(
    proof, old, before, new, after
):
    with pytest.raises(NoteError):
        verify_consistency(proof, old, before, new, after)


def test_a_root_made_to_fit_a_wrong_proof_does_not_help():
    """Whoever may choose the root as well still cannot choose the tree's shape."""
    leaf, more, short = HASHES[0], OTHER_HASH, bytes(31)
    growth = unhex(CONSISTENCIES[6, 8])
    before, after = node_hash(more, root(6)), node_hash(more, root(8))

    for claim in (
        ([more], leaf, 0, 1, node_hash(more, leaf)),
        ([short], leaf, 0, 2, node_hash(leaf, short)),
        ([more], short, 0, 2, node_hash(short, more)),
        ([], b"", 0, 1, b""),
    ):
        with pytest.raises(NoteError):
            verify_inclusion(*claim)
    for claim in (
        ([*growth, more], 6, before, 8, after),
        ([short], 1, leaf, 2, node_hash(leaf, short)),
        ([], 1, short, 1, short),
    ):
        with pytest.raises(NoteError):
            verify_consistency(*claim)


def test_a_tree_continues_itself_and_the_empty_tree():
    verify_consistency([], 0, EMPTY_ROOT, 0, EMPTY_ROOT)
    verify_consistency([], 0, EMPTY_ROOT, 8, root(8))
    verify_consistency([], 8, root(8), 8, root(8))


@pytest.mark.parametrize(("index", "size"), [(0, 0), (1, 1), (2, 1), (-1, 1)])
def test_a_leaf_outside_the_tree_is_never_shown_nor_proved(index, size):
    with pytest.raises(NoteError):
        verify_inclusion([], HASHES[0], index, size, HASHES[0])
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_proof(reading(HASHES), index, size)


@pytest.mark.parametrize(("old", "new"), [(2, 1), (-1, 1)])
def test_a_tree_cannot_shrink(old, new):
    with pytest.raises(ValueError, match="cannot have become"):
        consistency_proof(reading(HASHES), old, new)


def test_a_proof_of_a_log_in_service_holds():
    """Leaf 76,958 of a public test log, as project-oak/oak keeps it for its tests."""
    proof = [
        "fGRlLyuz+L9Jb8+uTSut/2aVc4z7fKFW+clvsb6xjEM=",
        "F6LautOHD5eppkWC0xn/lz00X5g2yLlZAkl2jCI/wdE=",
        "qH7OJxFNup+TDvJuohd2HphKVngfMeMzUK8QChEDcas=",
        "+Y3g758yXtPCRh/eqhLTA3bdcx+cCV1Uah0JdgB0YEs=",
        "vq8cJSjj8dPVmFBRUqDLlaMqW6aAYR2GKugVhgudXLs=",
        "J0z3X5qTb9WFC1gABhVFx0bW1rVZRL+DAoBL2e2h4G4=",
        "NmSbYg25xNFzTRerIsF3HbEMyTIDqW87AQd9ekzopE8=",
        "L8BZipjURnkctkjJtGJs+YyTXMssvNKA7+a8nV2JT/s=",
        "pva4RFzCejMkVMVmYc93As2lbk7WAyrw58TvrzEOjNc=",
    ]
    top = b64decode("QYfrD7XAd4qUHbRBs4dDyDZwpZN4M/cccXr2G56pxkY=")
    leaf = leaf_hash(b"hello tesseroak\n")

    verify_inclusion([b64decode(one) for one in proof], leaf, 76_958, 76_959, top)


@given(st.integers(0, 300), st.data())
def test_roots_and_proofs_follow_the_words_of_the_rfc(size, data):
    hashes = [leaf_hash(number.to_bytes(4)) for number in range(size)]
    old = data.draw(st.integers(0, size))
    read = reading(hashes)

    assert root_of(hashes) == defined_root(hashes)
    assert frontier_at(read, size) == Frontier().extended(hashes)
    if old > 0:
        expected = defined_subproof(old, hashes, is_known=True)
        assert consistency_proof(read, old, size) == expected
    if old < size:
        assert inclusion_proof(read, old, size) == defined_path(old, hashes)


@given(st.lists(st.integers(0, 40), max_size=12))
def test_it_does_not_matter_in_which_batches_leaves_arrive(batches):
    hashes = [leaf_hash(number.to_bytes(4)) for number in range(sum(batches))]
    frontier, rest = Frontier(), iter(hashes)

    for batch in batches:
        before = frontier
        frontier = frontier.extended([next(rest) for _ in range(batch)])
        assert before.extended([]) == before

    assert frontier == Frontier().extended(hashes)
    assert frontier.root == defined_root(hashes)
    assert Frontier.parse(frontier.encode()) == frontier


@given(st.integers(1, 200), st.data())
def test_a_changed_proof_proves_nothing(size, data):
    hashes = [leaf_hash(number.to_bytes(4)) for number in range(size)]
    read, top = reading(hashes), root_of(hashes)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    other = data.draw(st.integers(0, size - 1).filter(lambda n: n != index) | st.none())
    inclusion = inclusion_proof(read, index, size)
    consistency = consistency_proof(read, old, size)
    before = root_of(hashes[:old])

    verify_inclusion(inclusion, hashes[index], index, size, top)
    verify_consistency(consistency, old, before, size, top)

    if other is not None:
        with pytest.raises(NoteError):
            verify_inclusion(inclusion, hashes[index], other, size, top)
        with pytest.raises(NoteError):
            verify_inclusion(inclusion, hashes[other], index, size, top)
    for number in range(len(inclusion)):
        with pytest.raises(NoteError):
            verify_inclusion(
                flipped(inclusion, number), hashes[index], index, size, top
            )
    for number in range(len(consistency)):
        with pytest.raises(NoteError):
            verify_consistency(flipped(consistency, number), old, before, size, top)


@pytest.mark.parametrize(
    "raw_frontier",
    [
        b"",
        bytes(7),
        (1).to_bytes(8),
        (1).to_bytes(8) + bytes(31),
        (1).to_bytes(8) + bytes(33),
        (1).to_bytes(8) + bytes(64),
        (3).to_bytes(8) + bytes(32),
        bytes(8 + 32),
    ],
)
def test_a_frontier_that_does_not_fit_its_size_is_refused(raw_frontier):
    with pytest.raises(NoteError):
        Frontier.parse(raw_frontier)


def test_a_frontier_is_written_as_size_and_hashes():
    frontier = Frontier().extended(HASHES[:3])

    left = node_hash(HASHES[0], HASHES[1])
    assert frontier.encode() == (3).to_bytes(8) + left + HASHES[2]
    with pytest.raises(NoteError):
        Frontier(-1, ())


def test_a_proof_is_not_made_from_missing_hashes():
    with pytest.raises(NoteError, match="lacks hashes"):
        inclusion_proof(lambda _level, _start, _stop: [], 0, 2)
