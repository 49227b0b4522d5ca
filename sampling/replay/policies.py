"""2. Policies: which one holds for a draw, and whether it may."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sampling.budget import Budget
from sampling.mixing import QUICKNET_CHAIN, Mode
from sampling.policy import (
    NO_POLICY,
    Coverage,
    Purpose,
    SamplingPolicy,
    Stratum,
    faults,
)
from sampling.replay.fields import Leaf, MalformedError, integer, text
from sampling.replay.findings import Code, Notes
from sampling.strata import MOST_STRATA

_STRATUM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}_(in|out)")
_CONDITIONS = {
    *("B", "c", "ends", "kept_days", "max_seconds", "ppm", "purpose", "smooth"),
    "starts",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """A POLICY leaf: the policy, and from which epoch on it holds."""

    policy: SamplingPolicy
    first_epoch: int
    mode: Mode | None
    epoch_seconds: int


NO_RULES = Rules(NO_POLICY, first_epoch=0, mode=None, epoch_seconds=0)


class Policies:
    """All policies so far, in the ledger's order."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._all: list[Rules] = []

    def holding_in(self, epoch: int) -> Rules | None:
        """The newest policy that has begun by this epoch."""
        begun = (rules for rules in reversed(self._all) if rules.first_epoch <= epoch)
        return next(begun, None)

    def read(
        self, seq: int, leaf: Leaf, last_drawn: int, modes: Mapping[int, Mode]
    ) -> None:
        """`last_drawn`: the last epoch drawn in; `modes`: of the epochs opened."""
        rules = _rules_of(leaf)
        before = self._all[-1] if self._all else NO_RULES
        version = before.policy.version
        if rules.policy.version != version + 1:
            detail = f"version {rules.policy.version} after {version}"
            self._notes.find(Code.POLICY_ORDER, seq, detail)
        # What was drawn, or committed to in another mode, stays under its own rules.
        others = (epoch + 1 for epoch, mode in modes.items() if mode != rules.mode)
        first = max(last_drawn, before.first_epoch, *others)
        if rules.first_epoch < first:
            detail = f"from epoch {rules.first_epoch}, at the earliest {first}"
            self._notes.find(Code.POLICY_ORDER, seq, detail)
        # At rate 0 nothing is drawn, whatever the rest says.
        if rules.policy.rate_ppm or rules.policy.strata:
            for fault in faults(rules.policy):
                detail = f"{fault.field} {fault.wrong}"
                self._notes.find(Code.POLICY_LIMITS, seq, detail)
        self._all.append(rules)


def _rules_of(leaf: Leaf) -> Rules:
    try:
        policy = _policy_of(leaf)
        mode = Mode(text(leaf, "mode"))
    except ValueError as error:
        raise MalformedError(str(error)) from None
    if leaf.get("chain") != (QUICKNET_CHAIN if mode is Mode.DRAND else None):
        raise MalformedError("mode drand names the chain quicknet, no other mode any")
    return Rules(policy, integer(leaf, "from"), mode, integer(leaf, "epoch_seconds"))


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
