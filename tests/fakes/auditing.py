"""An auditor's own machine: the verifier, run as its readers run it."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

VERIFIER = Path(__file__).resolve().parents[2] / "audit" / "verify.py"


def verdict(folder: Path, bundle: bytes, policy: str, now: datetime) -> dict[str, Any]:
    """What the verifier says of a bundle, with its exit status."""
    (folder / "bundle.zip").write_bytes(bundle)
    (folder / "auditor.txt").write_text(policy, "utf-8")
    return checked(
        *(folder / "bundle.zip", "--policy", folder / "auditor.txt"),
        *("--json", "--now", now.isoformat()),
    )


def checked(*arguments: str | Path) -> dict[str, Any]:
    """What the verifier says with these arguments, `--json` among them."""
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    return json.loads(done.stdout) | {"status": done.returncode}
