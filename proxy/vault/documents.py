"""Short documents, sealed whole: AES-256-GCM (NIST SP 800-38D), a nonce in front.

A document opens at the site and under the id it was sealed for, and nowhere else. Its
data key seals a few corrections of it at most, so random nonces do not meet.
"""

import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from proxy.errors import TamperedError

_NONCE_SIZE = 12
_LABEL = b"ponctuel/analysis/v1\0"


def seal_document(content: bytes, data_key: bytes, site: str, document: UUID) -> bytes:
    nonce = secrets.token_bytes(_NONCE_SIZE)
    sealed = AESGCM(data_key).encrypt(nonce, content, _bound_to(site, document))
    return nonce + sealed


def open_document(sealed: bytes, data_key: bytes, site: str, document: UUID) -> bytes:
    """Raises TamperedError for anything that was not sealed so."""
    nonce, rest = sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:]
    try:
        return AESGCM(data_key).decrypt(nonce, rest, _bound_to(site, document))
    except (InvalidTag, ValueError):
        raise TamperedError("an analysis does not open") from None


def _bound_to(site: str, document: UUID) -> bytes:
    return _LABEL + document.bytes + site.encode()
