"""A road from a shipper to its service on which chosen uploads almost stand still.

Bytes pass as they are, both ways. Of an upload that is held a first part arrives, then
a few bytes four times a second, as over a line that is nearly dead.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

AT_ONCE = 1 << 16
FIRST_PART = 48 * 1024
CRUMB, PAUSE = 64, 0.25


@dataclass
class SlowRoad:
    """The road; `under_way` is set when a held upload's first part has arrived."""

    server: str
    port: int
    address: str = ""
    held: bytes = b""
    under_way: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self, decision_id: str) -> None:
        self.held = f"PUT /recordings/{decision_id} ".encode()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        listener = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            listener.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        there, back = await asyncio.open_connection(self.server, self.port)
        ways = [
            asyncio.create_task(self._there(reader, back)),
            asyncio.create_task(_back(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            back.transport.abort()
            writer.transport.abort()

    async def _there(
        self, reader: asyncio.StreamReader, back: asyncio.StreamWriter
    ) -> None:
        carried = -1  # bytes of the upload that is held, once it has begun
        while piece := await reader.read(AT_ONCE):
            if self.held and self.held in piece:
                carried = 0
            for begin in range(0, len(piece), CRUMB):
                crumb = piece[begin : begin + CRUMB]
                back.write(crumb)
                if carried >= 0 and self.held:
                    carried += len(crumb)
                    await self._dawdle(carried)
            await back.drain()

    async def _dawdle(self, carried: int) -> None:
        if carried > FIRST_PART:
            self.under_way.set()
            await asyncio.sleep(PAUSE)


async def _back(there: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await there.read(AT_ONCE):
            writer.write(piece)
            await writer.drain()
