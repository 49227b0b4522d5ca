"""What a package is encrypted with: all of it follows from one random secret.

So that the same bytes can be made again, by another process, after a crash; and so that
destroying 32 bytes destroys the package with everything that was written for it. The
derivations are HMAC-SHA-256 with labels (RFC 2104; NIST SP 800-108 in counter mode has
no more to it for outputs this short).
"""

import hmac
import secrets
from base64 import b32encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.errors import TamperedError
from proxy.rights.packages.archive import SALT_SIZE, Entry

ROOT_SIZE = 32
_GROUP = 5
_PASSWORD_BYTES = 15  # 120 bits in 24 letters: AE-2 hashes it a thousand times only
_NONCE_SIZE = 12


def new_root() -> bytes:
    """Of a package; another one for each, whatever they have in common."""
    return secrets.token_bytes(ROOT_SIZE)


class PackageKeys:
    """What follows from a package's secret.

    `recipe` names the programs its content is made with. What others would make may
    differ, and must not meet the same keystream.
    """

    def __init__(self, root: bytes, recipe: str) -> None:
        self._root = root
        self._recipe = recipe.encode()

    @property
    def password(self) -> str:
        """To be read from a page and typed: capital letters and digits, in groups."""
        letters = b32encode(self._derived(b"password")[:_PASSWORD_BYTES]).decode()
        groups = range(0, len(letters), _GROUP)
        return "-".join(letters[at : at + _GROUP] for at in groups)

    @property
    def tag(self) -> str:
        """Names these very bytes, and tells nothing of them (RFC 9110, 8.8.3)."""
        return self._derived(b"tag", self._recipe).hex()[:32]

    def name_code(self, code: str) -> bytes:
        """What is kept of a one-time code."""
        return self._derived(b"code", code.encode("utf-8", "replace"))

    def salt(self, index: int, entry: Entry) -> bytes:
        """Of one member: another one for another content."""
        content = f"{index} {entry.size} {entry.crc32} {entry.name}".encode()
        return self._derived(b"salt", self._recipe, content)[:SALT_SIZE]

    def seal(self, name: str, text: bytes) -> bytes:
        """A document, as the database has it (AES-256-GCM, NIST SP 800-38D)."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._cipher().encrypt(nonce, text, name.encode())

    def unseal(self, name: str, sealed: bytes) -> bytes:
        """Raises TamperedError."""
        nonce, rest = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
        try:
            return self._cipher().decrypt(nonce, rest, name.encode())
        except InvalidTag:
            raise TamperedError(f"{name} of a package does not open") from None

    def _cipher(self) -> AESGCM:
        return AESGCM(self._derived(b"documents"))

    def _derived(self, label: bytes, *parts: bytes) -> bytes:
        framed = (len(part).to_bytes(4, "big") + part for part in (label, *parts))
        return hmac.digest(self._root, b"".join(framed), "sha256")
