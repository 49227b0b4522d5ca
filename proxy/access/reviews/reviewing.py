"""Reviewing a month: what happened, what was decided, some lines looked at; signed.

A month that is over has ten days to be signed. What it came to is a leaf of the public
ledger, so it is in every bundle, and nobody signs it later or otherwise unnoticed.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta

from proxy.access.hours import Hours
from proxy.access.permissions import Actor
from proxy.access.reviews.drafts import (
    Draft,
    Judgement,
    ReviewStepError,
    Signed,
    check_judged,
    in_words,
)
from proxy.access.reviews.sampling import drawn
from proxy.access.trace.acts import Act, Entry
from proxy.access.trace.reading import Noted
from proxy.access.trace.trace import Trace
from proxy.access.watch.alerts import Alerts
from proxy.access.watch.rules import Rule, Sign
from proxy.database.named_queries import queries_beside
from proxy.database.pool import Connection
from proxy.ledger.entry import Kind
from proxy.ledger.transaction import Ledger, LedgerTransaction
from proxy.ledger.tree import EMPTY_ROOT
from retention.promises import ACCOUNTABLE_FOR

QUERIES = queries_beside(__file__)
SIGNED_WITHIN = timedelta(days=10)
_A_MONTH_OR_MORE = timedelta(days=32)


class Reviews:
    """One site's monthly reviews."""

    def __init__(
        self,
        ledger: Ledger,
        trace: Trace,
        alerts: Alerts,
        hours: Hours,
        clock: Callable[[], datetime],
        sample_size: int,
    ) -> None:
        self._ledger = ledger
        self._site = ledger.site
        self._trace = trace
        self._alerts = alerts
        self._hours = hours
        self._clock = clock
        self._sample_size = sample_size

    async def draft(self, by: Actor, month: date) -> Draft:
        """What is to be signed; that somebody looks at it is in the trace.

        Raises ReviewStepError for a month that is not over.
        """
        self._check_over(month)
        viewed = Entry(Act.VIEWED, by.code, by.role, about=f"{month:%Y-%m}")
        async with self._ledger.database.transaction() as connection:
            draft = await self._read(connection, month)
            await self._trace.note_in(connection, viewed)
        return draft

    async def sign(
        self, by: Actor, month: date, judged: Mapping[int, Judgement]
    ) -> Signed:
        """Sign a month: by the place of each line of its sample, what one thinks of it.

        A doubtful line opens an alert of its own. Raises ReviewStepError,
        ReviewIncompleteError, OwnSampleError.
        """
        self._check_over(month)
        async with self._ledger.transaction() as change:
            draft = await self._read(change.connection, month)
            check_judged(draft, judged, by.code)
            doubted = [n for n in draft.sample if judged[n.place] is Judgement.DOUBTFUL]
            await self._keep(change, by, draft, len(doubted))
            for noted in doubted:
                await self._alerts.open_in(change.connection, self._doubt(noted))
            signed = Entry(Act.REVIEW_SIGNED, by.code, by.role, about=f"{month:%Y-%m}")
            await self._trace.note_in(change.connection, signed)
        return next(each for each in await self.list() if each.month == draft.month)

    async def overdue(self, now: datetime) -> list[date]:
        """The months of the trace that should have been signed by now, and were not.

        No further back than signatures are kept: the hashes outlive them.
        """
        async with self._ledger.database.connection() as connection:
            first = await connection.fetchval(QUERIES["find_first_time"], self._site)
            rows = await connection.fetch(QUERIES["list_signed"], self._site)
        signed = {row["month"] for row in rows}
        month = self._hours.month_of(max(first or now, now - ACCOUNTABLE_FOR))
        due = []
        while self._end_of(month) + SIGNED_WITHIN <= now:
            if month not in signed:
                due.append(month)
            month = _after(month)
        return due

    async def list(self) -> list[Signed]:
        """All that were signed, the oldest first."""
        async with self._ledger.database.connection() as connection:
            rows = await connection.fetch(QUERIES["list_reviews"], self._site)
        return [Signed.read(row) for row in rows]

    def _check_over(self, month: date) -> None:
        if self._end_of(month) > self._clock():
            raise ReviewStepError("it is not over", field="month")

    def _end_of(self, month: date) -> datetime:
        return self._hours.beginning_of(_after(month))

    async def _read(self, connection: Connection, month: date) -> Draft:
        month = month.replace(day=1)
        span = self._hours.beginning_of(month), self._end_of(month)
        end = await connection.fetchrow(QUERIES["read_end"], self._site, span[1])
        size, root = (end["size"], end["root"]) if end else (0, EMPTY_ROOT)
        acts = await connection.fetch(QUERIES["count_acts"], self._site, *span)
        rows = await connection.fetch(QUERIES["list_places"], self._site, *span)
        places = drawn(root, [row["seq"] for row in rows], self._sample_size)
        sample = await connection.fetch(QUERIES["read_entries_at"], self._site, places)
        return Draft(
            month,
            size,
            root,
            {row["act"]: row["number"] for row in acts},
            await self._alerts.opened_between(connection, *span),
            [Noted.read(row) for row in sample],
        )

    async def _keep(
        self, change: LedgerTransaction, by: Actor, draft: Draft, doubtful: int
    ) -> None:
        found = {
            "acts": draft.acts,
            "alerts": _decisions(draft),
            "looked_at": len(draft.sample),
            "doubtful": doubtful,
        }
        kept = await change.connection.fetchval(
            QUERIES["insert_review"],
            self._site,
            draft.month,
            self._clock(),
            by.code,
            draft.size,
            draft.root,
            json.dumps(found),
        )
        if kept is None:
            raise ReviewStepError("it was signed before", field="month")
        change.append(Kind.NOTE, {"text": in_words(draft, doubtful)})

    def _doubt(self, noted: Noted) -> Sign:
        day = self._hours.day_of(self._clock())
        place = noted.place
        return Sign(noted.entry.actor, Rule.SAMPLE, day, 1, place, place)


def _after(month: date) -> date:
    return (month.replace(day=1) + _A_MONTH_OR_MORE).replace(day=1)


def _decisions(draft: Draft) -> dict[str, int]:
    """How many alerts ended in each decision, by rule."""
    said = [f"{a.rule.value} {a.decision}" for a in draft.alerts if a.decision]
    return {each: said.count(each) for each in sorted(set(said))}
