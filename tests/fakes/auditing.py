"""An auditor's own machine: the verifier, run as its readers run it."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle

if TYPE_CHECKING:
    from tests.fakes.call_centre import CallCentre

VERIFIER = Path(__file__).resolve().parents[2] / "audit" / "verify.py"


def verdict(folder: Path, bundle: bytes, policy: str, now: datetime) -> dict[str, Any]:
    """What the verifier says of a bundle, with its exit status."""
    (folder / "bundle.zip").write_bytes(bundle)
    (folder / "auditor.txt").write_text(policy, "utf-8")
    return checked(
        *(folder / "bundle.zip", "--policy", folder / "auditor.txt"),
        *("--json", "--now", now.isoformat()),
    )


async def verdict_on(centre: "CallCentre", *, witnessed: bool = True) -> dict[str, Any]:
    """What the verifier says of all that a call centre's site has published.

    Not `witnessed`: to an auditor who asks for no witnesses, as the site has none.
    """
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, *(() if witnessed else ((), 0)))
    return verdict(centre.folder, raw, rules, centre.clock())


def checked(*arguments: str | Path) -> dict[str, Any]:
    """What the verifier says with these arguments, `--json` among them."""
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) | {"status": done.returncode}
