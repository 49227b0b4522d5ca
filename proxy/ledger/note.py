"""Signed notes: a text with signature lines under it (C2SP signed-note v1.0.0).

Two kinds of Ed25519 keys (RFC 8032): a log's signs the text as it stands, a witness's
signs `cosignature/v1`, a time and the text (C2SP tlog-cosignature v1). A text means
nothing before `open_note` has given it out. Everything has one spelling here, also
where the specification lets a reader be lenient: what does not re-encode to the same
bytes is refused. Whatever a note can bring about raises `NoteError`; `ValueError` is
left for mistakes of the caller.
"""

import re
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from proxy.errors import NoteError

# The limits of Go's x/mod/sumdb/note; the specification asks for at least 16 lines.
MAX_NOTE_SIZE = 1_000_000
MAX_SIGNATURES = 100

LARGEST_NUMBER = 2**63 - 1  # of a tree size, an index, a time: what everybody can read

_DASH = "\N{EM DASH}"
_KEY_ID_SIZE = 4
_KEY_SIZE = 32
_SIGNATURE_SIZE = 64
_TIME = struct.Struct(">Q")
_LINE = re.compile(f"{_DASH} ([^ ]+) ([^ ]+)")
_DECIMAL = re.compile("0|[1-9][0-9]{0,18}")
# What no part of a note holds: control characters, and what UTF-8 cannot spell.
_FORBIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class KeyKind(IntEnum):
    """What a key signs: the signature types of signed-note that are used here."""

    LOG = 0x01
    WITNESS = 0x04


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line under a note, by a key that may be unknown."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> str:
        payload = encode_base64(self.key_id + self.signature)
        return f"{_DASH} {self.name} {payload}\n"

    @classmethod
    def parse(cls, raw_line: str) -> Self:
        """Read a line given without its newline."""
        found = _LINE.fullmatch(raw_line)
        if not found:
            raise NoteError("this is no signature line")
        name, raw_payload = found.groups()
        _check_name(name)
        payload = decode_base64(raw_payload)
        if len(payload) <= _KEY_ID_SIZE:
            raise NoteError("the signature is cut short")
        return cls(name, payload[:_KEY_ID_SIZE], payload[_KEY_ID_SIZE:])


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Whom a signature line is believed to be from: the vkey of signed-note.

    `public_key` is the 32 bytes of RFC 8032. Whoever is configured with this key
    trusts it; the short `key_id` only finds the line.
    """

    name: str
    kind: KeyKind
    public_key: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public_key) != _KEY_SIZE:
            raise NoteError(f"an Ed25519 key has {_KEY_SIZE} bytes")

    @property
    def key_id(self) -> bytes:
        named = self.name.encode() + b"\n" + self._typed_key
        return sha256(named).digest()[:_KEY_ID_SIZE]

    def encode(self) -> str:
        """Spell `name+key id+type and key`, as verifiers keep it in their files."""
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(self._typed_key)}"

    @classmethod
    def parse(cls, raw_vkey: str) -> Self:
        name, _, rest = raw_vkey.partition("+")
        typed_key = decode_base64(rest.partition("+")[2])
        try:
            kind = KeyKind(int.from_bytes(typed_key[:1]))
        except ValueError:
            raise NoteError("no key of a kind that is known here") from None
        key = cls(name, kind, typed_key[1:])
        if key.encode() != raw_vkey:
            raise NoteError(f"the verifier key of {name} does not fit its key id")
        return key

    def verify(self, text: str, signature: bytes) -> int | None:
        """Raise NoteError unless this key signed `text`.

        Returns the time a witness vouches for, in POSIX seconds.
        """
        time, signature = self._time_apart(signature)
        public_key = Ed25519PublicKey.from_public_bytes(self.public_key)
        try:
            public_key.verify(signature, _message(text, time))
        except InvalidSignature:
            raise NoteError(f"the signature of {self.name} does not hold") from None
        return time

    @property
    def _typed_key(self) -> bytes:
        return bytes([self.kind]) + self.public_key

    def _time_apart(self, signature: bytes) -> tuple[int | None, bytes]:
        time_size = _TIME.size if self.kind is KeyKind.WITNESS else 0
        if len(signature) != time_size + _SIGNATURE_SIZE:
            raise NoteError(f"the signature of {self.name} has a wrong length")
        if not time_size:
            return None, signature
        (time,) = _TIME.unpack_from(signature)
        if time > LARGEST_NUMBER:
            raise NoteError(f"the time of {self.name} is out of range")
        return time, signature[time_size:]


class _KeyHolder:
    """An Ed25519 private key, given as the 32 bytes of RFC 8032."""

    _kind: ClassVar[KeyKind]

    def __init__(self, name: str, private_key: bytes) -> None:
        self._private_key = Ed25519PrivateKey.from_private_bytes(private_key)
        public_key = self._private_key.public_key().public_bytes_raw()
        self.key = VerifierKey(name, self._kind, public_key)

    def _signature(self, text: str, time: int | None) -> bytes:
        return self._private_key.sign(_message(text, time))


class Signer(_KeyHolder):
    """Signs a log's notes, as they stand."""

    _kind = KeyKind.LOG

    def sign(self, text: str) -> SignatureLine:
        signature = self._signature(text, None)
        return SignatureLine(self.key.name, self.key.key_id, signature)


class Cosigner(_KeyHolder):
    """Cosigns a log's checkpoints; its key is never one of a log."""

    _kind = KeyKind.WITNESS

    def cosign(self, text: str, time: int) -> SignatureLine:
        """Vouch that at `time`, in POSIX seconds, nothing larger was seen."""
        if not 0 <= time <= LARGEST_NUMBER:
            raise ValueError(f"{time} is not a time a cosignature can hold")
        signature = _TIME.pack(time) + self._signature(text, time)
        return SignatureLine(self.key.name, self.key.key_id, signature)


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the lines under it, well-formed but not verified."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def __post_init__(self) -> None:
        check_characters(self.text)
        if not self.text.endswith("\n"):
            raise NoteError("a note's text ends in a newline")
        if not 1 <= len(self.signatures) <= MAX_SIGNATURES:
            raise NoteError(f"a note has 1 to {MAX_SIGNATURES} signatures")

    def encode(self) -> bytes:
        """Spell the note; two lines of one key are refused (C2SP issue 257)."""
        keys = {(line.name, line.key_id) for line in self.signatures}
        if len(keys) != len(self.signatures):
            raise NoteError("a key signed twice")
        lines = "".join(line.encode() for line in self.signatures)
        return f"{self.text}\n{lines}".encode()

    @classmethod
    def parse(cls, raw_note: bytes) -> Self:
        if len(raw_note) > MAX_NOTE_SIZE:
            raise NoteError(f"a note has at most {MAX_NOTE_SIZE} bytes")
        try:
            decoded = raw_note.decode("utf-8")
        except UnicodeDecodeError:
            raise NoteError("the note is not UTF-8") from None
        # The last empty line separates: the text may have empty lines of its own.
        text, separator, lines = decoded.rpartition("\n\n")
        if not separator or not lines.endswith("\n"):
            raise NoteError("the note does not end in signature lines")
        # Not splitlines(): Unicode has more line ends than a note has.
        raw_lines = lines[:-1].split("\n")
        return cls(text + "\n", tuple(map(SignatureLine.parse, raw_lines)))


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature line that holds.

    `time` is what a witness vouches for, in POSIX seconds; None for a log's signature.
    """

    key: VerifierKey
    line: SignatureLine
    time: int | None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A text that at least one known key signed, and every known key that did."""

    text: str
    verified: tuple[Verified, ...]


def open_note(raw_note: bytes, keys: Iterable[VerifierKey]) -> OpenedNote:
    """Verify a note and give out its text.

    Lines of unknown keys are ignored, as the specification demands. One line of a known
    key that does not hold, or two of the same, condemn the note; so does having none.
    """
    note = Note.parse(raw_note)
    known = _by_name_and_id(keys)
    verified: dict[VerifierKey, Verified] = {}
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if key in verified:
            raise NoteError(f"{key.name} signed twice")
        time = key.verify(note.text, line.signature)
        verified[key] = Verified(key, line, time)
    if not verified:
        raise NoteError("no known key signed the note")
    return OpenedNote(note.text, tuple(verified.values()))


def encode_base64(data: bytes) -> str:
    """Spell bytes in the base64 of RFC 4648, section 4, with padding."""
    return b64encode(data).decode("ascii")


def decode_base64(raw: str) -> bytes:
    """Read base64 in its one spelling: RFC 4648 lets stray pad bits be refused."""
    try:
        data = b64decode(raw, validate=True)
    except ValueError:
        raise NoteError("this is not base64") from None
    if encode_base64(data) != raw:
        raise NoteError("this base64 has another spelling")
    return data


def decode_decimal(raw: str) -> int:
    """Read an ASCII decimal without leading zeros, up to `LARGEST_NUMBER`."""
    if not _DECIMAL.fullmatch(raw) or int(raw) > LARGEST_NUMBER:
        raise NoteError("this is not a number as notes spell it")
    return int(raw)


def _message(text: str, time: int | None) -> bytes:
    """Spell what is signed: the text, under a header if there is a time."""
    if time is None:
        return text.encode()
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _by_name_and_id(
    keys: Iterable[VerifierKey],
) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise ValueError(f"two keys of {key.name} have the same key id")
    return known


def _check_name(name: str) -> None:
    if not name or "+" in name or any(map(str.isspace, name)):
        raise NoteError("a key name has neither spaces nor a plus, and is not empty")
    check_characters(name)


def check_characters(text: str) -> None:
    """Raise NoteError for a character that a note may not hold."""
    if _FORBIDDEN.search(text):
        raise NoteError("a note has no control characters")
