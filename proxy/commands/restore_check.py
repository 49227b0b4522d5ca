"""`ponctuel restore-check`: after a restore, what was dead is dead again."""

import argparse
import asyncio

from proxy.commands.running import (
    LOCAL,
    Parsers,
    add_command,
    add_json,
    show,
    sites_only,
)
from proxy.settings import load_settings


def add_to(parsers: Parsers) -> None:
    parser = add_command(
        parsers,
        "restore-check",
        lambda args: asyncio.run(_check(args)),
        "Hold database and objects against the key store, as every start does: destroy "
        "again what had died and came back with a backup, and say what is missing.",
        "ponctuel restore-check --json",
        may=LOCAL,
    )
    add_json(parser)


async def _check(args: argparse.Namespace) -> int:
    """Exit status 1 when anything had come back, is missing or is overdue."""
    status = 0
    async with sites_only(load_settings()) as service:
        for name, site in service.sites.items():
            await site.attach()
            await site.governance.look()
            found = await site.replay_the_dead()
            swept = await site.sweep()
            status |= bool(found.came_back or found.keys_missing or swept.all_failed)
            show(
                {
                    "site": name,
                    "keys_back": len(found.keys_back),
                    "keys_missing": [key.name for key in found.keys_missing],
                    "recordings_back": found.recordings_back,
                    "analyses_back": found.analyses_back,
                    "objects_back": found.objects_back,
                    "data_keys_moved": found.data_keys_moved,
                    "destroyed": swept.destroyed,
                    "failed": swept.all_failed,
                },
                as_json=args.json,
            )
    return status
