"""Looking for bytes that should be nowhere: in files, and in a process's memory.

Everything is read as words of eight bytes, and each word is looked for among all runs
of eight bytes that the secrets hold: so fifteen bytes of a secret are found wherever
they lie, and whatever was cut off around them.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

WORD = 8
AT_ONCE = 16 << 20
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class Secrets:
    """What is looked for, each under its name."""

    words: Words
    owners: NDArray[np.intp]
    names: tuple[str, ...]

    @classmethod
    def of(cls, secrets: Mapping[str, bytes]) -> Self:
        runs = [_runs(secret) for secret in secrets.values()]
        words = np.concatenate(runs)
        owners = np.repeat(np.arange(len(runs)), [len(each) for each in runs])
        order = np.argsort(words, kind="stable")
        return cls(words[order], owners[order], tuple(secrets))

    def in_files(self, *folders: Path) -> list[str]:
        """What of them lies in a file below the folders."""
        files = (file for folder in folders for file in sorted(folder.rglob("*")))
        return self._told(
            (str(file), _pieces_of(file)) for file in files if file.is_file()
        )

    def in_memory(self, pid: int) -> list[str]:
        """What of them a living process holds: all that a core of it would show."""
        return self._told(_regions(pid))

    def in_bytes(self, place: str, content: bytes) -> list[str]:
        return self._told([(place, [content])])

    def _told(self, places: Iterable[tuple[str, Iterable[bytes]]]) -> list[str]:
        return [
            f"{count * WORD} bytes of {name} in {place}"
            for place, pieces in places
            for name, count in self._counted(pieces).items()
        ]

    def _counted(self, pieces: Iterable[bytes]) -> dict[str, int]:
        hits = np.zeros(len(self.names), int)
        for piece in pieces:
            read = np.frombuffer(piece[: len(piece) // WORD * WORD], np.uint64)
            at = np.searchsorted(self.words, read)
            at[at == len(self.words)] = 0
            owners = self.owners[at[self.words[at] == read]]
            hits += np.bincount(owners, minlength=len(self.names))
        return {name: int(n) for name, n in zip(self.names, hits, strict=True) if n}


def _runs(secret: bytes) -> Words:
    """Every run of eight bytes that is not made of few values, as silence would be."""
    content = np.frombuffer(secret, np.uint8)
    runs = np.lib.stride_tricks.sliding_window_view(content, WORD)
    runs = runs[[len(set(run)) > WORD // 2 for run in runs.tolist()]]
    return np.ascontiguousarray(runs).view(np.uint64).ravel()


def _pieces_of(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        while piece := stream.read(AT_ONCE):
            yield piece


def _regions(pid: int) -> Iterator[tuple[str, list[bytes]]]:
    """Every readable region, as /proc/PID/maps has them; they begin on whole words."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, stop = (int(edge, 16) for edge in span.split("-"))
            if rights.startswith("r") and stop < 1 << 63:
                yield line, _read(memory, start, stop)


def _read(memory, start: int, stop: int) -> list[bytes]:
    pieces = []
    for at in range(start, stop, AT_ONCE):
        try:
            memory.seek(at)
            pieces.append(memory.read(min(AT_ONCE, stop - at)))
        except OSError:  # the kernel's own pages
            break
    return pieces
