"""The way to a package: a link that is shown once, and a code by another way.

The link's secret is behind the `#` of its address, which browsers send to nobody. The
code goes to the number the request is about, or is handed over by the desk where there
is none, or none that a message reaches. Who shows both gets a ticket, which a browser
holds, and the password of the archive. Of link, code and ticket only hashes are kept.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from proxy.access.accounts.sources import SourceLimiter
from proxy.access.accounts.tokens import digest, new_secret
from proxy.access.permissions import Actor
from proxy.access.trace.acts import SERVICE, Act, Entry
from proxy.database.pool import Connection
from proxy.rights.faults import NoSenderError, NotSentError, TooManyCodesError
from proxy.rights.packages.by_hand import is_handed_over
from proxy.rights.packages.faults import (
    LinkOverError,
    PackageNotReadyError,
    WrongCodeError,
)
from proxy.rights.packages.handing import is_to_be_handed_over
from proxy.rights.packages.ports import PackageSurroundings
from proxy.rights.packages.store import QUERIES, Package, PackageStore
from proxy.rights.packages.texts import PackageTexts
from proxy.rights.proving import NOT_SENT
from proxy.rights.records import Request

MOST_TRIES = 5  # of a link
MOST_CODES = 5  # of a link
CODE_FOR = timedelta(minutes=10)
LONGEST_LINK = timedelta(days=7)
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Link:
    """Shown once, to whoever gives it to the person."""

    package_id: UUID
    secret: str
    address: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """What whoever showed link and code is given: a ticket to download with."""

    ticket: str
    package_id: UUID
    password: str
    size: int
    until: datetime


class _Made(NamedTuple):
    """A code, and the number it is sent to."""

    number: str
    code: str


class Links:
    """One site's links to packages."""

    def __init__(
        self, given: PackageSurroundings, store: PackageStore, texts: PackageTexts
    ) -> None:
        self._given = given
        self._store = store
        self._site = store.site
        self._texts = texts
        self._clock = store.clock
        self._sources = SourceLimiter(store.clock)

    async def issue(self, connection: Connection, by: Actor, package: Package) -> Link:
        """A new link; any former one leads nowhere. Raises PackageNotReadyError.

        The trace says of `by` that they handed over what is fetched with it.
        """
        secret = new_secret(self._site)
        until = self._clock() + min(self._given.link, LONGEST_LINK)
        issued = await connection.fetchval(
            *(QUERIES["issue_link"], self._site, package.package_id),
            *(digest(secret), until, by.code, by.role.value),
        )
        if issued is None:
            raise PackageNotReadyError(package.in_words, fix="issue it when it is")
        address = f"{self._given.page}#{secret}"
        return Link(package.package_id, secret, address, until)

    async def new_code(
        self, connection: Connection, package: Package, good_for: timedelta
    ) -> str:
        """A code for the running link. Raises TooManyCodesError, LinkOverError."""
        if package.link_until is None or package.link_digest is None:
            raise LinkOverError(fix="issue a link first")
        code = f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"
        until = min(package.link_until, self._clock() + good_for)
        made = await connection.fetchval(
            *(QUERIES["set_code"], self._site, package.package_id),
            *(self._digest(package, code), until, MOST_CODES),
        )
        if made is None:
            raise TooManyCodesError(f"{MOST_CODES} for a link", fix="ask for a new one")
        return code

    async def send_code(self, secret: str, source: str = "") -> str:
        """Send a code to the number of the request; return its last two digits.

        Nothing where the desk has handed one over, or there is no number. Raises
        LinkOverError, TooManyCodesError, NoSenderError and NotSentError, after which
        the code may have arrived all the same, and then is good.
        """
        with self._guessing(source):
            package, request = await self._found(secret)
        made = await self._made_for(package, request.request_id)
        if made is None:
            return ""
        text = self._texts.code(request, made.code, CODE_FOR // timedelta(minutes=1))
        try:
            await self._given.sender.send(made.number, text)
        except NotSentError:
            await self._note_not_sent(request.request_id)
            raise
        return made.number[-2:]

    async def _made_for(self, package: Package, request_id: UUID) -> _Made | None:
        requests = self._given.requests
        async with self._store.database.transaction() as connection:
            request = await requests.lock(connection, request_id)
            number = request.told.number
            history = await requests.history_in(connection, request_id)
            if not number or is_handed_over(history):
                return None
            self._given.sender.check()
            await self._given.codes.count(connection, request_id, number)
            code = await self.new_code(connection, package, CODE_FOR)
        return _Made(number, code)

    async def _note_not_sent(self, request_id: UUID) -> None:
        """Then the desk may hand one over. The trace goes last."""
        requests = self._given.requests
        async with self._store.database.transaction() as connection:
            await requests.lock(connection, request_id)
            await requests.note(connection, request_id, NOT_SENT, SERVICE)
            entry = Entry(Act.REQUEST, SERVICE, "", request_id, NOT_SENT)
            await self._given.trace.note_in(connection, entry)

    @property
    def can_send(self) -> bool:
        """Whether there is a way to send a code at all."""
        try:
            self._given.sender.check()
        except NoSenderError:
            return False
        return True

    async def open(self, secret: str, code: str, source: str = "") -> Opened:
        """A ticket, and the password. Raises LinkOverError, WrongCodeError.

        A try is counted before it is looked at; the last one ends the link. `source`
        is where it is asked from: TooManyAttemptsError for whoever guesses at links.
        """
        with self._guessing(source):
            return await self._open(secret, code)

    async def _open(self, secret: str, code: str) -> Opened:
        package, _ = await self._found(secret)
        tries = await self._store.rows("claim_try", package.package_id, MOST_TRIES)
        if not tries:
            raise LinkOverError(fix="ask for another link")
        ticket = new_secret(self._site)
        used = await self._store.rows(
            *("use_code", package.package_id),
            *(self._digest(package, "".join(code.split())), self._clock()),
            digest(ticket),
        )
        if not used:
            if tries[0]["tries"] >= MOST_TRIES:
                await self._store.rows("end_link", package.package_id)
            raise WrongCodeError(field="code", fix="ask for another code")
        return self._opened(package, ticket)

    async def opened(self, ticket: str) -> Opened:
        """The same again, for the page that is looked at anew. Raises LinkOverError."""
        package, _ = await self._checked(await self._store.by_ticket(digest(ticket)))
        return self._opened(package, ticket)

    def _opened(self, package: Package, ticket: str) -> Opened:
        if package.size is None or package.link_until is None:
            raise LinkOverError
        password = self._store.keys(package).password
        return Opened(
            ticket, package.package_id, password, package.size, package.link_until
        )

    @contextmanager
    def _guessing(self, source: str) -> Iterator[None]:
        """Only what was wrong stays counted, not what broke down."""
        self._sources.claim(source)
        try:
            yield
        except (LinkOverError, WrongCodeError):
            raise
        except BaseException:
            self._sources.give_back(source)
            raise
        self._sources.give_back(source)

    async def _found(self, secret: str) -> tuple[Package, Request]:
        """Whatever is wrong is wrong in the same words, after the same look-up."""
        return await self._checked(await self._store.by_link(digest(secret)))

    async def _checked(self, package: Package | None) -> tuple[Package, Request]:
        if package is None:
            raise LinkOverError(fix="ask for another link")
        request = await self._given.requests.find(package.request_id)
        if not is_to_be_handed_over(request.standing):
            raise LinkOverError(fix="ask for another link")
        return package, request

    def _digest(self, package: Package, code: str) -> bytes:
        """Keyed: six digits are soon tried out by whoever reads the database."""
        return self._store.keys(package).name_code(code)
