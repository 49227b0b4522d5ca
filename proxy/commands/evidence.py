"""`ponctuel evidence`: files for an inspector, a works council, a DPO, or a caller."""

import argparse
import asyncio
import json
import sys
from pathlib import Path

from proxy.commands.files import private_file, whole_file
from proxy.commands.running import (
    LOCAL,
    Parsers,
    add_command,
    add_group,
    add_json,
    attached_site,
    show,
)
from proxy.errors import SettingsError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.evidence.extent import Extent
from proxy.evidence.receipts import call_receipt
from proxy.site import Site

_EXPORT = "ponctuel evidence export --site nord --out nord.zip"


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers, "evidence", "ACTION", "What an outsider can recompute.", _EXPORT
    )
    _add_export(actions)
    _add_receipt(actions)
    _add_tagkeys(actions)


def _add_export(actions: Parsers) -> None:
    export = add_command(
        actions,
        "export",
        lambda args: asyncio.run(_export(args)),
        "Write a site's evidence bundle, which audit/verify.py checks offline.",
        f"{_EXPORT} --auditor-file auditor.txt",
        may=LOCAL,
    )
    export.add_argument("--site", required=True, help="the site's code")
    export.add_argument("--out", required=True, type=Path, metavar="FILE")
    export.add_argument(
        "--auditor-file",
        type=Path,
        metavar="FILE",
        help="first write the keys to a new file, also where no quorum has signed "
        "yet, for the auditor to keep out of our reach",
    )
    add_json(export)


def _add_receipt(actions: Parsers) -> None:
    receipt = add_command(
        actions,
        "receipt",
        lambda args: asyncio.run(_receipt(args)),
        "Write the proof that one call's draw is in the ledger, for its own caller.",
        "ponctuel evidence receipt --site nord --connection pbx --call-id - "
        "--out call.tlog-proof",
        may=LOCAL,
    )
    receipt.add_argument("--site", required=True, help="the site's code")
    receipt.add_argument("--connection", required=True, help="the platform's code")
    receipt.add_argument(
        "--call-id",
        required=True,
        help="the root call's id at the platform; - reads it from standard input, "
        "which leaves it out of the shell's history",
    )
    receipt.add_argument("--out", required=True, type=Path, metavar="FILE")
    add_json(receipt)


def _add_tagkeys(actions: Parsers) -> None:
    tagkeys = add_command(
        actions,
        "tagkeys",
        lambda args: asyncio.run(_tagkeys(args)),
        "Write the living tag keys, for somebody entitled to call ids. It is noted.",
        "ponctuel evidence tagkeys --site nord --out keys.json",
        may=LOCAL,
    )
    tagkeys.add_argument("--site", required=True, help="the site's code")
    tagkeys.add_argument("--out", required=True, type=Path, metavar="FILE")
    add_json(tagkeys)


async def _export(args: argparse.Namespace) -> int:
    async with attached_site(args.site) as site:
        with whole_file(args.out, "--out") as file:
            if args.auditor_file:
                _write_auditor_file(args.auditor_file, site)
            bundle = await make_bundle(
                site.ledger, site.publisher, site.signer, site.cosigning
            )
            file.write(bundle)
        newest = await site.cosignatures.newest_head()
    extent = Extent.of(bundle, site.signer.key, site.config.witnesses)
    values: dict[str, object] = {"written": args.out, "bytes": len(bundle)}
    values |= _in_figures(extent, newest.size if newest else 0, args)
    show(values, as_json=args.json)
    return 0


def _write_auditor_file(path: Path, site: Site) -> None:
    """Before any bundle: a witness needs the log's key before anything is cosigned."""
    why = "; this one may hold an auditor's own lines, so it is left as it is"
    text = auditor_text(site.signer.key, site.config.witnesses, site.config.quorum)
    with private_file(path, "--auditor-file", why=why) as file:
        file.write(text.encode())


def _in_figures(
    extent: Extent, ledger_size: int, args: argparse.Namespace
) -> dict[str, object]:
    """Where the evidence ends, and in one sentence why, if not with the ledger."""
    roles = extent.cosigned_by
    values: dict[str, object] = {
        "size": extent.size,
        "ledger_size": ledger_size,
        "disclosed": extent.disclosed,
        "cosigned_by": roles if args.json else ", ".join(roles) or "nobody",
    }
    if extent.size < ledger_size:
        values["note"] = (
            f"The evidence ends at leaf {extent.size} of {ledger_size}: too few "
            'witnesses have cosigned more; the lines "not cosigned" in the log say why.'
        )
    return values


async def _receipt(args: argparse.Namespace) -> int:
    call_id = sys.stdin.readline().strip() if args.call_id == "-" else args.call_id
    if not call_id:
        raise SettingsError("it is empty", field="--call-id", fix="give the call's id")
    async with attached_site(args.site) as site:
        found = await call_receipt(site, args.connection, call_id)
    with private_file(args.out, "--out") as file:
        file.write(found.receipt.encode())
    if args.json:
        values = {
            "written": args.out,
            "index": found.receipt.index,
            "size": found.opened.checkpoint.size,
            "witnesses": len(found.opened.cosignatures),
            "leaf": found.leaf,
        }
        show(values, as_json=True)
    else:
        print(f"written  {args.out}\n\n{found.in_words}", end="")
    return 0


async def _tagkeys(args: argparse.Namespace) -> int:
    """The file is made first: nothing is noted as handed out that cannot be written."""
    async with attached_site(args.site) as site:
        with private_file(args.out, "--out") as file:
            keys = await site.tag_keys.hand_out()
            named = {str(week): key.hex() for week, key in keys.items()}
            file.write(json.dumps(named, indent=1).encode() + b"\n")
    show({"written": args.out, "weeks": len(keys)}, as_json=args.json)
    return 0
