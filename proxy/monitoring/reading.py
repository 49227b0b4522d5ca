"""From leaves and rows to what the monitors are told.

A call is *settled* when everybody can know what came of it: it ended some minutes ago
and, if it was drawn, has its outcome; or so much time has passed that neither is to be
expected. When that is has nothing to do with whether a recording was seen.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.intake.outcomes import OUTCOME_DEADLINE, Failure
from proxy.ledger.entry import Kind
from proxy.ledger.stopping import Party
from sampling.estimate import probability
from sampling.monitoring.observations import (
    Adopted,
    BreakerClosed,
    Decided,
    End,
    Item,
    Monitor,
    Watched,
)

QUERIES = queries_beside(__file__)
# After a call's end a platform may still be writing the recording it will report.
REPORTED_WITHIN = timedelta(minutes=5)
# A platform that reports no ends: as long as calls nearly always are.
LONGEST_CALL = timedelta(minutes=60)
# `Outcomes.close_overdue` runs every minute.
_OUTCOME_WITHIN = OUTCOME_DEADLINE + timedelta(minutes=5)
_EXCUSES = (Failure.HANGUP, Failure.PRIVATE)
_STRAYS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Reading:
    """One thing the monitors are told; `flag` is the sighting that it has counted."""

    seq: int
    item: Item | None
    is_settled: bool = True
    flag: bytes | None = None


async def read(
    connection: Connection, site: str, first: int, limit: int, now: datetime
) -> list[Reading]:
    """What stands in the next leaves; one reading each."""
    rows = await connection.fetch(QUERIES["read_calls"], site, first, limit)
    return [_reading(row, now) for row in rows]


async def read_strays(connection: Connection, site: str, epoch: int) -> list[Reading]:
    """Recordings of calls nobody bound: seen although their probability was 0."""
    rows = await connection.fetch(QUERIES["find_strays"], site, _STRAYS_AT_ONCE)
    return [
        Reading(row["noted_seq"], _stray(row, epoch), flag=row["flag_key"])
        for row in rows
    ]


async def read_decisions(
    connection: Connection, site: str, first: int
) -> list[Reading]:
    rows = await connection.fetch(QUERIES["find_decisions"], site, first)
    return [
        Reading(row["position"], Decided(row["seq"], Monitor(row["monitor"])))
        for row in rows
    ]


async def read_adopted(
    connection: Connection, site: str, before: int
) -> Sequence[Adopted]:
    """The policies adopted before a place in the ledger."""
    rows = await connection.fetch(QUERIES["find_adopted_before"], site, before)
    return [_adopted(row["seq"], json.loads(row["body"])) for row in rows]


def _reading(row: asyncpg.Record, now: datetime) -> Reading:
    seq, leaf = row["seq"], json.loads(row["body"])
    match leaf["leaf"]:
        case Kind.DRAW if row["bound_at"]:
            flag = row["call_key"] if row["is_flagged"] else None
            return Reading(seq, _watched(row, leaf), _is_settled(row, leaf, now), flag)
        case Kind.POLICY:
            return Reading(seq, _adopted(seq, leaf))
        case Kind.STOP if leaf["by"] == Party.BREAKER and not leaf["on"]:
            return Reading(seq, BreakerClosed(seq))
        case _:
            return Reading(seq, None)


def _is_settled(row: asyncpg.Record, leaf: Mapping[str, Any], now: datetime) -> bool:
    age = now - row["bound_at"]
    ended_at = row["ended_at"]
    has_ended = age > LONGEST_CALL or (ended_at and now - ended_at > REPORTED_WITHIN)
    has_outcome = not leaf["d"] or row["outcome"] or age > _OUTCOME_WITHIN
    return bool(has_ended and has_outcome)


def _watched(row: asyncpg.Record, leaf: Mapping[str, Any]) -> Watched:
    agent = row["agent_key"]
    return Watched(
        seq=row["seq"],
        epoch=leaf["e"],
        at=row["bound_at"],
        stratum=leaf["s"],
        probability=probability(int(leaf["T"], 16)),
        is_drawn=bool(leaf["d"]),
        is_seen=row["is_flagged"] or row["outcome"] == "recorded",
        end=_end(row),
        agent=agent.hex() if agent else None,
        seconds=_seconds(row),
    )


def _end(row: asyncpg.Record) -> End:
    match row["outcome"]:
        case "recorded":
            return End.RECORDED
        case "objected":
            return End.EXCUSED
        case "failed":
            return End.EXCUSED if row["outcome_code"] in _EXCUSES else End.FAILED
        case _:
            return End.OPEN


def _seconds(row: asyncpg.Record) -> float | None:
    """How long a call took. One over `LONGEST_CALL` may be judged before its end."""
    if row["ended_at"] is None or row["ended_at"] - row["bound_at"] > LONGEST_CALL:
        return None
    seconds: float = (row["ended_at"] - row["bound_at"]).total_seconds()
    return seconds


def _stray(row: asyncpg.Record, epoch: int) -> Watched:
    return Watched(
        seq=row["noted_seq"],
        epoch=epoch,
        at=row["seen_at"],
        stratum="",
        probability=0.0,
        is_drawn=False,
        is_seen=True,
        is_bound=False,
    )


def _adopted(seq: int, leaf: Mapping[str, Any]) -> Adopted:
    strata = leaf.get("strata", {})
    return Adopted(
        seq=seq,
        version=leaf["version"],
        from_epoch=leaf["from"],
        ceiling_ppm=leaf["c"],
        campaign=f"{leaf['purpose']} {leaf['starts']} {leaf['ends']}",
        strata={name: own["c"] for name, own in strata.items()},
    )
