"""The evidence bundle: one canonical ZIP, byte for byte the same for the same range.

Canonical means: members sorted by name, stored, dated 1980-01-01, mode 0644, no
comments and no extra fields. The verifier builds it again from its members; any other
byte is a finding. Draws of epochs whose seed is not revealed are not disclosed: of
those leaves the bundle holds the hashes only, so that nobody reads live whether they
are recorded.
"""

import io
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from proxy.errors import PonctuelError
from proxy.ledger.checkpoint import Checkpoint, open_checkpoint
from proxy.ledger.cosignatures import Cosignatures
from proxy.ledger.cosigning import Cosigning
from proxy.ledger.entry import Kind, decode
from proxy.ledger.note import Note, Signer
from proxy.ledger.publisher import CorruptTreeError, Publisher
from proxy.ledger.tiles import (
    TILE_WIDTH,
    Tile,
    bundles_between,
    encode_bundle,
    tiles_between,
)
from proxy.ledger.transaction import QUERIES, Ledger
from proxy.ledger.tree import HASH_SIZE, leaf_hash, root_of, split_hashes

FORMAT = "ponctuel-bundle/1"
_VERIFIER = Path(__file__).resolve().parents[2] / "audit" / "verify.py"
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)
_README = """\
Evidence of {origin}, up to ledger size {size}; {entries} leaves are disclosed.

It holds no audio, no telephone number, no name and no call id. Check it on your own
machine, with your own copy of the verifier and your own file of keys:

    python verify.py THIS-FILE --policy auditor.txt

Use a verify.py you obtained elsewhere: one that comes with the evidence could be made
to agree with it. Exit status: 0 clean, 1 findings, 2 unreadable. What was not checked
is always listed. Leaves after the disclosed ones belong to hours whose seeds are not
public yet; ask again later.
"""


class NothingPublishedError(PonctuelError):
    """The site's ledger is empty."""

    status = 409
    error_id = "nothing-published"


class NoQuorumError(PonctuelError):
    """Too few witnesses have cosigned anything yet."""

    status = 409
    error_id = "no-quorum"


async def make_bundle(
    ledger: Ledger, publisher: Publisher, signer: Signer, cosigning: Cosigning
) -> bytes:
    """Sign the ledger's head, then collect everything that shows it is true.

    With a quorum: up to the newest head that has it, for nothing else is believed.
    Raises NoQuorumError when none has.
    """
    newest = await publisher.publish()
    if not newest.size:
        raise NothingPublishedError
    await cosigning.ask()
    size = await _size_to_show(cosigning.kept, newest)
    notes = await cosigning.kept.notes(size)
    checkpoint = open_checkpoint(notes[size], signer.key).checkpoint
    disclosed = [body async for body in _disclosed(ledger, checkpoint.size)]
    files = {f"checkpoints/{number:012d}": note for number, note in notes.items()}
    files["checkpoint"] = notes[size]
    files |= await _time_stamps(ledger, notes)
    tiles = await _tiles(ledger, checkpoint.size)
    _check_tree(tiles, disclosed, checkpoint.root)
    files |= {tile.path: raw_tile for tile, raw_tile in tiles.items()}
    files |= dict(_entry_bundles(disclosed))
    files["verify.py"] = _VERIFIER.read_bytes()
    files["README.txt"] = _README.format(
        origin=checkpoint.origin, size=checkpoint.size, entries=len(disclosed)
    ).encode()
    files["manifest"] = _manifest(files, signer)
    return canonical_zip(files)


async def _size_to_show(kept: Cosignatures, newest: Checkpoint) -> int:
    if not kept.quorum:
        return newest.size
    size = await kept.newest_witnessed()
    if size is None:
        raise NoQuorumError(
            f"no head of the ledger has been cosigned by {kept.quorum} witnesses yet",
            fix='the lines "not cosigned" in the log say why; mend that, or wait for '
            "`ponctuel serve`, which asks every minute, then export again",
        )
    return size


async def _time_stamps(ledger: Ledger, notes: Mapping[int, bytes]) -> dict[str, bytes]:
    """What an outside authority said about the times of these heads (RFC 3161)."""
    async with ledger.database.connection() as connection:
        rows = await connection.fetch(
            QUERIES["read_timestamps"], ledger.site, max(notes)
        )
    return {
        f"timestamps/{row['size']}.tsr": row["token"]
        for row in rows
        if row["size"] in notes
    }


async def _disclosed(ledger: Ledger, size: int) -> AsyncIterator[bytes]:
    """The leaves before the first draw whose epoch is not closed."""
    closed: set[object] = set()
    waiting: list[bytes] = []
    async for seq, body in ledger.bodies():
        if seq >= size:
            break
        leaf = decode(body)
        if leaf["leaf"] == Kind.CLOSE:
            closed.add(leaf["e"])
        waiting.append(body)
    for body in waiting:
        leaf = decode(body)
        if leaf["leaf"] == Kind.DRAW and leaf["e"] not in closed:
            return
        yield body


async def _tiles(ledger: Ledger, size: int) -> dict[Tile, bytes]:
    found: dict[Tile, bytes] = {}
    async with ledger.database.connection() as connection:
        for tile in tiles_between(0, size):
            raw_tile = await connection.fetchval(
                QUERIES["read_tile"], ledger.site, tile.level, tile.index
            )
            found[tile] = (raw_tile or b"")[: tile.width * HASH_SIZE]
    return found


def _check_tree(
    tiles: Mapping[Tile, bytes], disclosed: Sequence[bytes], root: bytes
) -> None:
    """Refuse to hand out what does not add up: our own store was changed."""
    row = b"".join(raw for tile, raw in tiles.items() if tile.level == 0)
    told = b"".join(map(leaf_hash, disclosed))
    if not row.startswith(told):
        raise CorruptTreeError("a stored leaf is not the one that was hashed")
    level = 0
    while any(tile.level == level for tile in tiles):
        stored = b"".join(raw for tile, raw in tiles.items() if tile.level == level)
        if stored != row:
            raise CorruptTreeError(f"in level {level}")
        level, row = level + 1, b"".join(_tile_roots(row))
    hashes = split_hashes(b"".join(raw for t, raw in tiles.items() if t.level == 0))
    if root_of(hashes) != root:
        raise CorruptTreeError("its root is not the one that was signed")


def _tile_roots(row: bytes) -> Iterator[bytes]:
    """The roots of the full tiles of one level."""
    size = TILE_WIDTH * HASH_SIZE
    for at in range(0, len(row) - size + 1, size):
        yield root_of(split_hashes(row[at : at + size]))


def _entry_bundles(leaves: list[bytes]) -> Iterable[tuple[str, bytes]]:
    for bundle in bundles_between(0, len(leaves)):
        first = bundle.index * 256
        yield bundle.path, encode_bundle(leaves[first : first + bundle.width])


def _manifest(files: Mapping[str, bytes], signer: Signer) -> bytes:
    lines = [f"{sha256(files[path]).hexdigest()} {path}\n" for path in sorted(files)]
    text = f"{FORMAT}\n{signer.key.name}\n" + "".join(lines)
    return Note(text, (signer.sign(text),)).encode()


def canonical_zip(files: Mapping[str, bytes]) -> bytes:
    """The one ZIP of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            member = zipfile.ZipInfo(path, _FIRST_DATE)
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, files[path])
    return buffer.getvalue()
