"""A real Prometheus over a folder of its own, reading one service once a second."""

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

RULES = Path(__file__).parents[2] / "deploy/prometheus/rules"
STOP_SECONDS = 10


@dataclass(frozen=True)
class Prometheus:
    """The server's address, and its HTTP API."""

    address: str
    http: aiohttp.ClientSession

    async def is_ready(self) -> bool:
        try:
            async with self.http.get(f"{self.address}/-/ready") as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def ask(self, path: str, **parameters: str) -> Any:
        """The data of an answer; whatever the server says is wrong fails the test."""
        async with self.http.get(
            f"{self.address}/api/v1/{path}", params=parameters
        ) as response:
            told = json.loads(await response.text())
        assert told["status"] == "success", (parameters, told)
        return told["data"]

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression gives now."""
        return (await self.ask("query", query=expression))["result"]

    async def rules(self) -> list[dict[str, Any]]:
        groups = (await self.ask("rules"))["groups"]
        return [rule for group in groups for rule in group["rules"]]


@contextmanager
def running(
    program: str, folder: Path, metrics_address: str, http: aiohttp.ClientSession
) -> Iterator[Prometheus]:
    """Start it with our rules, and end it. All rules are looked at every second."""
    shutil.copytree(RULES, folder / "rules")
    for file in (folder / "rules").iterdir():
        file.write_text(file.read_text().replace("interval: 4m", "interval: 1s"))
    target = metrics_address.removeprefix("http://")
    scraped = {"job_name": "ponctuel", "static_configs": [{"targets": [target]}]}
    every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config = {
        "global": every,
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [scraped],
    }
    (folder / "prometheus.json").write_text(json.dumps(config))
    port = _free_port()
    process = subprocess.Popen(
        [
            program,
            f"--config.file={folder / 'prometheus.json'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield Prometheus(f"http://127.0.0.1:{port}", http)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


def _free_port() -> int:
    """It cannot be asked which port it took, so it is told one that was free."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
    return port
