"""How far a bundle reaches, read from the bundle itself."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from proxy.ledger.checkpoint import open_checkpoint
from proxy.ledger.note import VerifierKey
from proxy.ledger.tiles import TILE_WIDTH
from proxy.ledger.witnessing import Witness

_ENTRIES = "tile/entries/"


@dataclass(frozen=True, slots=True)
class Extent:
    """`size` leaves are proven, the first `disclosed` of them shown.

    `cosigned_by`: the roles of the witnesses whose keys signed that size.
    """

    size: int
    disclosed: int
    cosigned_by: list[str]

    @classmethod
    def of(
        cls, bundle: bytes, log_key: VerifierKey, witnesses: Sequence[Witness]
    ) -> Self:
        """Raises NoteError for a bundle that is not this log's."""
        with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
            note, names = archive.read("checkpoint"), archive.namelist()
        opened = open_checkpoint(note, log_key, [each.key for each in witnesses])
        signers = {one.key for one in opened.cosignatures}
        return cls(
            opened.checkpoint.size,
            sum(_width(name) for name in names if name.startswith(_ENTRIES)),
            [each.role for each in witnesses if each.key in signers],
        )


def _width(name: str) -> int:
    """How many leaves an entry bundle of this name holds (C2SP tlog-tiles)."""
    _, is_partial, width = name.partition(".p/")
    return int(width) if is_partial else TILE_WIDTH
