"""How a site's ledger stands: how old its signed head is, and who has cosigned it."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg

from proxy.ledger.transaction import QUERIES, Ledger
from proxy.ledger.witnessing import Witness


class Standing:
    """One site's heads and witnesses, as figures."""

    def __init__(
        self, ledger: Ledger, witnesses: Sequence[Witness], quorum: int
    ) -> None:
        self._ledger = ledger
        self._witnesses = witnesses
        self._quorum = quorum

    async def figures(self, now: datetime) -> dict[tuple[str, ...], float]:
        """`quorum_ok` is 0 without witnesses too: nobody else has seen the ledger."""
        keys = [witness.key.public_key for witness in self._witnesses]
        async with self._ledger.database.connection() as connection:
            head = await connection.fetchrow(
                QUERIES["read_standing"], self._ledger.site, keys
            )
            rows = await connection.fetch(
                QUERIES["read_last_cosigned"], self._ledger.site, keys
            )
        if head is None:
            return {}
        has_quorum = 0 < self._quorum <= head["cosigned"]
        last = {row["witness_key"]: row["cosigned_at"].timestamp() for row in rows}
        return {
            ("checkpoint_age_seconds",): _age(head, now),
            ("quorum_ok",): int(has_quorum),
            **self._cosigned(last),
        }

    def _cosigned(self, last: dict[bytes, float]) -> dict[tuple[str, ...], float]:
        """By role; of several with one role, the one that has been silent longest."""
        figures: dict[tuple[str, ...], float] = {}
        for witness in self._witnesses:
            key = ("witness_cosign_timestamp_seconds", witness.role)
            at = last.get(witness.key.public_key, 0.0)
            figures[key] = min(figures.get(key, math.inf), at)
        return figures


def _age(head: asyncpg.Record, now: datetime) -> float:
    """In seconds; 0 when all there is has been signed: a quiet night is no fault."""
    if head["signed_at"] is None:
        return math.inf
    if head["size"] == head["signed_size"]:
        return 0
    age: timedelta = now - head["signed_at"]
    return max(0.0, age.total_seconds())
