"""Who runs a command that changes something: shown by a token, never by a name."""

import argparse
import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

from proxy.access.permissions import Actor, Permission, Subject, permits
from proxy.api.refusing import keep_refusal
from proxy.commands.running import Parsers, add_command, add_json, sites_only
from proxy.errors import ForbiddenRoleError, SettingsError, UnauthorizedError
from proxy.settings import Settings, load_settings
from proxy.site import Site
from proxy.wiring import make_people

TOKEN = "PONCTUEL_TOKEN"  # noqa: S105  # where it is, not what it is

Act = Callable[[Site, Actor, argparse.Namespace], Awaitable[int | None]]
"""What a command does at a site; its exit status, or nothing where that went well."""


def add_site_command(
    parsers: Parsers,
    name: str,
    what: tuple[Act, Permission],
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    """A command somebody runs at one site, and what it takes to be let to run it."""
    act, may = what
    parser = add_command(
        parsers,
        name,
        lambda args: asyncio.run(_run(act, args)),
        summary,
        example,
        may=may,
    )
    parser.add_argument("--site", required=True, help="the site's code")
    add_json(parser)
    return parser


async def _run(act: Act, args: argparse.Namespace) -> int:
    async with acting(args.site, args.may) as (site, actor):
        return await act(site, actor, args) or 0


@asynccontextmanager
async def acting(
    name: str, permission: Permission
) -> AsyncIterator[tuple[Site, Actor]]:
    """One site, and who asks for something there, with the grants that hold now.

    A command passes on what it was added with, `args.may`. Raises SettingsError for an
    unknown site, UnauthorizedError for a token that is nobody's, and
    ForbiddenRoleError for somebody who may not.
    """
    settings = load_settings()
    actor = _who_asks(settings)
    refusal = ForbiddenRoleError(f"{permission.value} at site {name} is not yours")
    if actor.site != name:
        raise refusal
    async with sites_only(settings) as service:
        site = service.sites.get(name)
        if site is None:
            known = ", ".join(service.sites) or "none"
            raise SettingsError(
                f"there is no site {name}", field="--site", fix=f"known: {known}"
            )
        await site.attach()
        await site.governance.settings.follow()  # those that say who this is
        if not permits(actor, permission, Subject(name)):
            await keep_refusal(
                site, actor, permission, permission.value, refusal.detail
            )
            raise refusal
        held = await site.access.grants.of(actor.code, site.clock())
        yield site, replace(actor, grants=held)


def _who_asks(settings: Settings) -> Actor:
    token = os.environ.get(TOKEN, "")
    if not token:
        raise UnauthorizedError(
            "this command asks who you are", field=TOKEN, fix="set it to your token"
        )
    return make_people(settings).identify(token)
