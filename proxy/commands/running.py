"""What every command shares: help with examples, sites, and plain output."""

import argparse
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import Enum
from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from proxy.access.permissions import Permission
from proxy.app import Service
from proxy.database.embedded import DatabaseInUseError
from proxy.errors import PonctuelError, SettingsError
from proxy.logs import configure_logs
from proxy.settings import Settings, load_settings
from proxy.site import Site

Run = Callable[[argparse.Namespace], int]


class Local(Enum):
    """Said aloud where nobody is asked who they are: it takes the machine itself.

    Whoever runs such a command reads the settings and the key directory anyway; see
    docs/decisions/0027-commands-name-who-may.md for each.
    """

    LOCAL = "local"


LOCAL = Local.LOCAL
# What a command asks of whoever runs it.
May = Permission | Local


class UnguardedCommandError(PonctuelError):
    """A command does not say who may run it."""

    error_id = "unguarded-command"


class Parsers(Protocol):
    """Where commands are added: what `add_subparsers()` returns."""

    def add_parser(
        self,
        name: str,
        /,
        *,
        help: str | None = None,  # noqa: A002  # argparse's own name for it
    ) -> argparse.ArgumentParser: ...


def add_command(
    parsers: Parsers, name: str, run: Run, summary: str, example: str, *, may: May
) -> argparse.ArgumentParser:
    """A command with its help and an example a reader can paste.

    `may` is the one place that says who may run it: `acting` is told it by `args.may`,
    and the access matrix reads it here. Raises UnguardedCommandError without one.
    """
    if not isinstance(may, Permission | Local):
        raise UnguardedCommandError(name)
    parser = _add_parser(parsers, name, summary, example)
    parser.set_defaults(run=run, may=may)
    return parser


def add_group(
    parsers: Parsers, name: str, metavar: str, summary: str, example: str
) -> Parsers:
    """A word with commands under it, and an example of one."""
    parser = _add_parser(parsers, name, summary, example)
    return parser.add_subparsers(required=True, metavar=metavar)


def _add_parser(
    parsers: Parsers, name: str, summary: str, example: str
) -> argparse.ArgumentParser:
    parser = parsers.add_parser(name, help=summary)
    parser.description = summary
    parser.epilog = f"example:\n  {example}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help="one JSON object, for machines"
    )


def show(values: dict[str, object], *, as_json: bool) -> None:
    """Print named values: aligned for people, one object for machines."""
    if as_json:
        print(json.dumps(values, default=str))
        return
    width = max(map(len, values), default=0)
    for name, value in values.items():
        print(f"{name.ljust(width)}  {value}")


def day_of(text: str, field: str) -> datetime:
    """The beginning of a day (UTC) that somebody wrote. Raises SettingsError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no day", field=field, fix="write it as 2026-12-15"
        ) from None


def id_of(text: str, field: str) -> UUID:
    """An id that somebody wrote. Raises SettingsError."""
    try:
        return UUID(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no id", field=field, fix="copy it from where it is listed"
        ) from None


@asynccontextmanager
async def sites_only(settings: Settings) -> AsyncIterator[Service]:
    """The sites of a service that listens to nobody, for commands that act on them.

    What they log goes to standard error, for standard output is the command's answer.
    Where `serve` runs the embedded database, its server is used, and left running.
    """
    configure_logs("warning")
    service = Service(settings)
    try:
        try:
            await service.open_sites()
        except DatabaseInUseError as in_use:
            if not in_use.address:
                raise
            service = Service(over(settings, in_use.address))
            await service.open_sites()
        yield service
    finally:
        await service.stop()


@asynccontextmanager
async def attached_site(name: str) -> AsyncIterator[Site]:
    """One site of a service that may run at the same time; it keeps its database."""
    async with sites_only(load_settings()) as service:
        site = service.sites.get(name)
        if site is None:
            known = ", ".join(service.sites) or "none"
            raise SettingsError(
                f"there is no site {name}", field="--site", fix=f"known: {known}"
            )
        await site.attach()
        yield site


def over(settings: Settings, dsn: str) -> Settings:
    """The same settings, with another database."""
    database = settings.database.model_copy(update={"dsn": SecretStr(dsn)})
    return settings.model_copy(update={"database": database})
