"""`ponctuel reconcile`: a day, compared with what platforms and store really hold."""

import argparse
import asyncio
from datetime import date
from pathlib import Path

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import acting
from proxy.commands.files import private_file
from proxy.commands.progress import counting
from proxy.commands.running import Parsers, add_command, add_json, show
from proxy.errors import SettingsError
from proxy.platforms.call_list import GivenList
from proxy.reconciliation.connection_day import CannotReconcileError, Listener
from proxy.reconciliation.reports import InventoryReport, Report
from proxy.site import Site


def add_to(parsers: Parsers) -> None:
    reconcile = add_command(
        parsers,
        "reconcile",
        lambda args: asyncio.run(_reconcile(args)),
        "Compare a day with the platform's own list and the store; purge at the "
        "platform, unheard, what nobody drew. PONCTUEL_TOKEN says who you are; that is "
        "kept with what is done. Status 1: differences, or not done.",
        "PONCTUEL_TOKEN=$(cat token) ponctuel reconcile --site nord --connection pbx "
        "--day 2026-11-17 --calls calls.csv",
        may=Permission.RECONCILIATION_RUN,
    )
    _add_arguments(reconcile)
    add_json(reconcile)


def _add_arguments(reconcile: argparse.ArgumentParser) -> None:
    reconcile.add_argument("--site", required=True, help="the site's code")
    reconcile.add_argument(
        "--day", type=date.fromisoformat, help="a closed day, UTC (default: the newest)"
    )
    reconcile.add_argument(
        "--connection", help="only this platform, and not the store (default: all)"
    )
    reconcile.add_argument(
        "--calls",
        type=Path,
        metavar="FILE",
        help="a list of that day, as docs/platforms/generic.md has it, to be compared "
        "and kept as given by hand: beside the platform's own, not in place of it, if "
        "that gives one; with --connection",
    )
    reconcile.add_argument(
        "--export",
        type=Path,
        metavar="FILE",
        help="write the compared calls, with their ids, for verify.py --cdr; the "
        "ledger has the file's SHA-256; with --connection",
    )
    reconcile.add_argument(
        "--remove-strays",
        action="store_true",
        help="have objects that are no recording's removed an hour from now; only "
        "if no other database has its recordings in this store. Your code is noted "
        "in the incident about them",
    )


async def _reconcile(args: argparse.Namespace) -> int:
    _check(args)
    async with acting(args.site, args.may) as (site, actor):
        lines: list[bytes] = []
        with counting(f"{args.site}: rows listed") as on_rows:
            listener = Listener(lines.append, on_rows)
            report = await _run(site, actor, args, listener)
        if args.export and lines:
            with private_file(args.export, "--export") as file:
                file.writelines(lines)
        if args.remove_strays and isinstance(report.inventory, InventoryReport):
            await site.reconciliation.inventory.adopt(
                report.inventory.strays, actor.code
            )
    _show(report, as_json=args.json)
    return 0 if report.is_clean else 1


def _check(args: argparse.Namespace) -> None:
    for option in ("calls", "export"):
        if getattr(args, option) and not args.connection:
            raise SettingsError(
                "it is about one connection",
                field=f"--{option}",
                fix="name it with --connection",
            )
    if args.remove_strays and args.connection:
        raise SettingsError(
            "with a connection the store is not looked at", field="--remove-strays"
        )


async def _run(
    site: Site, actor: Actor, args: argparse.Namespace, listener: Listener
) -> Report:
    try:
        return await site.reconciliation.run(
            args.day or site.reconciliation.newest_closed_day(),
            args.connection,
            by_hand=GivenList(_read(args.calls)) if args.calls else None,
            actor=actor.code,
            listener=listener,
        )
    except CannotReconcileError as error:
        raise SettingsError(error.detail, field="reconcile", fix=error.fix) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", field="--calls"
        ) from None


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        show(report.as_json(), as_json=True)
        return
    blocks = [each.as_json() for each in report.connections]
    if report.inventory:
        blocks.append({"store": report.site, **report.inventory.as_json()})
    for number, block in enumerate(blocks):
        if number:
            print()
        show({k: _plain(v) for k, v in block.items()}, as_json=False)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number}" for name, number in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return value
