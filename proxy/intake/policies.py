"""Adopting the policy from the settings: a leaf first, then it is in force.

Every change of the policy's content is a new version with its own POLICY leaf; versions
only go forward. A replica whose policy is not the one in force draws nothing. Taking
the policy away is a version too: one with rate 0.
"""

import dataclasses
from hashlib import sha256

from proxy.errors import SettingsError
from proxy.intake.store import QUERIES
from proxy.ledger.entry import Kind, Leaf, decode, encode
from proxy.ledger.transaction import Ledger, LedgerTransaction, NothingToRecordError
from sampling.policy import NO_POLICY, SamplingPolicy


async def adopt_policy(
    ledger: Ledger, policy: SamplingPolicy, epoch: int, epoch_seconds: int
) -> SamplingPolicy:
    """Put `policy` in force from `epoch` on; return it with its version."""
    content = _content(policy, epoch_seconds)
    digest = sha256(encode(Kind.POLICY, content)).digest()
    version = NO_POLICY.version
    try:
        async with ledger.transaction() as change:
            version = change.policy_version
            await _check_epoch_length(change, epoch_seconds)
            if not await _is_in_force(change, policy, digest):
                version += 1
                await _adopt(change, version, digest, {**content, "from": epoch})
    except NothingToRecordError:
        pass
    if policy == NO_POLICY and version == NO_POLICY.version:
        return NO_POLICY
    return dataclasses.replace(policy, version=version)


async def _is_in_force(
    change: LedgerTransaction, policy: SamplingPolicy, digest: bytes
) -> bool:
    if policy == NO_POLICY and change.policy_version == NO_POLICY.version:
        return True
    found: bytes | None = await change.connection.fetchval(
        QUERIES["find_policy_digest"], change.site, change.policy_version
    )
    return found == digest


async def _check_epoch_length(change: LedgerTransaction, epoch_seconds: int) -> None:
    """Epochs are numbered by their length, so it is chosen once for ever."""
    body = await change.connection.fetchval(
        QUERIES["find_policy_leaf"], change.site, change.policy_version
    )
    if body is not None and decode(body)["epoch_seconds"] != epoch_seconds:
        raise SettingsError(
            f"{epoch_seconds} is not the length this ledger began with",
            field="draw.epoch_seconds",
            fix=f"set it back to {decode(body)['epoch_seconds']}",
        )


async def _adopt(
    change: LedgerTransaction, version: int, digest: bytes, leaf: Leaf
) -> None:
    seq = change.append(Kind.POLICY, {**leaf, "version": version})
    await change.connection.execute(
        QUERIES["insert_policy"], change.site, version, digest, seq
    )
    change.policy_version = version


def _content(policy: SamplingPolicy, epoch_seconds: int) -> Leaf:
    """What an auditor needs to recompute every draw under this policy."""
    return {
        "mode": "operator",
        "epoch_seconds": epoch_seconds,
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
