"""`ponctuel retention`: forget what is due, now; and say how long what is kept."""

import argparse
import asyncio
import dataclasses
import json

from proxy.commands.progress import counting
from proxy.commands.running import (
    LOCAL,
    Parsers,
    add_command,
    add_group,
    add_json,
    show,
    sites_only,
)
from proxy.database.forgetting import BATCH
from proxy.settings import load_settings
from retention.schedule import SCHEDULE


def add_to(parsers: Parsers) -> None:
    example = "ponctuel retention sweep --dry-run"
    actions = add_group(parsers, "retention", "ACTION", "How recordings end.", example)
    sweep = add_command(
        actions,
        "sweep",
        lambda args: asyncio.run(_sweep(args)),
        "Destroy every recording and key that is due, verify, write the receipts; "
        "forget everything else that is.",
        example,
        may=LOCAL,
    )
    sweep.add_argument(
        "--dry-run",
        action="store_true",
        help="only say how much is due; of everything else at least so many rows, for "
        f"no more than {BATCH} of a kind are counted",
    )
    add_json(sweep)
    table = add_command(
        actions,
        "table",
        _table,
        "Show how long each kind of data is kept, from when, why, and who ends it.",
        "ponctuel retention table --json",
        may=LOCAL,
    )
    add_json(table)


def _table(args: argparse.Namespace) -> int:
    rows = [promise.row for promise in SCHEDULE]
    if args.json:
        print(json.dumps([row._asdict() for row in rows]))
        return 0
    for row in rows:
        print(row.kind)
        for name, said in list(row._asdict().items())[1:]:
            print(f"  {name.replace('_', ' '):<9}{said}")
    return 0


async def _sweep(args: argparse.Namespace) -> int:
    """Exit status 1 when something that is due is still there."""
    failed = 0
    async with sites_only(load_settings()) as service:
        for name, site in service.sites.items():
            await site.attach()
            await site.governance.look()
            if args.dry_run:
                figures = await site.shelf.figures(site.clock())
                analyses = await site.parts.documents.figures(site.clock())
                others = await site.forgetting.due()
                report: dict[str, object] = {
                    "due": figures["expired_undeleted"],
                    "to_shorten": await site.shortening.would_apply(),
                    "analyses_due": analyses["expired"],
                    "rows_due_at_least": sum(others.values()),
                }
            else:
                with counting(f"{name}: recordings destroyed") as on_progress:
                    result = await site.sweep(on_progress)
                failed += result.all_failed
                report = dataclasses.asdict(result)
            show({"site": name} | report, as_json=args.json)
    return 1 if failed else 0
