"""`ponctuel retention sweep`: forget what is due, now."""

import argparse
import asyncio
import dataclasses

from proxy.commands.progress import counting
from proxy.commands.running import (
    Parsers,
    add_command,
    add_group,
    add_json,
    show,
    sites_only,
)
from proxy.settings import load_settings


def add_to(parsers: Parsers) -> None:
    example = "ponctuel retention sweep --dry-run"
    actions = add_group(parsers, "retention", "ACTION", "How recordings end.", example)
    sweep = add_command(
        actions,
        "sweep",
        lambda args: asyncio.run(_sweep(args)),
        "Destroy every recording and key that is due, verify, write the receipts.",
        example,
    )
    sweep.add_argument(
        "--dry-run", action="store_true", help="only say how many are due"
    )
    add_json(sweep)


async def _sweep(args: argparse.Namespace) -> int:
    """Exit status 1 when something that is due is still there."""
    failed = 0
    async with sites_only(load_settings()) as service:
        for name, site in service.sites.items():
            await site.attach()
            if args.dry_run:
                figures = await site.shelf.figures(site.clock())
                report: dict[str, object] = {"due": figures["expired_undeleted"]}
            else:
                with counting(f"{name}: recordings destroyed") as on_progress:
                    result = await site.sweep(on_progress)
                failed += result.failed + result.keys_failed + result.weeks_failed
                report = dataclasses.asdict(result)
            show({"site": name} | report, as_json=args.json)
    return 1 if failed else 0
