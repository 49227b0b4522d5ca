"""What a month came to, before and after somebody signs it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Self

import asyncpg

from proxy.access.trace.reading import Noted
from proxy.access.watch.alerts import Alert
from proxy.errors import PonctuelError


class ReviewStepError(PonctuelError):
    """This month cannot be signed, yet or again."""

    status = 409
    error_id = "review-step"


class ReviewIncompleteError(PonctuelError):
    """Every line of the sample is judged, and no other."""

    status = 422
    error_id = "review-incomplete"


class OwnSampleError(PonctuelError):
    """Nobody judges what they did themselves."""

    status = 403
    error_id = "own-sample"


class Judgement(StrEnum):
    """What somebody thinks of a line they looked at."""

    IN_ORDER = "in-order"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Draft:
    """A month to be signed: numbers, alerts, and the lines to be judged."""

    month: date
    size: int
    root: bytes
    acts: Mapping[str, int]
    alerts: Sequence[Alert]
    sample: Sequence[Noted]

    @property
    def open_alerts(self) -> int:
        return sum(alert.decided_at is None for alert in self.alerts)


@dataclass(frozen=True, slots=True)
class Signed:
    """A month that was signed. `found` has numbers, and no codes."""

    month: date
    signed_at: datetime
    signed_by: str
    size: int
    root: bytes
    found: Mapping[str, object]

    @classmethod
    def read(cls, row: asyncpg.Record) -> Self:
        return cls(**dict(row) | {"found": json.loads(row["found"])})


def check_judged(draft: Draft, judged: Mapping[int, Judgement], signer: str) -> None:
    """Raises ReviewStepError, OwnSampleError, ReviewIncompleteError."""
    if draft.open_alerts:
        raise ReviewStepError(
            f"{draft.open_alerts} alerts of the month are open", fix="decide on each"
        )
    if any(noted.entry.actor == signer for noted in draft.sample):
        raise OwnSampleError(fix="ask another data protection officer")
    if set(judged) != {noted.place for noted in draft.sample}:
        raise ReviewIncompleteError(
            field="judged", fix="judge the lines the draft shows, all of them"
        )


def in_words(draft: Draft, doubtful: int) -> str:
    """What the public ledger says of it."""
    return (
        f"access review {draft.month:%Y-%m}: {draft.size} entries,"
        f" root {draft.root.hex()}, {len(draft.alerts)} alerts decided,"
        f" {len(draft.sample)} entries looked at, {doubtful} doubtful"
    )
