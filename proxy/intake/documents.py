"""A policy's document in its canonical form: what is stored, digested and approved.

Rates are decimal fractions as text, sets are sorted, a preset is written out, what has
no value is left out. An empty document is that of no policy at all.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

from proxy.intake.binds import StalePolicyError
from proxy.policy_document import PolicyPart
from sampling.policy import NO_POLICY, SamplingPolicy

Document = Mapping[str, Any]

_RATES = frozenset({"rate", "ceiling", "lowest", "highest"})
_DIGITS = 6  # parts per million


class UnreadablePolicyError(StalePolicyError):
    """A policy that was decided on has no document that can be believed."""

    error_id = "unreadable-policy"


def written(part: PolicyPart | None) -> Document:
    """The document of a policy; the empty one where there is none."""
    if part is None:
        return {}
    whole = part.model_copy(update={"preset": None, "ends_on": part.last_day})
    document: Document = _canonical(whole.model_dump(exclude_none=True))
    return document


def _canonical(value: object, name: str = "") -> Any:  # noqa: ANN401  # as JSON is
    if isinstance(value, dict):
        return {key: _canonical(each, key) for key, each in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if name in _RATES and isinstance(value, int):
        return _fraction(value)
    return value if isinstance(value, int) else str(value)


def _fraction(ppm: int) -> str:
    return f"{ppm // 10**_DIGITS}.{ppm % 10**_DIGITS:0{_DIGITS}}"


def as_bytes(document: Document) -> bytes:
    """The one spelling of a document that its digest is taken of."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def digest_of(document: Document, salt: bytes = b"") -> bytes:
    """SHA-256 (FIPS 180-4) of the salt and the document."""
    return sha256(salt + as_bytes(document)).digest()


def policy_of(document: Document, version: int, field: str = "") -> SamplingPolicy:
    """The policy a stored document describes. Raises UnreadablePolicyError."""
    if not document:
        return replace(NO_POLICY, version=version)
    try:
        part = PolicyPart.model_validate(document)
    except ValueError:
        raise UnreadablePolicyError(
            "its document cannot be read",
            field=field,
            fix="run the release that wrote it, or a newer one",
        ) from None
    return part.to_policy(version)


def policy_as_digested(
    number: int, document: Document, salt: bytes, digest: bytes
) -> SamplingPolicy:
    """The policy, if its document is the one that people have read and decided on.

    Raises UnreadablePolicyError.
    """
    field = f"policies.{number}"
    if digest_of(document, salt) != digest:
        raise UnreadablePolicyError(
            "it has another document than was decided on",
            field=field,
            fix="somebody changed the database: restore table policy_versions",
        )
    return policy_of(document, 0, field)
