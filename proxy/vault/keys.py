"""The key ring: the keys that wrap other keys, held outside the database.

There is one wrapping key per site and day on which recordings must die, one per week
whose tag key must die, and, per site, one for seeds and one for callers who objected.
Keys that must die are random, never derived from a longer-lived one: destroying one
destroys everything it wraps, wherever copies lie. This provider keeps them as files in
a directory that only the service's user may read.
"""

import hmac
import re
import secrets
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from proxy.errors import KeyMissingError, StorageError, TamperedError
from proxy.vault.durable import sync_directory, write_file

KEY_SIZE = 32
SERVICE_KEY = "service"
LOG_KEY = "log"
CALLERS_KEY = "callers"
# A key that must die: its file, or the copy that a writer killed at the wrong moment
# left beside it.
_MORTAL_KEY = re.compile(
    r"^\.?(audio-\d{4}-\d{2}-\d{2}|tag-\d{1,6})\.key(\.[0-9a-f]{16})?$"
)


class InsecureKeyDirectoryError(StorageError):
    """Others on this machine may read the key directory."""

    error_id = "insecure-key-directory"


class KeyRing:
    """The wrapping keys of one site, one file each."""

    def __init__(self, directory: Path, site: str) -> None:
        self._directory = directory / site

    def exists(self) -> bool:
        """Whether this site has ever had keys here."""
        return self._file(LOG_KEY).exists()

    def open(self) -> None:
        """Make the directory if needed; refuse one that others may enter."""
        try:
            # Path.mkdir gives its mode to the last directory only.
            self._directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._directory.mkdir(exist_ok=True, mode=0o700)
            mode = self._directory.stat().st_mode
        except OSError as error:
            raise StorageError(
                error.strerror or type(error).__name__,
                field=str(self._directory),
                fix="choose a vault.keys that this user may write to",
            ) from error
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise InsecureKeyDirectoryError(
                f"its mode is {stat.filemode(mode)}",
                field=str(self._directory),
                fix="chmod 700",
            )

    def wrap_service(self, secret: bytes) -> bytes:
        """Wrap a seed (RFC 3394)."""
        return aes_key_wrap(self._make(SERVICE_KEY), secret)

    def unwrap_service(self, wrapped: bytes) -> bytes:
        return _unwrap(self._read(SERVICE_KEY), wrapped)

    def name_agent(self, code: str) -> bytes:
        """An agent's name in the database: keyed, so that it is none without us."""
        message = b"ponctuel/agent/v1\0" + code.encode()
        return hmac.digest(self._make(SERVICE_KEY), message, "sha256")[:16]

    def name_caller(self, number: str) -> bytes:
        """A caller's name among those who objected, by a key for this alone."""
        message = b"ponctuel/caller/v1\0" + number.encode()
        return hmac.digest(self._make(CALLERS_KEY), message, "sha256")[:16]

    def log_key(self) -> bytes:
        """The Ed25519 key (RFC 8032, 32 bytes) that signs the site's ledger."""
        return self._make(LOG_KEY)

    def has_day(self, day: date) -> bool:
        return bool(self._files_of(_day_name(day)))

    def wrap_for_day(self, day: date, data_key: bytes) -> bytes:
        """Wrap a data key so that it dies with `day`'s key; make that key if needed."""
        return aes_key_wrap(self._make(_day_name(day)), data_key)

    def unwrap_for_day(self, day: date, wrapped: bytes) -> bytes:
        """Raises KeyMissingError when the day's key is destroyed."""
        return _unwrap(self._read(_day_name(day)), wrapped)

    def days(self) -> list[date]:
        """The days whose keys still exist, oldest first."""
        return sorted(map(date.fromisoformat, self._mortal("audio-")))

    def destroy_day(self, day: date) -> None:
        """Remove a day's key and make its absence durable. Safe to repeat."""
        self._destroy(_day_name(day))

    def has_week(self, week: int) -> bool:
        return bool(self._files_of(_week_name(week)))

    def wrap_for_week(self, week: int, tag_key: bytes) -> bytes:
        """Wrap a week's tag key so that it dies with a key file of its own."""
        return aes_key_wrap(self._make(_week_name(week)), tag_key)

    def unwrap_for_week(self, week: int, wrapped: bytes) -> bytes:
        """Raises KeyMissingError when the week's key is destroyed."""
        return _unwrap(self._read(_week_name(week)), wrapped)

    def weeks(self) -> list[int]:
        """The weeks whose keys still exist, oldest first."""
        return sorted(map(int, self._mortal("tag-")))

    def destroy_week(self, week: int) -> None:
        """Remove a week's key and make its absence durable. Safe to repeat."""
        self._destroy(_week_name(week))

    def _mortal(self, kind: str) -> set[str]:
        names = {name for _, name in self._mortal_files()}
        return {name.removeprefix(kind) for name in names if name.startswith(kind)}

    def _destroy(self, name: str) -> None:
        for file in self._files_of(name):
            file.unlink(missing_ok=True)
        sync_directory(self._directory)

    def _files_of(self, wanted: str) -> list[Path]:
        return [file for file, name in self._mortal_files() if name == wanted]

    def _mortal_files(self) -> Iterator[tuple[Path, str]]:
        for file in self._directory.iterdir():
            if found := _MORTAL_KEY.match(file.name):
                yield file, found[1]

    def _file(self, name: str) -> Path:
        return self._directory / f"{name}.key"

    def _read(self, name: str) -> bytes:
        try:
            key = self._file(name).read_bytes()
        except FileNotFoundError:
            raise KeyMissingError(f"no key {name}") from None
        except OSError as error:
            raise StorageError(f"key {name}: {error.strerror}") from error
        if len(key) != KEY_SIZE:
            raise TamperedError(f"key {name} has {len(key)} bytes")
        return key

    def _make(self, name: str) -> bytes:
        """Two replicas that make the same key at once end up with one of them."""
        file = self._file(name)
        if not file.exists():
            try:
                write_file(file, secrets.token_bytes(KEY_SIZE))
            except OSError as error:
                raise StorageError(
                    f"cannot make key {name}: {error.strerror}"
                ) from error
        return self._read(name)


def sites_with_day_keys(directory: Path) -> list[str]:
    """The sites whose folder here still holds keys that must die."""
    return sorted({file.parent.name for file in directory.glob("*/audio-*.key")})


def _day_name(day: date) -> str:
    return f"audio-{day.isoformat()}"


def _week_name(week: int) -> str:
    return f"tag-{week}"


def _unwrap(wrapping_key: bytes, wrapped: bytes) -> bytes:
    try:
        return aes_key_unwrap(wrapping_key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise TamperedError(
            "the wrapped key is not the one that was wrapped"
        ) from error
