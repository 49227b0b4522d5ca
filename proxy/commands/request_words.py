"""What somebody tells a command about a person: asked for, or read from standard input.

Never an argument: every process on the machine may read those, and shells keep them.
"""

import sys
from collections.abc import Mapping
from typing import TypeVar

from pydantic import ValidationError

from proxy.api.faults import faults_of
from proxy.api.route import Model
from proxy.errors import BadEventError, SettingsError
from proxy.platforms.strict_json import read_object

LARGEST = 64 * 1024  # bytes
_INPUT = "standard input"

Words = TypeVar("Words", bound=Model)


def read_words(
    asked: type[Words], prompts: Mapping[str, str], **given: object
) -> Words:
    """One JSON object; typed in, an answer to each prompt, where an empty one is none.

    `given` came as arguments. Raises SettingsError, which repeats nothing of it.
    """
    told = _prompted(prompts) if sys.stdin.isatty() else _object()
    try:
        return asked.model_validate(told | given)
    except ValidationError as error:
        (fault, *_) = faults_of(error)
        raise SettingsError(
            fault.detail, field=f"{_INPUT}: {fault.field}", fix=fault.fix
        ) from None


def read_text(name: str) -> str:
    """One text: a line typed in, or all of standard input."""
    if sys.stdin.isatty():
        return input(f"{name}: ").strip()
    return _read().decode("utf-8", "replace").strip()


def _prompted(prompts: Mapping[str, str]) -> dict[str, object]:
    told = {name: input(f"{prompt}: ").strip() for name, prompt in prompts.items()}
    return {name: text for name, text in told.items() if text}


def _object() -> dict[str, object]:
    raw = _read()
    try:
        return read_object(raw) if raw.strip() else {}
    except BadEventError as error:
        raise SettingsError(
            error.detail, field=_INPUT, fix='one JSON object, as {"number": "…"}'
        ) from None


def _read() -> bytes:
    raw = sys.stdin.buffer.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise SettingsError(
            "it is too much", field=_INPUT, fix=f"at most {LARGEST} bytes"
        )
    return raw
