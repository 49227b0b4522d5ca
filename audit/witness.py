"""Be a witness: cosign a ledger's newest tree, on your own machine, by your own clock.

    python witness.py init DIR --name dpo.example/witness
    python witness.py add DIR VKEY-OF-THE-LOG
    python witness.py serve DIR --port 8480

It sees hashes only, no call and no person, and speaks for any log that follows C2SP
tlog-witness, tlog-checkpoint and tlog-cosignature (Ed25519). What it promises:

 1. It cosigns only what the log itself signed, under a key you gave with `add`.
 2. Of one log it never cosigns two trees of one size, nor a smaller one after a larger:
    what it cosigned last is on the disk before the cosignature leaves the machine.
 3. Two trees of one size, both signed by the log, are kept: `show` prints that proof.
    It also prints what the log signed and did not show to continue the last tree.
 4. Nonces mixed into draws are committed at any time and told only when their epoch
    has begun by this machine's clock. They follow from one key: none can be lost.

Needs Python 3.11 and the package `cryptography`: signing in plain Python would leak the
secret key through the time it takes. DIR must never be restored from a backup, nor run
in two copies: make a new witness instead.

Exit status: 0 done, 1 not so (a nonce too early, a tree refused), 2 not possible.
"""

import argparse
import hmac
import json
import os
import re
import secrets
import socket
import sqlite3
import ssl
import stat
import sys
import threading
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import NamedTuple, NoReturn
from urllib.parse import parse_qs, urlsplit

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError:
    sys.stderr.write("witness: needs a package: pip install cryptography\n")
    sys.exit(2)

LOG, WITNESS = 0x01, 0x04  # signature types of signed-note
HASH = 32
LARGEST_HEAD, LARGEST_BODY = 16 << 10, 64 << 10  # of a request
MOST_PROOF, MOST_SIGNATURES, MOST_COMMITMENTS = 63, 100, 100
LARGEST = 2**63 - 1  # of a size, a time, an epoch
STEP_SECONDS, CONNECTION_SECONDS, MOST_CONNECTIONS = 5, 30, 16
ROOM_SECONDS = 1  # for a connection that was cut off to end
SHORTEST_EPOCH, LONGEST_EPOCH, MOST_EPOCHS_AHEAD = 300, 86_400, 48  # as the service has
DEFAULT_PORT, LARGEST_PORT = 8480, 65_535
SIGNATURE_LINE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")
NAME = re.compile(r"[!-*,-~]{1,200}")  # of a key: visible ASCII, no plus, no space
SCHEMA = """
CREATE TABLE IF NOT EXISTS heads (origin TEXT PRIMARY KEY, size INTEGER NOT NULL,
  root BLOB NOT NULL, time INTEGER NOT NULL, note BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS splits (origin TEXT NOT NULL, size INTEGER NOT NULL,
  note BLOB NOT NULL, other BLOB NOT NULL, PRIMARY KEY (origin, size));
CREATE TABLE IF NOT EXISTS firsts (origin TEXT PRIMARY KEY, size INTEGER NOT NULL,
  time INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused (origin TEXT NOT NULL, size INTEGER NOT NULL,
  root BLOB NOT NULL, time INTEGER NOT NULL, after INTEGER NOT NULL,
  note BLOB NOT NULL, PRIMARY KEY (origin, size, root));
-- What was refused is shown to continue after all, or is now one of two trees.
CREATE TRIGGER IF NOT EXISTS cosigned AFTER UPDATE ON heads WHEN NEW.size > 0 BEGIN
  INSERT OR IGNORE INTO firsts VALUES (NEW.origin, NEW.size, NEW.time);
  DELETE FROM refused
    WHERE (origin, size, root) = (NEW.origin, NEW.size, NEW.root);
  INSERT OR IGNORE INTO splits SELECT origin, size, NEW.note, note FROM refused
    WHERE (origin, size) = (NEW.origin, NEW.size);
END;
-- The first 99 and the last: neither can be pushed out by others that come after.
CREATE TRIGGER IF NOT EXISTS bounded AFTER INSERT ON refused BEGIN
  DELETE FROM refused WHERE rowid < NEW.rowid AND rowid = (SELECT rowid FROM refused
    WHERE origin = NEW.origin ORDER BY rowid LIMIT 1 OFFSET 99);
END;
"""


class WitnessError(Exception):
    """Why a command cannot be done: the one line printed."""


class Refusal(Exception):  # noqa: N818  # an answer of the protocol, not an error
    """What is answered instead of a cosignature or nonce."""

    def __init__(self, status: int, text: str, kind: str = "text/plain") -> None:
        super().__init__(text)
        self.status, self.text, self.kind = status, text, kind


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def natural(text: str) -> int:
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text) or int(text) > LARGEST:
        raise ValueError("not a number in its one spelling")
    return int(text)


def unbase64(raw: str) -> bytes:
    data = b64decode(raw, validate=True)
    if b64encode(data).decode() != raw:
        raise ValueError("base64 in another spelling")
    return data


# --- Keys and notes (C2SP signed-note)


def key_id(name: str, typed_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + typed_key).digest()[:4]


def spell_key(name: str, kind: int, public: bytes) -> str:
    typed = bytes([kind]) + public
    return f"{name}+{key_id(name, typed).hex()}+{b64encode(typed).decode()}"


class LogKey(NamedTuple):
    """Who may sign checkpoints of the origin `name`."""

    name: str
    id: bytes
    public: Ed25519PublicKey

    @classmethod
    def parse(cls, vkey: str) -> "LogKey":
        try:
            name, raw_id, raw_key = vkey.split("+", 2)
            typed = unbase64(raw_key)
        except ValueError:
            raise WitnessError(f"{vkey[:80]}: not a verifier key") from None
        if typed[:1] != bytes([LOG]) or len(typed) != 1 + HASH:
            raise WitnessError(f"{name}: not an Ed25519 key of a log (type 1)")
        if not NAME.fullmatch(name) or raw_id != key_id(name, typed).hex():
            raise WitnessError(f"{name}: the key does not fit its name and id")
        return cls(
            name, bytes.fromhex(raw_id), Ed25519PublicKey.from_public_bytes(typed[1:])
        )

    def signed(self, text: str, signature: bytes) -> bool:
        try:
            self.public.verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


class Checkpoint(NamedTuple):
    """A checkpoint as submitted: its `text` is what is signed; `lines` are unproven."""

    origin: str
    size: int
    root: bytes
    text: str
    lines: list[tuple[str, bytes, bytes]]  # name, key id, signature

    @classmethod
    def parse(cls, note: str) -> "Checkpoint":
        """Extension lines may follow the three: they are signed and not judged."""
        text, _, tail = note.rpartition("\n\n")
        origin, raw_size, raw_root, *extensions = text.split("\n")
        if not origin or "" in extensions or re.search("[\0-\x09\x0b-\x1f]", note):
            raise ValueError("not a checkpoint")
        root = unbase64(raw_root)
        if len(root) != HASH or not tail.endswith("\n"):
            raise ValueError("not a signed checkpoint")
        raw_lines = tail[:-1].split("\n")
        if len(raw_lines) > MOST_SIGNATURES:
            raise ValueError("too many signatures")
        lines = [cls._line(line) for line in raw_lines]
        return cls(origin, natural(raw_size), root, text + "\n", lines)

    @staticmethod
    def _line(raw: str) -> tuple[str, bytes, bytes]:
        found = SIGNATURE_LINE.fullmatch(raw)
        if not found:
            raise ValueError("not a signature line")
        payload = unbase64(found[2])
        return found[1], payload[:4], payload[4:]


class Submission(NamedTuple):
    """The body of `add-checkpoint`."""

    old_size: int
    proof: list[bytes]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """Raise ValueError for whatever tlog-witness does not allow."""
        head, separator, note = body.decode().partition("\n\n")
        old, *raw_proof = head.split("\n")
        if not separator or not old.startswith("old ") or len(raw_proof) > MOST_PROOF:
            raise ValueError("not an old size, a proof and a checkpoint")
        proof = [unbase64(line) for line in raw_proof]
        if any(len(one) != HASH for one in proof):
            raise ValueError("a hash has 32 bytes")
        return cls(natural(old.removeprefix("old ")), proof, Checkpoint.parse(note))


def is_growth(proof: Sequence[bytes], old: "Head", new: "Head") -> bool:
    """Whether the new tree only adds to the old (RFC 9162, section 2.1.4.2)."""
    if old.size in {0, new.size}:
        return not proof and (not old.size or old.root == new.root)
    if old.size.bit_count() == 1:  # a complete tree is itself the first node
        proof = [old.root, *proof]
    at, last = old.size - 1, new.size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = proof[0] if proof else b""
    for sibling in proof[1:]:
        if not last:
            return False
        if at & 1 or at == last:
            before, after = node(sibling, before), node(sibling, after)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            after = node(after, sibling)
        at, last = at >> 1, last >> 1
    return not last and (before, after) == (old.root, new.root)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


class Head(NamedTuple):
    """What was cosigned last of one log, and when."""

    size: int
    root: bytes
    time: int = 0


EMPTY = Head(0, sha256(b"").digest())


class RefusedTree(NamedTuple):
    """What a log signed and did not show to continue the tree of size `after`."""

    origin: str
    size: int
    time: int
    after: int
    note: bytes


# --- The witness


@dataclass(frozen=True)
class Log:
    """A log that is witnessed: who signs for it, and how long its epochs are."""

    keys: tuple[LogKey, ...]
    epoch_seconds: int

    def epoch_at(self, now: float) -> int:
        return int(now // self.epoch_seconds)


class Witness:
    """All of a witness but its sockets. `clock` gives POSIX seconds."""

    def __init__(self, home: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock, self._lock = clock, threading.Lock()
        name, seed = read_key(home / "key")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        public = self._key.public_key().public_bytes_raw()
        self.vkey = spell_key(name, WITNESS, public)
        self._name, self._id = name, key_id(name, bytes([WITNESS]) + public)
        self._nonce_key = bytes.fromhex(read_secret(home / "nonce-key"))
        self.logs = read_logs(home / "logs")
        self._state = open_state(home)
        lost = [origin for origin in self.logs if self.head(origin) is None]
        if lost:
            raise WitnessError(f"what it cosigned of {lost[0]} is lost: make a new one")

    def close(self) -> None:
        self._state.close()

    def head(self, origin: str) -> Head | None:
        query = "SELECT size, root, time FROM heads WHERE origin = ?"
        row = self._state.execute(query, [origin]).fetchone()
        return Head(*row) if row else None

    def first(self, origin: str) -> tuple[int, int] | None:
        """The first size cosigned, and when: auditors must not take it from the log."""
        query = "SELECT size, time FROM firsts WHERE origin = ?"
        found: tuple[int, int] | None = self._state.execute(query, [origin]).fetchone()
        return found

    def epoch(self, origin: str) -> int:
        """The one that is running by this machine's clock."""
        return self._log(origin).epoch_at(self._clock())

    def is_behind(self, origin: str) -> bool:
        """Whether the clock is before the last cosignature, so that none can follow."""
        return int(self._clock()) < (self.head(origin) or EMPTY).time

    def add_checkpoint(self, body: bytes) -> str:
        """The cosignature line; Refusal otherwise. Checks in the order of the text."""
        try:
            old_size, proof, told = Submission.parse(body)
        except ValueError as error:
            raise Refusal(400, str(error)) from None
        log = self._log(told.origin)
        if not any(
            key[:2] == (name, number) and key.signed(told.text, signature)
            for name, number, signature in told.lines
            for key in log.keys
        ):
            raise Refusal(403, "not signed by a key of this log")
        if old_size > told.size:
            raise Refusal(400, "the old size is larger than the new one")
        with self._lock:
            now = int(self._clock())
            self._keep(old_size, proof, told, now)
            return self._cosign(told.text, now)

    def _keep(
        self, old_size: int, proof: Sequence[bytes], told: Checkpoint, now: int
    ) -> None:
        """Make this the latest; on return it is on the disk (promise 2)."""
        last = self.head(told.origin) or EMPTY
        if told.size == last.size and told.root != last.root:
            self._keep_split(told)
            raise conflict(last.size)
        if old_size != last.size:
            raise conflict(last.size)
        if not is_growth(proof, last, Head(told.size, told.root)):
            self._keep_refused(told, last, now)
            raise Refusal(422, "the proof does not show that the tree only grew")
        if now < last.time:
            raise Refusal(503, "the witness's clock is behind: its `show` has a remedy")
        moved = self._state.execute(
            "UPDATE heads SET size = ?, root = ?, time = ?, note = ?"
            " WHERE origin = ? AND size = ? AND root = ?",
            [told.size, told.root, now, spell(told), told.origin, *last[:2]],
        )
        if moved.rowcount != 1:  # by another process over the same directory
            raise Refusal(503, "another process moved the log's head")

    def _keep_split(self, told: Checkpoint) -> None:
        """Two trees of one size, both signed: nobody can deny that (promise 3)."""
        self._state.execute(
            "INSERT OR IGNORE INTO splits"
            " SELECT origin, size, note, ? FROM heads WHERE origin = ? AND size > 0",
            [spell(told), told.origin],
        )
        log(f"{told.origin}: signed two trees of size {told.size}")

    def _keep_refused(self, told: Checkpoint, last: Head, now: int) -> None:
        """A longer tree in place of the one cosigned, or an honest one badly proven."""
        if not told.size > last.size > 0:
            return
        self._state.execute(
            "INSERT OR IGNORE INTO refused VALUES (?, ?, ?, ?, ?, ?)",
            [told.origin, told.size, told.root, now, last.size, spell(told)],
        )
        log(f"{told.origin}: size {told.size} is not shown to continue {last.size}")

    def _cosign(self, text: str, now: int) -> str:
        message = f"cosignature/v1\ntime {now}\n{text}".encode()
        payload = self._id + u64(now) + self._key.sign(message)
        return f"\u2014 {self._name} {b64encode(payload).decode()}\n"

    def splits(self) -> list[tuple[str, int, bytes, bytes]]:
        return list(self._state.execute("SELECT * FROM splits ORDER BY 1, 2"))

    def refused(self) -> list[RefusedTree]:
        query = "SELECT origin, size, time, after, note FROM refused ORDER BY rowid"
        return [RefusedTree(*row) for row in self._state.execute(query)]

    def nonce_commitment(self, origin: str, epoch: int) -> str:
        """Promise 4: told at any time, so that draws can commit to it beforehand."""
        self._log(origin)
        committed = b"ponctuel/nonce/v1" + u64(epoch) + self._nonce(origin, epoch)
        return sha256(committed).hexdigest()

    def nonce(self, origin: str, epoch: int) -> str:
        """The nonce of an epoch that has begun; Refusal 425 before."""
        if self._clock() < epoch * self._log(origin).epoch_seconds:
            raise Refusal(425, f"epoch {epoch} has not begun")
        return self._nonce(origin, epoch).hex()

    def _nonce(self, origin: str, epoch: int) -> bytes:
        about = f"ponctuel/nonce-of/v1\n{origin}\n".encode() + u64(epoch)
        return hmac.digest(self._nonce_key, about, "sha256")

    def _log(self, origin: str) -> Log:
        log = self.logs.get(origin)
        if log is None:
            raise Refusal(404, "not a log this witness knows")
        return log


def conflict(size: int) -> Refusal:
    return Refusal(409, f"{size}", "text/x.tlog.size")


def spell(note: Checkpoint) -> bytes:
    lines = "".join(
        f"\u2014 {name} {b64encode(number + signature).decode()}\n"
        for name, number, signature in note.lines
    )
    return f"{note.text}\n{lines}".encode()


# --- The directory: `key`, `nonce-key`, `logs`, `state.db`


def make_home(home: Path, name: str) -> None:
    if not NAME.fullmatch(name):
        raise WitnessError(f"{name!r} is no name: visible ASCII, no space, no plus")
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(home.iterdir()):
        raise WitnessError(f"{home} is not empty: a witness is made only once")
    home.chmod(0o700)
    key = Ed25519PrivateKey.generate()
    typed = bytes([WITNESS]) + key.public_key().public_bytes_raw()
    seed = bytes([WITNESS]) + key.private_bytes_raw()
    skey = f"PRIVATE+KEY+{name}+{key_id(name, typed).hex()}+{b64encode(seed).decode()}"
    open_state(home, is_new=True).close()
    for file, text in (
        ("nonce-key", secrets.token_hex(HASH)),
        ("logs", ""),
        ("key", skey),
    ):
        write(home / file, f"{text}\n" if text else "", os.O_EXCL)


def write(file: Path, text: str, flags: int) -> None:
    """Append to a file that nobody else may read; on return it is on the disk."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | flags, 0o600)
    with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123  # of a handle
        stream.write(text)
        stream.flush()
        os.fsync(handle)


def read_secret(file: Path) -> str:
    mode = file.stat().st_mode
    if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
        raise WitnessError(f"{file} can be read by others: chmod 600 {file}")
    return file.read_text("utf-8").strip()


def read_key(file: Path) -> tuple[str, bytes]:
    """The name and the secret key, in the spelling of signed-note."""
    try:
        _, _, name, _, raw = read_secret(file).split("+", 4)
        typed = unbase64(raw)
    except ValueError:
        raise WitnessError(f"{file} is not a witness's key") from None
    return name, typed[1:]


def read_logs(file: Path) -> dict[str, Log]:
    """A line for each key: the verifier key and the seconds of an epoch."""
    logs: dict[str, Log] = {}
    lines = file.read_text("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, 1):
        vkey, _, seconds = line.partition(" ")
        try:
            key = LogKey.parse(vkey)
            logs[key.name] = with_key(logs.get(key.name), key, natural(seconds))
        except (WitnessError, ValueError) as error:
            raise WitnessError(f"{file}, line {number}: {error}") from None
    return logs


def with_key(log: Log | None, key: LogKey, epoch_seconds: int) -> Log:
    """Too short an epoch gives nonces away before their time; too long, never."""
    if not SHORTEST_EPOCH <= epoch_seconds <= LONGEST_EPOCH:
        raise WitnessError(
            f"{key.name}: an epoch has {SHORTEST_EPOCH} to {LONGEST_EPOCH} seconds,"
            f" not {epoch_seconds}"
        )
    if log and log.epoch_seconds != epoch_seconds:
        raise WitnessError(f"{key.name}: its epochs have {log.epoch_seconds} seconds")
    return Log((*(log.keys if log else ()), key), epoch_seconds)


def open_state(home: Path, *, is_new: bool = False) -> sqlite3.Connection:
    """SQLite, told to be on the disk before a statement returns."""
    file = home / "state.db"
    if not is_new and not file.exists():
        raise WitnessError(
            f"{file} is missing: what it cosigned is lost, make a new one"
        )
    state = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    state.execute("PRAGMA synchronous = EXTRA")
    state.execute("PRAGMA fullfsync = 1")  # macOS: past the disk's own cache, too
    state.executescript(SCHEMA)
    return state


def add_log(home: Path, vkey: str, epoch_seconds: int) -> Log:
    key, logs = LogKey.parse(vkey), read_logs(home / "logs")
    known = logs.get(key.name)
    if known and key[:2] in [other[:2] for other in known.keys]:
        raise WitnessError(f"{key.name}: this key is there already")
    added = with_key(known, key, epoch_seconds)
    state = open_state(home)
    state.execute(
        "INSERT OR IGNORE INTO heads VALUES (?, ?, ?, ?, '')", [key.name, *EMPTY]
    )
    state.close()
    write(home / "logs", f"{vkey} {epoch_seconds}\n", 0)
    return added


# --- The server


Request = socket.socket | tuple[bytes, socket.socket]  # as socketserver has it


class Patience(NamedTuple):
    """When a connection was made, and until when its next step is waited for."""

    begun: float
    until: float


class Server(ThreadingHTTPServer):
    """A thread for each of a few connections, and an end to every one of them."""

    request_queue_size = 128  # they wait for the few, not for strangers' silence

    def __init__(
        self, witness: Witness, address: tuple[str, int], tls: ssl.SSLContext | None
    ) -> None:
        self.witness = witness
        self._open: dict[Request, Patience] = {}
        self._room = threading.Semaphore(MOST_CONNECTIONS)
        super().__init__(address, Handler)
        if tls:  # each connection shakes hands in its own thread
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    def process_request(self, request: Request, client_address: object) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        """Where there is no room, whoever was waited for longest makes it.

        An honest log needs milliseconds, so that silence keeps none of them out.
        """
        if not self._room.acquire(blocking=False):
            self._cut_longest()
            if not self._room.acquire(timeout=ROOM_SECONDS):
                super().shutdown_request(request)
                return
        now = time.monotonic()
        self._open[request] = Patience(now, now + STEP_SECONDS)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        if self._open.pop(request, None):
            self._room.release()
        super().shutdown_request(request)

    def wait_for(self, request: Request, seconds: float) -> None:
        """Another step of this connection begins: a head, a body, an answer."""
        begun = self._open[request].begun
        until = min(time.monotonic() + seconds, begun + CONNECTION_SECONDS)
        self._open[request] = Patience(begun, until)

    def service_actions(self) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        """Called about twice a second: cut off who sends a byte now and then."""
        now = time.monotonic()
        for request, patience in list(self._open.items()):
            if patience.until < now:
                self._cut(request)

    def _cut_longest(self) -> None:
        waiting = list(self._open.items())
        if waiting:
            self._cut(min(waiting, key=lambda one: one[1].until)[0])

    @staticmethod
    def _cut(request: Request) -> None:
        """Its thread, which may be reading, finds the end and closes it."""
        if isinstance(request, socket.socket):
            with suppress(OSError):  # not TLS's own shutdown, which would wait
                socket.socket.shutdown(request, socket.SHUT_RDWR)

    def handle_error(self, request: Request, client_address: object) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        del request, client_address
        log(f"connection lost: {type(sys.exception()).__name__}")


class Handler(BaseHTTPRequestHandler):
    """Reads one request after the other and answers each with a status and a text."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "witness", ""
    error_message_format, error_content_type = "%(message)s\n", "text/plain"
    timeout = STEP_SECONDS
    server: Server
    raw_requestline: bytes

    def handle_one_request(self) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        self.server.wait_for(self.connection, STEP_SECONDS)
        super().handle_one_request()

    def parse_request(self) -> bool:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        """Its parent's, which alone would keep a hundred lines of 64 KiB each."""
        headers = self._headers()
        if headers is None:
            self.requestline, self.request_version = "", self.protocol_version
            self.command = ""
            self.send_error(431)
            return False
        rest, self.rfile = self.rfile, BytesIO(headers)
        try:
            return super().parse_request()
        finally:
            self.rfile = rest
            self.server.wait_for(self.connection, STEP_SECONDS)

    def _headers(self) -> bytes | None:
        """All lines to the empty one; None if the head is too large."""
        lines: list[bytes] = []
        room = LARGEST_HEAD - len(self.raw_requestline)
        while room > 0:
            line = self.rfile.readline(room)
            if not line:
                raise ConnectionAbortedError
            lines.append(line)
            if line in {b"\r\n", b"\n"}:
                return b"".join(lines)
            room -= len(line)
        return None

    def do_POST(self) -> None:
        self._answer(self._add_checkpoint)

    def do_GET(self) -> None:
        self.close_connection = True  # a body, if there is one, stays unread
        self._answer(self._tell_nonces)

    def _answer(self, ask: Callable[[], tuple[str, str]]) -> None:
        try:
            kind, text = ask()
            status = 200
        except Refusal as refusal:
            status, kind, text = refusal.status, refusal.kind, f"{refusal.text}\n"
        except OSError:
            raise  # the connection's own; there is nobody to answer
        except sqlite3.Error as error:
            status, kind, text = 503, "text/plain", "nothing can be kept now\n"
            log(f"state.db: {error}")
        except Exception as error:  # noqa: BLE001  # no request may cause a trace
            status, kind, text = 500, "text/plain", "a fault of the witness\n"
            log(f"unforeseen: {type(error).__name__}: {error}")
        self._send(status, kind, text.encode())

    def _send(self, status: int, kind: str, raw: bytes) -> None:
        log(f"{self.command} {status}")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(raw)

    def _add_checkpoint(self) -> tuple[str, str]:
        body = self._body()
        if self.path != "/add-checkpoint":
            raise Refusal(404, "POST /add-checkpoint is all there is")
        return "text/plain; charset=utf-8", self.server.witness.add_checkpoint(body)

    def _body(self) -> bytes:
        """All of it, so that the connection can go on; or none, and it cannot."""
        is_last, self.close_connection = self.close_connection, True
        try:
            length = natural(self.headers.get("Content-Length", ""))
        except ValueError:
            raise Refusal(411, "the length of the body is not told") from None
        if length > LARGEST_BODY:
            raise Refusal(413, f"more than {LARGEST_BODY} bytes")
        body = self.rfile.read(length)
        if len(body) < length:
            raise Refusal(400, "the body is cut short")
        # The answer waits for our disk, not for the client: it is cut off last.
        self.server.wait_for(self.connection, CONNECTION_SECONDS)
        self.close_connection = is_last
        return body

    def _tell_nonces(self) -> tuple[str, str]:
        witness = self.server.witness
        try:
            url = urlsplit(self.path)
            asked = parse_qs(url.query, strict_parsing=True, max_num_fields=3)
            if any(len(values) > 1 for values in asked.values()):
                raise Refusal(400, "a parameter is given twice")
            given = {name: value for name, (value,) in asked.items()}
            origin = given.pop("origin", "")
            numbers = {name: natural(value) for name, value in given.items()}
        except ValueError:
            raise Refusal(400, "not a question of this protocol") from None
        match url.path, numbers:
            case "/nonce", {"epoch": epoch, **rest} if not rest:
                told: object = witness.nonce(origin, epoch)
                answer = {"epoch": epoch, "nonce": told}
            case "/nonce-commitments", {"first": first, "count": count, **rest} if (
                not rest and 1 <= count <= MOST_COMMITMENTS and first <= LARGEST - count
            ):
                epochs = range(first, first + count)
                told = [witness.nonce_commitment(origin, epoch) for epoch in epochs]
                answer = {"first": first, "commitments": told}
            case "/nonce" | "/nonce-commitments", _:
                raise Refusal(400, "not a question of this protocol")
            case _:
                raise Refusal(404, "GET /nonce and /nonce-commitments are all there is")
        return "application/json", json.dumps(answer) + "\n"

    def log_message(self, *_: object) -> None:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        """Who asked is nobody's business; what was answered is logged above."""


def log(line: str) -> None:
    sys.stderr.write(f"witness: {line}\n")
    sys.stderr.flush()


# --- The commands


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def init(options: argparse.Namespace) -> None:
    make_home(options.dir, options.name)
    witness = Witness(options.dir)
    say(f"made in {options.dir}; never copy it, never restore it from a backup")
    say("for the operator, and to be compared by telephone:")
    say(f"  {witness.vkey}")
    say("for every auditor's file, ROLE being dpo, cse or public:")
    say(f"  witness ROLE {witness.vkey}")
    witness.close()


def add(options: argparse.Namespace) -> None:
    added = add_log(options.dir, options.vkey, options.epoch_seconds)
    running = added.epoch_at(time.time())
    say(f"will be witnessed from the next `serve` on: {added.keys[0].name}")
    say(spell_epochs(added.epoch_seconds, running))
    say("If the ledger's is smaller, do not serve: nonces would be told too early.")


def spell_epochs(seconds: int, running: int) -> str:
    return (
        f"epochs of {seconds} seconds: {running} is running,"
        f" the ledger's newest OPEN is {running} to {running + MOST_EPOCHS_AHEAD}"
    )


def show(options: argparse.Namespace) -> None:
    witness = Witness(options.dir)
    say(witness.vkey)
    for origin in witness.logs:
        show_log(witness, origin)
    splits, refused = witness.splits(), witness.refused()
    behind = [origin for origin in witness.logs if witness.is_behind(origin)]
    witness.close()
    for origin, size, one, other in splits:
        say(f"\nTwo trees of size {size}, both signed by {origin}:\n")
        say(f"{one.decode()}\n{other.decode()}")
    for tree in refused:
        show_refused(tree)
    if splits or refused or behind:
        raise Refusal(
            0,
            f"{len(splits)} split views, {len(refused)} trees refused,"
            f" {len(behind)} logs that the clock is behind",
        )


def show_log(witness: Witness, origin: str) -> None:
    """Lines for an auditor's file, where # begins a comment."""
    size, root, signed_at = witness.head(origin) or EMPTY
    seen = f"\nseen {size} {b64encode(root).decode()}" if size else ""
    say(f"origin {origin}{seen}")
    first = witness.first(origin)
    if first:
        say(f"# first cosigned: size {first[0]}, {spell_time(first[1])}")
    length = witness.logs[origin].epoch_seconds
    say(f"# {spell_epochs(length, witness.epoch(origin))}")
    if witness.is_behind(origin):
        say(CLOCK_BEHIND.format(spell_time(signed_at)))


CLOCK_BEHIND = """\
# THE CLOCK OF THIS MACHINE IS BEHIND {}, the time of the last cosignature:
# until then this log is answered 503. Set the clock right. If that time itself was
# wrong (a clock once far ahead), wait for it, or make a new witness: `init` in a new
# directory; its key to the operator and to auditors, who keep the old one as well."""


def show_refused(tree: RefusedTree) -> None:
    say(
        f"\nSigned by {tree.origin}, but not shown to continue what I cosigned:"
        f" size {tree.size} after {tree.after}, {spell_time(tree.time)}."
        "\nAsk the operator for the proof between the two; none exists if history was"
        " rewritten.\n"
    )
    say(tree.note.decode())


def spell_time(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def nonce(options: argparse.Namespace) -> None:
    witness, about = Witness(options.dir), (options.origin, options.epoch)
    try:
        told = witness.nonce(*about)
        say(f"epoch {options.epoch}")
        say(f"commitment {witness.nonce_commitment(*about)}\nnonce {told}")
    finally:
        witness.close()


def serve(options: argparse.Namespace) -> None:
    if bool(options.certificate) != bool(options.key):
        raise WitnessError("--certificate and --key go together")
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate, options.key)
    run(Witness(options.dir), (options.host, options.port), tls)


def run(
    witness: Witness, address: tuple[str, int], tls: ssl.SSLContext | None = None
) -> None:
    """Serve until the process is told to end; every state is on the disk anyway."""
    with Server(witness, address, tls) as server:
        host, port = server.server_address[:2]
        say(f"witness {witness.vkey} at http{'s' if tls else ''}://{host!s}:{port}")
        with suppress(KeyboardInterrupt):
            server.serve_forever()


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        raise WitnessError(f"{message}; see --help")


def port(raw: str) -> int:
    if natural(raw) > LARGEST_PORT:
        raise ValueError("no port")
    return int(raw)


def parser() -> argparse.ArgumentParser:
    found = OneLineParser(
        description=__doc__,
        epilog="example:\n  python witness.py init my-witness --name dpo.example/w1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = found.add_subparsers(required=True, metavar="COMMAND")

    def command(
        act: Callable[[argparse.Namespace], None], summary: str, example: str
    ) -> argparse.ArgumentParser:
        made = commands.add_parser(
            act.__name__,
            help=summary,
            description=summary,
            epilog=f"example:\n  python witness.py {act.__name__} {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        made.add_argument("dir", type=Path, metavar="DIR", help="the witness's own")
        made.set_defaults(act=act)
        return made

    describe(command)
    return found


def describe(command: Callable[..., argparse.ArgumentParser]) -> None:
    """What the commands do and take."""
    made = command(init, "Make a witness and its keys.", "w --name dpo.example/w1")
    made.add_argument("--name", required=True, help="a domain and path of yours")
    made = command(add, "Add a log to witness.", "w ponctuel.example/nord+1a2b3c4d+AQ…")
    made.add_argument("vkey", metavar="VKEY", help="the log's, which names its origin")
    made.add_argument(
        "--epoch-seconds",
        type=int,
        default=3600,
        metavar="N",
        help="exactly the POLICY leaf's epoch_seconds: fewer give nonces away early",
    )
    made = command(serve, "Answer logs.", "w --host 0.0.0.0 --certificate c --key k")
    made.add_argument("--host", default="127.0.0.1")
    made.add_argument(
        "--port", type=port, default=DEFAULT_PORT, help="0: any that is free"
    )
    made.add_argument("--certificate", type=Path, metavar="PEM", help="for https")
    made.add_argument("--key", type=Path, metavar="PEM", help="for https")
    command(show, "Print key, newest trees, and every tree refused.", "w")
    made = command(
        nonce, "Print a past nonce.", "w --origin o.example/x --epoch 494000"
    )
    made.add_argument("--origin", required=True)
    made.add_argument("--epoch", required=True, type=natural)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = parser().parse_args(arguments)
        options.act(options)
    except Refusal as refusal:
        log(refusal.text)
        return 1
    except (WitnessError, OSError, ValueError, sqlite3.Error) as error:
        log(" ".join(str(error).split()))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
