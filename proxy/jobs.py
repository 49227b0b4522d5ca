"""Durable background work on the job queue: take-overs, stops, tending, sweeping.

The queue survives restarts and hands a dead replica's job to another one. While the
database is away this loop waits and connects again.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from uuid import UUID

import asyncpg
import structlog
from pgqueuer import PgQueuer
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, Schedule

from proxy.database.pool import CONNECT_SECONDS, SERVICE_ROLE
from proxy.database.queue import ListeningDriver, forget_job_log, queue_over
from proxy.errors import PonctuelError
from proxy.intake.stops import JOB as STOP_RECORDING
from proxy.intake.takeovers import JOB as TAKE_OVER
from proxy.intake.takeovers import TryAgainError
from proxy.platforms.base import RecordingSource
from proxy.site import Site

log = structlog.get_logger()

CONCURRENT_JOBS = 20
_RECONNECT_SECONDS = 1.0
_FINISH_SECONDS = 5.0
_STOP_RETRY = timedelta(seconds=5)
_STOP_ATTEMPTS = 20
EVERY_MINUTE = "* * * * *"
EVERY_QUARTER = "*/15 * * * *"
EVERY_HOUR = "7 * * * *"
# What is due is done once; what failed, or came while nobody ran, is due the next hour.
TEN_PAST_EVERY_HOUR = "10 * * * *"


class Jobs:
    """The worker of one process."""

    def __init__(
        self,
        dsn: str,
        sites: Mapping[str, Site],
        sources: Mapping[str, RecordingSource],
    ) -> None:
        self._dsn = dsn
        self._sites = sites
        self._sources = sources
        self._task: asyncio.Task[None] | None = None
        self._worker: PgQueuer | None = None
        self._pool: asyncpg.Pool | None = None
        self._is_stopping = False

    def start(self) -> None:
        self._task = asyncio.create_task(self._run_for_ever(), name="jobs")

    async def stop(self) -> None:
        """Take no new jobs; give those under way a few seconds, then cut them off.

        A job that was cut off is still in the queue, or is put there again by `tend`.
        """
        self._is_stopping = True
        if self._task and self._worker:
            self._worker.shutdown.set()
            await asyncio.wait({self._task}, timeout=_FINISH_SECONDS)
        if self._task:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_FINISH_SECONDS)

    async def _run_for_ever(self) -> None:
        while not self._is_stopping:
            try:
                await self._run()
            except Exception as error:  # noqa: BLE001  # the worker must outlive any fault
                log.warning("jobs interrupted", error=type(error).__name__)
            if not self._is_stopping:
                await asyncio.sleep(_RECONNECT_SECONDS)

    async def _run(self) -> None:
        pool = await asyncpg.create_pool(
            self._dsn,
            min_size=1,
            max_size=4,
            timeout=CONNECT_SECONDS,
            server_settings={"role": SERVICE_ROLE, "application_name": "ponctuel-jobs"},
        )
        self._pool = pool
        driver = ListeningDriver(pool)
        self._worker = PgQueuer(driver, queries=queue_over(driver))
        self._register(self._worker)
        try:
            await self._worker.run(
                dequeue_timeout=timedelta(seconds=5),
                batch_size=CONCURRENT_JOBS // 2,
                max_concurrent_tasks=CONCURRENT_JOBS,
                shutdown_on_listener_failure=True,
            )
        finally:
            self._worker = self._pool = None
            pool.terminate()  # close() would wait for a connection that is lost

    def _register(self, worker: PgQueuer) -> None:
        worker.entrypoint(TAKE_OVER)(self._take_over)
        worker.entrypoint(STOP_RECORDING)(self._stop_recording)
        worker.schedule("tend", EVERY_MINUTE)(self._tend)
        worker.schedule("sweep", EVERY_QUARTER)(self._sweep)
        worker.schedule("verify", EVERY_QUARTER)(self._verify)
        worker.schedule("forget-log", EVERY_HOUR)(self._forget_log)
        worker.schedule("reconcile", TEN_PAST_EVERY_HOUR)(self._reconcile)

    async def _take_over(self, job: Job) -> None:
        order = json.loads(job.payload or b"{}")
        site = self._sites.get(order["site"])
        if site is None:  # the site was taken out of the settings
            raise RetryRequested(timedelta(hours=1))
        try:
            await site.takeovers.run(UUID(order["takeover"]))
        except TryAgainError as error:
            raise RetryRequested(error.delay, str(error)) from None
        except PonctuelError as error:
            raise RetryRequested(timedelta(seconds=5), error.error_id) from None

    async def _stop_recording(self, job: Job) -> None:
        order = json.loads(job.payload or b"{}")
        source = self._sources.get(order["connection"])
        if source is None:
            return
        try:
            await source.stop(order["call"])
        except PonctuelError as error:
            if job.attempts < _STOP_ATTEMPTS:
                raise RetryRequested(_STOP_RETRY, error.error_id) from None
            log.warning("a recording could not be stopped", problem=error.error_id)

    async def _tend(self, _: Schedule) -> None:
        """All sites at once: one's slow witness must not hold up another's heads."""
        await asyncio.gather(
            *(self._try("tend", site.tend) for site in self._sites.values())
        )

    async def _forget_log(self, _: Schedule) -> None:
        if self._pool:
            async with self._pool.acquire() as connection:
                await forget_job_log(connection)

    async def _reconcile(self, _: Schedule) -> None:
        for site in self._sites.values():
            await self._try("reconcile", site.reconciliation.run_due)

    async def _sweep(self, _: Schedule) -> None:
        for site in self._sites.values():
            await self._try("sweep", partial(_forget, site))

    async def _verify(self, _: Schedule) -> None:
        """Each ledger is checked once a day, and soon after it was begun."""
        for site in self._sites.values():
            await self._try("verify", site.verify_self)

    async def _try(self, name: str, act: Callable[[], Awaitable[object]]) -> None:
        """One site's fault does not keep the others from their turn."""
        try:
            await act()
        except PonctuelError as error:
            log.warning("job failed", job=name, problem=error.error_id)


async def _forget(site: Site) -> None:
    """What could not be forgotten is in the figures, too, and is tried again."""
    report = await site.sweep()
    if report.all_failed:
        log.warning("not all forgotten", site=site.name, left=report.all_failed)
