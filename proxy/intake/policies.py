"""Adopting a policy: a leaf first, then it is in force; and reading back what is.

Every change is a new version with its own POLICY leaf; versions only go forward. Taking
the policy away is a version too: one with rate 0. A version holds from the epoch named
in its leaf. Until then the one before it goes on.

Leaves are what auditors see; a policy's document, which its leaf names by digest, also
has what is said to callers and whom a stratum is for. A replica draws only under a
document that agrees with its leaf.
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Any

import asyncpg

from proxy.database.pool import Connection
from proxy.errors import SettingsError
from proxy.intake.documents import (
    UnreadablePolicyError,
    digest_of,
    policy_as_digested,
    policy_of,
)
from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind, Leaf, Value, decode, encode
from proxy.ledger.transaction import LedgerTransaction
from sampling.budget import Budget
from sampling.mixing import QUICKNET_CHAIN, Mode
from sampling.policy import (
    NO_POLICY,
    Conditions,
    Coverage,
    Purpose,
    SamplingPolicy,
)
from sampling.schedule import PolicySchedule, ScheduledPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What shall hold, and when: `epoch` is the one that is running.

    `number` and `digest` are its document's. `approvals`: 0 for what the settings say,
    1 for an operator alone, 2 for operator and DPO. `not_before` is an epoch.
    """

    policy: SamplingPolicy
    mode: Mode
    epoch: int
    epoch_seconds: int
    has_witnesses: bool = False
    number: int
    digest: bytes
    approvals: int = 0
    not_before: int = 0

    @property
    def leaf(self) -> Leaf:
        """What an auditor needs to recompute every draw under this policy."""
        content = content_of(self.policy, self.mode, self.epoch_seconds)
        return {**content, "doc": self.digest.hex(), "approvals": self.approvals}


def content_of(policy: SamplingPolicy, mode: Mode, epoch_seconds: int) -> Leaf:
    """What a POLICY leaf says of the policy itself.

    Which calls a stratum wants is not in it, nor who is excluded: numbers and codes
    have no place in a ledger.
    """
    leaf: dict[str, Value] = {"mode": mode.value, "epoch_seconds": epoch_seconds}
    leaf |= _conditions(policy)
    if mode is Mode.DRAND:
        leaf["chain"] = QUICKNET_CHAIN
    if policy.strata:
        leaf["strata"] = {own.name: _conditions(own) for own in policy.strata}
    return leaf


def _conditions(own: Conditions) -> Leaf:
    leaf: dict[str, Value] = {
        "purpose": own.purpose.value,
        "ppm": own.rate_ppm,
        "c": own.budget.ceiling_ppm,
        "B": own.budget.burst,
        "smooth": own.budget.smooth,
        "starts": own.starts_on.isoformat(),
        "ends": own.ends_on.isoformat(),
        "max_seconds": own.max_seconds,
        "kept_days": own.kept_days,
    }
    if own.coverage:
        leaf["cover"] = _cover(own.coverage)
    return leaf


async def adopt(
    change: LedgerTransaction, wanted: Adoption, schedule: PolicySchedule
) -> ScheduledPolicy:
    """Put a policy in force as soon as it may be; `schedule` is what holds so far."""
    first = await _first_epoch(change, wanted, schedule)
    version = change.policy_version + 1
    leaf = {**wanted.leaf, "from": first, "version": version}
    await change.connection.execute(
        QUERIES["insert_policy"],
        change.site,
        version,
        sha256(encode(Kind.POLICY, wanted.leaf)).digest(),
        change.append(Kind.POLICY, leaf),
        wanted.number,
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
        wanted.not_before,
        wanted.epoch + int(waits),
        change.last_epoch + int(waits),
        schedule.entries[-1].from_epoch,
        0 if other_mode is None else other_mode + 1,
    )


async def read_schedule(
    connection: Connection, site: str, mode: Mode, epoch_seconds: int
) -> PolicySchedule:
    """What has been adopted so far; `mode` is for epochs before there is a policy.

    Raises UnreadablePolicyError, and SettingsError where epochs have another length.
    """
    schedule = PolicySchedule.empty(mode)
    for row in await connection.fetch(QUERIES["find_policy_leaves"], site):
        schedule = schedule.then(_scheduled(row, epoch_seconds))
    return schedule


async def check_decided(connection: Connection, site: str) -> None:
    """Raise UnreadablePolicyError unless all that people have decided can be read.

    Also what waits: who shall hold next must not be told by what still holds.
    """
    for row in await connection.fetch(QUERIES["find_decided_documents"], site):
        document = json.loads(row["document"])
        policy_as_digested(row["number"], document, row["salt"], row["digest"])


def _scheduled(row: asyncpg.Record, epoch_seconds: int) -> ScheduledPolicy:
    leaf: dict[str, Any] = decode(row["body"])
    if leaf["epoch_seconds"] != epoch_seconds:
        # Epochs are numbered by their length, so it is chosen once for ever.
        raise SettingsError(
            f"{epoch_seconds} is not the length this ledger began with",
            field="draw.epoch_seconds",
            fix=f"set it back to {leaf['epoch_seconds']}",
        )
    mode = Mode(leaf["mode"])
    policy = _of_document(leaf, row) if row["document"] else _of_leaf(leaf)
    return ScheduledPolicy(leaf["from"], policy, mode)


def _of_document(leaf: Mapping[str, Any], row: asyncpg.Record) -> SamplingPolicy:
    """A policy as its document has it, if that is the one its leaf is about."""
    document = json.loads(row["document"])
    policy = policy_of(document, leaf["version"], f"versions.{leaf['version']}")
    said = content_of(policy, Mode(leaf["mode"]), leaf["epoch_seconds"])
    is_its_own = leaf.get("doc") in (None, digest_of(document, row["salt"]).hex())
    if not is_its_own or any(leaf.get(name) != said[name] for name in said):
        raise UnreadablePolicyError(
            "it has another document than its leaf names",
            field=f"versions.{leaf['version']}",
            fix="somebody changed the database: restore table policy_versions",
        )
    return policy


def _of_leaf(leaf: Mapping[str, Any]) -> SamplingPolicy:
    """A policy from before there were documents.

    Nobody knows what to say to callers, so nothing is recorded under it.
    """
    cover = leaf.get("cover")
    return SamplingPolicy(
        version=leaf["version"],
        purpose=Purpose(leaf["purpose"]),
        rate_ppm=leaf["ppm"],
        budget=Budget(leaf["c"], leaf["B"], leaf["smooth"]),
        starts_on=date.fromisoformat(leaf["starts"]),
        ends_on=date.fromisoformat(leaf["ends"]),
        max_seconds=leaf["max_seconds"],
        kept_days=leaf["kept_days"],
        announcement="",
        opt_out_key="",
        coverage=cover
        and Coverage(cover["k"], cover["calls"], cover["min"], cover["max"]),
    )


def _cover(coverage: Coverage) -> Leaf:
    return {
        "k": coverage.at_least,
        "calls": coverage.expected_calls,
        "min": coverage.min_ppm,
        "max": coverage.max_ppm,
    }
