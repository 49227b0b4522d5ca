"""One request to a page, read; and what a page may answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Literal
from uuid import UUID

from aiohttp import web
from pydantic import TypeAdapter

from proxy.access.identity import Session
from proxy.access.permissions import Permission, Subject, permits
from proxy.api.faults import UnknownPlaceError
from proxy.api.route import Public, check_guarded
from proxy.console.words import Words
from proxy.errors import UnauthorizedError
from proxy.policy_document import Day
from proxy.site import Site

ROOT = "/console"
# A day people mean: no sum with it leaves the calendar.
DAY: TypeAdapter[date] = TypeAdapter(Day)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who looks at which page, in which language, and what was filled in."""

    request: web.Request
    sites: Mapping[str, Site]
    words: Words
    csrf: str = ""
    source: str = ""
    """Where it comes from: an address, to slow down whoever guesses."""
    form: Mapping[str, str] = field(default_factory=dict)
    signed_in: Session | None = None

    @property
    def session(self) -> Session:
        if self.signed_in is None:
            raise UnauthorizedError
        return self.signed_in

    @property
    def site(self) -> Site:
        return self.sites[self.session.actor.site]

    def may(self, permission: Permission) -> bool:
        if self.signed_in is None:
            return False
        actor = self.signed_in.actor
        return permits(actor, permission, Subject(actor.site))

    def place(self, name: str) -> UUID:
        """What the path names. Raises UnknownPlaceError for what cannot be a name."""
        try:
            return UUID(self.request.match_info[name])
        except ValueError:
            raise UnknownPlaceError from None

    def field(self, name: str) -> str:
        """What was filled in; nothing, if the browser did not send it."""
        return self.form.get(name, "").strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookies:
    """Cookies a page sets; one that is None is taken back."""

    session: str | None = ""
    """Empty: left as it is."""
    language: str = ""
    begun: str | None = ""
    abroad: str | None = ""
    """What comes along when a provider sends the browser back."""
    package: str = ""
    """The ticket of a person who showed link and code."""


NO_COOKIES = Cookies()


@dataclass(frozen=True, slots=True)
class Page:
    """A template and what it shows."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    cookies: Cookies = NO_COOKIES


@dataclass(frozen=True, slots=True)
class Goto:
    """Another of our pages, read with GET; `path` is below ROOT and never asked for."""

    path: str
    cookies: Cookies = NO_COOKIES


@dataclass(frozen=True, slots=True)
class Abroad:
    """An address elsewhere that the settings name: the provider of single sign-on."""

    address: str
    cookies: Cookies = NO_COOKIES


@dataclass(frozen=True, slots=True)
class File:
    """Something to keep: evidence, and never a recording."""

    name: str
    media_type: str
    body: bytes
    cookies: Cookies = NO_COOKIES


Answer = Page | Goto | Abroad | File
Handler = Callable[[Visit], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, eq=False)
class PageRoute:
    """One page or one form: where, who may, who answers."""

    method: Literal["GET", "POST"]
    path: str
    permission: Permission | Public
    handler: Handler

    def __post_init__(self) -> None:
        check_guarded(self.path, self.permission)


GET = partial(PageRoute, "GET")
POST = partial(PageRoute, "POST")
