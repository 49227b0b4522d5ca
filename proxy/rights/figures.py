"""What the figures page tells of requests: how many, how late, how long they took."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from proxy.ledger.transaction import Ledger
from proxy.metrics_contract import Key
from proxy.metrics_contract.labels import REQUEST_DAYS
from proxy.rights.records import Place
from proxy.rights.requests import Requests
from retention.rights.deadlines import Kind
from retention.rights.request import Standing

# The words of the figures' contract are older than the law's names in the code.
_TYPES: Mapping[Kind, str] = {
    Kind.ACCESS: "access",
    Kind.MEDICAL_FILE: "medical_file",
    Kind.OBJECTION: "object",
    Kind.ERASURE: "erase",
    Kind.RESTRICTION: "restrict",
    Kind.RECTIFICATION: "rectify",
}
_BOUNDS = [float(bound) for bound in REQUEST_DAYS]
_DAYS = "request_days"
_SUM = "sum"
_PAGE = 500


def counted(answered: Standing) -> Mapping[tuple[str, str], int]:
    """What an answer adds to the site's counts, in the transaction that gives it.

    Counted once and kept: figures that were read from the requests would fall when
    those are forgotten, and a counter that falls is taken for one that began anew.
    Raises ValueError for a request that is not answered.
    """
    if answered.answered_at is None:
        raise ValueError("it is not answered")
    there = answered.received_at.tzinfo
    last = answered.answered_at.astimezone(there).date()
    days = max((last - answered.received_at.date()).days, 0)
    bound = REQUEST_DAYS[bisect_left(_BOUNDS, days)]
    return {(_DAYS, bound): 1, (_DAYS, _SUM): days}


class RequestFigures:
    """One site's requests in numbers: of nobody in particular, and of no day."""

    def __init__(self, requests: Requests, ledger: Ledger) -> None:
        self._requests = requests
        self._ledger = ledger

    async def figures(self, now: datetime) -> dict[Key, float]:
        """Days left are those of the request that is due first; +Inf without one."""
        waiting = [each async for each in self._waiting()]
        open_ = Counter(_TYPES[each.kind] for each in waiting)
        late = Counter(_TYPES[each.kind] for each in waiting if each.is_overdue(now))
        found: dict[Key, float] = {
            ("requests_days_left",): min(
                (each.days_left(now) for each in waiting), default=math.inf
            )
        }
        for kind in _TYPES.values():
            found["requests_open", kind] = open_[kind]
            found["requests_overdue", kind] = late[kind]
        _, _, counts = await self._ledger.figures()
        return found | _histogram(counts)

    async def _waiting(self) -> AsyncIterator[Standing]:
        place: Place | None = None
        while page := await self._requests.list(after=place, limit=_PAGE):
            for request in page:
                if request.standing.is_open:
                    yield request.standing
            place = page[-1].due_on, page[-1].request_id


def _histogram(counts: Mapping[tuple[str, str], int]) -> dict[Key, float]:
    """Each bucket holds those before it as well, as Prometheus reads them."""
    found: dict[Key, float] = {("request_days_sum",): counts.get((_DAYS, _SUM), 0)}
    total = 0
    for bound in REQUEST_DAYS:
        total += counts.get((_DAYS, bound), 0)
        found["request_days_bucket", bound] = total
    return found
