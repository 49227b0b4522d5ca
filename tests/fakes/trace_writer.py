"""A process that writes into the trace until somebody kills it, and says each place."""

import asyncio
import sys
from datetime import UTC, datetime

from proxy.access.trace.trace import Trace
from proxy.database.pool import open_pool
from tests.fakes.tracing import played


async def write_for_ever(dsn: str) -> None:
    trace = Trace(await open_pool(dsn, "clinic", 1), lambda: datetime.now(UTC))
    while True:
        place = await trace.note(played())
        sys.stdout.write(f"{place}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1]))
