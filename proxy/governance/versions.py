"""What is kept of a policy on its way into force, and of everybody who moved it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import asyncpg

from proxy.access.permissions import Role
from proxy.intake.documents import UnreadablePolicyError, policy_as_digested
from sampling.increases import above_soft_ceiling
from sampling.lifecycle import State
from sampling.policy import SamplingPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """A policy as somebody wrote it, and how far it has come.

    `document` is its canonical form (proxy.governance.documents), `digest` the SHA-256
    in hex that approvals are given to and that its POLICY leaf names. `increases` names
    the fields in which it allows more than what was in force, as of the last move.
    `approvals`: 0 for what the settings file says, 1 for an operator alone, 2 for an
    operator and a DPO.
    `version` and `from_epoch` are its POLICY leaf's; None while there is no leaf yet.
    """

    number: int
    state: State
    document: Mapping[str, Any]
    digest: str
    salt: str
    author: str
    proposer: str | None
    approver: str | None
    approvals: int
    justification: str
    reason: str
    increases: tuple[str, ...]
    simulation: Mapping[str, Any] | None
    created_at: datetime
    proposed_at: datetime | None
    approved_at: datetime | None
    effective_from_epoch: int | None
    version: int | None
    from_epoch: int | None

    @property
    def is_increase(self) -> bool:
        """Whether it allows more than what was in force."""
        return bool(self.increases)

    @property
    def needs_dpo(self) -> bool:
        """Whether it takes four eyes: an increase, or above the soft ceiling."""
        if self.is_increase or not self.is_readable:
            return True
        return bool(above_soft_ceiling(self.policy))

    @property
    def policy(self) -> SamplingPolicy:
        """What its document says. Raises UnreadablePolicyError."""
        salt, digest = bytes.fromhex(self.salt), bytes.fromhex(self.digest)
        return policy_as_digested(self.number, self.document, salt, digest)

    @property
    def is_readable(self) -> bool:
        """What is not can still be refused, withdrawn, or written anew."""
        try:
            _ = self.policy
        except UnreadablePolicyError:
            return False
        return True

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        fields = dict(row)
        simulation = fields["simulation"]
        return cls(
            **fields
            | {
                "state": State(fields["state"]),
                "document": json.loads(fields["document"]),
                "digest": fields["digest"].hex(),
                "salt": fields["salt"].hex(),
                "increases": tuple(fields["increases"]),
                "simulation": None if simulation is None else json.loads(simulation),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyEvent:
    """One line of the history: who did, or tried to do, what, and when.

    `actor` is a person's code, or "file" for the settings. `is_refused`: an attempt
    that changed nothing; `detail` says why.
    """

    place: int
    number: int | None
    move: str
    actor: str
    role: str
    at: datetime
    is_refused: bool
    detail: Mapping[str, Any]

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(**dict(row) | {"detail": json.loads(row["detail"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Somebody has stopped all draws. `resumes_from_epoch`: they will go on then."""

    party: str
    actor: str | None
    reason: str
    since: datetime | None
    resumes_from_epoch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerClosing:
    """How far closing the breaker has come.

    `missing`: whose confirmation is not there yet. Without any, draws go on in
    `from_epoch`.
    """

    missing: tuple[Role, ...]
    from_epoch: int | None
