"""What every command shares: help with examples, sites, and plain output."""

import argparse
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from proxy.app import Service
from proxy.settings import Settings

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
    parser = parsers.add_parser(name, help=summary)
    parser.description = summary
    parser.epilog = f"example:\n  {example}"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(run=run)
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
    """The sites of a service that listens to nobody, for commands that act on them."""
    service = Service(settings)
    try:
        await service.open_sites()
        yield service
    finally:
        await service.stop()
