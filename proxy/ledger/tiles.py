"""Tiles: how a tree and its leaves are laid out in files (C2SP tlog-tiles).

A tile of level 0 holds up to 256 leaf hashes; a hash of a level above is the root of
one full tile below. The leaves of a level 0 tile are in the entry bundle of the same
index. A tile that is not full yet is one of its own, named by its width.
"""

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from proxy.errors import NoteError
from proxy.ledger.tree import (
    HASH_SIZE,
    TILE_HEIGHT,
    ReadHashes,
    root_of,
    split_hashes,
)

TILE_WIDTH = 1 << TILE_HEIGHT
LARGEST_LEAF = 2**16 - 1  # bytes
ENTRIES = -1  # the level of entry bundles, below the leaf hashes

_HIGHEST_LEVEL = 63
_LENGTH = struct.Struct(">H")
_PATH = re.compile(
    r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?"
)

ReadTile = Callable[["Tile"], bytes]
"""Gives a stored tile's bytes."""


@dataclass(frozen=True, slots=True)
class Tile:
    """Where a tile stands: `index` from 0 within its level, `width` in hashes."""

    level: int
    index: int
    width: int = TILE_WIDTH

    def __post_init__(self) -> None:
        if not ENTRIES <= self.level <= _HIGHEST_LEVEL or self.index < 0:
            raise NoteError("there is no such tile")
        if not 1 <= self.width <= TILE_WIDTH:
            raise NoteError(f"a tile has 1 to {TILE_WIDTH} hashes")

    @property
    def is_full(self) -> bool:
        return self.width == TILE_WIDTH

    @property
    def path(self) -> str:
        """The path below the log's address, such as `tile/0/x001/x234/067.p/8`."""
        level = "entries" if self.level == ENTRIES else str(self.level)
        groups = [f"{self.index % 1000:03}"]
        rest = self.index // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        partial = "" if self.is_full else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    @classmethod
    def parse(cls, raw_path: str) -> Self:
        """Read a path in its one spelling."""
        found = _PATH.fullmatch(raw_path)
        if not found:
            raise NoteError("this is no path of a tile")
        level, groups, width = found.groups(default="")
        index = int(re.sub("[x/]", "", groups))
        tile = cls(
            ENTRIES if level == "entries" else int(level),
            index,
            int(width) if width else TILE_WIDTH,
        )
        if tile.path != raw_path:
            raise NoteError("this path of a tile has another spelling")
        return tile


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """List the hash tiles a tree has at `new_size` and did not have at `old_size`.

    Lowest level first; at most one tile of a level is partial. From 0, all there are.
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"{old_size} leaves cannot have become {new_size}")
    level = 0
    while old_size != new_size:
        full = new_size // TILE_WIDTH
        for index in range(old_size // TILE_WIDTH, full):
            yield Tile(level, index)
        if new_size % TILE_WIDTH:
            yield Tile(level, full, new_size % TILE_WIDTH)
        level += 1
        old_size, new_size = old_size // TILE_WIDTH, full


def bundles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """List the entry bundles a log has at `new_size` and did not have at `old_size`."""
    for tile in tiles_between(old_size, new_size):
        if tile.level:
            return
        yield replace(tile, level=ENTRIES)


def grown_tiles(
    read_hashes: ReadHashes, old_size: int, leaf_hashes: Sequence[bytes]
) -> Iterator[tuple[Tile, bytes]]:
    """Give every tile of `tiles_between` for these new leaves, with its bytes.

    `read_hashes` is asked for what the partial tiles of `old_size` leaves hold.
    """
    level, position, row = 0, old_size, list(leaf_hashes)
    while row:
        in_tile = position % TILE_WIDTH
        if in_tile:
            row[:0] = read_hashes(level, position - in_tile, position)
        position //= TILE_WIDTH
        parents = []
        for index, start in enumerate(range(0, len(row), TILE_WIDTH), position):
            hashes = row[start : start + TILE_WIDTH]
            yield Tile(level, index, len(hashes)), b"".join(hashes)
            if len(hashes) == TILE_WIDTH:
                parents.append(root_of(hashes))
        level, row = level + 1, parents


def hashes_in(tile: Tile, raw_tile: bytes) -> list[bytes]:
    """Read the hashes of a stored tile; NoteError unless it is exactly as wide."""
    if len(raw_tile) != tile.width * HASH_SIZE:
        raise NoteError(f"{tile.path} has {len(raw_tile)} bytes")
    return split_hashes(raw_tile)


def reading_tiles(read_tile: ReadTile, size: int) -> ReadHashes:
    """Serve the hashes of a tree of `size` leaves from the tiles it is stored in."""

    def read_hashes(level: int, start: int, stop: int) -> list[bytes]:
        index, first = divmod(start, TILE_WIDTH)
        in_level = (size >> TILE_HEIGHT * level) - index * TILE_WIDTH
        tile = Tile(level, index, min(in_level, TILE_WIDTH))
        return hashes_in(tile, read_tile(tile))[first : first + stop - start]

    return read_hashes


def tiles_read(prove: Callable[[ReadHashes], object], size: int) -> list[Tile]:
    """List the tiles `prove` reads in a tree of `size` leaves, to fetch them at once.

    What a proof reads depends on sizes alone, so it is tried on hashes of zeros.
    """
    tiles: dict[Tile, None] = {}

    def read_tile(tile: Tile) -> bytes:
        tiles[tile] = None
        return bytes(tile.width * HASH_SIZE)

    prove(reading_tiles(read_tile, size))
    return list(tiles)


def encode_bundle(leaves: Sequence[bytes]) -> bytes:
    """Spell an entry bundle: every leaf behind its length, two bytes, big endian."""
    if any(len(leaf) > LARGEST_LEAF for leaf in leaves):
        raise ValueError(f"a leaf has at most {LARGEST_LEAF} bytes")
    return b"".join(_LENGTH.pack(len(leaf)) + leaf for leaf in leaves)


def leaves_in(bundle: Tile, raw_bundle: bytes) -> list[bytes]:
    """Read the leaves of a stored bundle; NoteError unless it holds exactly as many."""
    leaves = []
    at = 0
    while at < len(raw_bundle):
        start = at + _LENGTH.size
        at = start + int.from_bytes(raw_bundle[at:start])
        leaves.append(raw_bundle[start:at])
    if at != len(raw_bundle) or len(leaves) != bundle.width:
        raise NoteError(f"{bundle.path} does not hold {bundle.width} leaves")
    return leaves
