"""Keys, notes, trees, tiles and ZIPs as their specifications have them.

For the tests' own emitter: nothing here is shared with the service or the verifier.
"""

import base64
import hashlib
import io
import zipfile
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def digest(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def u64(number: int) -> bytes:
    return number.to_bytes(8, "big")


# --- Keys and notes (C2SP signed-note, tlog-cosignature)


class Signer:
    """A log (type 1) or a witness (type 4), its key made from its name."""

    def __init__(self, name: str, kind: int, secret: str = "") -> None:
        self.name, self.kind = name, kind
        seed = digest((secret or name).encode())
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self._typed = bytes([kind]) + self.public
        self.key_id = digest(name.encode(), b"\n", self._typed)[:4]

    @property
    def vkey(self) -> str:
        raw = base64.b64encode(self._typed).decode()
        return f"{self.name}+{self.key_id.hex()}+{raw}"

    def line(self, text: str, time: int | None = None) -> str:
        if time is None:
            payload = self._key.sign(text.encode())
        else:
            signed = f"cosignature/v1\ntime {time}\n{text}".encode()
            payload = u64(time) + self._key.sign(signed)
        raw = base64.b64encode(self.key_id + payload).decode()
        return f"\u2014 {self.name} {raw}\n"


def note(text: str, lines: Iterable[str]) -> bytes:
    return f"{text}\n{''.join(lines)}".encode()


# --- Trees and tiles (RFC 6962, C2SP tlog-tiles)


def root_of(hashes: list[bytes]) -> bytes:
    """The recursive definition, word for word."""
    if not hashes:
        return digest()
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << (len(hashes) - 1).bit_length() - 1
    return digest(b"\1", root_of(hashes[:half]), root_of(hashes[half:]))


def path_of(level: int | str, index: int, width: int) -> str:
    text = f"{index:03}"
    while len(text) % 3:
        text = f"0{text}"
    groups = [text[at : at + 3] for at in range(0, len(text), 3)]
    groups[:-1] = [f"x{group}" for group in groups[:-1]]
    return f"tile/{level}/{'/'.join(groups)}" + (f".p/{width}" if width < 256 else "")


def tiles(hashes: list[bytes]) -> dict[str, bytes]:
    found, level = {}, 0
    while hashes:
        above = []
        for index in range(0, len(hashes), 256):
            tile = hashes[index : index + 256]
            found[path_of(level, index // 256, len(tile))] = b"".join(tile)
            if len(tile) == 256:
                above.append(root_of(tile))
        hashes, level = above, level + 1
    return found


def entry_bundles(leaves: list[bytes]) -> dict[str, bytes]:
    found = {}
    for index in range(0, len(leaves), 256):
        some = leaves[index : index + 256]
        raw = b"".join(len(leaf).to_bytes(2, "big") + leaf for leaf in some)
        found[path_of("entries", index // 256, len(some))] = raw
    return found


def pack(files: dict[str, bytes]) -> bytes:
    """The canonical ZIP."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(files):
            member = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            archive.writestr(member, files[path])
    return buffer.getvalue()


def with_manifest(
    files: dict[str, bytes], log: Signer, *, origin: str = ""
) -> dict[str, bytes]:
    lines = [f"{digest(files[path]).hex()} {path}\n" for path in sorted(files)]
    text = f"ponctuel-bundle/1\n{origin or log.name}\n{''.join(lines)}"
    return files | {"manifest": note(text, [log.line(text)])}
