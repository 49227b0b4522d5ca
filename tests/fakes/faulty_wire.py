"""A wire to PostgreSQL that can refuse, stall, be cut, and lose one answer.

The service talks to the wire's socket, the wire to the server's. What is lost on order
is the answer to a COMMIT, or to a statement that commits by itself: the change is made,
and nobody hears of it.
"""

import asyncio
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote, urlsplit

_SOCKET = ".s.PGSQL.5432"
_BEGIN = b"BEGIN;"
_COMMIT = b"COMMIT;"
_ROLLBACK = b"ROLLBACK;"


class FaultyWire:
    """A wire from a socket of its own to the server of `dsn`."""

    def __init__(self, dsn: str) -> None:
        parts = urlsplit(dsn)
        self._server_socket = parse_qs(parts.query)["host"][0] + "/" + _SOCKET
        # A socket's path has at most 107 bytes, which pytest's folders may exceed.
        self._folder = Path(tempfile.mkdtemp(prefix="wire-"))
        self.dsn = f"{dsn.partition('?')[0]}?port=5432&host={quote(str(self._folder))}"
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._links: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Server | None = None
        self._marker: bytes | None = None
        self._lost_by = "cut"
        self.lost = 0

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()
        shutil.rmtree(self._folder)

    async def mend(self) -> None:
        """Be an ordinary wire again."""
        self._flowing.set()
        if self._listener is None:
            self._listener = await asyncio.start_unix_server(
                self._accept, self._folder / _SOCKET
            )

    async def cut(self) -> None:
        """End all connections and refuse new ones, as a stopped server does."""
        if self._listener:
            self._listener.close()
            self._listener = None
            (self._folder / _SOCKET).unlink(missing_ok=True)
        for link in set(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def stall(self) -> None:
        """Accept everything, deliver nothing."""
        self._flowing.clear()

    def lose_commit_of(self, marker: bytes) -> None:
        """Lose the answer to the next COMMIT of a transaction that sent `marker`."""
        self._marker = marker
        self._lost_by = "cut"

    def stall_at_commit_of(self, marker: bytes) -> None:
        """Stall as soon as that COMMIT is under way: the server makes the change."""
        self._marker = marker
        self._lost_by = "stall"

    async def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._listener is None:  # cut while this connection was being taken
            writer.transport.abort()
            return
        link = asyncio.current_task()
        assert link
        self._links.add(link)
        try:
            await self._carry(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._links.discard(link)
            writer.transport.abort()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(
            self._server_socket
        )
        loses = asyncio.Event()
        ways = [
            asyncio.create_task(self._to_server(reader, server_writer, loses)),
            asyncio.create_task(self._to_client(server_reader, writer, loses)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            server_writer.transport.abort()

    async def _to_server(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        loses: asyncio.Event,
    ) -> None:
        sent = b""
        while data := await reader.read(65536):
            await self._flowing.wait()
            sent = b"" if _ROLLBACK in data else sent + data
            is_alone = _BEGIN not in sent  # then each statement commits by itself
            if is_alone or _COMMIT in data:
                if self._marker and self._marker in sent:
                    self._marker = None
                    self._lose(loses)
                sent = b""
            writer.write(data)
            with suppress(ConnectionError):
                await writer.drain()

    def _lose(self, loses: asyncio.Event) -> None:
        if self._lost_by == "stall":
            self.lost += 1
            self.stall()
        else:
            loses.set()

    async def _to_client(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        loses: asyncio.Event,
    ) -> None:
        while data := await reader.read(65536):
            if loses.is_set():
                self.lost += 1
                return
            await self._flowing.wait()
            writer.write(data)
            await writer.drain()
