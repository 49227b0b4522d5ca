"""Policies that commands are given: a file, or a few rates. All faults are told."""

import json
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from proxy.api.faults import faults_of
from proxy.app import utc_now
from proxy.errors import SettingsError
from proxy.policy_document import PolicyPart

LARGEST_DOCUMENT = 1_000_000  # bytes


def policy_from_rates(rates: Mapping[str, str], days: int) -> PolicyPart:
    """The usual policy with these figures, from today on for so many days."""
    today = utc_now().date()
    dates = {"starts_on": today, "ends_on": today + timedelta(days)}
    return _checked({**rates, **dates}, prefix="--")


def policy_from_file(path: Path) -> PolicyPart:
    """The policy document in a TOML or JSON file. Raises SettingsError."""
    try:
        document = _parsed(path)
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "it is neither TOML nor JSON"
        raise SettingsError(
            f"{path} cannot be read: {why}", field="--file", fix="name a policy"
        ) from None
    return _checked(document, prefix="")


def _parsed(path: Path) -> Any:  # noqa: ANN401  # as JSON is
    with path.open("rb") as stream:
        raw = stream.read(LARGEST_DOCUMENT + 1)
    if len(raw) > LARGEST_DOCUMENT:
        raise OSError(0, f"it is longer than {LARGEST_DOCUMENT:,} bytes")
    text = raw.decode("utf-8")
    if text.lstrip().startswith("{"):
        return json.loads(text)
    return tomllib.loads(text)


def _checked(document: Any, prefix: str) -> PolicyPart:  # noqa: ANN401  # not checked yet
    try:
        return PolicyPart.model_validate(document)
    except ValidationError as error:
        faults = [
            f"{prefix}{fault.field}: {fault.detail} ({fault.fix})"
            for fault in faults_of(error)
        ]
        raise SettingsError("\n".join(faults)) from None
