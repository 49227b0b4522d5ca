"""The composition root: settings → parts → a running service.

Everything that exists is made here, the one place where concrete parts meet.

Start-up: 1. database address (embedded or given) · 2. connections and sites · 3.
listeners, which answer "do not record" until · 4. every site is prepared, in the
background, again and again while the database is away. A schema that does not fit, or a
key directory others may read, is not waited for: the service refuses to run.
"""

import asyncio
import ipaddress
import itertools
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import structlog
from aiohttp import web

from proxy.access.identity import Identity
from proxy.access.listener import Door, defend
from proxy.api.application import Api
from proxy.api.fetching import Fetching
from proxy.api.listening import Playback
from proxy.console.application import Console
from proxy.database.embedded import EmbeddedPostgres
from proxy.database.migrate import check_schema, migrate
from proxy.database.pool import open_pool
from proxy.database.second_clock import SecondClock, servers_time
from proxy.errors import (
    DatabaseUnavailableError,
    EmbeddedPostgresError,
    ListenError,
    PonctuelError,
    SettingsError,
    StorageError,
)
from proxy.health import add_health, add_metrics
from proxy.intake.connections import Connection, Connections, private_only
from proxy.intake.routes import Webhooks
from proxy.intake.uploads import Uploads
from proxy.jobs import Jobs
from proxy.ledger.witnessing import Witness
from proxy.memory import overwrite_freed
from proxy.metrics import SiteMetrics
from proxy.platforms.base import Platform, RecordingSource
from proxy.problems import problem_response, problems
from proxy.publication import SitePublication, try_to
from proxy.settings import Settings
from proxy.site import Site
from proxy.site_settings import SitePart
from proxy.vault.key_directory import sites_with_day_keys
from proxy.vault.keys import KeyRing
from proxy.wiring import (
    make_key_store,
    make_objects,
    make_people,
    make_platforms,
    make_site_config,
    make_tls,
    make_witnesses,
    revealed,
)

log = structlog.get_logger()

_RETRY_SECONDS = 0.5
_OVERWRITTEN_SECONDS = 60.0
_NOW_SECONDS = 5.0
_WATCH_SECONDS = 1.0
_ANSWER_SECONDS = 1.0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Service:
    """One replica of Ponctuel."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime] = utc_now,
        second_clock: SecondClock | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._second_clock = second_clock or (
            servers_time if clock is utc_now else None
        )
        self.metrics = SiteMetrics()
        self.sites: dict[str, Site] = {}
        self.address = ""
        self.metrics_address = ""
        self._prepared: asyncio.Task[None] | None = None
        self._embedded: EmbeddedPostgres | None = None
        self._connections: dict[str, Connection] = {}
        self._publications: list[SitePublication] = []
        self._runners: list[web.AppRunner] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._jobs: Jobs | None = None
        self._objects = make_objects(settings)

    async def start(self) -> None:
        """Steps 1 to 3, then 4 in the background; `is_ready` is set at its end."""
        asyncio.get_running_loop().set_exception_handler(_log_without_text)
        dsn = await self.open_sites()
        self._jobs = Jobs(dsn, self.sites, self._sources())
        await self._listen()
        self._prepared = asyncio.create_task(self._prepare())
        self._tasks.append(self._prepared)
        self._tasks.append(asyncio.create_task(self._publish_and_keep_up_for_ever()))
        self._tasks.append(asyncio.create_task(_overwrite_for_ever()))

    async def open_sites(self) -> str:
        """Steps 1 and 2 alone, for commands; return the database's address."""
        self._refuse_unlisted_sites()
        platforms = make_platforms(self.settings)
        witnesses = make_witnesses(self.settings)
        dsn = await self._database_address()
        await self._make_sites(dsn, platforms, witnesses)
        return dsn

    async def wait_ready(self) -> None:
        """Return when calls may be drawn; raise what keeps the service from it."""
        if self._prepared:
            await asyncio.shield(self._prepared)

    async def wait_refused(self) -> None:
        """Never return while the service may go on; raise what stops it.

        An embedded server that died is not started again in place: whoever supervises
        the service starts all of it anew, and recovery is the normal start.
        """
        await self.wait_ready()
        if self._embedded is None:
            await asyncio.Event().wait()
        await _until_ended(self._embedded)
        raise EmbeddedPostgresError(
            "the embedded server has ended", fix="start the service again"
        )

    @property
    def is_ready(self) -> bool:
        task = self._prepared
        return task is not None and task.done() and not task.exception()

    async def stop(self) -> None:
        """Stop taking calls, finish what is under way, let go of everything."""
        for runner in self._runners:
            await runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._jobs:
            await self._jobs.stop()
        for publication in self._publications:
            await try_to(publication.flush_void)
        for site in self.sites.values():
            await site.close()
        for source in self._sources().values():
            await source.close()
        await self._objects.close()
        if self._embedded:
            await asyncio.to_thread(self._embedded.stop)

    async def _database_address(self) -> str:
        dsn = self.settings.database.dsn.get_secret_value()
        if dsn:
            return dsn
        self._embedded = EmbeddedPostgres(self.settings.data_dir / "postgres")
        dsn = self._embedded.start()
        await migrate(dsn)
        return dsn

    def _refuse_unlisted_sites(self) -> None:
        """A site that is no longer listed would never be forgotten."""
        unlisted = [
            name
            for name in sites_with_day_keys(self.settings.keys_directory)
            if name not in self.settings.sites
        ]
        if unlisted:
            raise SettingsError(
                f"{', '.join(unlisted)} still has recordings but is not listed",
                field="sites",
                fix="list it without connections until its last recording and its last "
                "analysis have expired",
            )

    async def _make_sites(
        self,
        dsn: str,
        made: Mapping[str, Mapping[str, Platform]],
        witnesses: Mapping[str, tuple[Witness, ...]],
    ) -> None:
        for name, part in self.settings.sites.items():
            platforms = made[name]
            database = await open_pool(dsn, name, self.settings.database.pool_size)
            site = Site(
                make_site_config(
                    self.settings, name, witnesses[name], self._second_clock
                ),
                database,
                self._objects,
                KeyRing(make_key_store(self.settings, name)),
                platforms,
                self.clock,
            )
            self.sites[name] = site
            self._connections |= {
                connection: _connect(connection, platform, site, part)
                for connection, platform in platforms.items()
            }
            self._publications.append(
                SitePublication(
                    site, self.metrics, self.settings.metrics.interval_seconds
                )
            )
        for site in self.sites.values():
            others = [other for other in self.sites.values() if other is not site]
            site.neighbours = [other.database for other in others]

    def _sources(self) -> dict[str, RecordingSource]:
        return {
            name: connection.platform.source
            for name, connection in self._connections.items()
        }

    async def _listen(self) -> None:
        http, metrics = self.settings.http, self.settings.metrics
        proxies = [ipaddress.ip_network(text) for text in http.trusted_proxies]
        connections = Connections(self._connections, proxies)
        calls = web.Application(middlewares=[problems, private_only(connections)])
        Webhooks(connections, self.clock).add_to(calls)
        Uploads(connections).add_to(calls)
        identity = self._identity()
        Api(self.sites, identity, lambda: self.is_ready).add_to(calls)
        Console(self.sites, identity, lambda: self.is_ready, proxies).add_to(calls)
        Playback(self.sites, identity, lambda: self.is_ready).add_to(calls)
        Fetching(self.sites, lambda: self.is_ready).add_to(calls)
        add_health(calls, self.check)
        tls = make_tls(self.settings)
        has_tls = tls is not None or bool(proxies)
        place = (http.host, http.port)
        self.address = await self._serve(calls, place, tls, has_tls=has_tls)
        figures = web.Application(middlewares=[problems])
        add_metrics(figures, self.metrics, revealed(metrics.token) or "")
        self.metrics_address = await self._serve(figures, (metrics.host, metrics.port))

    def _identity(self) -> Identity:
        known = {name: site.access for name, site in self.sites.items()}
        return Identity(make_people(self.settings), known, self.clock)

    async def _serve(
        self,
        application: web.Application,
        place: tuple[str, int],
        tls: ssl.SSLContext | None = None,
        *,
        has_tls: bool = False,
    ) -> str:
        headers = defend(application, has_tls=has_tls)
        runner = web.AppRunner(application)
        await runner.setup()
        self._runners.append(runner)
        try:
            await Door(runner, place, tls, problem_response, headers).start()
        except OSError as error:
            raise ListenError(
                f"cannot listen on {place[0]} port {place[1]}: {error.strerror}",
                fix="choose another port, or stop what uses this one",
            ) from error
        bound = runner.addresses[0][1]
        return f"http{'s' if tls else ''}://{place[0]}:{bound}"

    async def _prepare(self) -> None:
        for site in self.sites.values():
            await self._prepare_site(site)
        for publication in self._publications:
            await try_to(publication.publish)
        if self._jobs:
            self._jobs.start()
        log.info("ready", sites=len(self.sites))

    async def _prepare_site(self, site: Site) -> None:
        """Try until the database answers; any other fault refuses to run."""
        for attempt in itertools.count(1):
            try:
                async with site.database.connection() as connection:
                    await check_schema(connection)
                await site.prepare()
                break
            except DatabaseUnavailableError as error:
                log.warning("waiting for the database", attempt=attempt, why=str(error))
            await asyncio.sleep(_RETRY_SECONDS)

    async def _publish_and_keep_up_for_ever(self) -> None:
        pause = min(_NOW_SECONDS, self.settings.metrics.interval_seconds)
        await self.wait_ready()
        while True:
            for site in self.sites.values():
                await try_to(site.keep_up)
            for publication in self._publications:
                await try_to(publication.publish)
            await asyncio.sleep(pause)

    async def publish(self) -> None:
        """Publish everything now, for a demo or a test that cannot wait."""
        for site in self.sites.values():
            await site.keep_up()
        for publication in self._publications:
            await publication.publish(at_once=True)

    async def check(self) -> dict[str, bool]:
        """What /readyz says, part by part."""
        return {
            "prepared": self.is_ready,
            "database": all([await _answers(site) for site in self.sites.values()]),
            "vault": await self.fault_of_vault() is None,
        }

    async def fault_of_vault(self) -> StorageError | None:
        """Why nothing can be stored now, or not be deleted again, if so."""
        try:
            await self._objects.identity()  # says what kind of store is none
            await self._objects.check()
        except StorageError as error:
            return error
        return None


def _connect(name: str, platform: Platform, site: Site, part: SitePart) -> Connection:
    config = part.connections[name]
    return Connection(
        name=name,
        platform=platform,
        site=site.calls,
        intake=site.audio,
        deadline_seconds=config.deadline_ms / 1000,
        upload_tokens=[token.get_secret_value() for token in config.upload_tokens],
    )


async def _until_ended(server: EmbeddedPostgres | None) -> None:
    """A process gives no event to wait for without taking over its signals: ask."""
    ended = asyncio.Event()
    while server is not None and not ended.is_set():
        if not server.is_running:
            ended.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _WATCH_SECONDS)


def _log_without_text(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A lost task's error may quote a number; its kind may not."""
    log.critical("lost task", error=type(context.get("exception")).__name__)


async def _answers(site: Site) -> bool:
    """Whether the site's database answers at once."""
    asking = asyncio.create_task(_ask(site))
    done, _ = await asyncio.wait({asking}, timeout=_ANSWER_SECONDS)
    if not done:
        asking.cancel()  # not awaited: it may take as long to let go of its connection
    return bool(done) and asking.result()


async def _overwrite_for_ever() -> None:
    """What was in memory and is gone: gone within the minute, from there as well."""
    while True:
        await asyncio.sleep(_OVERWRITTEN_SECONDS)
        with suppress(OSError):  # no pipe to be had just now
            await overwrite_freed()


async def _ask(site: Site) -> bool:
    try:
        async with site.database.connection() as connection:
            return bool(await connection.fetchval("SELECT true"))
    except PonctuelError:
        return False
