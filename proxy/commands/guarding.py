"""Every command there is, with who may run it. Without that the start stops."""

import argparse
from collections.abc import Iterator
from typing import NamedTuple

from proxy.access.permissions import Permission
from proxy.commands.running import Local, May, UnguardedCommandError


class Command(NamedTuple):
    """A command as it is typed, and what it asks of whoever does."""

    name: str
    may: May


def commands_of(top: argparse.ArgumentParser) -> list[Command]:
    """Raises UnguardedCommandError, also for one that was added in some other way."""
    return [Command(parser.prog, _may(parser)) for parser in _leaves(top)]


def _leaves(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    nested = [
        action.choices.values()
        for action in parser._actions  # noqa: SLF001  # argparse shows them no other way
        if isinstance(action, argparse._SubParsersAction)  # noqa: SLF001  # it has no other name
    ]
    if not nested:
        yield parser
    for children in nested:
        for child in children:
            yield from _leaves(child)


def _may(parser: argparse.ArgumentParser) -> May:
    may = parser.get_default("may")
    if not isinstance(may, Permission | Local):
        raise UnguardedCommandError(parser.prog)
    return may
