"""rtpengine's recording folder, which is the shipper's queue.

While a call runs rtpengine writes `pcaps/NAME.pcap` and keeps a note of it in `tmp/`;
when the call is over it moves the note to `metadata/`. A note there is a finished
capture. Captures hold clear audio, typed digits included: whoever reads this folder for
longer than needed reads what should not exist, so everything in it has to go, in an
order that leaves nothing behind unseen.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from proxy.errors import BadAudioError
from proxy.ship.pcap import FILE_HEADER_BYTES
from proxy.ship.ticket import Ticket

_LARGEST_NOTE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Capture:
    """A finished capture: rtpengine's note, and the audio file that it names.

    `audio` is None when the note names no file of ours; `ticket` is None when nobody
    asked for this capture, or the caller's refusal has taken the ticket out of it.
    """

    note: Path
    audio: Path | None
    ticket: Ticket | None
    finished_at: datetime

    def audio_bytes(self) -> int | None:
        """The size of the audio file; None when there is none (any more)."""
        with suppress(FileNotFoundError):
            return self.audio.lstat().st_size if self.audio else None
        return None

    @property
    def is_empty(self) -> bool:
        """Nothing was ever heard: the file ends with its header."""
        return (self.audio_bytes() or 0) <= FILE_HEADER_BYTES

    def remove(self) -> None:
        """Remove the audio, then the note: a crash in between leaves no unseen audio.

        Gone already is as good as removed.
        """
        for file in (self.audio, self.note):
            if file is not None:
                file.unlink(missing_ok=True)


class Spool:
    """One recording folder of one rtpengine."""

    def __init__(self, folder: Path) -> None:
        self._notes = folder / "metadata"
        self._audio = folder / "pcaps"
        self._running = folder / "tmp"

    def finished(self) -> list[Capture]:
        """Finished captures, the oldest first."""
        captures = filter(None, map(self._read, _files(self._notes, ".txt")))
        return sorted(captures, key=lambda capture: capture.finished_at)

    def _read(self, note: Path) -> Capture | None:
        try:
            finished_at = _changed_at(note)
            raw_note = _read_note(note)
        except FileNotFoundError:
            return None
        audio = self._audio_named(raw_note.partition("\n")[0])
        ticket = Ticket.parse(raw_note) if audio else None
        return Capture(note, audio, ticket, finished_at)

    def _audio_named(self, raw_path: str) -> Path | None:
        """The note's first line is followed only into our own folder."""
        named = Path(raw_path)
        if "\0" in raw_path or named.suffix != ".pcap":
            return None
        if named.parent.resolve() != self._audio.resolve():
            return None
        return self._audio / named.name

    def orphans(self, untouched_since: datetime) -> list[Path]:
        """Files that no finished capture will ever name: rtpengine died mid-call.

        A running call's files are open in rtpengine; that is looked up before the
        notes, because rtpengine closes a file and then publishes its note. Without the
        right to see rtpengine's open files only the age tells.
        """
        in_use = _open_files()
        named = {capture.audio for capture in self.finished()}
        files = [*_files(self._audio, ".pcap"), *_files(self._running, ".tmp")]
        return [
            file
            for file in files
            if file not in named and _is_abandoned(file, in_use, untouched_since)
        ]


def _files(folder: Path, suffix: str) -> list[Path]:
    """Empty, too, while rtpengine has not made the folder yet."""
    with suppress(FileNotFoundError):
        return [file for file in folder.iterdir() if file.suffix == suffix]
    return []


def _changed_at(file: Path) -> datetime:
    return datetime.fromtimestamp(file.lstat().st_mtime, UTC)


def _read_note(note: Path) -> str:
    """Empty, and so nobody's, when it is no ordinary or no reasonable file."""
    try:
        with open_ordinary(note) as raw_file:
            raw_note = raw_file.read(_LARGEST_NOTE + 1)
    except BadAudioError:
        return ""
    return "" if len(raw_note) > _LARGEST_NOTE else raw_note.decode(errors="replace")


def open_ordinary(file: Path) -> BinaryIO:
    """Open a file, but no link to one, and no pipe that would keep us waiting.

    Raises `BadAudioError` for those.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise BadAudioError("a link") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadAudioError("not an ordinary file")
    return os.fdopen(descriptor, "rb")


def _is_abandoned(
    file: Path, in_use: set[tuple[int, int]], untouched_since: datetime
) -> bool:
    try:
        status = file.lstat()
    except FileNotFoundError:
        return False
    changed_at = datetime.fromtimestamp(status.st_mtime, UTC)
    return changed_at < untouched_since and (status.st_dev, status.st_ino) not in in_use


def _open_files() -> set[tuple[int, int]]:
    """Device and inode of every file that a process we may look into has open."""
    return set(_open_file_ids())


def _open_file_ids() -> Iterator[tuple[int, int]]:
    for process in Path("/proc").glob("[0-9]*/fd"):
        # Processes end, and files close, while we look.
        with suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            for descriptor in process.iterdir():
                with suppress(OSError):
                    status = descriptor.stat()
                    yield status.st_dev, status.st_ino
