"""Random secrets that let somebody in: sessions, invitations, sign-ins under way.

Each begins with its site, so that whoever is shown one knows whose rows to look in. Of
a secret of 32 random bytes only the SHA-256 is kept: nobody can try them all, so a slow
hash would protect nothing (NIST SP 800-63B, 5.1.2.2, on look-up secrets).
"""

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256

_BYTES = 32
_WRITTEN = re.compile(r"([a-z0-9][a-z0-9_-]{0,31})\.[A-Za-z0-9_-]{43}")
_CSRF = b"ponctuel/csrf/v1"


def new_secret(site: str) -> str:
    """`<site>.<43 characters>`, for one person to see, once."""
    return f"{site}.{secrets.token_urlsafe(_BYTES)}"


def site_of(secret: str) -> str | None:
    """The site it says it is of; None if it is no such secret."""
    written = _WRITTEN.fullmatch(secret)
    return written[1] if written else None


def digest(secret: str) -> bytes:
    """What is kept of it (FIPS 180-4). Of whatever was shown instead, too."""
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def csrf_of(secret: str) -> str:
    """What a page must send back with a session's cookie.

    It follows from the secret, so that nothing more is kept, and tells nothing of it
    (HMAC, RFC 2104).
    """
    made = hmac.digest(secret.encode(), _CSRF, "sha256")
    return urlsafe_b64encode(made).rstrip(b"=").decode()
