"""The job queue's place in the database: the library's own tables, in a schema apart.

`pgqueuer` creates and upgrades its tables itself; ours are in `migrations/`.
"""

import asyncio
from typing import cast

import asyncpg
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver
from pgqueuer.domain.settings import DBSettings
from pgqueuer.ports.driver import NotifyCallback
from pgqueuer.queries import Queries
from typing_extensions import override

from proxy.database.pool import SERVICE_ROLE, Connection
from retention.schedule import JOB_LOG_KEPT

SCHEMA = "jobs"
_NAMES = DBSettings(db_schema=SCHEMA)


class ListeningDriver(AsyncpgPoolDriver):
    """Says nothing before it listens.

    A worker asks at once whether it hears itself. On a busy machine that came before it
    listened: it took itself for deaf, and began anew ten seconds later.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        super().__init__(pool)
        self._listens = asyncio.Event()

    @override
    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._listens.set()

    @override
    async def notify(self, channel: str, payload: str) -> None:
        await self._listens.wait()
        await super().notify(channel, payload)


def queue_over(driver: AsyncpgDriver | AsyncpgPoolDriver) -> Queries:
    """The queue's queries, spelled for our schema."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(_NAMES),
        qbq=QueryQueueBuilder(_NAMES),
        qbs=QuerySchedulerBuilder(_NAMES),
    )


def queue_in(connection: Connection) -> Queries:
    """The queue as part of the caller's transaction: a job exists if it commits."""
    # The driver calls fetch and execute only, which a lent connection has as well.
    return queue_over(AsyncpgDriver(cast("asyncpg.Connection", connection)))


async def make_due(connection: Connection, dedupe_key: str) -> None:
    """Give a job that waits for its next try that try now."""
    await connection.execute(
        f"UPDATE {_NAMES.qualified.queue_table} SET execute_after = now()"  # noqa: S608  # a name of the library's
        " WHERE dedupe_key = $1 AND status = 'queued' AND execute_after > now()",
        dedupe_key,
    )


async def forget_job_log(connection: Connection) -> None:
    """Delete what the queue remembers of jobs done three days ago.

    Its log has a time for every step of every take-over, which is when calls were.
    """
    names = _NAMES.qualified
    for table in (names.queue_table_log, names.statistics_table):
        await connection.execute(
            f"DELETE FROM {table} WHERE created < now() - $1::interval",  # noqa: S608  # a name of the library's
            JOB_LOG_KEPT,
        )


async def install_queue(connection: asyncpg.Connection) -> None:
    """Create or upgrade the queue's tables and let the service role use them."""
    queue = queue_over(AsyncpgDriver(connection))
    if await queue.schema_is_installed():
        await queue.apply_upgrade()
    else:
        await queue.install()
    await connection.execute(
        f"GRANT USAGE ON SCHEMA {SCHEMA} TO {SERVICE_ROLE};"
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {SCHEMA}"
        f" TO {SERVICE_ROLE};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {SCHEMA} TO {SERVICE_ROLE};"
    )
