"""A real S3 server: SeaweedFS, as `weed mini`, on 127.0.0.1 and ports of its own.

`Bucket` looks past our code, with a client of its own.
"""

import http.client
import json
import os
import socket
import subprocess
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from proxy.vault.s3.store import S3Config

ACCESS_KEY, SECRET_KEY = "AKRECORDER", "a-secret-of-the-recorder"
READER_KEY, READER_SECRET = "AKREADER", "a-secret-of-the-reader"
IDENTITIES = {
    "identities": [
        {
            "name": "recorder",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
    ]
}
LISTENERS = ("s3", "master", "filer", "volume", "admin")
SOCKETS = Path("/tmp")  # noqa: S108  # it leaves them there, whatever TMPDIR is
SESSION = AioSession()  # one: it remembers what S3 is, which takes long to read
START_SECONDS = 20
START_ATTEMPTS = 3


@contextmanager
def running(program: str, folder: Path) -> Iterator[str]:
    """Start it in `folder`; give the endpoint; end it and remove what it leaves."""
    (folder / "s3.json").write_text(json.dumps(IDENTITIES))
    (folder / "data").mkdir()
    for attempt in range(1, START_ATTEMPTS + 1):
        ports = _free_ports(2 * len(LISTENERS))
        server = _start(program, folder, ports)
        try:
            if _answers(server, ports[0]):
                yield f"http://127.0.0.1:{ports[0]}"
                return
        finally:
            server.kill()  # its data is thrown away
            server.wait()
            _remove_sockets(ports)
        assert attempt < START_ATTEMPTS, (folder / "weed.log").read_text()


def _start(program: str, folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    listening = []
    for place, name in enumerate(LISTENERS):
        listening.append(f"-{name}.port={ports[2 * place]}")
        listening.append(f"-{name}.port.grpc={ports[2 * place + 1]}")
    command = [
        *(program, "mini", f"-dir={folder / 'data'}"),
        *("-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *("-master.telemetry=false", "-admin.ui=false", "-webdav=false"),
        *("-s3.port.iceberg=0", "-s3.port.lance=0"),
        *(f"-s3.config={folder / 's3.json'}", "-s3.autoCreateBucket=false"),
        *listening,
    ]
    with (folder / "weed.log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env=os.environ | {"TMPDIR": str(folder)},
        )


def _free_ports(number: int) -> list[int]:
    """It cannot be asked which ports it took, so it is told some that were free."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def _answers(server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether S3 answers, closed to strangers; an open port is not enough."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        with suppress(OSError, http.client.HTTPException), closing(asking):
            asking.request("GET", "/")
            if asking.getresponse().status == 403:
                return True
        time.sleep(0.02)
    return False


def _remove_sockets(ports: list[int]) -> None:
    for port in ports:
        for left in SOCKETS.glob(f"seaweedfs-*-{port}.sock"):
            left.unlink(missing_ok=True)


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server, as somebody sees it who does not use our code."""

    endpoint: str
    name: str
    client: Any

    def config(self, **changes: Any) -> S3Config:
        """What a store is told to use it; it does not wait long."""
        usual: dict[str, Any] = {
            "endpoint": self.endpoint,
            "bucket": self.name,
            "access_key": ACCESS_KEY,
            "secret_key": SECRET_KEY,
            "silence_seconds": 5,
            "call_seconds": 15,
        }
        return S3Config(**usual | changes)

    async def call(self, operation: str, **asked: Any) -> Any:
        return await getattr(self.client, operation)(Bucket=self.name, **asked)

    async def keys(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2")
        return [
            each["Key"]
            async for page in pages.paginate(Bucket=self.name)
            for each in page.get("Contents", ())
        ]

    async def objects(self) -> list[str]:
        return [key for key in await self.keys() if "objects/" in key]

    async def uploads(self) -> list[str]:
        """The keys of uploads under way."""
        listed = await self.call("list_multipart_uploads")
        return [each["Key"] for each in listed.get("Uploads", ())]

    async def version(self, status: str) -> None:
        """Switch the keeping of versions "Enabled" or "Suspended"."""
        await self.call(
            "put_bucket_versioning", VersioningConfiguration={"Status": status}
        )

    async def lay(self, key: str, body: bytes = b"sealed, perhaps") -> None:
        await self.call("put_object", Key=key, Body=body)

    async def body(self, key: str) -> bytes:
        answer = await self.call("get_object", Key=key)
        async with answer["Body"] as stream:
            body: bytes = await stream.read()
        return body


@asynccontextmanager
async def new_bucket(endpoint: str, **options: Any) -> AsyncIterator[Bucket]:
    """A bucket of the test's own, removed with all that is in it."""
    name = f"test-{uuid.uuid4().hex}"
    connecting = SESSION.create_client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=AioConfig(s3={"addressing_style": "path"}),
    )
    async with connecting as client:
        await client.create_bucket(Bucket=name, **options)
        yield Bucket(endpoint, name, client)
        with suppress(client.exceptions.ClientError):  # a locked one stays
            await client.delete_bucket(Bucket=name)
