"""What every command shares: help with examples, sites, and plain output."""

import argparse
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from pydantic import SecretStr

from proxy.app import Service
from proxy.database.embedded import DatabaseInUseError
from proxy.errors import SettingsError
from proxy.logs import configure_logs
from proxy.settings import Settings, load_settings
from proxy.site import Site

Run = Callable[[argparse.Namespace], int]


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
    parsers: Parsers, name: str, run: Run, summary: str, example: str
) -> argparse.ArgumentParser:
    """A command with its help and an example a reader can paste."""
    parser = _add_parser(parsers, name, summary, example)
    parser.set_defaults(run=run)
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
