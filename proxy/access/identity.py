"""Who asks: by a token of the settings, by a machine's key, by a session.

Everything is read anew at each request, so whoever left, or was granted something, or
may no more, is what they are at once.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from proxy.access.accounts.sessions import Session
from proxy.access.accounts.tokens import site_of
from proxy.access.api_keys.keys import site_of as site_of_key
from proxy.access.people import People
from proxy.access.permissions import Actor, ShownBy
from proxy.access.site_access import SiteAccess
from proxy.errors import UnauthorizedError

__all__ = ["Identity", "Session"]


class Identity:
    """Whoever may be known to a service, at any of its sites."""

    def __init__(
        self,
        people: People,
        sites: Mapping[str, SiteAccess],
        clock: Callable[[], datetime],
    ) -> None:
        self._people = people
        self._sites = sites
        self._clock = clock

    async def by_bearer(self, token: str) -> Actor:
        """Raises UnauthorizedError; DatabaseUnavailableError: then nobody is known."""
        place = site_of_key(token)
        if place is None:
            return await self._granted(self._people.identify(token))
        return await self._granted(await self._at(place).api_keys.identify(token))

    async def by_session(self, secret: str) -> Session:
        """Raises UnauthorizedError; DatabaseUnavailableError: then nobody is known."""
        session = await self._at(site_of(secret)).sessions.find(secret)
        return replace(session, actor=await self._granted(session.actor))

    def _at(self, place: str | None) -> SiteAccess:
        access = self._sites.get(place or "")
        if access is None:
            raise UnauthorizedError("not signed in, or no longer", fix="sign in")
        return access

    async def _granted(self, actor: Actor) -> Actor:
        access = self._sites.get(actor.site)
        if access is None:  # listed for a site that is not served here
            return actor
        if actor.shown_by is ShownBy.SESSION and actor.code in access.config.listed:
            raise UnauthorizedError("the settings name somebody else so", fix="sign in")
        await access.break_glass.check_not_suspended(actor.code)
        grants = await access.grants.of(actor.code, self._clock())
        return replace(actor, grants=grants)
