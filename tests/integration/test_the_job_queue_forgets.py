"""The queue's log tells when calls were; it is not kept (finding of a review)."""

import asyncpg

from proxy.database.pool import SERVICE_ROLE
from proxy.database.queue import forget_job_log

LOG = (
    "INSERT INTO jobs.pgqueuer_log (created, job_id, status, priority, entrypoint)"
    " VALUES (now() - $1::interval, 1, 'successful', 0, 'take_over')"
)


async def test_what_jobs_did_is_forgotten_after_three_days(dsn):
    connection = await asyncpg.connect(dsn, server_settings={"role": SERVICE_ROLE})
    await connection.execute(LOG.replace("$1::interval", "interval '73 hours'"))
    await connection.execute(LOG.replace("$1::interval", "interval '71 hours'"))

    await forget_job_log(connection)

    assert await connection.fetchval("SELECT count(*) FROM jobs.pgqueuer_log") == 1
    await connection.close()
