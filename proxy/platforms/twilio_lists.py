"""Calls and recordings of one day, as Twilio's REST API lists them.

Pages are followed by their own `next_page_uri`, but only within the same list of the
same account. A list that breaks off, names something twice or does not answer the
question is no list: pages of what changes meanwhile overlap, and what overlaps may also
have left something out.

Deleted recordings are listed too: Twilio keeps their metadata for 40 days, so one that
somebody made and deleted by hand is seen all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import urlencode

from yarl import URL

from proxy.errors import BadEventError, ForbiddenSourceError, ListNotBelievedError
from proxy.platforms.base import ListedCall, ListedRecording
from proxy.platforms.outbound import OutboundClient, unexpected_answer
from proxy.platforms.strict_json import read_object
from proxy.platforms.twilio_config import TwilioConfig

PAGE_SIZE = 1000  # Twilio's largest (twilio-oai, 2026-04)
MOST_PAGES = 1000
LARGEST_PAGE = 8 << 20  # bytes; a call is about 1.5 KiB
NOT_CONNECTED = frozenset({"busy", "failed", "no-answer", "canceled", "queued"})
RUNNING = frozenset({"in-progress", "paused", "stopped", "processing"})
NEVER_WERE = frozenset({"absent", "failed"})

Row = Mapping[str, object]


class TwilioLists:
    """The `CallLists` of one account."""

    def __init__(self, config: TwilioConfig, client: OutboundClient) -> None:
        self._client = client
        self._account = config.account_address

    async def calls_of(self, day: date) -> AsyncIterator[ListedCall]:
        query = {"StartTime": day.isoformat()}
        async for row in self._rows("Calls", query):
            sid = _text(row, "sid")
            yield ListedCall(
                call_id=sid,
                root_call_id=_text(row, "parent_call_sid") or sid,
                started_at=_on(day, row, "start_time"),
                is_connected=_text(row, "status") not in NOT_CONNECTED,
            )

    async def recordings_of(self, day: date) -> AsyncIterator[ListedRecording]:
        query = {"DateCreated": day.isoformat(), "IncludeSoftDeleted": "true"}
        async for row in self._rows("Recordings", query):
            status = _text(row, "status")
            if status not in NEVER_WERE:
                yield ListedRecording(
                    source_ref=_text(row, "sid"),
                    call_id=_text(row, "call_sid"),
                    started_at=_on(day, row, "date_created"),
                    is_held=status != "deleted",
                    is_running=status in RUNNING,
                )

    async def _rows(
        self, resource: str, query: Mapping[str, str]
    ) -> AsyncIterator[Row]:
        """Every row of a list, over all its pages."""
        address = f"{self._account}/{resource}.json"
        following = f"{address}?{urlencode({**query, 'PageSize': PAGE_SIZE})}"
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            page = await self._page(following)
            rows = _rows_of(page, resource.lower())
            for row in rows:
                sid = _text(row, "sid")
                if not sid or sid in seen:
                    raise ListNotBelievedError("something is listed twice or nameless")
                seen.add(sid)
                yield row
            next_page = _next_page(page, has_rows=bool(rows))
            if next_page is None:
                return
            following = _within(address, next_page)
        raise ListNotBelievedError(f"more than {MOST_PAGES} pages")

    async def _page(self, address: str) -> Row:
        async with self._client.request("GET", address) as response:
            if response.status != HTTPStatus.OK:
                raise unexpected_answer(response)
            raw_page = await self._client.read(response, LARGEST_PAGE)
        try:
            # In a thread: a thousand calls are 30 ms, and other calls wait to be drawn.
            return await asyncio.to_thread(read_object, raw_page)
        except BadEventError:
            raise ListNotBelievedError("a page is not Twilio's JSON") from None


def _rows_of(page: Row, key: str) -> list[Row]:
    rows = page.get(key)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ListNotBelievedError(f"a page has no {key}")
    return rows


def _next_page(page: Row, *, has_rows: bool) -> str | None:
    """Where the list goes on, None at its end; a page that does not say is cut off."""
    if "next_page_uri" not in page:
        raise ListNotBelievedError("a page does not say whether the list goes on")
    following = page["next_page_uri"]
    if following is None:
        return None
    if not isinstance(following, str) or not following or not has_rows:
        raise ListNotBelievedError("a page goes on nowhere")
    return following


def _within(address: str, following: str) -> str:
    """The next page's address. Raises `ForbiddenSourceError` outside of this list."""
    first = URL(address)
    try:
        url = first.join(URL(following))
    except ValueError:
        raise ForbiddenSourceError("a page leads to what is no address") from None
    if url.origin() != first.origin() or url.path != first.path:
        raise ForbiddenSourceError("a page leads out of its list")
    return str(url)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if value is not None and not isinstance(value, str):
        raise ListNotBelievedError(f"{name} is not a text")
    return value or ""


def _on(day: date, row: Row, name: str) -> datetime:
    """A time, which must be on the day that was asked for (RFC 2822, in GMT)."""
    try:
        moment = parsedate_to_datetime(_text(row, name))
    except ValueError:
        raise ListNotBelievedError(f"{name} is not a time") from None
    if moment.tzinfo is None or moment.astimezone(UTC).date() != day:
        raise ListNotBelievedError("something of another day is listed")
    return moment
