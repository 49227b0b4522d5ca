"""`ponctuel evidence`: files for an inspector, a works council, a DPO, or a caller."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import BinaryIO

from proxy.commands.running import Parsers, add_command, add_json, show, sites_only
from proxy.errors import SettingsError, StorageError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.evidence.receipts import call_receipt
from proxy.settings import load_settings
from proxy.site import Site


def add_to(parsers: Parsers) -> None:
    evidence = parsers.add_parser("evidence", help="What an outsider can recompute.")
    actions = evidence.add_subparsers(required=True, metavar="ACTION")
    _add_export(actions)
    _add_receipt(actions)
    _add_tagkeys(actions)


def _add_export(actions: Parsers) -> None:
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


def _add_receipt(actions: Parsers) -> None:
    receipt = add_command(
        actions,
        "receipt",
        lambda args: asyncio.run(_receipt(args)),
        "Write the proof that one call's draw is in the ledger, for its own caller.",
        "ponctuel evidence receipt --site nord --connection pbx --call-id - "
        "--out call.tlog-proof",
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
    )
    tagkeys.add_argument("--site", required=True, help="the site's code")
    tagkeys.add_argument("--out", required=True, type=Path, metavar="FILE")
    add_json(tagkeys)


async def _export(args: argparse.Namespace) -> int:
    async with _attached(args.site) as site:
        bundle = await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )
        args.out.write_bytes(bundle)
        if args.auditor_file:
            args.auditor_file.write_text(
                auditor_text(site.signer.key, site.config.witnesses, site.config.quorum)
            )
    show({"written": args.out, "bytes": len(bundle)}, as_json=args.json)
    return 0


async def _receipt(args: argparse.Namespace) -> int:
    call_id = sys.stdin.readline().strip() if args.call_id == "-" else args.call_id
    if not call_id:
        raise SettingsError("it is empty", field="--call-id", fix="give the call's id")
    async with _attached(args.site) as site:
        found = await call_receipt(site, args.connection, call_id)
    with _private_file(args.out) as file:
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
    async with _attached(args.site) as site:
        with _private_file(args.out) as file:
            keys = await site.tag_keys.hand_out()
            named = {str(week): key.hex() for week, key in keys.items()}
            file.write(json.dumps(named, indent=1).encode() + b"\n")
    show({"written": args.out, "weeks": len(keys)}, as_json=args.json)
    return 0


@asynccontextmanager
async def _attached(name: str) -> AsyncIterator[Site]:
    """One site of a service that may run at the same time."""
    async with sites_only(load_settings()) as service:
        site = service.sites.get(name)
        if site is None:
            known = ", ".join(service.sites) or "none"
            raise SettingsError(
                f"there is no site {name}", field="--site", fix=f"known: {known}"
            )
        await site.attach()
        yield site


@contextmanager
def _private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file only its owner may read; gone again if it could not be filled."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}",
            field="--out",
            fix="name a file that does not exist yet",
        ) from None
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
    except BaseException as error:
        path.unlink()
        if isinstance(error, OSError):
            raise StorageError(f"{path}: {error.strerror}") from error
        raise
