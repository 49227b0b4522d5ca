"""The `ponctuel` command. Exit status: 0 done, 1 failed, 2 misused."""

import argparse
import sys
from collections.abc import Sequence

from proxy.commands import (
    access,
    analyses,
    api_keys,
    demo,
    doctor,
    evidence,
    holds,
    incidents,
    keys,
    notices,
    opt_outs,
    policy,
    reconcile,
    requests,
    restore_check,
    restore_drill,
    retention,
    serve,
    ship,
    users,
)
from proxy.commands.guarding import commands_of
from proxy.errors import PonctuelError, SettingsError

MISUSED = 2


def parser() -> argparse.ArgumentParser:
    """The whole command line; a test holds the documentation to it."""
    top = argparse.ArgumentParser(
        prog="ponctuel",
        description="Call recording that minimises itself: a random few, no more.",
        epilog="example:\n  PONCTUEL_CONFIG=ponctuel.toml ponctuel doctor\n\n"
        "Settings: PONCTUEL_* over ponctuel.toml; see docs/settings.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(required=True, metavar="COMMAND")
    for module in (
        demo,
        serve,
        doctor,
        policy,
        retention,
        restore_check,
        restore_drill,
        keys,
        holds,
        analyses,
        reconcile,
        incidents,
        opt_outs,
        requests,
        notices,
        evidence,
        access,
        users,
        api_keys,
        ship,
    ):
        module.add_to(commands)
    top.set_defaults(commands=commands_of(top))
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    try:
        status: int = args.run(args)
    except PonctuelError as error:
        print(error, file=sys.stderr)
        return MISUSED if isinstance(error, SettingsError) else 1
    except KeyboardInterrupt:
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
