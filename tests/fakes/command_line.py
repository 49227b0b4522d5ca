"""The `ponctuel` command in a process of its own, beside a call centre's service."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fakes.call_centre import CallCentre

ROOT = Path(__file__).resolve().parents[2]


async def ponctuel(
    centre: CallCentre,
    *arguments: str | Path,
    said: str = "",
    token: str = "",
    **changes: object,
) -> subprocess.CompletedProcess[str]:
    """Run a command with the centre's settings, as its operator would."""
    plan = centre.plan(**changes)
    environment = {
        "PATH": os.environ["PATH"],
        "PONCTUEL_CONFIG": str(centre.folder / "empty.toml"),
        "PONCTUEL_DATA_DIR": str(plan["data_dir"]),
        "PONCTUEL_DATABASE__DSN": plan["database"]["dsn"],
        "PONCTUEL_SITES": json.dumps(plan["sites"], default=str),
        "PONCTUEL_TOKEN": token,
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-W", "error", "-m", "proxy.cli", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
