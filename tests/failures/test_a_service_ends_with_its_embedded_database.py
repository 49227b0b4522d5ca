"""A service whose own database has died ends, loudly, so that it is started anew."""

import asyncio
import os
import signal
import subprocess
import sys

from tests.fakes.evidence import until


async def test_a_service_ends_when_its_embedded_database_is_killed(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "PONCTUEL_DATA_DIR": str(tmp_path / "var"),
        "PONCTUEL_HTTP__PORT": "0",
        "PONCTUEL_METRICS__PORT": "0",
    }
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert service.stdout is not None
    assert await service.stdout.readline()
    pid_file = tmp_path / "var" / "postgres" / "postmaster.pid"
    await until(pid_file.exists, "the database")
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
    _, errors = await service.communicate()

    assert service.returncode == 1
    assert b"the embedded server has ended" in errors
    assert b"Traceback" not in errors
