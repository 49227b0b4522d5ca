"""`ponctuel evidence export`: one file for an inspector, a works council, a DPO."""

import argparse
import asyncio
from pathlib import Path

from proxy.commands.running import Parsers, add_command, add_json, show, sites_only
from proxy.errors import SettingsError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.settings import load_settings


def add_to(parsers: Parsers) -> None:
    evidence = parsers.add_parser("evidence", help="What an outsider can recompute.")
    actions = evidence.add_subparsers(required=True, metavar="ACTION")
    export = add_command(
        actions,
        "export",
        lambda args: asyncio.run(_export(args)),
        "Write a site's evidence bundle, which audit/verify.py checks offline.",
        "ponctuel evidence export --site nord --out nord.zip",
    )
    export.add_argument("--site", required=True, help="the site's code")
    export.add_argument("--out", required=True, type=Path, metavar="FILE")
    export.add_argument(
        "--auditor-file",
        type=Path,
        metavar="FILE",
        help="also write the keys, for the auditor to keep out of our reach",
    )
    add_json(export)


async def _export(args: argparse.Namespace) -> int:
    async with sites_only(load_settings()) as service:
        site = service.sites.get(args.site)
        if site is None:
            known = ", ".join(service.sites) or "none"
            raise SettingsError(
                f"there is no site {args.site}", field="--site", fix=f"known: {known}"
            )
        await site.attach()
        bundle = await make_bundle(site.ledger, site.publisher, site.signer)
        args.out.write_bytes(bundle)
        if args.auditor_file:
            args.auditor_file.write_text(auditor_text(site.signer.key))
    show({"written": args.out, "bytes": len(bundle)}, as_json=args.json)
    return 0
