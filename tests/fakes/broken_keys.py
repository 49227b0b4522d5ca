"""Day keys in a directory that cannot be read, or are gone, for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from retention.keys import DayKey
from tests.fakes.call_centre import SITE, CallCentre


async def day_key(centre: CallCentre) -> DayKey:
    """The one key under which everything hangs."""
    [row] = await centre.rows(
        "SELECT DISTINCT key_day, generation FROM recording_keys WHERE kind = 'audio'"
    )
    return DayKey(row["key_day"], generation=row["generation"])


def file_of(centre: CallCentre, key: DayKey) -> Path:
    return centre.data_dir / "keys" / SITE / f"{key.name}.key"


@contextmanager
def unreadable(centre: CallCentre, key: DayKey) -> Iterator[None]:
    """The key cannot be used, and does not count as gone."""
    file = file_of(centre, key)
    content = file.read_bytes()
    file.unlink()
    file.mkdir()
    yield
    file.rmdir()
    file.write_bytes(content)


async def incidents(centre: CallCentre) -> list[tuple[str, str]]:
    """Those of keys; what monitors make of the calls of a test is up to chance."""
    rows = await centre.rows(
        "SELECT kind, reference FROM incidents"
        " WHERE kind IN ('came-back', 'missing-key') ORDER BY 1, 2"
    )
    return [(row["kind"], row["reference"]) for row in rows]
