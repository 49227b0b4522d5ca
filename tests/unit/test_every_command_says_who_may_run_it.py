"""A command that does not say who may run it is not built."""

import argparse
import ast
from pathlib import Path

import pytest

from proxy import cli, commands
from proxy.access.permissions import Permission
from proxy.commands import acting, guarding, holds
from proxy.commands.guarding import Command, commands_of
from proxy.commands.running import (
    LOCAL,
    UnguardedCommandError,
    add_command,
    add_group,
)

DECISION = Path(__file__).parents[2] / "docs/decisions/0027-commands-name-who-may.md"
SOURCES = sorted(Path(commands.__file__).parent.glob("*.py"))
COMMANDS = commands_of(cli.parser())


def a_parser():
    top = argparse.ArgumentParser(prog="ponctuel")
    return top, top.add_subparsers()


@pytest.mark.parametrize("may", [None, "", "policy:read", "local", True], ids=str)
def test_a_new_command_without_a_permission_is_not_added(may):
    _, parsers = a_parser()

    with pytest.raises(UnguardedCommandError, match="listen"):
        add_command(parsers, "listen", lambda _: 0, "Listen.", "ponctuel", may=may)


def test_one_that_was_added_another_way_stops_the_start(monkeypatch):
    def add_to(parsers):
        group = add_group(parsers, "back", "DOOR", "In.", "ponctuel back door")
        group.add_parser("door").set_defaults(run=lambda _: 0)

    monkeypatch.setattr(holds, "add_to", add_to)

    with pytest.raises(UnguardedCommandError, match="ponctuel back door"):
        cli.main(["doctor"])


def test_what_a_command_says_is_found_at_any_depth():
    top, parsers = a_parser()
    add_command(
        parsers, "look", lambda _: 0, "Look.", "ponctuel look", may=Permission.KEYS_READ
    )
    group = add_group(parsers, "deep", "ACTION", "Deep.", "ponctuel deep sea")
    add_command(group, "sea", lambda _: 0, "Dive.", "ponctuel deep sea", may=LOCAL)

    assert commands_of(top) == [
        Command("ponctuel look", Permission.KEYS_READ),
        Command("ponctuel deep sea", LOCAL),
    ]


def calls_of(name):
    """Every call of a function in the commands' modules: where, and how."""
    for source in SOURCES:
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield source.name, ast.unparse(node)


def test_who_may_is_said_once_and_asked_as_it_was_said():
    """`acting` is told what the command was added with, and nothing typed anew."""
    asked = dict.fromkeys(call for _, call in calls_of("acting"))

    assert list(asked) == ["acting(args.site, args.may)"]


def test_a_command_that_asks_for_a_permission_asks_who_is_there():
    """Each module whose commands name one goes through `acting`."""
    asking = {source for source, _ in calls_of("acting")}
    naming = {
        source.name
        for source in SOURCES
        if "Permission." in source.read_text("utf-8")
        and "add_command(" in source.read_text("utf-8")
    }

    assert naming - asking <= {Path(guarding.__file__).name, "access.py"}
    assert Path(acting.__file__).name not in naming


def test_every_local_command_is_listed_with_its_reason():
    reasons = DECISION.read_text("utf-8")

    local = {
        each.name.removeprefix("ponctuel ") for each in COMMANDS if each.may is LOCAL
    }
    assert [name for name in sorted(local) if f"`{name}`" not in reasons] == []


def test_nothing_that_moves_a_policy_or_forgives_anything_is_local():
    local = {each.name.split()[1] for each in COMMANDS if each.may is LOCAL}

    assert local.isdisjoint(
        {"policy", "keys", "holds", "analyses", "incidents", "opt-outs", "users"}
        | {"api-keys", "reconcile"}
    )
