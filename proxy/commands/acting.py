"""Who runs a command that changes something: shown by a token, never by a name."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proxy.access.people import Actor, Permission, permits
from proxy.commands.running import sites_only
from proxy.errors import ForbiddenRoleError, SettingsError, UnauthorizedError
from proxy.settings import Settings, load_settings
from proxy.site import Site
from proxy.wiring import make_people

TOKEN = "PONCTUEL_TOKEN"  # noqa: S105  # where it is, not what it is


@asynccontextmanager
async def acting(
    name: str, permission: Permission
) -> AsyncIterator[tuple[Site, Actor]]:
    """One site, and who asks for something there.

    Raises SettingsError for an unknown site, UnauthorizedError for a token that is
    nobody's, and ForbiddenRoleError for somebody who may not.
    """
    settings = load_settings()
    actor = _who_asks(settings)
    if not permits(actor, permission, name):
        raise ForbiddenRoleError(f"{permission.value} at site {name} is not yours")
    async with sites_only(settings) as service:
        site = service.sites.get(name)
        if site is None:
            known = ", ".join(service.sites) or "none"
            raise SettingsError(
                f"there is no site {name}", field="--site", fix=f"known: {known}"
            )
        await site.attach()
        await site.governance.settings.follow()  # those that say who this is
        yield site, actor


def _who_asks(settings: Settings) -> Actor:
    token = os.environ.get(TOKEN, "")
    if not token:
        raise UnauthorizedError(
            "this command asks who you are", field=TOKEN, fix="set it to your token"
        )
    return make_people(settings).identify(token)
