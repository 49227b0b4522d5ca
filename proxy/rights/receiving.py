"""Receiving a request: what is asked for, by whom, and everything there is of them.

In this order: recordings are looked for; then the request, the recordings that are
still there and the trace commit together, and from then on none of them is swept; then
each is frozen. A crash before the commit leaves nothing, and whoever asks is told
nothing; after it, `tend` goes on. The same `NewRequest` given twice is one request.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, time, timedelta

from proxy.access.permissions import Actor
from proxy.errors import StorageError
from proxy.intake.numbers import in_full, one_spelling
from proxy.rights.faults import BadRequestError
from proxy.rights.finding import Found
from proxy.rights.moving import AtDesk, Opened
from proxy.rights.particulars import Particulars
from proxy.rights.records import SPOKEN, NewRequest, Request
from proxy.rights.requests import QUERIES, new_reference
from retention.rights.deadlines import Kind
from retention.rights.request import Standing

LONGEST_WORDS = 4000
_LONGEST = 300
_OLDEST_LETTER = timedelta(days=366)
_ATTEMPTS = 3
RECEIVED = "received"


class Receiving(AtDesk):
    """The part of the desk that takes requests in."""

    async def receive(self, by: Actor, new: NewRequest) -> Request:
        """Take a request in and freeze what there is; durable once this returns.

        What could not be frozen yet is still `to-freeze` among its items: it is tried
        each minute, and swept by nobody. Raises BadRequestError, OwnRequestError; after
        StorageError or DatabaseUnavailableError give the same `new` again.
        """
        request = self._begun(by, new)
        self._check_not_own(by, request)
        found = await self.find(by, request.told)
        written = await self._write(by, request, found)
        await self.parts.freezing.freeze(written.request_id, by.code)
        return written

    async def find(self, by: Actor, told: Particulars) -> Sequence[Found]:
        """Everything there is of the person, by what they gave."""
        finder = self.parts.finder
        if told.agent:
            return await finder.by_agent(by, told.agent)
        if told.number and not told.windows:
            return await finder.by_number(by, told.number)
        found: dict[object, Found] = {}
        for each in told.windows:
            window = (each.day, each.from_hour, each.to_hour, each.line)
            for one in await finder.by_details(by, *window):
                found.setdefault(one.recording_id, one)
        return list(found.values())

    async def _write(
        self, by: Actor, request: Request, found: Sequence[Found]
    ) -> Request:
        for _ in range(_ATTEMPTS):
            async with self.requests.database.transaction() as connection:
                await connection.execute(QUERIES["lock_receipts"], self.requests.site)
                if await self.requests.insert(connection, request):
                    await self.requests.add_items(connection, request.request_id, found)
                    await self._note(by, Opened(connection, request, RECEIVED))
                    return request
                if await self.requests.is_there(connection, request.request_id):
                    return await self.requests.read(connection, request.request_id)
        raise StorageError("no free reference was found", fix="try again")

    def _begun(self, by: Actor, new: NewRequest) -> Request:
        _check(new)
        received = self._received(new)
        standing = Standing(new.kind, received, new.is_older_than_five_years)
        return Request(
            request_id=new.request_id,
            reference=new_reference(),
            standing=standing,
            is_agents=bool(new.agent),
            language=new.language,
            received_by=by.code,
            due_on=standing.deadlines(received).due,
            is_shared=new.is_shared,
            particulars=self._told(new),
        )

    def _received(self, new: NewRequest) -> datetime:
        """A letter is received on the day it came, whenever somebody opens it."""
        now = self.requests.local(self._now())
        if new.received_on is None:
            return now
        if not now.date() - _OLDEST_LETTER <= new.received_on <= now.date():
            raise BadRequestError(
                "not a day of the last year", field="received_on", fix="a past day"
            )
        ended = datetime.combine(new.received_on, time(23, 59), now.tzinfo)
        return min(now, ended)

    def _told(self, new: NewRequest) -> Particulars:
        number = ""
        if new.number:
            number = self._number(new.number)
        return Particulars(
            number=number,
            agent=new.agent.strip(),
            windows=new.windows,
            name=new.name.strip(),
            contact=new.contact.strip(),
            words=new.words.strip(),
        )

    def _number(self, written: str) -> str:
        """In full, so that a code finds its way. Raises BadRequestError."""
        spelling = one_spelling(written)
        if spelling is None:
            raise BadRequestError(
                "not a number a person calls from",
                field="number",
                fix="one number with or without its country; if it was withheld, say "
                "when they called",
            )
        return in_full(spelling, self.parts.config.country)


def _check(new: NewRequest) -> None:
    """Raises BadRequestError for what no request can be."""
    given = [name for name in ("number", "agent", "windows") if getattr(new, name)]
    if len(given) != 1:
        raise BadRequestError(
            "by what are their recordings to be looked for?",
            field="number",
            fix="give a number, an agent's code or call times: one of them; whoever "
            "is a caller and an agent makes two requests",
        )
    if new.language not in SPOKEN:
        raise BadRequestError(field="language", fix="fr or en")
    if new.is_older_than_five_years and new.kind is not Kind.MEDICAL_FILE:
        raise BadRequestError(
            f"it moves no date of {new.kind}",
            field="is_older_than_five_years",
            fix="leave it out",
        )
    if not all(each.line.strip() for each in new.windows):
        raise BadRequestError(
            "that would be everybody who called then",
            field="windows",
            fix="say for each call on which line it was, or to which practice",
        )
    _check_lengths(new)


def _check_lengths(new: NewRequest) -> None:
    for each in fields(new):
        value = getattr(new, each.name)
        longest = LONGEST_WORDS if each.name == "words" else _LONGEST
        if isinstance(value, str) and len(value) > longest:
            raise BadRequestError(
                f"{len(value)} characters", field=each.name, fix=f"at most {longest}"
            )
