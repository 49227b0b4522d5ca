"""Leaves appended to the tree beside SHA-256 of the same leaves, and proofs made."""

import time
from collections.abc import Callable
from hashlib import sha256

from proxy.ledger.entry import Kind, encode
from proxy.ledger.tiles import Tile, grown_tiles, reading_tiles
from proxy.ledger.tree import (
    Frontier,
    inclusion_proof,
    leaf_hash,
    reading,
    verify_inclusion,
)
from tests.benchmarks.rows import Row, run

ROUNDS = 5
PROOFS = 1000
LEAVES = [
    encode(
        Kind.DRAW,
        {
            "T": "00ffffffffffffff",
            "c": sha256(number.to_bytes(4)).hexdigest()[:32],
            "d": 0,
            "e": 1_790_000_000,
            "s": "cardiology_in",
        },
    )
    for number in range(200_000)
]


def rows() -> list[Row]:
    hashing, in_one, in_batches, singly, stored = _per_second(
        len(LEAVES), _hash, _append_all, _append_batches, _append_singly, _grow_tiles
    )
    [proving] = _per_second(PROOFS, _proving())
    peer = "SHA-256 of the same leaves"
    return [
        *(
            Row(name, value, "leaves/s", peer, hashing, value / hashing, goal)
            for name, value, goal in (
                ("append leaves, all at once", in_one, ">= 500k/s"),
                ("append leaves, 1,000 at a time", in_batches, ">= 500k/s"),
                ("append leaves, one at a time", singly, ">= 100k/s"),
                ("append leaves and make their tiles", stored, ">= 200k/s"),
            )
        ),
        Row("prove and verify a leaf from tiles", proving, "proofs/s", goal=">= 500/s"),
    ]


def _per_second(amount: int, *actions: Callable[[], None]) -> list[float]:
    """Return the best of each, in turns: other work on the machine only ever slows."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for action, took in zip(actions, seconds, strict=True):
            start = time.perf_counter()
            action()
            took.append(time.perf_counter() - start)
    return [amount / min(took) for took in seconds]


def _hash() -> None:
    for leaf in LEAVES:
        sha256(leaf).digest()


def _append_all() -> None:
    _ = Frontier().extended(map(leaf_hash, LEAVES)).root


def _append_batches() -> None:
    frontier = Frontier()
    for start in range(0, len(LEAVES), 1000):
        frontier = frontier.extended(map(leaf_hash, LEAVES[start : start + 1000]))
    _ = frontier.root


def _append_singly() -> None:
    frontier = Frontier()
    for leaf in LEAVES:
        frontier = frontier.extended([leaf_hash(leaf)])
    _ = frontier.root


def _grow_tiles() -> None:
    store: dict[Tile, bytes] = {}
    for start in range(0, len(LEAVES), 1000):
        hashes = [leaf_hash(leaf) for leaf in LEAVES[start : start + 1000]]
        read = reading_tiles(store.__getitem__, start)
        store.update(grown_tiles(read, start, hashes))


def _proving() -> Callable[[], None]:
    hashes, size = [leaf_hash(leaf) for leaf in LEAVES], len(LEAVES)
    root = Frontier().extended(hashes).root
    store = dict(grown_tiles(reading([]), 0, hashes))
    read = reading_tiles(store.__getitem__, size)

    def prove() -> None:
        for index in range(0, size, size // PROOFS):
            proof = inclusion_proof(read, index, size)
            verify_inclusion(proof, hashes[index], index, size, root)

    return prove


def main() -> None:
    run(rows)


if __name__ == "__main__":
    main()
