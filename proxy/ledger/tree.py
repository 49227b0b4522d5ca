"""The Merkle tree over a ledger's leaves: hashes of RFC 6962, proofs of RFC 9162.

What others bring (a proof, stored hashes) raises `NoteError` when it does not hold:
verifying returns nothing, so that nobody can forget to look at a result. `ValueError`
is left for mistakes of the caller.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from proxy.errors import NoteError

HASH_SIZE = 32
TILE_HEIGHT = 8  # levels of the tree between one level of tiles and the next
EMPTY_ROOT = sha256(b"").digest()

_SIZE = struct.Struct(">Q")

ReadHashes = Callable[[int, int, int], Sequence[bytes]]
"""`read_hashes(level, start, stop)` gives the hashes [start, stop) of a tile level.

Hash n of level L is the root over the 256**L leaves from leaf n * 256**L on, so level 0
is the leaf hashes. What is asked for at once always lies in one tile.
"""

_Span = tuple[int, int]
"""The leaves [start, stop) of one node of the tree."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash a leaf's bytes (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees into their parent (RFC 6962, section 2.1)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees of the first `size` leaves: all it takes to go on.

    `hashes` holds one root for every bit set in `size`, the largest subtree first.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise NoteError(f"{len(self.hashes)} subtrees do not make {self.size}")
        _check_hashes(self.hashes)

    @property
    def root(self) -> bytes:
        """The Merkle Tree Hash over all leaves so far."""
        return _joined(self.hashes) if self.hashes else EMPTY_ROOT

    def extended(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """Return the frontier after these leaves; about one hash for each."""
        row = list(leaf_hashes)
        size = self.size + len(row)
        hashes = list(self.hashes)
        last_ones: list[bytes] = []  # the subtree each level leaves over, lowest first
        position = self.size
        while row:
            if position & 1:
                row.insert(0, hashes.pop())
            if len(row) & 1:
                last_ones.append(row.pop())
            row = _parents(row)
            position >>= 1
        return Frontier(size, (*hashes, *reversed(last_ones)))

    def encode(self) -> bytes:
        """Eight bytes of size, big endian, then the hashes in their order."""
        return _SIZE.pack(self.size) + b"".join(self.hashes)

    @classmethod
    def parse(cls, raw_frontier: bytes) -> Self:
        if len(raw_frontier) < _SIZE.size:
            raise NoteError("the frontier is cut short")
        (size,) = _SIZE.unpack_from(raw_frontier)
        return cls(size, tuple(split_hashes(raw_frontier[_SIZE.size :])))


def split_hashes(raw_hashes: bytes) -> list[bytes]:
    """Take hashes that stand one after the other apart; NoteError if one is cut."""
    if len(raw_hashes) % HASH_SIZE:
        raise NoteError(f"{len(raw_hashes)} bytes are no whole number of hashes")
    return [
        raw_hashes[at : at + HASH_SIZE] for at in range(0, len(raw_hashes), HASH_SIZE)
    ]


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Return the Merkle Tree Hash of a whole tree (RFC 6962, section 2.1)."""
    return Frontier().extended(leaf_hashes).root


def frontier_at(read_hashes: ReadHashes, size: int) -> Frontier:
    """Read the frontier of the first `size` leaves back from stored hashes.

    Its root tells whether what is stored still is what was signed.
    """
    return Frontier(size, tuple(_complete_subtrees(read_hashes, (0, size))))


def reading(leaf_hashes: Sequence[bytes]) -> ReadHashes:
    """Serve a tree that is all in memory; every hash above level 0 is computed anew."""

    def read_hashes(level: int, start: int, stop: int) -> list[bytes]:
        width = 1 << TILE_HEIGHT * level
        return [
            root_of(leaf_hashes[at * width : (at + 1) * width])
            for at in range(start, stop)
        ]

    return read_hashes


def inclusion_proof(read_hashes: ReadHashes, index: int, size: int) -> list[bytes]:
    """Prove that leaf `index`, from 0, is in the tree of `size` leaves.

    The hashes go from the leaf's sibling up to the root's child (RFC 9162, section
    2.1.3.1). At most two reads for each level of the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"there is no leaf {index} among {size}")
    return [_node(read_hashes, span) for span in _inclusion_spans(index, size)]


def verify_inclusion(
    proof: Sequence[bytes], leaf: bytes, index: int, size: int, root: bytes
) -> None:
    """Raise NoteError unless the leaf of hash `leaf` is at `index` (RFC 9162, 2.1.3.2).

    `root` is the root of the tree of `size` leaves.
    """
    _check_hashes((*proof, leaf, root))
    if not 0 <= index < size:
        raise NoteError(f"there is no leaf {index} among {size}")
    node, position, last = leaf, index, size - 1
    for sibling in proof:
        if not last:
            raise NoteError("the inclusion proof is too long")
        if position & 1 or position == last:
            node = node_hash(sibling, node)
            position, last = _past_single_nodes(position, last)
        else:
            node = node_hash(node, sibling)
        position, last = position >> 1, last >> 1
    if last or node != root:
        raise NoteError(f"leaf {index} is not shown to be in the tree of {size}")


def consistency_proof(
    read_hashes: ReadHashes, old_size: int, new_size: int
) -> list[bytes]:
    """Prove that the first `old_size` leaves are still the same in `new_size`.

    RFC 9162, section 2.1.4.1; empty when the old tree is empty or is the new one.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"{old_size} leaves cannot have become {new_size}")
    if old_size in {0, new_size}:
        return []
    spans = _consistency_spans(old_size, new_size)
    return [_node(read_hashes, span) for span in spans]


def verify_consistency(
    proof: Sequence[bytes],
    old_size: int,
    old_root: bytes,
    new_size: int,
    new_root: bytes,
) -> None:
    """Raise NoteError unless the new tree only adds to the old (RFC 9162, 2.1.4.2)."""
    _check_hashes((*proof, old_root, new_root))
    if not 0 <= old_size <= new_size:
        raise NoteError(f"{old_size} leaves cannot have become {new_size}")
    _check_empty(old_size, old_root)
    _check_empty(new_size, new_root)
    if old_size in {0, new_size}:
        is_shown = not proof and (not old_size or old_root == new_root)
    else:
        roots = _roots_shown(proof, old_size, old_root, new_size)
        is_shown = roots == (old_root, new_root)
    if not is_shown:
        raise NoteError(f"the tree of {new_size} does not continue that of {old_size}")


def _roots_shown(
    proof: Sequence[bytes], old_size: int, old_root: bytes, new_size: int
) -> tuple[bytes, bytes]:
    """Compute both roots from the proof, for 0 < old_size < new_size."""
    if not proof:
        raise NoteError("the consistency proof is empty")
    # A complete old tree is itself the first node, and its hash is left out.
    is_complete = old_size.bit_count() == 1
    first, *others = (old_root, *proof) if is_complete else proof
    old = new = first
    position, last = old_size - 1, new_size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    for sibling in others:
        if not last:
            raise NoteError("the consistency proof is too long")
        if position & 1 or position == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            position, last = _past_single_nodes(position, last)
        else:
            new = node_hash(new, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise NoteError("the consistency proof is too short")
    return old, new


def _past_single_nodes(position: int, last: int) -> tuple[int, int]:
    """Rise over the levels where the rightmost node has no sibling."""
    while position and not position & 1:
        position, last = position >> 1, last >> 1
    return position, last


def _inclusion_spans(index: int, size: int) -> list[_Span]:
    """List the nodes beside the path to leaf `index`, the leaf's sibling first."""
    spans = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def _consistency_spans(old_size: int, new_size: int) -> list[_Span]:
    """List the nodes that make up both trees, for 0 < old_size < new_size."""
    spans = []
    start, stop = 0, new_size
    while stop != old_size:
        middle = start + _split(stop - start)
        if old_size <= middle:
            spans.append((middle, stop))
            stop = middle
        else:
            spans.append((start, middle))
            start = middle
    if start:  # else the verifier knows this node: it is the old tree
        spans.append((start, stop))
    return spans[::-1]


def _split(size: int) -> int:
    """Return how many leaves are on the left: the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _node(read_hashes: ReadHashes, span: _Span) -> bytes:
    return _joined(_complete_subtrees(read_hashes, span))


def _complete_subtrees(read_hashes: ReadHashes, span: _Span) -> list[bytes]:
    """Read a node's complete subtrees, the largest first.

    The start of a node is a multiple of every power of two its size is made of.
    """
    start, stop = span
    size = stop - start
    roots = []
    for height in reversed(range(size.bit_length())):
        if size >> height & 1:
            roots.append(_complete_subtree(read_hashes, start, height))
            start += 1 << height
    return roots


def _complete_subtree(read_hashes: ReadHashes, start: int, height: int) -> bytes:
    """Read the root over the 2**height leaves from `start` on, in one read."""
    level, height_in_tile = divmod(height, TILE_HEIGHT)
    first = start >> TILE_HEIGHT * level
    row = list(read_hashes(level, first, first + (1 << height_in_tile)))
    if len(row) != 1 << height_in_tile:
        raise NoteError(f"tile level {level} lacks hashes from {first} on")
    while len(row) > 1:
        row = _parents(row)
    return row[0]


def _parents(row: list[bytes]) -> list[bytes]:
    """Hash an even number of neighbours in pairs; node_hash, without its call."""
    nodes = iter(row)
    return [
        sha256(b"\x01" + left + right).digest()
        for left, right in zip(nodes, nodes, strict=True)
    ]


def _joined(hashes: Sequence[bytes]) -> bytes:
    """Hash complete subtrees, the largest first, into the root over all of them."""
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def _check_hashes(hashes: Iterable[bytes]) -> None:
    if any(len(one) != HASH_SIZE for one in hashes):
        raise NoteError(f"a hash has {HASH_SIZE} bytes")


def _check_empty(size: int, root: bytes) -> None:
    if not size and root != EMPTY_ROOT:
        raise NoteError("the empty tree has another root")
