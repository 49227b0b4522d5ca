"""One line of what `ponctuel doctor` says."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; a warning does not fail the command."""

    name: str
    verdict: str
    detail: str
