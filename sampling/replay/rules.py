"""2. What a POLICY leaf says, or why it says nothing."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from sampling.budget import Budget
from sampling.mixing import QUICKNET_CHAIN, Mode
from sampling.policy import NO_POLICY, Coverage, Purpose, SamplingPolicy, Stratum
from sampling.replay.fields import Leaf, MalformedError, binary, integer, text
from sampling.strata import MOST_STRATA

_DIGEST_SIZE = 32  # of SHA-256
_STRATUM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)")
_CONDITIONS = {
    *("B", "c", "ends", "kept_days", "max_seconds", "ppm", "purpose", "smooth"),
    "starts",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """A POLICY leaf: the policy, and from which epoch on it holds.

    `approvals` and `doc`, its document's digest, are None where the leaf has none.
    """

    policy: SamplingPolicy
    first_epoch: int
    mode: Mode | None
    epoch_seconds: int
    approvals: int | None = None
    doc: str | None = None


NO_RULES = Rules(NO_POLICY, first_epoch=0, mode=None, epoch_seconds=0)


def rules_of(leaf: Leaf) -> Rules:
    """Raises MalformedError."""
    try:
        policy = _policy_of(leaf)
        mode = Mode(text(leaf, "mode"))
    except ValueError as error:
        raise MalformedError(str(error)) from None
    if leaf.get("chain") != (QUICKNET_CHAIN if mode is Mode.DRAND else None):
        raise MalformedError("mode drand names the chain quicknet, no other mode any")
    return Rules(
        policy,
        first_epoch=integer(leaf, "from"),
        mode=mode,
        epoch_seconds=integer(leaf, "epoch_seconds"),
        approvals=integer(leaf, "approvals") if "approvals" in leaf else None,
        doc=binary(leaf, "doc", _DIGEST_SIZE).hex() if "doc" in leaf else None,
    )


def _policy_of(leaf: Leaf) -> SamplingPolicy:
    return SamplingPolicy(
        **_conditions_of(leaf),
        version=integer(leaf, "version"),
        announcement="",
        opt_out_key="",
        strata=_strata_of(leaf["strata"]) if "strata" in leaf else (),
    )


def _strata_of(strata: object) -> tuple[Stratum, ...]:
    if not isinstance(strata, dict) or not 1 <= len(strata) <= MOST_STRATA:
        raise MalformedError(f"strata are 1 to {MOST_STRATA}, by name")
    return tuple(_stratum_of(name, leaf) for name, leaf in strata.items())


def _stratum_of(name: str, leaf: object) -> Stratum:
    if not _STRATUM_NAME.fullmatch(name):
        raise MalformedError(f"{name} is no name of a stratum")
    if not isinstance(leaf, dict) or leaf.keys() - {"cover"} != _CONDITIONS:
        raise MalformedError("a stratum has all conditions and nothing else")
    return Stratum(name=name, **_conditions_of(leaf))


def _conditions_of(leaf: Leaf) -> dict[str, Any]:
    """Fields of Conditions, by name."""
    return {
        "purpose": Purpose(text(leaf, "purpose")),
        "rate_ppm": integer(leaf, "ppm"),
        "budget": Budget(
            ceiling_ppm=integer(leaf, "c"),
            burst=integer(leaf, "B"),
            smooth=max(1, integer(leaf, "smooth")),
        ),
        "starts_on": date.fromisoformat(text(leaf, "starts")),
        "ends_on": date.fromisoformat(text(leaf, "ends")),
        "max_seconds": integer(leaf, "max_seconds"),
        "kept_days": integer(leaf, "kept_days"),
        "coverage": _coverage_of(leaf["cover"]) if "cover" in leaf else None,
    }


def _coverage_of(cover: object) -> Coverage:
    if not isinstance(cover, dict) or cover.keys() != {"k", "calls", "min", "max"}:
        raise MalformedError("cover has k, calls, min and max")
    if not integer(cover, "min"):
        raise MalformedError("min is not above 0")  # doubling it would lead nowhere
    return Coverage(*(integer(cover, name) for name in ("k", "calls", "min", "max")))
