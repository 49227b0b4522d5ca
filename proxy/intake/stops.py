"""Ending a recording that runs at the platform: at the policy's length, or at once.

A durable job each, because the service may be restarted while the call goes on.
"""

import json
from datetime import timedelta

from proxy.database.pool import SiteDatabase
from proxy.database.queue import queue_in

JOB = "stop_recording"


class Stops:
    """Orders to end recordings of one site's calls."""

    def __init__(self, database: SiteDatabase) -> None:
        self._database = database

    async def stop_now(self, connection_name: str, call_id: str) -> None:
        await self.stop_after(connection_name, call_id, 0)

    async def stop_after(
        self, connection_name: str, call_id: str, seconds: int
    ) -> None:
        """The job holds the platform's call id only until it has run."""
        payload = {"connection": connection_name, "call": call_id}
        async with self._database.connection() as connection:
            await queue_in(connection).enqueue(
                JOB,
                json.dumps(payload).encode(),
                execute_after=timedelta(seconds=seconds),
            )
