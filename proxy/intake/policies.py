"""Adopting the policy from the settings: a leaf first, then it is in force.

Every change of the policy's content is a new version with its own POLICY leaf; versions
only go forward. A replica whose policy is not the newest draws nothing. Taking the
policy away is a version too: one with rate 0.

A version holds from the epoch named in its leaf. Until then the one before it goes on,
read back from its own leaf, so a restart in between changes nothing.
"""

import dataclasses
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

from proxy.errors import SettingsError
from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind, Leaf, decode, encode
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from sampling.budget import Budget
from sampling.mixing import QUICKNET_CHAIN, Mode
from sampling.policy import NO_POLICY, Coverage, Purpose, SamplingPolicy
from sampling.schedule import PolicySchedule, ScheduledPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What the settings ask for, and when: `epoch` is the one that is running."""

    policy: SamplingPolicy
    mode: Mode
    epoch: int
    epoch_seconds: int
    has_witnesses: bool = False

    @property
    def content(self) -> Leaf:
        """What an auditor needs to recompute every draw under this policy."""
        policy = self.policy
        leaf: dict[str, str | int] = {
            "mode": self.mode.value,
            "epoch_seconds": self.epoch_seconds,
            "purpose": policy.purpose.value,
            "ppm": policy.rate_ppm,
            "c": policy.budget.ceiling_ppm,
            "B": policy.budget.burst,
            "smooth": policy.budget.smooth,
            "starts": policy.starts_on.isoformat(),
            "ends": policy.ends_on.isoformat(),
            "max_seconds": policy.max_seconds,
            "kept_days": policy.kept_days,
        }
        if self.mode is Mode.DRAND:
            leaf["chain"] = QUICKNET_CHAIN
        if policy.coverage is None:
            return leaf
        return leaf | {"cover": _cover(policy.coverage)}


async def adopt_policy(ledger: Ledger, wanted: Adoption) -> PolicySchedule:
    """Put the wanted policy in force, as soon as it may be; return what holds when."""
    schedule = PolicySchedule.empty(wanted.mode)
    try:
        async with ledger.transaction() as change:
            schedule = await _adopted_so_far(change, wanted)
            if not await _is_newest(change, wanted):
                schedule = schedule.then(await _adopt(change, wanted, schedule))
    except NothingToRecordError:
        pass
    return schedule


async def _adopted_so_far(
    change: LedgerTransaction, wanted: Adoption
) -> PolicySchedule:
    schedule = PolicySchedule.empty(wanted.mode)
    rows = await change.connection.fetch(QUERIES["find_policy_leaves"], change.site)
    for row in rows:
        leaf = decode(row["body"])
        _check_epoch_length(leaf, wanted.epoch_seconds)
        schedule = schedule.then(_scheduled(leaf, wanted.policy))
    return schedule


async def _is_newest(change: LedgerTransaction, wanted: Adoption) -> bool:
    if wanted.policy == NO_POLICY and change.policy_version == NO_POLICY.version:
        return True
    found: bytes | None = await change.connection.fetchval(
        QUERIES["find_policy_digest"], change.site, change.policy_version
    )
    return found == _digest(wanted)


def _digest(wanted: Adoption) -> bytes:
    return sha256(encode(Kind.POLICY, wanted.content)).digest()


async def _adopt(
    change: LedgerTransaction, wanted: Adoption, schedule: PolicySchedule
) -> ScheduledPolicy:
    first = await _first_epoch(change, wanted, schedule)
    version = change.policy_version + 1
    leaf = {**wanted.content, "from": first, "version": version}
    await change.connection.execute(
        QUERIES["insert_policy"],
        change.site,
        version,
        _digest(wanted),
        change.append(Kind.POLICY, leaf),
    )
    change.policy_version = version
    policy = dataclasses.replace(wanted.policy, version=version)
    return ScheduledPolicy(first, policy, wanted.mode)


async def _first_epoch(
    change: LedgerTransaction, wanted: Adoption, schedule: PolicySchedule
) -> int:
    """The first epoch it may hold in.

    None that is over, was drawn in, or is committed in another mode; with witnesses
    none that runs already, unless nothing held before.
    """
    waits = wanted.has_witnesses and change.policy_version != NO_POLICY.version
    other_mode: int | None = await change.connection.fetchval(
        QUERIES["find_last_epoch_of_other_modes"], change.site, wanted.mode.value
    )
    return max(
        wanted.epoch + int(waits),
        change.last_epoch + int(waits),
        schedule.entries[-1].from_epoch,
        0 if other_mode is None else other_mode + 1,
    )


def _check_epoch_length(leaf: Leaf, epoch_seconds: int) -> None:
    """Epochs are numbered by their length, so it is chosen once for ever."""
    if leaf["epoch_seconds"] != epoch_seconds:
        raise SettingsError(
            f"{epoch_seconds} is not the length this ledger began with",
            field="draw.epoch_seconds",
            fix=f"set it back to {leaf['epoch_seconds']}",
        )


def _cover(coverage: Coverage) -> Leaf:
    return {
        "k": coverage.at_least,
        "calls": coverage.expected_calls,
        "min": coverage.min_ppm,
        "max": coverage.max_ppm,
    }


def _scheduled(leaf: dict[str, Any], wanted: SamplingPolicy) -> ScheduledPolicy:
    """A policy as its leaf has it; what is said to callers is in the settings only."""
    cover = leaf.get("cover")
    policy = SamplingPolicy(
        version=leaf["version"],
        purpose=Purpose(leaf["purpose"]),
        rate_ppm=leaf["ppm"],
        budget=Budget(leaf["c"], leaf["B"], leaf["smooth"]),
        starts_on=date.fromisoformat(leaf["starts"]),
        ends_on=date.fromisoformat(leaf["ends"]),
        max_seconds=leaf["max_seconds"],
        kept_days=leaf["kept_days"],
        announcement=wanted.announcement,
        opt_out_key=wanted.opt_out_key,
        coverage=cover
        and Coverage(cover["k"], cover["calls"], cover["min"], cover["max"]),
    )
    return ScheduledPolicy(leaf["from"], policy, Mode(leaf["mode"]))
