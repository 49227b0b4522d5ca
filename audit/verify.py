"""Check a Ponctuel evidence bundle offline. One file, Python 3.11, nothing to install.

    python verify.py BUNDLE --policy FILE
    python verify.py --receipt RECEIPT --policy FILE

BUNDLE and RECEIPT come from the operator and are not believed. FILE is the auditor's
own: whose keys count, and what the auditor has kept. docs/proof.md explains all of it,
and every code.
The steps, whose numbers the code below repeats:

 1. Auditor's file: the log's key, the witnesses and their quorum, values kept.
 2. Notes: each checkpoint is signed by the log, the newest one by a quorum.
 3. Tree: rebuilt from the leaves; every signed root and every tile follows from it.
 4. Leaves: each in its one spelling; cosignatures bound when it was written.
 5. Policies: within the hard limits, and only forward; what allows more was approved
    by two and announced a day before.
 6. Epochs: committed once and in time, opened by the revealed seed, outside value true.
 7. Draws: in the order of their tags; tokens, threshold, number and result recomputed.
 8. Tags: no call was drawn twice.
 9. Outcomes: one for each RECORD draw and for nothing else, in time.
10. Deletions: recordings and day keys gone in time.
11. Windows: in any n consecutive calls at most B + c*n, and 100 in any 1,000, recorded.
12. Platform and store: their own lists agree with the ledger, if they are given.
13. Chance: the recordings lie inside the exact band of the probabilities logged, and
    exclusions did not follow the draws.
14. Report: findings, who could know the draws, and what was not checked.
15. Receipt, instead of a bundle: steps 1 and 2 for its one checkpoint, then the way of
    hashes from its leaf to that root, and what the leaf says of a call.

Exit status: 0 nothing found, 1 findings, 2 a file that cannot be read.
"""

import argparse
import csv
import io
import json
import math
import os
import re
import struct
import sys
import zipfile
import zlib
from base64 import b64decode, b64encode
from binascii import unhexlify
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache, partial
from hashlib import sha256, sha512
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

# Beyond these a file is refused (exit 2): no input may take all memory.
LARGEST_BUNDLE = 2**31 - 1  # also when unpacked
LARGEST_PIECE = 32 << 20  # read at once: a member, the ZIP's own directory
LARGEST_LIST = 256 << 20  # a file the auditor brings
MOST_MEMBERS = 350_000
MOST_TRACKED = 1_000_000  # of epochs, recordings, days, strata, each
DEEPEST_JSON = 32
WORST_RATIO = 100  # unpacked to packed

MICRO = 10**6  # tokens and rates are counted in millionths
DAY, WEEK = 86_400, 7 * 86_400
TILE, HASH = 256, 32  # hashes of a tile, bytes of a hash
LARGEST_BATCH = 500
CLOCK_SLACK = 300  # seconds between two honest clocks
BIND_DELAY = 300  # from a call's start to its draw
OUTCOME_TIME = 4 * 3600
REVEAL_SLACK = 900  # after two epochs more an epoch must be closed
GRACE = DAY + 8 * DAY  # after a day begins, until all that dies on it is gone
HARD_PPM, HARD_RECORDS, HARD_WINDOW = 100_000, 100, 1000
HARD_COVER = {"k": 10, "calls": 100_000, "max": 50_000}
MOST_STRATA = 10  # of a policy: more would make small cells
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
BEACON_GENESIS, BEACON_PERIOD = 1_692_803_367, 3  # of that drand chain
RARE = 1e-6  # how often honest chance may leave the band, on each side
LISTED = 20  # findings shown of each code; all are counted
POLICIES_TOLD = 1000  # the newest


class UnreadableError(Exception):
    """An input that cannot be checked at all. Its text is the one line printed."""


class MalformedError(ValueError):
    """A note or a leaf that is not in its one spelling."""


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


def hashed(*parts: bytes) -> bytes:
    return sha256(b"".join(parts)).digest()


def day_start(day: str) -> int:
    """POSIX seconds of a day's first instant; ValueError if there is no such day."""
    return (date.fromisoformat(day) - date(1970, 1, 1)).days * DAY


def natural(text: str) -> int:
    if not re.fullmatch("[0-9]{1,15}", text):
        raise MalformedError("not a natural number")
    return int(text)


def unbase64(raw: str) -> bytes:
    data = b64decode(raw, validate=True)
    if b64encode(data).decode() != raw:
        raise MalformedError("base64 in another spelling")
    return data


def track(known: Sized, what: str) -> None:
    """Call before each addition: an honest ledger stays far below the limit."""
    if len(known) >= MOST_TRACKED:
        raise UnreadableError(f"more than {MOST_TRACKED} {what}")


def printable(text: str) -> str:
    """One line of ASCII: a bundle must not draw on its reader's terminal."""
    return " ".join(text.encode("ascii", "backslashreplace").decode().split())


def in_time(second: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)


class Mac:
    """HMAC-SHA256 (RFC 2104) under one key of 32 bytes, its blocks hashed once."""

    def __init__(self, key: bytes) -> None:
        block = key.ljust(64, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in block))

    def __call__(self, message: bytes) -> bytes:
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


# --- Ed25519, verification only (RFC 8032)

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, -1, P) % P
WINDOW = 6  # bits of a scalar taken at once
Point = tuple[int, int, int, int]
ZERO: Point = (0, 1, 1, 0)


def add(one: Point, two: Point) -> Point:
    """Add in extended coordinates (section 5.1.4)."""
    a = (one[1] - one[0]) * (two[1] - two[0]) % P
    b = (one[1] + one[0]) * (two[1] + two[0]) % P
    c = 2 * one[3] * two[3] * CURVE_D % P
    d = 2 * one[2] * two[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def decode_point(raw: bytes) -> Point:
    """Read a point (section 5.1.3); ValueError if it is none or not reduced."""
    sign, y = raw[-1] >> 7, int.from_bytes(raw, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(CURVE_D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or y >= P or (sign and not x):
        raise MalformedError("not a point of the curve")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = decode_point(b"\x58" + b"\x66" * 31)


@cache
def multiples(point: Point) -> list[list[Point]]:
    """Row i: 0, 1, 2 … times 2**(i * WINDOW) times the point. Once for each key."""
    rows = []
    for _ in range(0, 256, WINDOW):
        row = [ZERO]
        while len(row) <= 1 << WINDOW:
            row.append(add(row[-1], point))
        point = row.pop()
        rows.append(row)
    return rows


def multiply(point: Point, number: int) -> Point:
    total = ZERO
    for row in multiples(point):
        total = add(total, row[number % (1 << WINDOW)])
        number >>= WINDOW
    return total


@lru_cache(maxsize=4096)
def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether R = S*B - k*A (section 5.1.7, without the cofactor), as bytes."""
    raw_r, scalar = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 2 * HASH or scalar >= ORDER:
        return False
    digest = sha512(raw_r + public + message).digest()
    factor = int.from_bytes(digest, "little") % ORDER
    x, y, z, t = decode_point(public)
    x, y, z, t = add(multiply(BASE, scalar), multiply((P - x, y, z, P - t), factor))
    x, y = x * pow(z, -1, P) % P, y * pow(z, -1, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == raw_r


# --- 1. The auditor's file


class Key(NamedTuple):
    """A C2SP verifier key. `kind`: 1 signs as a log, 4 cosigns as a witness."""

    name: str
    id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str, kind: int) -> "Key":
        name, _, rest = vkey.partition("+")
        raw_id, _, raw_key = rest.partition("+")
        typed = unbase64(raw_key)
        key_id = hashed(name.encode(), b"\n", typed)[:4]
        if typed[:1] != bytes([kind]) or len(typed) != 1 + HASH:
            raise MalformedError("not an Ed25519 key of the kind needed here")
        if raw_id != key_id.hex():
            raise MalformedError("the key does not fit its name and id")
        decode_point(typed[1:])
        return cls(name, key_id, kind, typed[1:])

    def holds(self, text: bytes, signature: bytes) -> bool:
        if self.kind == 1:
            return is_signed(self.public, text, signature)
        time = int.from_bytes(signature[:8], "big")
        signed = b"cosignature/v1\ntime %d\n%b" % (time, text)
        return is_signed(self.public, signed, signature[8:])


NO_KEY = Key("", b"", 1, b"")


@dataclass
class Auditor:
    """Whom to believe, and what was seen before: never taken from the bundle."""

    origin: str = ""
    log: Key = NO_KEY
    log_vkey: str = ""
    witnesses: list[Key] = field(default_factory=list)
    quorum: int = 0
    quorum_since: int = 0
    beacons: dict[int, bytes] = field(default_factory=dict)
    seen: list[tuple[int, bytes]] = field(default_factory=list)
    tag_keys: dict[int, bytes] = field(default_factory=dict)

    def read(self, path: Path) -> "Auditor":
        for number, line in enumerate(read_text(path).splitlines(), 1):
            words = line.partition("#")[0].split()
            try:
                if words:
                    self._read_line(words)
            except ValueError as error:
                raise UnreadableError(f"{path}, line {number}: {error}") from None
        if not self.log.name or self.log.name != self.origin:
            raise UnreadableError(f"{path}: no log key that bears the origin's name")
        return self

    def _read_line(self, words: list[str]) -> None:
        """One fact. An unknown word is an error: it may be a quorum misspelt."""
        match words:
            case ["origin", origin] if not self.origin:
                self.origin = origin
            case ["log", vkey] if not self.log.name:
                self.log, self.log_vkey = Key.parse(vkey, 1), vkey
            case ["witness", "dpo" | "cse" | "public", vkey]:
                self.witnesses.append(Key.parse(vkey, 4))
            case ["quorum", number, *since] if len(since) <= 1:
                self.quorum = natural(number)
                self.quorum_since = natural(*since) if since else 0
            case [("beacon" | "seen" | "tagkey") as word, number, value]:
                self._read_value(word, natural(number), value)
            case _:
                raise MalformedError("not a line of an auditor's file")

    def _read_value(self, word: str, number: int, value: str) -> None:
        raw = unbase64(value) if word == "seen" else bytes.fromhex(value)
        if len(raw) != HASH:
            raise MalformedError(f"{HASH} bytes are needed")
        if word == "seen":
            self.seen.append((number, raw))
        else:
            (self.beacons if word == "beacon" else self.tag_keys)[number] = raw

    def read_tag_keys(self, path: Path) -> None:
        """A JSON object: hex keys by week."""
        try:
            for week, key in json.loads(read_text(path)).items():
                self._read_value("tagkey", natural(week), key)
        except (ValueError, TypeError, AttributeError, RecursionError):
            raise UnreadableError(f"{path}: not an object of keys by week") from None


def read_text(path: Path) -> str:
    """A file of the auditor's own."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST_LIST + 1)
        if len(raw) > LARGEST_LIST:
            raise UnreadableError(f"{path} is larger than {LARGEST_LIST} bytes")
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{path}: {error}") from None


@dataclass
class Case:
    """What all steps share. `clock`: the latest instant the leaves themselves show."""

    auditor: Auditor
    times: "Times"
    findings: list[tuple[str, int | None, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    not_checked: Counter[str] = field(default_factory=Counter)
    span: int = 0  # seconds of an epoch; 0 before the first policy
    clock: int = 0
    epoch: int = -1  # the newest drawn in
    opened: dict[str, int] = field(default_factory=dict)  # the newest of each mode
    now: int = 0  # what was due by then is overdue

    def find(self, code: str, seq: int | None, detail: str) -> None:
        self.counts[code] += 1
        if self.counts[code] <= LISTED:
            self.findings.append((code, seq, printable(detail)))

    def skip(self, what: str, number: int = 1) -> None:
        self.not_checked[what] += number

    def at_least(self, seq: int) -> int:
        """The earliest that a leaf can have been written."""
        return max(self.clock, self.times.not_before(seq))


# --- The bundle: one ZIP in its one spelling

PLANNED = re.compile(
    r"README\.txt|checkpoint|checkpoints/[0-9]{12}|manifest|verify\.py"
    r"|timestamps/[0-9]{1,12}\.tsr|tile/(entries|[0-9]{1,2})/[x0-9/]+(\.p/[0-9]{1,3})?"
)
SAFE_NAME = re.compile(r"(?![./])(?!.*(//|/\.|/$))[A-Za-z0-9._/-]+")
STORED, DEFLATED = 0, 8  # ZIP methods that are read; the canonical one is the first
MOST_IN_ZIP32 = 0xFFFF
# What zipfile raises for a file that is none, is cut short, or claims the impossible.
BROKEN_ZIP = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, OverflowError),
)


class BoundedFile(io.FileIO):
    """A file of which nobody, not even `zipfile`, reads too much at once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.length = self.seek(0, io.SEEK_END)

    def read(self, size: int | None = -1, /) -> bytes:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        left = self.length - self.tell()
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > LARGEST_PIECE:
            raise UnreadableError("the bundle has an oversized part")
        return super().read(wanted) or b""

    def start(self, size: int) -> bytes:
        self.seek(0)
        return self.read(size)


class Bundle:
    """Members by name. Whatever is read is held against the manifest at once."""

    def __init__(self, file: BoundedFile, case: Case) -> None:
        self._file, self._case = file, case
        if file.length > LARGEST_BUNDLE:
            raise UnreadableError(f"the bundle is larger than {LARGEST_BUNDLE} bytes")
        self._zip = zipfile.ZipFile(file)
        self.members = {info.filename: info for info in self._zip.infolist()}
        self._refuse_hostile()
        self.digests: dict[str, str] | None = None  # as the manifest says
        if not self._is_canonical():
            case.find("ENCODING", None, "the ZIP is not in its canonical spelling")
        for name in self.members:
            if not PLANNED.fullmatch(name):
                case.find("ENCODING", None, f"{name} does not belong in a bundle")

    def _refuse_hostile(self) -> None:
        """Before anything is unpacked."""
        infos = self._zip.infolist()
        if len(infos) > MOST_MEMBERS or len(infos) != len(self.members):
            raise UnreadableError("the bundle has too many members, or one twice")
        if not all(SAFE_NAME.fullmatch(info.orig_filename) for info in infos):
            raise UnreadableError("the bundle has a member with a hostile path")
        methods = {(info.compress_type, info.flag_bits & 1) for info in infos}
        if not methods <= {(STORED, 0), (DEFLATED, 0)}:
            raise UnreadableError("the bundle has an encrypted or exotic member")
        unpacked = sum(info.file_size for info in infos)
        if unpacked > min(LARGEST_BUNDLE, WORST_RATIO * self._file.length):
            raise UnreadableError("the bundle unpacks to too much, like a ZIP bomb")

    def _is_canonical(self) -> bool:
        """Whether these members, packed again, give the same file byte for byte."""
        at, directory = 0, io.BytesIO()
        for name, info in sorted(self.members.items()):
            size, raw_name = info.file_size, name.encode()
            numbers = (20, 0, 0, 0, 0x21, info.CRC, size, size, len(raw_name), 0)
            common = struct.pack("<5H3I2H", *numbers)
            head = b"PK\3\4" + common + raw_name
            if self._raw(at, len(head)) != head:
                return False
            last = struct.pack("<3H2I", 0, 0, 0, 0o644 << 16, at)
            directory.write(b"PK\1\2\x14\3" + common + last + raw_name)
            at += len(head) + size
        end = directory.getvalue() + self._end(directory.tell(), at)
        return self._raw(at, len(end) + 1) == end

    def _end(self, size: int, at: int) -> bytes:
        """The ZIP's last records; with many members those of ZIP64 come before."""
        count = len(self.members)
        shown = min(count, MOST_IN_ZIP32)
        end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, shown, shown, size, at, 0)
        if count <= MOST_IN_ZIP32:
            return end
        numbers = (44, 45, 45, 0, 0, count, count, size, at)
        long = struct.pack("<4sQ2H2I4Q", b"PK\6\6", *numbers)
        return long + struct.pack("<4sIQI", b"PK\6\7", 0, at + size, 1) + end

    def _raw(self, at: int, size: int) -> bytes:
        self._file.seek(at)
        return self._file.read(size)

    def read(self, name: str, largest: int = LARGEST_PIECE) -> bytes:
        """A member's bytes, once. UnreadableError if it is too large to be true."""
        info = self.members[name]
        if info.file_size > largest:
            raise UnreadableError(f"{name} is larger than {largest} bytes")
        with self._zip.open(info) as member:
            raw = member.read()
        digests = self.digests
        if digests is not None and digests.pop(name, "") != sha256(raw).hexdigest():
            self._case.find("ENCODING", None, f"{name} is not what the manifest says")
        return raw


# --- 2. Notes

LARGEST_NOTE = 64 << 10
MOST_SIGNATURES = 100  # as in other readers of notes
CHECKPOINT = re.compile(r"([^\n]+)\n(0|[1-9][0-9]{0,14})\n([A-Za-z0-9+/]{43}=)\n")
SIGNATURE_LINE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
Head = tuple[int, bytes]  # size and root


class Note(NamedTuple):
    """A C2SP signed note: a text, and signatures by name and id of their keys."""

    text: str
    lines: list[tuple[tuple[str, bytes], bytes]]

    @classmethod
    def parse(cls, raw: bytes) -> "Note":
        """ValueError unless it is a note; its signatures are still to be checked."""
        text, separator, tail = raw.decode().rpartition("\n\n")
        lines = []
        for line in tail.removesuffix("\n").split("\n"):
            found = SIGNATURE_LINE.fullmatch(line)
            if not found or not separator or not tail.endswith("\n"):
                raise MalformedError("not a signed note")
            payload = unbase64(found[2])
            lines.append(((found[1], payload[:4]), payload[4:]))
        if len(lines) > MOST_SIGNATURES:
            raise MalformedError("more signatures than a note can have")
        return cls(f"{text}\n", lines)

    def signatures(self, key: Key) -> list[bytes]:
        return [signature for named, signature in self.lines if named == key[:2]]


class Heads:
    """2. Signed checkpoints. `cosigned`: size, and its quorum's time."""

    def __init__(self, case: Case) -> None:
        self._case, self._auditor = case, case.auditor
        self.newest: Head = (-1, b"")
        self.heads: set[Head] = set()
        self.cosigned: list[tuple[int, int]] = []
        self.witnessed: set[bytes] = set()  # the newest, by these public keys

    def take(self, name: str, raw: bytes, *, is_newest: bool) -> Head:
        """Read one, and whose signatures on it count; ValueError if it is none."""
        note = Note.parse(raw)
        found = CHECKPOINT.fullmatch(note.text)
        if not found:
            raise MalformedError("not a checkpoint")
        head = int(found[2]), unbase64(found[3])
        if is_newest:
            self.newest = head
        elif name != f"checkpoints/{head[0]:012d}":
            raise MalformedError(f"it is of size {head[0]}")
        if found[1] != self._auditor.origin:
            self._case.find("LOGSIG", None, f"{name} is of another log")
        elif self.is_the_logs(note, name):
            self.heads.add(head)
            self._count_witnesses(name, head, note)
        return head

    def is_the_logs(self, note: Note, name: str) -> bool:
        log, text = self._auditor.log, note.text.encode()
        given = note.signatures(log)
        is_signed = len(given) == 1 and log.holds(text, given[0])
        if not is_signed:
            self._case.find("LOGSIG", None, f"{name} is not signed by the log's key")
        return is_signed

    def _count_witnesses(self, name: str, head: Head, note: Note) -> None:
        """By public key: a second name is not a second witness, nor is the log one."""
        times: dict[bytes, int] = {}
        text, quorum = note.text.encode(), self._auditor.quorum
        for key in self._auditor.witnesses:
            for signature in note.signatures(key):
                if not key.holds(text, signature):
                    what = f"{name}: a cosignature of {key.name} does not hold"
                    self._case.find("QUORUM", None, what)
                elif key.public != self._auditor.log.public:
                    time = int.from_bytes(signature[:8], "big")
                    times[key.public] = min(time, times.get(key.public, time))
        if head == self.newest:
            self.witnessed |= times.keys()
        if 0 < quorum <= len(times):  # by then so many had seen it
            self.cosigned.append((head[0], sorted(times.values())[quorum - 1]))

    def require_quorum(self, name: str) -> None:
        signed, needed = len(self.witnessed), self._auditor.quorum
        if signed < needed:
            what = f"{signed} of {needed} witnesses signed {name}"
            self._case.find("QUORUM", None, what)


class Notes(Heads):
    """2. Every signed note of a bundle."""

    def __init__(self, case: Case, bundle: Bundle) -> None:
        super().__init__(case)
        self._bundle = bundle

    def read_manifest(self) -> None:
        """The log's signature over every other member."""
        find, members = self._case.find, self._bundle.members
        if "manifest" not in members:
            find("ENCODING", None, "there is no manifest")
            return
        try:
            note = Note.parse(self._bundle.read("manifest"))
            title, origin, *lines = note.text.removesuffix("\n").split("\n")
            digests = {line[HASH * 2 + 1 :]: line[: HASH * 2] for line in lines}
        except ValueError as error:
            find("ENCODING", None, f"manifest: {error}")
            return
        self.is_the_logs(note, "manifest")
        told = [f"{digests[name]} {name}" for name in sorted(digests)]
        is_whole = digests.keys() | {"manifest"} == members.keys() and told == lines
        if (title, origin) != ("ponctuel-bundle/1", self._auditor.origin):
            find("LOGSIG", None, "the manifest is of another log or format")
        if not is_whole:
            find("ENCODING", None, "the manifest does not list exactly the members")
        self._bundle.digests = digests

    def read_checkpoints(self) -> None:
        members = self._bundle.members
        names = [name for name in members if name.startswith("checkpoints/")]
        if "checkpoint" not in members:
            raise UnreadableError("the bundle has no checkpoint")
        for name in ("checkpoint", *names):
            raw = self._bundle.read(name, LARGEST_NOTE)
            try:
                self.take(name, raw, is_newest=name == "checkpoint")
            except ValueError as error:
                self._case.find("ENCODING", None, f"{name}: {error}")
            if self.newest[0] < 0:
                raise UnreadableError("the newest checkpoint is not a signed note")
        self._compare()
        self.cosigned.sort()

    def _compare(self) -> None:
        find, size = self._case.find, self.newest[0]
        self.require_quorum("the newest")
        for other, number in Counter(other for other, _ in self.heads).items():
            if number > 1:
                find("SPLITVIEW", None, f"{number} trees of size {other} were signed")
            if other > size:
                find("TRUNCATED", None, f"{other} leaves were signed, {size} are shown")
        for other, _ in self._auditor.seen:
            if other > size:
                find("TRUNCATED", None, f"the auditor saw {other} leaves, not {size}")


# --- 3. The tree


def root_of(row: list[bytes]) -> bytes:
    """Fold a row of hashes (RFC 6962, section 2.1): a lone last one moves up."""
    while len(row) > 1:
        pairs = zip(row[::2], row[1::2], strict=False)
        folded = [sha256(b"\1" + left + right).digest() for left, right in pairs]
        row = folded + row[len(folded) * 2 :]
    return row[0] if row else hashed()


def tile_path(level: int | str, index: int, width: int) -> str:
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return f"tile/{level}/{path}" + ("" if width == TILE else f".p/{width}")


class Tree:
    """3. The hash tree, grown tile by tile; of each level it keeps the last only."""

    def __init__(self, case: Case, bundle: Bundle, notes: Notes) -> None:
        self._case, self._bundle = case, bundle
        wanted = {(*head, "ROOT") for head in {*notes.heads, notes.newest}}
        wanted |= {(*seen, "SPLITVIEW") for seen in case.auditor.seen}
        self._wanted = deque(sorted(wanted))
        self._rows: list[list[bytes]] = [[]]
        self._full = [0]  # tiles of each level
        self._read: set[str] = set()
        self.size = 0

    def grow(self, index: int, width: int, leaves: list[bytes]) -> None:
        """Add the hashes of one tile: of the leaves disclosed, then those stored."""
        stored = self._stored(0, index, width)
        hashes = [sha256(b"\0" + leaf).digest() for leaf in leaves]
        for place, pair in enumerate(zip(hashes, stored, strict=False)):
            if pair[0] != pair[1]:
                seq = index * TILE + place
                self._case.find("ROOT", seq, "the leaf is not the one in the tree")
        hashes += stored[len(hashes) :]
        while hashes:
            stop = self._wanted[0][0] - self.size if self._wanted else TILE
            self._append(hashes[: max(0, stop)])
            hashes = hashes[max(0, stop) :]
            self._compare()

    def _append(self, hashes: list[bytes], level: int = 0) -> None:
        if level == 0:
            self.size += len(hashes)
        if level == len(self._rows):
            self._rows.append([])
            self._full.append(0)
        row = self._rows[level]
        row += hashes
        if len(row) == TILE:
            self._check_tile(level, row)
            self._full[level] += 1
            self._append([root_of(row)], level + 1)
            self._rows[level] = []

    def _compare(self) -> None:
        """Every root signed for the size reached; a lower level hangs on the right."""
        while self._wanted and self._wanted[0][0] <= self.size:
            size, root, code = self._wanted.popleft()
            carried: list[bytes] = []
            for row in self._rows:
                carried = [root_of(row + carried)] if row or carried else []
            if root_of(carried) != root:
                self._case.find(code, None, f"the root of size {size} is another one")

    def _stored(self, level: int, index: int, width: int) -> list[bytes]:
        path = tile_path(level, index, width)
        self._read.add(path)
        known = path in self._bundle.members
        raw = self._bundle.read(path, TILE * HASH) if known else b""
        if len(raw) != width * HASH:
            self._case.find("ENCODING", None, f"{path} is missing or of a wrong size")
            return []
        return [raw[at : at + HASH] for at in range(0, len(raw), HASH)]

    def _check_tile(self, level: int, row: list[bytes]) -> None:
        if level and self._stored(level, self._full[level], len(row)) != row:
            self._case.find("ROOT", None, f"a stored tile of level {level} is wrong")

    def finish(self, size: int) -> None:
        """What is left: partial tiles, roots that were not reached, tiles too many."""
        self._compare()
        for level, row in enumerate(self._rows):
            if row:
                self._check_tile(level, row)
        for wanted, _, code in self._wanted:
            if wanted <= size:
                self._case.find(code, None, f"size {wanted} cannot be recomputed")
        for name in self._bundle.members:
            is_hash_tile = re.match("tile/[0-9]", name)
            if is_hash_tile and name not in self._read:
                self._case.find("ENCODING", None, f"{name} is no tile of this tree")


# --- 4. Leaves

GATES = (
    "policy_none|campaign_ended|no_basis|no_dpia|no_cse|no_hds|line_excluded|opted_out"
    "|cap_agent|cap_caller|budget|breaker|stopped"
)
INT, ISO_DAY = "(?:0|[1-9][0-9]{0,14})", '"[0-9]{4}-[0-9]{2}-[0-9]{2}"'
PURPOSE = '"(?:training|evaluation|quality)"'
COVER = f'\\{{"calls":{INT},"k":{INT},"max":{INT},"min":{INT}\\}}'
STRATUM = (
    f'"[a-z0-9][a-z0-9_-]{{0,31}}_(?:in|out)":\\{{"B":{INT},"c":{INT}'
    f'(?:,"cover":{COVER})?,"ends":{ISO_DAY},"kept_days":{INT},"max_seconds":{INT}'
    f',"ppm":{INT},"purpose":{PURPOSE},"smooth":{INT},"starts":{ISO_DAY}\\}}'
)
SHAPES = {
    "int": f"({INT})",
    "bit": "([01])",
    "one": "(1)",
    "u64": '"([0-9a-f]{16})"',
    "tag": '"([0-9a-f]{32})"',
    "hash": '"([0-9a-f]{64})"',
    "sig": '"([0-9a-f]{96})"',
    "day": f"({ISO_DAY})",
    "word": '"([a-z0-9_.:-]{1,64})"',
    "text": r'"((?:[^"\\]|\\.)+)"',
    "gate": f'"({GATES})"',
    "mode": '"(operator|witness|drand)"',
    "purpose": f"({PURPOSE})",
    "approvals": "([012])",
    "party": '"(operator|breaker)"',
    "list": '"(platform|by_hand)"',
    "class": '"(analysis|hold)"',
    "later": "([2-9]|[1-9][0-9]{1,3})",
    "cover": f"({COVER})",
    "strata": f"(\\{{{STRATUM}(?:,{STRATUM})*\\}})",
    "rec": f'(\\{{"bytes":{INT},"day":{ISO_DAY},"sha256":"[0-9a-f]{{64}}"\\}})',
}
KINDS = {
    "GENESIS": "origin=text vkey=text",
    "POLICY": "B=int approvals?=approvals c=int chain?=hash cover?=cover doc?=hash"
    " ends=day epoch_seconds=int from=int kept_days=int max_seconds=int mode=mode"
    " ppm=int purpose=purpose smooth=int starts=day strata?=strata version=int",
    "TAGKEY+": "commit=hash week=int",
    "TAGKEY-": "week=int",
    "OPEN": "commit=hash e=int nonce_commit?=hash round?=int",
    "CLOSE": "draws=int e=int records=int seed=hash sig?=sig x?=hash",
    "DRAW": "T=u64 b?=one c=tag c_prev?=tag d=bit e=int p?=int s=word x?=gate",
    "OUT": "draw=int fail?=word n=u64 objected?=one rec?=rec",
    "DEL": "draw=int n=u64",
    "KEK+": "day=day gen?=later of?=class",
    "KEK-": "day=day gen?=later of?=class",
    "HOLD": "authority=text draw=int until=day",
    "STOP": "by=party on=bit",
    "RECON": "day=day missing=int n=int sha256=hash source?=list",
    "INV": "day=day n=int sha256=hash",
    "NOTE": "text=text",
}
Leaf = dict[str, Any]
Facts = dict[str, Any]


def spelling(kind: str) -> re.Pattern[bytes]:
    """The one spelling of a kind: its fields sorted, no spaces, lower-case hex."""
    shapes = {"leaf": f'"{re.escape(kind)}"'}
    for spec in KINDS[kind].split():
        name, _, shape = spec.partition("=")
        shapes[name] = SHAPES[shape]
    pattern = ""
    for name in sorted(shapes):
        one = f'{"," if pattern else ""}"{name.removesuffix("?")}":{shapes[name]}'
        pattern += f"(?:{one})?" if name.endswith("?") else one
    return re.compile(f"\\{{{pattern}\\}}".encode())


SPELLINGS = {kind: spelling(kind) for kind in KINDS}
KIND_NAMED = re.compile(rb'"leaf":"([A-Z]+[+-]?)"')
QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')


def parse_leaf(body: bytes) -> Leaf:
    """A leaf that is no DRAW. ValueError unless it is in its one spelling."""
    if body.count(b"[") + body.count(b"{") > DEEPEST_JSON:
        bare = QUOTED.sub(b"", body)
        if max(accumulate((b in b"[{") - (b in b"]}") for b in bare)) > DEEPEST_JSON:
            raise UnreadableError(f"a leaf is nested deeper than {DEEPEST_JSON}")
    named = KIND_NAMED.search(body)
    spelt = SPELLINGS.get(named[1].decode()) if named else None
    if spelt is None or not spelt.fullmatch(body):
        raise MalformedError("no leaf of a known kind in its one spelling")
    leaf: Leaf = json.loads(body)
    if json.dumps(leaf, sort_keys=True, separators=(",", ":")).encode() != body:
        raise MalformedError("it does not re-encode to the same bytes")
    for inner in (leaf, leaf.get("rec", {}), *leaf.get("strata", {}).values()):
        for name in inner.keys() & {"day", "starts", "ends", "until"}:
            inner[name] = day_start(inner[name])
    return leaf


NEVER = 2**63  # later than any second a leaf can name


class Times:
    """4. What cosignatures say of when a leaf was written, in POSIX seconds."""

    def __init__(
        self, cosigned: Sequence[tuple[int, int]] = (), since: int = 0
    ) -> None:
        self._since = since
        self._sizes = [size for size, _ in cosigned]
        self._before = [0, *accumulate((time for _, time in cosigned), max)]
        self._after = [*accumulate((time for _, time in reversed(cosigned)), min)][::-1]
        self.newest = self._before[-1]

    def not_before(self, seq: int) -> int:
        """When a quorum had seen a tree without this leaf; 0 if it never had."""
        return self._before[bisect_right(self._sizes, seq)]

    def seen(self, seq: int) -> int:
        """When a quorum had seen a tree with this leaf; NEVER if it has not."""
        place = bisect_right(self._sizes, seq)
        return self._after[place] if place < len(self._sizes) else NEVER

    def not_after(self, seq: int) -> int | None:
        """The same, None if nobody can tell: what witnesses found there is undated."""
        seen = self.seen(seq)
        return None if seq < self._since or seen == NEVER else seen


# --- 5. Policies


class Policy:
    """One version of the rules, in ppm, in millionths of tokens, in seconds.

    A stratum with conditions of its own has rules of its own, which are a Policy too.
    """

    __slots__ = (
        *("ends", "full", "is_running", "kept", "mode", "ppm", "refill", "seq"),
        *("shares", "since", "smooth", "starts", "strata"),
    )

    def __init__(self, seq: int, leaf: Leaf) -> None:
        self.seq = seq
        self.since: int = leaf["from"]
        self.mode: str = leaf["mode"]
        self.ppm: int = leaf["ppm"]
        self.refill: int = leaf["c"]
        self.full: int = leaf["B"] * MICRO
        self.smooth: int = max(1, leaf["smooth"]) * MICRO
        self.starts: int = leaf["starts"]
        self.ends: int = leaf["ends"]
        self.kept: int = leaf["kept_days"] * DAY
        self.shares = shares_of(leaf)
        self.is_running = False  # in the epoch of the batch
        shared = {"from": leaf["from"], "mode": leaf["mode"]}
        self.strata: dict[bytes, Policy] = {
            name.encode(): Policy(seq, shared | own)
            for name, own in leaf.get("strata", {}).items()
        }

    def enter(self, start: int, end: int) -> None:
        """Note, for each stratum, whether its campaign runs in that time."""
        for rules in (self, *self.strata.values()):
            rules.is_running = rules.starts < end and start < rules.ends

    def threshold(self, tokens: int, ppm: int) -> int:
        """T = floor(2^64 * ppm * min(tok, smooth) / (10^6 * smooth)), 0 below one."""
        if tokens < MICRO:
            return 0
        if tokens < self.smooth:
            return (ppm * tokens << 64) // (MICRO * self.smooth)
        return (ppm << 64) // MICRO


def shares_of(leaf: Leaf) -> frozenset[int]:
    """With `cover`: what a draw's own p may be. Few, so that none names an agent."""
    return frozenset([leaf["ppm"], *ladder(leaf)] if "cover" in leaf else [])


def ladder(leaf: Leaf) -> list[int]:
    """What p calls of known agents may have, rising: one step without `cover`."""
    if "cover" not in leaf:
        return [leaf["ppm"]]
    rung, most = leaf["cover"]["min"], leaf["cover"]["max"]
    rungs = []
    while 0 < rung < most:
        rungs.append(rung)
        rung *= 2
    return [*rungs, most]


def is_cover_within(leaf: Leaf) -> bool:
    """The hard limits of probabilities that follow how often an agent was drawn."""
    cover = leaf.get("cover")
    return not cover or (
        all(1 <= cover[name] <= most for name, most in HARD_COVER.items())
        and 1 <= cover["min"] <= leaf["ppm"] <= cover["max"]
    )


# In what one policy may allow more than another: by more of it, or by less.
MORE = ("B", "c", "ends", "kept_days", "max_seconds", "ppm")
LESS = ("smooth", "starts")


def gains(old: Leaf, new: Leaf) -> list[str]:
    """In what conditions, a policy's own or a stratum's, allow more than others."""
    found = [name for name in MORE if new[name] > old[name]]
    found += [name for name in LESS if new[name] < old[name]]
    found += ["purpose"] * (new["purpose"] != old["purpose"])
    found += ["cover"] * is_cover_raised(old, new)
    return found


def is_cover_raised(old: Leaf, new: Leaf) -> bool:
    """Whether some agent's calls may get a higher p, or fewer of them count as heard.

    Of the steps p is the nearest to what an agent still lacks, the lower of two.
    """
    before, after = climb(old), climb(new)
    for start, share in after:
        if share > max(other for begun, other in before if begun <= start):
            return True
    if "cover" not in old or "cover" not in new:
        return False
    one, two = old["cover"], new["cover"]
    is_anew = old["starts"] != new["starts"]  # nobody counts as heard yet
    return bool(is_anew or two["k"] > one["k"] or two["calls"] < one["calls"])


def climb(leaf: Leaf) -> list[tuple[int, int]]:
    """Each step, after twice the wish above which p is that one."""
    rungs = ladder(leaf)
    return [(low + high, high) for low, high in pairwise([-rungs[0], *rungs])]


def increases(old: Leaf, new: Leaf) -> list[str]:
    """What a policy allows more than the one before it, as far as leaves show it.

    Strata go by their names, and by direction: what calls a new one took, and where
    those of one that is gone went, leaves do not tell. It counts if it is certain.
    """
    was, will = old.get("strata", {}), new.get("strata", {})
    if not any(runs(one) for one in (new, *will.values())):
        return []  # taken away
    found = gains(old, new)
    if max(len(was), len(will)) > MOST_STRATA:
        return [*found, "strata"]
    for name in sorted(was.keys() | will.keys()):
        way = name[name.rindex("_") :]
        befores = [was[name]] if name in was else [old, *of_way(was, way)]
        afters = [will[name]] if name in will else [new, *of_way(will, way)]
        pairs = ((one, two) for one in befores for two in afters)
        if all(runs(two) and gains(one, two) for one, two in pairs):
            found.append(name)
    return found


def runs(rules: Leaf) -> bool:
    return bool(rules["starts"] < rules["ends"])


def of_way(strata: Leaf, way: str) -> list[Leaf]:
    return [own for name, own in strata.items() if name.endswith(way)]


ANNOUNCED = re.compile(
    f"policy approved: doc ([0-9a-f]{{64}}), not before epoch ({INT})"
)


BY_BOTH = 2  # `approvals`: operator and DPO


class Notice(NamedTuple):
    """A NOTE that announces an increase: its document, and its first epoch."""

    doc: str
    first: int
    written: int  # not before this second
    seen: int | None  # by witnesses


NOTHING = dict.fromkeys(("from", "ppm", "c", "starts", "ends", "kept_days"), 0)
NO_POLICY = Policy(0, {**NOTHING, "mode": "operator", "B": 1, "smooth": 1})


class Policies:
    """5. Which policy holds for the next draw of an epoch."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._adopted = [NO_POLICY]
        self._newest: Leaf = {"version": 0}  # as it stands
        self._notice: Notice | None = None  # of several the last one counts
        self.told: deque[Facts] = deque(maxlen=POLICIES_TOLD)

    def read(self, seq: int, leaf: Leaf) -> None:
        case, policy = self._case, Policy(seq, leaf)
        for is_wrong, what in self._limits(leaf):
            if is_wrong:
                case.find("POLICY", seq, what)
        case.span = case.span or max(1, leaf["epoch_seconds"])
        self._check_start(policy)
        policy.since = max(policy.since, self._adopted[-1].since)
        track(self._adopted, "policies")
        if len(self._adopted) > 1:
            self._check_approval(seq, leaf)
        self._adopted.append(policy)
        self._forget_notice(leaf.get("doc"))
        self._newest = leaf
        self._tell(policy, leaf)

    def read_note(self, seq: int, leaf: Leaf) -> None:
        case, found = self._case, ANNOUNCED.fullmatch(leaf["text"])
        if found:
            dates = case.at_least(seq), case.times.not_after(seq)
            self._notice = Notice(found[1], int(found[2]), *dates)

    def _check_approval(self, seq: int, leaf: Leaf) -> None:
        """What allows more takes two, and a day's notice; the first policy does not."""
        case, more = self._case, ", ".join(increases(self._newest, leaf))
        case.skip("what else policies changed: words, exclusions, whose a stratum is")
        if more and leaf.get("approvals") != BY_BOTH:
            case.find("POLICY", seq, f"more than before, by no DPO: {more}")
        elif more and (problem := self._problem_of_notice(leaf)):
            case.find("NOTICE", seq, f"more than before, {problem}: {more}")

    def _problem_of_notice(self, leaf: Leaf) -> str:
        """A day before its first epoch a NOTE named its document and that epoch."""
        notice, span = self._notice, self._case.span
        due = leaf["from"] * span - DAY
        if notice is None or notice.doc != leaf.get("doc"):
            return "announced by no NOTE"
        if leaf["from"] < notice.first:
            return f"announced from epoch {notice.first} on"
        if notice.written > due + CLOCK_SLACK:
            return "announced less than a day before"
        if notice.seen is not None and notice.seen > due + 2 * span:
            return f"witnesses first saw its NOTE {notice.seen - due} s late"
        return ""

    def _forget_notice(self, doc: str | None) -> None:
        """It was for this policy, or another was decided on: not the same one again."""
        is_again = doc is not None and doc == self._newest.get("doc")
        if self._notice and (not is_again or doc == self._notice.doc):
            self._notice = None

    def _tell(self, policy: Policy, leaf: Leaf) -> None:
        """What to report of a version: who approved it is the operator's account."""
        if leaf.get("approvals"):
            self._case.skip("who approved the policies: it is the operator's own word")
        strata = {name: own["ppm"] for name, own in leaf.get("strata", {}).items()}
        named = {name: leaf.get(name) for name in ("version", "approvals", "doc")}
        rates = {"ppm": policy.ppm, "strata": strata}
        self.told.append({"seq": policy.seq, "from": leaf["from"]} | named | rates)

    def _check_start(self, policy: Policy) -> None:
        """Rules are for what comes; where witnesses look on, for whole epochs."""
        case, before, seq = self._case, self._adopted[-1], policy.seq
        seen, end = case.times.not_after(seq), (policy.since + 1) * case.span
        first = max(case.epoch, before.since)
        if before is not NO_POLICY and seen is not None:
            first = max(first, case.epoch + 1)
        for mode, epoch in case.opened.items():
            if mode != policy.mode:  # what is committed to keeps its mode
                first = max(first, epoch + 1)
        if policy.since < first:
            what = f"from epoch {policy.since}, can hold from epoch {first} at first"
            case.find("RETROPOLICY", seq, what)
        elif seen is not None and seen > end + case.span:
            what = f"witnesses first saw it {seen - end} s after its first epoch"
            case.find("RETROPOLICY", seq, what)

    def _limits(self, leaf: Leaf) -> Iterator[tuple[bool, str]]:
        """What may not be, of the version and of each of its strata."""
        span, strata = leaf["epoch_seconds"], leaf.get("strata", {})
        chain = QUICKNET if leaf["mode"] == "drand" else None
        follows = leaf["version"] == self._newest["version"] + 1
        yield not follows, "its version does not follow"
        yield not 300 <= span <= DAY, "an epoch is 5 minutes to a day"  # noqa: PLR2004  # the limit itself
        yield self._case.span not in (0, span), "the length of epochs changes"
        yield leaf.get("chain") != chain, "no beacon is named, or one not known here"
        yield len(strata) > MOST_STRATA, f"more than {MOST_STRATA} strata"
        yield from hard_limits(leaf)
        for name, own in strata.items():
            for is_wrong, what in hard_limits(own):
                yield is_wrong, f"{name}: {what}"

    def of(self, epoch: int) -> Policy:
        """The policy that holds in an epoch, as far as adopted by this leaf."""
        return self._adopted[bisect_right(self._adopted, epoch, key=starting) - 1]


def starting(policy: Policy) -> int:
    return policy.since


def hard_limits(rules: Leaf) -> Iterator[tuple[bool, str]]:
    """Of a policy, or of one stratum: constants of the product, not settings."""
    ppm, refill = rules["ppm"], rules["c"]
    most = rules["B"] * MICRO + HARD_WINDOW * refill
    yield max(ppm, refill) > HARD_PPM, "above the hard ceiling of 10 %"
    yield ppm > refill, "the rate is above the ceiling"
    yield most > HARD_RECORDS * MICRO, "more than 100 in 1,000 calls are allowed"
    yield not 1 <= rules["smooth"] <= rules["B"], "smooth is not between 1 and B"
    yield not 0 <= rules["ends"] - rules["starts"] <= 92 * DAY, "over 92 days"
    yield not 1 <= rules["kept_days"] <= 180, "kept longer than 180 days"  # noqa: PLR2004  # the limit itself
    yield not 1 <= rules["max_seconds"] <= 3600, "records over an hour"  # noqa: PLR2004  # the limit itself
    yield not is_cover_within(rules), "its coverage is outside 1 ppm to 5 %"


# --- 6. Epochs

DRAWN = struct.Struct(">16sQQ")  # tag, T, place and result
SPARED = struct.Struct(">16sQQ")  # tag, T, and what T would have been


@dataclass(slots=True)
class Epoch:
    """One epoch with a commitment, until its seed is revealed."""

    number: int
    seq: int = 0
    commit: str = ""
    mode: str = "operator"
    mixed: str | int = ""  # nonce commitment, or round
    rules: int = 0  # place of the newest policy drawn under
    is_first: bool = False
    draws: int = 0
    records: int = 0
    armed: bytearray = field(default_factory=bytearray)  # draws with T > 0, packed
    spared: bytearray = field(default_factory=bytearray)  # of a lower T, with a reason


class Epochs:
    """6. Commitments, reveals, outside values, tag keys."""

    def __init__(self, case: Case, policies: Policies) -> None:
        self._case, self._policies = case, policies
        self._open: dict[int, Epoch] = {}
        self._closed: set[int] = set()
        self._public: set[bytes] = set()  # seeds and nonces
        self._gone_keys: set[int] = set()
        self._eldest = -1  # the epoch that was committed to first
        self.first = NEVER
        self.tag_keys: dict[int, tuple[int, str]] = {}  # week → place and commitment
        self.modes: Counter[str] = Counter()
        self.spared = Bucket(0)

    def read_open(self, seq: int, leaf: Leaf) -> None:
        case, number = self._case, leaf["e"]
        if number in self._open or number in self._closed:
            case.find("EPOCHREOPENED", seq, f"epoch {number} was opened before")
            return
        track(self._open, "epochs")
        self._eldest = self._eldest if case.opened else number
        self.first = min(self.first, number)
        epoch = self._open[number] = Epoch(number, seq, leaf["commit"])
        epoch.is_first = not self._closed and number - self._eldest in (0, 1)
        self._read_mode(epoch, leaf)
        if not case.times.newest and 0 < number * case.span <= case.clock:
            case.skip("epochs committed after they began, by the ledger's own account")

    def _read_mode(self, epoch: Epoch, leaf: Leaf) -> None:
        """What will be mixed in, as the policy scheduled for that epoch wants it."""
        case, number = self._case, epoch.number
        if {"nonce_commit", "round"} <= leaf.keys():
            case.find("ENCODING", epoch.seq, "an epoch has one outside value at most")
        if "nonce_commit" in leaf:
            epoch.mode, epoch.mixed = "witness", leaf["nonce_commit"]
        elif "round" in leaf:
            epoch.mode, epoch.mixed = "drand", leaf["round"]
        case.opened[epoch.mode] = max(number, case.opened.get(epoch.mode, number))
        self._compare_mode(epoch.seq, epoch, self._policies.of(number))

    def _compare_mode(self, seq: int, epoch: Epoch, policy: Policy) -> None:
        if epoch.mode != policy.mode and policy is not NO_POLICY:
            what = f"epoch {epoch.number} is of mode {epoch.mode}, its policy of"
            self._case.find("BEACON", seq, f"{what} {policy.mode}")

    def enter(self, seq: int, number: int, policy: Policy) -> Epoch:
        """The epoch of a batch that begins here."""
        case, epoch = self._case, self._open.get(number)
        if number < case.epoch or number in self._closed:
            what = f"a draw of epoch {number}, after {case.epoch} or its own reveal"
            case.find("ORDER", seq, what)
        elif epoch is None:
            case.find("LATECOMMIT", seq, f"epoch {number} has no commitment yet")
        else:
            self._compare_mode(seq, epoch, policy)
            epoch.rules = policy.seq
        case.epoch = max(case.epoch, number)
        case.clock = max(case.clock, number * case.span)
        if case.span:
            self._check_place(seq, number * case.span, (number + 1) * case.span)
        return epoch or Epoch(number)

    def _check_place(self, seq: int, start: int, end: int) -> None:
        """Drawn while the epoch lasted, under tag keys committed and still alive."""
        case, seen = self._case, self._case.times.not_after(seq)
        if case.times.not_before(seq) > end + CLOCK_SLACK:
            case.find("LATEBIND", seq, "drawn after its epoch was over")
        if seen is not None and seen < start - CLOCK_SLACK:
            case.find("LATEBIND", seq, "drawn before its epoch began")
        weeks = {start // WEEK, (end - 1) // WEEK}
        for week in weeks - self.tag_keys.keys():
            case.find("LATECOMMIT", seq, f"week {week} has no tag key yet")
        if is_young(start, end):  # last week's still name its last calls
            weeks.add(start // WEEK - 1)
        for week in weeks & self._gone_keys:
            case.find("ORDER", seq, f"the tag key of week {week} was destroyed")

    def read_close(self, seq: int, leaf: Leaf) -> None:
        case, number = self._case, leaf["e"]
        epoch = self._open.pop(number, None)
        if epoch is None:
            code = "EPOCHREOPENED" if number in self._closed else "SEED"
            case.find(code, seq, f"epoch {number} is not open")
            return
        track(self._closed, "epochs")
        self._closed.add(number)
        case.clock = max(case.clock, (number + 1) * case.span)
        seed, value = bytes.fromhex(leaf["seed"]), bytes.fromhex(leaf.get("x", ""))
        if hashed(b"ponctuel/seed/v1", u64(number), seed).hex() != epoch.commit:
            case.find("SEED", seq, f"epoch {number}: not the seed committed to")
        if seed in self._public:
            case.find("SEED", seq, f"epoch {number}: this seed was public before")
        if (leaf["draws"], leaf["records"]) != (epoch.draws, epoch.records):
            what = f"{epoch.draws} draws, {epoch.records} RECORD are in the ledger"
            case.find("COUNT", seq, what)
        problem = self._problem_of_value(epoch, value, leaf.get("sig", ""))
        if problem:
            case.find("BEACON", seq, f"epoch {number}: {problem}")
            epoch.mode = "operator"
        self._public |= {seed, value}
        if epoch.armed:
            self._judge_mode(epoch)
        self._recompute(epoch, seed, value)

    def _problem_of_value(self, epoch: Epoch, value: bytes, sig: str) -> str:
        """What is wrong with the outside value; one nobody vouches for is no value."""
        if epoch.mode == "operator":
            return "a value nobody committed to is mixed in" if value or sig else ""
        if not value and not sig and not epoch.armed:
            self._case.skip("epochs without draws whose outside value never came")
            return ""
        if not value:
            return "its outside value is missing"
        if epoch.mode == "witness":
            commit = hashed(b"ponctuel/nonce/v1", u64(epoch.number), value)
            is_new = commit.hex() == epoch.mixed and value not in self._public
            return "" if is_new and not sig else "another nonce, or one public before"
        return self._problem_of_beacon(epoch, value, sig)

    def _problem_of_beacon(self, epoch: Epoch, value: bytes, sig: str) -> str:
        """It must be of the first round since the epoch began; a list says the rest."""
        case = self._case
        late = max(0, epoch.number * case.span - BEACON_GENESIS)
        if case.span and epoch.mixed != -(-late // BEACON_PERIOD) + 1:
            return f"round {epoch.mixed} is not the first since it began"
        known = case.auditor.beacons.get(int(epoch.mixed))
        if hashed(bytes.fromhex(sig)) != value or known not in (None, value):
            return f"not the beacon's value of round {epoch.mixed}"
        if known is None:
            case.skip("beacon values that are not in the auditor's file")
            epoch.mode = "operator"
        return ""

    def _judge_mode(self, epoch: Epoch) -> None:
        """Committed before anybody could know the draws; else the operator chose."""
        case, start = self._case, epoch.number * self._case.span
        if epoch.is_first:
            case.skip("first epochs, committed when they had begun or were about to")
            return
        weeks = {start // WEEK, (start + case.span - 1) // WEEK}
        places = [epoch.seq, *(self.tag_keys.get(week, (0, ""))[0] for week in weeks)]
        mode = "operator"
        if max(map(case.times.seen, places)) < start:
            mode = epoch.mode
        elif None in map(case.times.not_after, places):
            case.skip("epochs whose commitment no quorum of witnesses has dated")
        else:
            what = f"epoch {epoch.number}: witnesses first saw its commitment too late"
            case.find("LATECOMMIT", epoch.seq, what)
        if mode != "operator" and case.times.seen(epoch.rules) >= start:
            case.skip("epochs whose rules were first seen when draws could be known")
            mode = "operator"
        self.modes[mode] += 1

    def _recompute(self, epoch: Epoch, seed: bytes, value: bytes) -> None:
        label = b"ponctuel/epoch/v1" + u64(epoch.number)
        draw = Mac(Mac(seed)(label + value))
        for tag, threshold, place in DRAWN.iter_unpack(epoch.armed):
            number = int.from_bytes(draw(b"ponctuel/draw/v1" + tag)[:8], "big")
            if (number < threshold) != place & 1:
                what = f"u is {number:016x}, T is {threshold:016x}"
                self._case.find("DRAW", place >> 1, what)
        for tag, low, high in SPARED.iter_unpack(epoch.spared):
            number = int.from_bytes(draw(b"ponctuel/draw/v1" + tag)[:8], "big")
            self.spared.drawn += 1
            self.spared.chance += high - low
            self.spared.recorded += low <= number < high

    def read_tag_key(self, seq: int, leaf: Leaf) -> None:
        track(self.tag_keys, "tag keys")
        if leaf["week"] in self.tag_keys:
            self._case.find("DUPLICATE", seq, "a second tag key of that week")
        self.tag_keys.setdefault(leaf["week"], (seq, leaf["commit"]))

    def read_gone_key(self, seq: int, leaf: Leaf) -> None:
        case, week = self._case, leaf["week"]
        if week not in self.tag_keys or week in self._gone_keys:
            case.find("ORDER", seq, "there is no such tag key to destroy")
            return
        self._gone_keys.add(week)
        if case.times.seen(seq) < (week + 1) * WEEK - CLOCK_SLACK:
            case.find("ORDER", seq, f"destroyed while week {week} lasted")

    def finish(self, hidden: int) -> None:
        """What is still open; the first leaf kept back is a draw of such an epoch."""
        case = self._case
        if hidden and not self._open:
            case.find("WITHHELD", None, "leaves are kept back, yet no epoch is open")
        newest = max(case.epoch, *self._closed, -1)
        for number, epoch in self._open.items():
            due = (number + 3) * case.span + REVEAL_SLACK
            if number < newest - 2 or (case.span and due < case.now):
                case.find("WITHHELD", epoch.seq, f"epoch {number} was never closed")
            elif epoch.draws:
                case.skip("draws whose seed is in no leaf disclosed yet", epoch.draws)


def is_young(start: int, end: int) -> bool:
    """Whether a span of time lies in its week's first day."""
    return end <= start // WEEK * WEEK + DAY


# --- 7, 8, 11 and 13. Draws

DRAW = SPELLINGS["DRAW"].fullmatch
DrawFields = tuple[bytes, ...]  # T b c c_prev d e p s x as they stand, None if absent
LARGEST = 2**64 - 1
TOTAL = b"all"  # the site's own bucket, never a stratum's name
SPARE = b"(of the excluded, had they been drawn)"


class Bucket:
    """The site's tokens, or a stratum's, and what was recorded under them."""

    __slots__ = ("chance", "drawn", "excess", "recorded", "tokens")

    def __init__(self, full: int) -> None:
        self.tokens = full
        self.excess = -full  # the largest recorded - c*n - B of windows that end here
        self.drawn = self.recorded = self.chance = 0

    def pass_call(self, policy: Policy) -> int:
        """One more call; returns the tokens it finds."""
        self.tokens = min(policy.full, self.tokens + policy.refill)
        self.excess = max(self.excess, -policy.full) - policy.refill
        return self.tokens

    def arm(self, threshold: int) -> None:
        """The call has a chance."""
        self.drawn += 1
        self.chance += threshold

    def spend(self) -> bool:
        """One RECORD; whether some window now holds more than B + c*n."""
        self.tokens -= MICRO
        self.excess += MICRO
        self.recorded += 1
        return self.excess > 0


class Tags:
    """8. All tags with their places, 24 bytes each; sorted only at the end."""

    def __init__(self) -> None:
        self._piles = [bytearray() for _ in range(256)]

    def add(self, tag: bytes, seq: int) -> None:
        self._piles[tag[0]] += tag + u64(seq)

    def repeated(self) -> Iterator[int]:
        """The places of all draws but the first of each tag."""
        for pile in self._piles:
            places = range(0, len(pile), 24)
            entries = sorted(bytes(pile[at : at + 24]) for at in places)
            for one, two in pairwise(entries):
                if one[:16] == two[:16]:
                    yield int.from_bytes(two[16:], "big")


class Draws:
    """7. The draws, in ledger order."""

    def __init__(self, case: Case, policies: Policies, epochs: Epochs) -> None:
        self._case, self._policies, self._epochs = case, policies, epochs
        self.policy, self._epoch = NO_POLICY, Epoch(-1)
        self._room, self._last_tag = 0, b""  # of the batch
        self._site: Bucket | None = None
        self._strata: dict[bytes, Bucket] = {}
        self._recent: deque[int] = deque(maxlen=HARD_RECORDS + 1)
        self._tags = Tags()
        self._stops: set[str] = set()
        self._is_young = self._may_be_young = False
        self.number = self._covered = 0
        self.stops: Counter[str] = Counter()
        self.excluded: Counter[str] = Counter()

    def interrupt(self) -> None:
        """Another leaf stands here, so the next draw begins a batch."""
        self._room = 0

    def read_stop(self, leaf: Leaf) -> None:
        self.stops[leaf["by"]] += 1
        change = self._stops.add if leaf["on"] else self._stops.discard
        change("stopped" if leaf["by"] == "operator" else "breaker")

    def read(self, seq: int, fields: DrawFields) -> bool:
        """Replay one draw; returns whether it is a RECORD."""
        raw_t, first, tag, previous, result, raw_e, raw_p, stratum, reason = fields
        threshold, number, is_record = int(raw_t, 16), int(raw_e), result == b"1"
        follows = self._room and tag > self._last_tag and number == self._epoch.number
        if first or not follows:
            self._begin(seq, number, is_marked=bool(first))
        self._room, self._last_tag = self._room - 1, tag
        rules = self.policy.strata.get(stratum, self.policy)
        left, own = self._replay(seq, stratum, rules, is_record=is_record)
        has_share = raw_p or rules.shares
        share = self._read_share(seq, raw_p, rules) if has_share else rules.ppm
        allowed = min(self.policy.threshold(left, share), rules.threshold(own, share))
        name, epoch = unhexlify(tag), self._epoch
        if reason or threshold != allowed or not threshold or self._stops:
            self._explain(seq, threshold, allowed, (reason or b"").decode(), rules)
            if threshold < allowed:
                epoch.spared += SPARED.pack(name, threshold, min(allowed, LARGEST))
        self._tags.add(name, seq)
        epoch.draws += 1
        epoch.records += is_record
        if threshold:
            epoch.armed += DRAWN.pack(name, threshold, seq << 1 | is_record)
            self._strata[stratum].arm(threshold)
        elif is_record:
            self._case.find("DRAW", seq, "RECORD with T = 0")
        if previous or self._may_be_young:
            self._read_previous(seq, previous)
        if threshold and not rules.is_running:
            self._case.find("POLICY", seq, "drawn outside the campaign")
        return is_record

    def _begin(self, seq: int, number: int, *, is_marked: bool) -> None:
        if not is_marked:
            what = "tags do not rise, or a batch is unmarked, too long, of two epochs"
            self._case.find("ORDER", seq, what)
        self._room = LARGEST_BATCH
        policy = self.policy = self._policies.of(number)
        self._epoch = self._epochs.enter(seq, number, policy)
        start, end = number * self._case.span, (number + 1) * self._case.span
        policy.enter(start, end)
        has_last_week = start // WEEK - 1 in self._epochs.tag_keys
        self._is_young = is_young(start, end)
        self._may_be_young = has_last_week and start % WEEK < DAY

    def _read_share(self, seq: int, raw: bytes | None, rules: Policy) -> int:
        """p, which a draw names if and only if its rules have `cover`."""
        share = int(raw or b"0")
        if share not in rules.shares:
            what = "is not a step of the policy's" if raw else "is missing"
            self._case.find("THRESHOLD", seq, f"its probability p {what}")
            return rules.ppm
        self._covered += share != rules.ppm
        return share

    def _replay(
        self, seq: int, stratum: bytes, rules: Policy, *, is_record: bool
    ) -> tuple[int, int]:
        """The tokens left to the site and to the stratum; a RECORD spends of both."""
        policy, own = self.policy, self._strata.get(stratum)
        site = self._site = self._site or Bucket(policy.full)
        if own is None:
            track(self._strata, "strata")
            if stratum == TOTAL:
                self._case.find("ENCODING", seq, "a stratum with the site's own name")
            own = self._strata[stratum] = Bucket(rules.full)
        self.number += 1
        left, own_left = site.pass_call(policy), own.pass_call(rules)
        if is_record:
            self._spend(seq, site, own, min(left, own_left))
        return left, own_left

    def _spend(self, seq: int, site: Bucket, own: Bucket, tokens: int) -> None:
        """11. Any window: of B + c*n, of the hard 100 in 1,000."""
        if tokens < MICRO:
            self._case.find("CEILING", seq, "recorded without a token left")
        is_over, is_own_over = site.spend(), own.spend()
        self._recent.append(self.number)
        is_full = len(self._recent) > HARD_RECORDS
        is_dense = is_full and self.number - self._recent[0] < HARD_WINDOW
        if is_over or is_own_over or is_dense:
            self._case.find("WINDOW", seq, "more recorded than any window may hold")

    def _explain(
        self, seq: int, threshold: int, allowed: int, reason: str, rules: Policy
    ) -> None:
        """T is the replayed one, or 0 for a reason that the ledger does not deny."""
        is_stop = reason in ("stopped", "breaker")
        if (self._stops and threshold) or (is_stop and reason not in self._stops):
            what = "drawn although draws were stopped, or stopped by no leaf"
            self._case.find("STOPPED", seq, what)
        wanted = 0 if reason else allowed
        if reason.startswith("cap_"):
            wanted = min(threshold, allowed)  # a cap may lower it by any amount
        denial = self._denial(reason, allowed, rules)
        if threshold != wanted or denial:
            what = f"T is {threshold:016x}, must be {wanted:016x}. {denial}"
            self._case.find("THRESHOLD", seq, what)
        if reason:
            self.excluded[reason] += 1

    def _denial(self, reason: str, allowed: int, policy: Policy) -> str:
        """What the ledger itself says against the reason given for T = 0."""
        span = self._case.span
        start = (self._epoch.number - 1) * span  # clocks may differ by a little
        if reason in ("", "budget"):
            is_empty = not allowed and policy.ppm > 0
            return "" if is_empty == bool(reason) else "The tokens say otherwise"
        if reason == "policy_none" and policy.starts < policy.ends:
            return "There is a policy"
        is_inside = policy.starts <= start and start + 3 * span <= policy.ends
        return "The campaign runs" if reason == "campaign_ended" and is_inside else ""

    def _read_previous(self, seq: int, previous: bytes | None) -> None:
        """In a week's first day a call may have been drawn under last week's tag."""
        if previous:
            self._tags.add(unhexlify(previous), seq)
        elif not self._is_young:
            self._case.skip("draws without last week's tag, perhaps of its week's end")
        else:
            what = "without last week's tag it may be a second draw"
            self._case.find("DUPLICATE", seq, what)

    def finish(self) -> list[dict[str, Any]]:
        """8. and 13., for all draws and for each stratum."""
        for seq in self._tags.repeated():
            self._case.find("DUPLICATE", seq, "the call was drawn before")
        if self._covered:
            what = "whether a probability raised or lowered for coverage follows its"
            what += " agent's own count, which nobody may choose knowing the draw"
            self._case.skip(what, self._covered)
        total = Bucket(0)
        for own in self._strata.values():
            total.drawn += own.drawn
            total.recorded += own.recorded
            total.chance += own.chance
        named = [(TOTAL, total), *self._strata.items(), (SPARE, self._epochs.spared)]
        return [self._band(name.decode(), bucket) for name, bucket in named]

    def _band(self, name: str, bucket: Bucket) -> dict[str, Any]:
        low, high = band(bucket.drawn, bucket.chance / 2**64)
        if not low <= bucket.recorded <= high:
            what = f"{name}: {bucket.recorded} recorded, chance gives {low} to {high}"
            self._case.find("BIAS", None, what)
        shown = {"stratum": name, "calls": bucket.drawn, "recorded": bucket.recorded}
        return shown | {"low": low, "high": high}


def band(calls: int, expected: float) -> tuple[int, int]:
    """13. The numbers of recordings that are not rarer than RARE, on either side.

    Exact if T was the same for all; if it varied by itself, the true band is narrower
    still (Hoeffding 1956). Where T follows earlier draws, as tokens and coverage make
    it, chance alone leaves the band about as rarely.
    """
    rate = expected / calls if calls else 0
    if not 0 < rate < 1:
        return 0, calls

    def mass(k: int) -> float:
        ways = math.lgamma(calls + 1) - math.lgamma(k + 1) - math.lgamma(calls - k + 1)
        return math.exp(ways + k * math.log(rate) + (calls - k) * math.log1p(-rate))

    def walk(k: int, step: int) -> int:
        total = mass(k)
        while total <= RARE:
            k += step
            total += mass(k)
        return k

    far = int(12 * math.sqrt(expected)) + 20  # nothing that counts lies beyond
    low, high = max(0, int(expected) - far), min(calls, int(expected) + far)
    return walk(low, 1), walk(high, -1)


# --- 9. and 10. What became of it


@dataclass(slots=True)
class Recording:
    """A RECORD draw, until it is deleted or known not to have been recorded."""

    due: int
    kept: int
    sha256: str = ""
    size: int = 0
    day: int | None = None
    deadline: int = 0


DayKey = tuple[int, str, int]  # the day, what it wraps, and how often it was renewed


def day_key(leaf: Leaf) -> DayKey:
    """The key that a KEK leaf is about."""
    return leaf["day"], leaf.get("of", "audio"), leaf.get("gen", 1)


NOT_RECORDED, DELETED = Recording(0, 0, "not recorded"), Recording(0, 0, "deleted")


class Outcomes:
    """9. Outcomes, and 10. deletions."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._drawn: dict[int, Recording] = {}
        self._undated: list[tuple[int, Recording]] = []
        # By day, class and generation: the deadline. Of a day's recordings: its newest.
        self._keys: dict[DayKey, int] = {}
        self._gone_keys: set[DayKey] = set()
        self._newest: dict[int, DayKey] = {}
        self._salts: set[int] = set()
        self.counts: Counter[str] = Counter()

    def expect(self, seq: int, epoch: int, kept: int) -> None:
        track(self._drawn, "recordings")
        due = (epoch + 2) * self._case.span + OUTCOME_TIME
        self._drawn[seq] = Recording(due, kept)

    def date(self, latest: int) -> None:
        """All outcomes so far were written by then."""
        for seq, recording in self._undated:
            self._check_day(seq, recording, latest)
        self._undated.clear()

    def read_outcome(self, seq: int, leaf: Leaf) -> None:
        case, found = self._case, self._drawn.get(leaf["draw"])
        if len(leaf) != len(("leaf", "draw", "n", "its outcome")):
            case.find("ENCODING", seq, "an outcome is one of rec, fail and objected")
        if found is None:
            case.find("UNSAMPLED", seq, f"leaf {leaf['draw']} drew no RECORD")
        elif found.sha256:
            case.find("DUPLICATE", seq, f"leaf {leaf['draw']} had its outcome")
        else:
            if case.at_least(seq) > found.due:
                case.find("NOOUTCOME", seq, "the outcome came after more than 4 hours")
            self._read_salt(seq, leaf)
            self._close(seq, leaf, found)

    def _read_salt(self, seq: int, leaf: Leaf) -> None:
        """What keeps a leaf not yet disclosed from being guessed by its hash."""
        salt = int(leaf["n"], 16)
        if salt in self._salts:
            self._case.find("DUPLICATE", seq, "its n stood before, so it hides nothing")
        self._salts.add(salt)

    def _close(self, seq: int, leaf: Leaf, recording: Recording) -> None:
        if "rec" not in leaf:
            self._drawn[leaf["draw"]] = NOT_RECORDED
            self.counts["objected" if "objected" in leaf else "failed"] += 1
            return
        self.counts["recorded"] += 1
        kept = leaf["rec"]
        recording.sha256, recording.size = kept["sha256"], kept["bytes"]
        recording.day, recording.deadline = kept["day"], kept["day"] + GRACE
        newest = self._newest.get(kept["day"])
        if newest is None or newest in self._gone_keys:
            self._case.find("KEKALIVE", seq, "its day has no living key in the ledger")
        seen = self._case.times.not_after(seq)
        if seen is None:
            self._undated.append((seq, recording))
        else:
            self._check_day(seq, recording, seen)

    def _check_day(self, seq: int, recording: Recording, latest: int) -> None:
        """The day to die was fixed at capture, at most `kept_days` ahead."""
        if recording.day is not None and recording.day > latest + recording.kept:
            self._case.find("LATEDELETE", seq, "it is kept longer than the policy says")

    def read_deletion(self, seq: int, leaf: Leaf) -> None:
        case, found = self._case, self._drawn.get(leaf["draw"])
        if found is DELETED:
            case.find("DUPLICATE", seq, f"leaf {leaf['draw']} was deleted before")
        elif found is None or found.day is None:
            case.find("UNSAMPLED", seq, f"leaf {leaf['draw']} was not recorded")
        else:
            self._judge(seq, found.deadline, "LATEDELETE")
            self._read_salt(seq, leaf)
            self._drawn[leaf["draw"]] = DELETED
            self.counts["deleted"] += 1

    def _judge(self, seq: int, deadline: int, code: str) -> None:
        """A leaf that had to be written by a deadline."""
        seen = self._case.times.not_after(seq)
        if self._case.at_least(seq) > deadline:
            self._case.find(code, seq, "written after the deadline")
        if seen is not None and seen > deadline:
            self._case.find("BACKDATED", seq, "witnesses saw it after the deadline")

    def read_hold(self, seq: int, leaf: Leaf) -> None:
        """A hold moves the deadline of one recording, in time; of no day's key."""
        found, until = self._drawn.get(leaf["draw"]), leaf["until"] + GRACE
        if found is None or found.day is None:
            self._case.find("UNSAMPLED", seq, f"leaf {leaf['draw']} is not recorded")
            return
        self._judge(seq, found.deadline, "LATEDELETE")
        found.deadline = max(found.day + GRACE, until)
        self.counts["holds"] += 1

    def read_key(self, seq: int, leaf: Leaf) -> None:
        track(self._keys, "day keys")
        key = day_key(leaf)
        day, kind, generation = key
        if key in self._keys:
            self._case.find("DUPLICATE", seq, "a second key of that day")
        if generation > 1 and (day, kind, generation - 1) not in self._keys:
            self._case.find("ORDER", seq, "there was no such key to be renewed")
        self._keys.setdefault(key, day + GRACE)
        if kind == "audio":
            self._newest[day] = key

    def read_gone_key(self, seq: int, leaf: Leaf) -> None:
        key = day_key(leaf)
        if key not in self._keys or key in self._gone_keys:
            self._case.find("ORDER", seq, "there is no such day key to destroy")
            return
        self._gone_keys.add(key)
        self._judge(seq, self._keys[key], "KEKALIVE")

    def finish(self) -> None:
        case, now = self._case, max(self._case.now, self._case.clock)
        if case.now:
            self.date(case.now)
        for seq, found in self._drawn.items():
            if not found.sha256 and found.due < now:
                case.find("NOOUTCOME", seq, "a RECORD draw without an outcome")
            elif not found.sha256:
                case.skip("outcomes that are not due yet")
            elif found.day is not None:
                self._finish_kept(seq, found, now)
        alive = self._keys.keys() - self._gone_keys
        for key in sorted(key for key in alive if self._keys[key] < now):
            what = f"the {key[1]} key of {in_time(key[0]):%Y-%m-%d} lives"
            case.find("KEKALIVE", None, what)

    def _finish_kept(self, seq: int, found: Recording, now: int) -> None:
        if found.deadline < now:
            self._case.find("LATEDELETE", seq, "the recording was not deleted")
        else:
            self._case.skip("deletions that are not due yet")

    def living(self) -> dict[str, int]:
        """Size by SHA-256 of what must be in the store."""
        found = (one for one in self._drawn.values() if one.day is not None)
        return {recording.sha256: recording.size for recording in found}


# --- 12. The platform's list and the store's


def read_rows(path: Path, needed: set[str]) -> list[dict[str, str]]:
    """A list as CSV with a heading, or as a JSON array of objects."""
    text = read_text(path)
    try:
        is_json = text.lstrip()[:1] == "["
        raw = json.loads(text) if is_json else csv.DictReader(io.StringIO(text))
        rows = [{str(k): str(v) for k, v in row.items()} for row in raw]
        columns = [set(row) for row in rows]
    except (ValueError, AttributeError, RecursionError, csv.Error) as error:
        raise UnreadableError(f"{path}: neither CSV nor JSON rows: {error}") from None
    if missing := needed - needed.intersection(*columns):
        raise UnreadableError(f"{path}: rows without {', '.join(sorted(missing))}")
    return rows


@dataclass(slots=True)
class Call:
    """A call as the platform lists it."""

    started: int
    stratum: str = ""  # where the list says it belongs, if it does
    is_recorded: bool = False
    is_found: bool = False


RECORDED = ("1", "true", "yes", "oui")


class Platform:
    """12. The platform's calls and the ledger's draws, one to one."""

    def __init__(self, case: Case, path: Path) -> None:
        self._case = case
        self._calls: dict[bytes, Call] = {}
        self._by_tag: dict[bytes, Call] = {}
        self._tagging = {week: Mac(key) for week, key in case.auditor.tag_keys.items()}
        for row in read_rows(path, {"connection", "root_call_id", "started_at"}):
            try:
                self._add(row)
            except ValueError as error:
                raise UnreadableError(f"{path}: started_at: {error}") from None
        starts = [call.started for call in self._calls.values()]
        self._first, self._last = min(starts, default=0), max(starts, default=-1)

    def _add(self, row: dict[str, str]) -> None:
        """One leg of a call, or all of it: the earliest begins it."""
        parts = ("ponctuel/tag/v1", row["connection"], row["root_call_id"])
        named, started = "\0".join(parts).encode(), instant(row["started_at"])
        call = self._calls.setdefault(named, Call(started))
        call.started = min(call.started, started)
        call.stratum = row.get("stratum", "") or call.stratum
        call.is_recorded |= row.get("recorded", "").lower() in RECORDED
        moments = (started - DAY, started, started + DAY)
        for week in {moment // WEEK for moment in moments} & self._tagging.keys():
            self._by_tag[self._tagging[week](named)[:16]] = call

    def read(self, seq: int, fields: DrawFields) -> None:
        case, number = self._case, int(fields[5])
        start, end = number * case.span, (number + 1) * case.span
        found = [self._by_tag.get(unhexlify(tag)) for tag in fields[2:4] if tag]
        call = found[0] or found[-1]
        if call is None:
            self._miss(seq, start)
            return
        if found[0] is not found[-1] and start // WEEK - 1 in self._tagging:
            case.find("PHANTOM", seq, "its tag of last week is not this call's")
        if call.is_found:
            case.find("DUPLICATE", seq, "the platform's one call was drawn before")
        call.is_found = True
        if start > call.started:
            case.skip("calls drawn in the epoch after the one they began in")
        seen = case.times.not_after(seq)
        if max(start, case.times.not_before(seq)) > call.started + BIND_DELAY:
            case.find("LATEBIND", seq, "drawn too long after the call began")
        if case.span and min(end, seen or end) < call.started - CLOCK_SLACK:
            case.find("LATEBIND", seq, "drawn before the call began")
        self._compare(seq, call, fields)

    def _compare(self, seq: int, call: Call, fields: DrawFields) -> None:
        """What the list itself says of the call, if it does."""
        if call.stratum and call.stratum.encode() != fields[7]:
            what = f"counted elsewhere than in {call.stratum}"
            self._case.find("STRATUM", seq, what)
        if call.is_recorded and fields[4] != b"1":
            what = "recorded although the draw said no"
            self._case.find("PLATFORMRECORDED", seq, what)

    def _miss(self, seq: int, start: int) -> None:
        if start // WEEK not in self._tagging:
            self._case.skip("draws of weeks whose tag key was not given")
        elif self._first - self._case.span < start <= self._last:
            self._case.find("PHANTOM", seq, "the platform knows no such call")
        else:
            self._case.skip("draws outside the period of the platform's list")

    def finish(self, epochs: Epochs) -> None:
        case = self._case
        for week, key in case.auditor.tag_keys.items():
            seq, commit = epochs.tag_keys.get(week, (0, ""))
            label = b"ponctuel/tagkey/v1" + str(week).encode()
            if commit and hashed(label, key).hex() != commit:
                case.find("SEED", seq, f"not the tag key committed to for week {week}")
        begun = epochs.first * case.span if epochs.first != NEVER else 0
        shown = max(case.clock, case.now) - BIND_DELAY
        for call in self._calls.values():
            if call.is_found:
                continue
            if not begun <= call.started < shown:
                case.skip("calls before the ledger, or after what it discloses")
            elif call.started // WEEK not in self._tagging:
                case.skip("calls of weeks whose tag key was not given")
            else:
                self._lose(call)

    def _lose(self, call: Call) -> None:
        what = f"the call of {in_time(call.started):%Y-%m-%d %H:%M:%S} UTC was"
        self._case.find("MISSINGCALL", None, f"{what} never drawn")
        if call.is_recorded:
            self._case.find("PLATFORMRECORDED", None, f"{what} recorded without a draw")


def check_store(case: Case, path: Path, living: dict[str, int]) -> None:
    """12. Every object in the store is a recording that a leaf speaks of."""
    sizes, known = Counter(living.values()), 0
    for row in read_rows(path, set()):
        raw_size, digest = row.get("bytes", ""), row.get("sha256", "").lower()
        size = int(raw_size) if re.fullmatch("[0-9]{1,15}", raw_size) else -1
        if digest:
            is_known = digest in living and size in (-1, living[digest])
        else:  # without digests sizes must do, each for one object
            is_known = sizes[size] > 0
            sizes[size] -= 1
        known += is_known
        if not is_known and is_newer(case, path, row):
            case.skip("objects younger than the leaves that are disclosed")
        elif not is_known:
            shown = row.get("id", digest)[:80]
            case.find("STRAYOBJECT", None, f"object {shown}: no leaf, or deleted")
    if known < len(living):
        case.skip("recordings that are not in the store's list", len(living) - known)


def is_newer(case: Case, path: Path, row: dict[str, str]) -> bool:
    """Whether the store dates an object after the last leaf can have been written."""
    try:
        stored = instant(row["stored_at"]) if row.get("stored_at") else 0
    except ValueError as error:
        raise UnreadableError(f"{path}: stored_at: {error}") from None
    return stored >= case.clock - CLOCK_SLACK > 0


# --- The steps, joined


class Replay:
    """4. to 13. Every disclosed leaf, in order."""

    def __init__(self, case: Case, platform: Platform | None, wanted: int = -1) -> None:
        self._case, self._platform, self._wanted = case, platform, wanted
        self._policies, self._outcomes = Policies(case), Outcomes(case)
        self._epochs = Epochs(case, self._policies)
        self._draws = Draws(case, self._policies, self._epochs)
        self._told: Counter[str] = Counter()
        self._readers: dict[str, Callable[[int, Leaf], None]] = {
            "GENESIS": self._read_genesis,
            "POLICY": self._policies.read,
            "OPEN": self._epochs.read_open,
            "CLOSE": self._epochs.read_close,
            "TAGKEY+": self._epochs.read_tag_key,
            "TAGKEY-": self._epochs.read_gone_key,
            "OUT": self._outcomes.read_outcome,
            "DEL": self._outcomes.read_deletion,
            "HOLD": self._outcomes.read_hold,
            "KEK+": self._outcomes.read_key,
            "KEK-": self._outcomes.read_gone_key,
            "STOP": lambda _, leaf: self._draws.read_stop(leaf),
            "NOTE": self._read_note,
        }
        self.size = 0
        self.shown: bytes | None = None  # the leaf that is wanted

    def read(self, seq: int, body: bytes) -> None:
        self.size = seq + 1
        if seq == self._wanted:
            self.shown = body
        drawn = DRAW(body)
        if drawn:
            self._read_draw(seq, drawn.groups())
            return
        self._draws.interrupt()
        try:
            leaf = parse_leaf(body)
        except ValueError as error:
            self._case.find("ENCODING", seq, str(error))
            return
        if (leaf["leaf"] == "GENESIS") != (seq == 0):
            self._case.find("ORDER", seq, "a ledger begins with GENESIS, once")
        self._readers.get(leaf["leaf"], self._read_told)(seq, leaf)

    def _read_draw(self, seq: int, fields: DrawFields) -> None:
        epoch, case = int(fields[5]), self._case
        self._outcomes.date((epoch + 1) * case.span + CLOCK_SLACK)
        if self._draws.read(seq, fields):
            rules = self._draws.policy.strata.get(fields[7], self._draws.policy)
            self._outcomes.expect(seq, epoch, rules.kept)
        if self._platform:
            self._platform.read(seq, fields)

    def _read_genesis(self, seq: int, leaf: Leaf) -> None:
        auditor = self._case.auditor
        if (leaf["origin"], leaf["vkey"]) != (auditor.origin, auditor.log_vkey):
            self._case.find("LOGSIG", seq, "the ledger began under another key")

    def _read_note(self, seq: int, leaf: Leaf) -> None:
        self._policies.read_note(seq, leaf)
        self._read_told(seq, leaf)

    def _read_told(self, _: int, leaf: Leaf) -> None:
        """The operator's own account: shown, nothing more."""
        name = leaf["leaf"] + " by hand" * (leaf.get("source") == "by_hand")
        self._told[f"{name} leaves"] += 1
        if "missing" in leaf:
            self._told[f"calls missing by {name}"] += leaf["missing"]

    def finish(self, now: int, size: int) -> Facts:
        """Judge what was due by `now`; 0: by what the ledger itself shows."""
        case = self._case
        if not self.size:
            case.find("ORDER", None, "there is no GENESIS")
        hidden = size - self.size
        # What is kept back was written in the last two epochs or so.
        case.now = max(0, now - (2 * case.span + REVEAL_SLACK) * bool(hidden))
        self._epochs.finish(hidden)
        self._outcomes.finish()
        if self._platform:
            self._platform.finish(self._epochs)
        excluded, modes = self._draws.excluded, self._epochs.modes
        unshown = excluded.total() - excluded["budget"]
        if unshown:
            case.skip("exclusions whose reason lies outside the ledger", unshown)
        weakest = next((mode for mode in MODES if modes[mode]), "operator")
        return {
            "origin": case.auditor.origin,
            "size": size,
            "entries": self.size,
            "mode": f"{weakest}-seeded",
            "epochs": {mode: modes[mode] for mode in MODES if modes[mode]},
            "chance": self._draws.finish(),
            "draws": self._draws.number,
            "outcomes": dict(self._outcomes.counts),
            "excluded": dict(excluded),
            "policies": list(self._policies.told),
            "stops": dict(self._draws.stops),
            "told": dict(self._told),
        }

    def living(self) -> dict[str, int]:
        return self._outcomes.living()


def read_entries(case: Case, bundle: Bundle, index: int, width: int) -> list[bytes]:
    """The leaves disclosed of one tile: all, the first ones, or none."""
    name = tile_path("entries", index, TILE)
    widths = [TILE, *range(width - 1, 0, -1)] if width == TILE else range(width, 0, -1)
    paths = ((told, tile_path("entries", index, told)) for told in widths)
    told, name = next((one for one in paths if one[1] in bundle.members), (0, ""))
    if not told:
        return []
    raw, at = bundle.read(name), 0
    leaves: list[bytes] = []
    while at < len(raw):
        end = at + 2 + int.from_bytes(raw[at : at + 2], "big")
        leaves.append(raw[at + 2 : end])
        at = end
    if at != len(raw) or len(leaves) != told:
        case.find("ENCODING", None, f"{name} does not hold {told} leaves")
    return leaves[:told]


def read_ledger(
    case: Case, bundle: Bundle, tree: Tree, replay: Replay, size: int
) -> None:
    """3. and 4. Tile by tile; nothing stays but what later steps need."""
    unread = sum(name.startswith("tile/entries/") for name in bundle.members)
    for start in range(0, size, TILE):
        index, width = start // TILE, min(TILE, size - start)
        # After a gap no leaf is read: its place would mean nothing.
        follows = replay.size == start
        leaves = read_entries(case, bundle, index, width) if follows else []
        unread -= bool(leaves)
        tree.grow(index, width, leaves)
        for seq, leaf in enumerate(leaves, start):
            replay.read(seq, leaf)
        if tree.size != start + width:
            break
    tree.finish(size)
    if unread:
        case.find("ENCODING", None, "entry bundles that do not follow one another")


def read_rest(case: Case, bundle: Bundle) -> None:
    """What is for people, or for other tools: only the manifest vouches for it."""
    for name in ("README.txt", "verify.py"):
        if name not in bundle.members:
            case.find("ENCODING", None, f"{name} is missing")
        elif bundle.read(name) != Path(__file__).read_bytes() and name == "verify.py":
            case.skip("the verifier inside the bundle, which is not this one")
    for name in bundle.members:
        if name.startswith("timestamps/"):
            bundle.read(name)
            case.skip("RFC 3161 time stamps; openssl ts -verify checks them")


def verify(options: argparse.Namespace, file: BoundedFile) -> tuple[Case, Facts]:
    """Every step, in order. Raises UnreadableError."""
    auditor = Auditor().read(options.policy)
    if options.tagkeys:
        auditor.read_tag_keys(options.tagkeys)
    case = Case(auditor, Times())
    bundle = Bundle(file, case)
    notes = Notes(case, bundle)
    notes.read_manifest()
    notes.read_checkpoints()
    case.times = Times(notes.cosigned, auditor.quorum_since)
    platform = Platform(case, options.cdr) if options.cdr else None
    replay, size = Replay(case, platform, options.leaf), notes.newest[0]
    read_ledger(case, bundle, Tree(case, bundle, notes), replay, size)
    read_rest(case, bundle)
    facts = replay.finish(options.now or case.times.newest, size)
    if options.leaf >= 0:
        facts["leaf"] = {"seq": options.leaf, "body": told(replay.shown)}
    if options.store:
        check_store(case, options.store, replay.living())
    for what in limits(options, auditor, facts):
        case.skip(what)
    return case, facts


# --- 14. The report

MODES = {
    "operator": "the operator chose the seeds and could know every draw in advance",
    "witness": "the operator chose no draw, unless the nonce's holder helped",
    "drand": "nobody chose the draws; the operator knew them once the beacon was out",
}


def limits(
    options: argparse.Namespace, auditor: Auditor, facts: Facts
) -> Iterator[str]:
    """What these inputs cannot show, however clean they are."""
    hidden = facts["size"] - facts["entries"]
    if hidden:
        yield f"{hidden} leaves of epochs that are not closed: only their hashes"
    if not auditor.quorum:
        yield (
            "times and rewriting: without a quorum of witnesses all times are the "
            "operator's own claim, and only a root kept elsewhere shows a rewriting"
        )
    if auditor.quorum_since:
        yield f"when the first {auditor.quorum_since} leaves were written"
    if not options.now:
        yield "whether the bundle is recent: give --now, the time you asked for it"
    if facts["mode"] == "witness-seeded":
        yield "whether the nonces came from somebody independent of the operator"
    if not options.cdr:
        yield (
            "the platform's list of calls (--cdr): calls left out, invented, bound "
            "late, or recorded without a draw"
        )
    if not options.store:
        yield "the store's list of objects (--store): objects that no leaf speaks of"
    yield (
        "what no ledger can show: that nothing else recorded, that no copy of a key or "
        "a recording is left, that the platform's and the store's lists are complete"
    )


def told(body: bytes | None) -> str | None:
    """A leaf as it stands, but that nothing in it can draw on a terminal."""
    return None if body is None else printable(body.decode("ascii", "backslashreplace"))


def findings_as_text(case: Case, source: str) -> Iterator[str]:
    total = case.counts.total()
    yield f"RESULT: {total} findings" if total else "RESULT: nothing found"
    for code, number in case.counts.items():
        yield f"{code}: {number}" + (f", first {LISTED}:" if number > LISTED else ":")
        for _, seq, detail in (one for one in case.findings if one[0] == code):
            yield f"    {source if seq is None else f'leaf {seq}'}: {detail}"


APPROVED = {
    None: "approved by: not said",
    0: "from the settings",
    1: "approved by the operator",
    2: "approved by operator and DPO",
}


def policies_as_text(policies: list[Facts]) -> Iterator[str]:
    """The newest versions, oldest first."""
    for one in policies[-LISTED:]:
        strata = [f", {name} {ppm / 10**4:g} %" for name, ppm in one["strata"].items()]
        said = f"Policy {one['version']}: leaf {one['seq']}, from epoch {one['from']}: "
        yield f"{said}{one['ppm'] / 10**4:g} %{''.join(strata)}"
        yield f"    {APPROVED[one['approvals']]}; document {one['doc'] or 'not named'}"


def as_text(case: Case, facts: Facts) -> Iterator[str]:
    yield f"{facts['origin']}: {facts['size']} leaves, {facts['entries']} disclosed"
    yield f"Mode: {facts['mode']}: {MODES[facts['mode'].partition('-')[0]]}"
    yield from findings_as_text(case, "bundle")
    if "leaf" in facts:
        body = facts["leaf"]["body"] or "not among the leaves disclosed"
        yield f"Leaf {facts['leaf']['seq']}: {body}"
    for name in ("epochs", "draws", "outcomes", "excluded", "stops", "told"):
        yield f"Counted: {name}: {facts[name]}"
    yield from policies_as_text(facts["policies"])
    for one in (one for one in facts["chance"] if one["calls"]):
        yield "Recorded: {stratum}: {recorded} of {calls}".format(**one)
        yield "    by chance {low} to {high}; more or less in one of 10^6".format(**one)
    yield "NOT CHECKED:"
    for what, number in case.not_checked.items():
        yield f"  - {what}" + (f": {number}" if number > 1 else "")


def as_json(case: Case, facts: Facts) -> str:
    names = ("code", "seq", "detail")
    findings = [dict(zip(names, one, strict=True)) for one in case.findings]
    unchecked = [
        what + (f": {n}" if n > 1 else "") for what, n in case.not_checked.items()
    ]
    said = {"findings": findings, "counts": dict(case.counts), **facts}
    return json.dumps({**said, "not_checked": unchecked})


# --- 15. Receipt

LARGEST_RECEIPT = 2 * LARGEST_NOTE
RECEIPT_TITLE = "c2sp.org/tlog-proof@v1"
RESULTS = {b"1": "to be recorded (RECORD)", b"0": "not recorded (SKIP)"}
WHY_NONE = "; nothing could have been recorded: the reason is {}"
SAID = """\
Drawn: {result}
Probability: {chance:.4%} (T = {threshold}, of 2^64){why}
Stratum: {stratum}
Hour: epoch {epoch}; if an epoch is an hour, {start:%Y-%m-%d %H:%M} to {end:%H:%M} UTC
Leaf {index}: {leaf}"""
NOT_SHOWN = (
    "that it is your call's: a holder of that week's tag key can tell, by its tag {}",
    "whether the draw was right: a bundle with this leaf at this place shows that",
    "what became of a recording, or that nothing else recorded",
)


class Receipt(NamedTuple):
    """A C2SP tlog-proof: a leaf, its place, the hashes beside its way to the root."""

    leaf: bytes
    place: int  # from 0
    proof: list[bytes]
    note: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "Receipt":
        """ValueError unless it is one, in its one spelling, that carries its leaf."""
        if len(raw) > LARGEST_RECEIPT:
            raise MalformedError(f"larger than {LARGEST_RECEIPT} bytes")
        head, separator, note = raw.partition(b"\n\n")
        title, extra, line, *hashes = [*head.decode("ascii").split("\n"), "", ""]
        proof = [unbase64(one) for one in hashes[:-2]]
        if title != RECEIPT_TITLE or not separator:
            raise MalformedError("not a receipt (C2SP tlog-proof)")
        if not extra.startswith("extra ") or not line.startswith("index "):
            raise MalformedError("the receipt does not carry its leaf and its place")
        if len(proof) > 64 or any(len(one) != HASH for one in proof):  # noqa: PLR2004  # a tree is no higher
            raise MalformedError("not the hashes of a proof")
        place = natural(line.removeprefix("index "))
        if line != f"index {place}":
            raise MalformedError("the leaf's place is in another spelling")
        return cls(unbase64(extra.removeprefix("extra ")), place, proof, note)

    def root(self, size: int) -> bytes:
        """Where its proof leads (RFC 9162, section 2.1.3.2); empty: nowhere."""
        place, last = self.place, size - 1
        found = hashed(b"\0", self.leaf)
        for one in self.proof:
            if last <= 0:
                return b""
            if place & 1 or place == last:
                found = hashed(b"\1", one, found)
                while place and not place & 1:
                    place, last = place >> 1, last >> 1
            else:
                found = hashed(b"\1", found, one)
            place, last = place >> 1, last >> 1
        return found if last == 0 else b""


def check_receipt(options: argparse.Namespace) -> tuple[Case, Facts]:
    """15. Raises UnreadableError for a file that is no receipt."""
    auditor, path = Auditor().read(options.policy), options.receipt
    case = Case(auditor, Times())
    heads = Heads(case)
    with BoundedFile(path) as file:
        raw = file.start(LARGEST_RECEIPT + 1)
    try:
        receipt = Receipt.parse(raw)
        head = heads.take("its checkpoint", receipt.note, is_newest=True)
    except ValueError as error:
        raise UnreadableError(f"{path}: {error}") from None
    heads.require_quorum("its checkpoint")
    if not receipt.place < head[0] or receipt.root(head[0]) != head[1]:
        case.find("ROOT", None, "its proof does not lead from the leaf to that root")
    if any(seen[0] == head[0] and seen[1] != head[1] for seen in auditor.seen):
        case.find("SPLITVIEW", None, f"you saw another root of size {head[0]}")
    return case, receipt_facts(case, receipt, heads)


def receipt_facts(case: Case, receipt: Receipt, heads: Heads) -> Facts:
    """What it says, in words only where the leaf is a draw in its one spelling."""
    draw = DRAW(receipt.leaf)
    if not draw:
        case.find("ENCODING", receipt.place, "not a call's draw in its one spelling")
    tag = draw[3].decode() if draw else "(none)"
    for what in NOT_SHOWN:
        case.skip(what.format(tag))
    if not case.auditor.quorum:
        case.skip("when it was written: no quorum of witnesses is in your file")
    return {
        "origin": case.auditor.origin,
        "size": heads.newest[0],
        "index": receipt.place,
        "leaf": told(receipt.leaf),
        "witnesses": len(heads.witnessed),
        "quorum": case.auditor.quorum,
        "cosigned": max((time for _, time in heads.cosigned), default=None),
        "said": said_of_draw(receipt, draw.groups()) if draw else None,
    }


def minute(second: int) -> datetime:
    """Whatever is claimed, a date that can be printed."""
    return in_time(min(second, day_start("9999-12-31")))


def said_of_draw(receipt: Receipt, fields: DrawFields) -> str:
    threshold, epoch, reason = int(fields[0], 16), int(fields[5]), fields[8]
    start = epoch * 3600
    return SAID.format(
        result=RESULTS[fields[4]],
        chance=threshold / 2**64,
        threshold=threshold,
        why=WHY_NONE.format(reason.decode()) if reason and not threshold else "",
        stratum=fields[7].decode(),
        epoch=epoch,
        start=minute(start),
        end=minute(start + 3600),
        index=receipt.place,
        leaf=told(receipt.leaf),
    )


def receipt_as_text(case: Case, facts: Facts) -> Iterator[str]:
    yield f"{facts['origin']}: leaf {facts['index']} of {facts['size']}"
    yield from findings_as_text(case, "receipt")
    if facts["said"]:
        yield "It says, unproven:" if case.counts else "It proves that the ledger says:"
        yield facts["said"]
    signed, time = "{witnesses} of your witnesses, {quorum} needed", facts["cosigned"]
    by = f"; by {minute(time):%Y-%m-%d %H:%M} UTC" if time else ""
    yield f"Cosigned: {signed.format(**facts)}{by}"
    yield "NOT SHOWN:"
    yield from (f"  - {what}" for what in case.not_checked)


def instant(text: str) -> int:
    """POSIX seconds of an ISO 8601 time; ValueError without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise MalformedError("a time needs an offset, such as Z")
    return (moment - in_time(0)) // timedelta(seconds=1)


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line, as for every other unreadable input."""

    def error(self, message: str) -> NoReturn:  # type: ignore[explicit-override]  # typing.override is newer than 3.11
        raise UnreadableError(message)


EXAMPLES = """\
examples:
  python3 verify.py nord.zip --policy auditor.txt --now 2026-12-01T09:00:00+01:00
  python3 verify.py --receipt call.tlog-proof --policy auditor.txt

Exit status: 0 nothing found, 1 findings, 2 a file that cannot be read.
"""


def parser() -> argparse.ArgumentParser:
    found = OneLineParser(
        description="Check a Ponctuel evidence bundle, or one receipt, offline.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = partial(found.add_argument, type=Path, metavar="FILE")
    add("bundle", metavar="BUNDLE", nargs="?", help="what the operator gave you")
    add("--policy", required=True, help="your own file: whose keys count")
    add("--receipt", help="check this receipt of one call, instead of a bundle")
    found.add_argument("--json", action="store_true", help="print one JSON object")
    now = "when you asked for the bundle, with an offset: an old one is found out then"
    add("--now", type=instant, default=0, metavar="ISO-TIME", help=now)
    add("--leaf", type=natural, default=-1, metavar="N", help="also print this leaf")
    add("--cdr", help="the platform's calls")
    add("--store", help="the store's objects")
    add("--tagkeys", help="{week: hex key}")
    return found


def options_of(given: Sequence[str]) -> argparse.Namespace:
    """Either a bundle or a receipt; what only a bundle can answer goes with one."""
    options = parser().parse_args(given)
    if (options.bundle is None) == (options.receipt is None):
        raise UnreadableError("give a BUNDLE, or --receipt FILE; see --help")
    lists = (options.cdr, options.store, options.tagkeys)
    if options.receipt and (any(lists) or options.now or options.leaf >= 0):
        raise UnreadableError("with --receipt go --policy and --json only")
    return options


def report(options: argparse.Namespace) -> tuple[Case, str]:
    """Check what is given; the text is what to print."""
    if options.receipt:
        case, facts = check_receipt(options)
        lines = receipt_as_text
    else:
        with BoundedFile(options.bundle) as file:
            case, facts = verify(options, file)
        lines = as_text
    text = as_json(case, facts) if options.json else "\n".join(lines(case, facts))
    return case, text


def in_words(error: Exception) -> str:
    if isinstance(error, (UnreadableError, OSError)):
        return str(error)
    if isinstance(error, BROKEN_ZIP):
        return f"the bundle is not a ZIP that can be read: {error}"
    return f"unforeseen: {type(error).__name__}: {error}"


def main(arguments: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    is_json = "--json" in given
    try:
        case, text = report(options_of(given))
        print(text, flush=True)
    except BrokenPipeError:  # as with `| head`: nobody reads the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  # no input may ever cause a trace
        line = printable(in_words(error))
        if is_json:
            print(json.dumps({"unreadable": line}))
        else:
            print(f"unreadable: {line}", file=sys.stderr)
        return 2
    return 1 if case.counts else 0


if __name__ == "__main__":
    sys.exit(main())
