"""`ponctuel demo`: a call's whole life, on one command."""

import argparse
import asyncio
import base64
import json
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager

from rich.console import Console
from rich.live import Live

from proxy.app import Service, utc_now
from proxy.commands.running import LOCAL, Parsers, add_command, add_json, over
from proxy.demo.clock import NOW, LateClock
from proxy.demo.database import GivenDatabase, demo_database
from proxy.demo.ground import SITE, Ground, choose_ground, write_settings
from proxy.demo.showing import Screen, report, tables
from proxy.demo.simulator import Credentials, simulated_platform
from proxy.demo.story import A_MONTH_AGO, Story
from proxy.demo.words import LANGUAGES, Words, words_for
from proxy.errors import PonctuelError, SettingsError
from proxy.evidence.auditor import auditor_text
from proxy.logs import configure_logs
from proxy.settings import Settings, load_settings

_MOST_CALLS = 100_000
_BETWEEN_CALLS_SECONDS = 3.0


class StoppedError(PonctuelError):
    """The demo was stopped before its end; run it again to go on."""

    error_id = "demo-stopped"


def add_to(parsers: Parsers) -> None:
    demo = add_command(
        parsers,
        "demo",
        lambda args: asyncio.run(_demo(args)),
        "Show a call's whole life: simulated platform, real service, its own database.",
        "ponctuel demo --once --calls 200\n  PONCTUEL_DATA_DIR=other ponctuel demo",
        may=LOCAL,
    )
    demo.add_argument(
        "--calls", type=int, default=200, metavar="N", help="calls (default 200)"
    )
    demo.add_argument(
        "--once", action="store_true", help="end after the story instead of going on"
    )
    demo.add_argument(
        "--lang", choices=sorted(LANGUAGES), help="language (default: that of LANG)"
    )
    add_json(demo)


async def _demo(args: argparse.Namespace) -> int:
    """Exit status 1 when something went otherwise than it must."""
    if not 1 <= args.calls <= _MOST_CALLS:
        raise SettingsError(
            f"{args.calls} calls", field="--calls", fix=f"1 to {_MOST_CALLS}"
        )
    words = words_for(args.lang, os.environ)
    ground = choose_ground(os.environ)
    screen = Screen(words, is_quiet=args.json)
    told = _told_to_stop()
    async with _stage(ground, args.calls, screen) as story:
        with screen.counting(args.calls):
            await _unless(told, story.tell())
        if not args.once:
            await _go_on(story, told, words, is_quiet=args.json)
        accounts = await story.accounts()
        site = story.service.sites[SITE]
        ground.auditor_file.write_text(auditor_text(site.signer.key), "utf-8")
    if args.json:
        sys.stdout.write(json.dumps(accounts.as_json()) + "\n")
    else:
        Console().print(report(words, accounts, ground), soft_wrap=True)
    return 0 if accounts.verified and not accounts.surprises else 1


@asynccontextmanager
async def _stage(ground: Ground, calls: int, screen: Screen) -> AsyncIterator[Story]:
    """Platform, database and service, ready; all of it gone afterwards."""
    credentials = Credentials(
        secret="whsec_" + base64.b64encode(secrets.token_bytes(32)).decode(),
        source_token=secrets.token_hex(32),
    )
    async with simulated_platform(credentials) as simulator:
        host = simulator.recordings.removeprefix("http://")
        write_settings(ground, credentials, host, utc_now().date())
        settings = _settings(ground)
        configure_logs(settings.log_level)
        database = demo_database(
            _given(settings), settings.data_dir, settings.keys_directory
        )
        async with database as found:
            clock = LateClock(NOW if found.has_history else A_MONTH_AGO)
            async with _running(over(settings, found.dsn), clock) as service:
                yield Story(
                    service=service,
                    simulator=simulator,
                    clock=clock,
                    calls=calls,
                    on_chapter=screen.begin,
                    on_progress=screen.count,
                )


def _settings(ground: Ground) -> Settings:
    """The demo's own file under the environment; free ports and calm by default."""
    os.environ["PONCTUEL_CONFIG"] = str(ground.settings_file)  # not the user's file
    defaults: dict[str, object] = {}
    for part in ("http", "metrics"):
        if f"PONCTUEL_{part.upper()}__PORT" not in os.environ:
            defaults[part] = {"port": 0}
    if "PONCTUEL_LOG_LEVEL" not in os.environ:
        defaults["log_level"] = "warning"
    settings = load_settings(**defaults)
    if set(settings.sites) != {SITE}:
        raise SettingsError(
            "the demo runs with its own site only",
            field="PONCTUEL_SITES",
            fix="unset PONCTUEL_SITES__…",
        )
    return settings


def _given(settings: Settings) -> GivenDatabase | None:
    dsn = settings.database.dsn.get_secret_value()
    migrate_dsn = settings.database.migrate_dsn.get_secret_value()
    return GivenDatabase(dsn, migrate_dsn or dsn) if dsn else None


@asynccontextmanager
async def _running(settings: Settings, clock: LateClock) -> AsyncIterator[Service]:
    service = Service(settings, clock)
    try:
        await service.start()
        await service.wait_ready()
        yield service
    finally:
        await service.stop()


def _told_to_stop() -> asyncio.Event:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    return told


async def _unless(told: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work; stop in the middle of it when told to."""
    working = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(told.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not working.done():
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        raise StoppedError
    await working


async def _go_on(
    story: Story, told: asyncio.Event, words: Words, *, is_quiet: bool
) -> None:
    """Place a call every few seconds, and show what it changes, until told to stop."""
    console = Console(quiet=is_quiet)
    address = f"{story.service.metrics_address}/metrics"
    console.print(f"{words.goes_on} {address}", soft_wrap=True)
    is_live = console.is_terminal and not is_quiet
    with Live(console=console, transient=True, auto_refresh=False) as live:
        while not told.is_set():
            await story.place_one_more()
            if is_live:
                live.update(tables(words, await story.accounts()), refresh=True)
            await _pause(told)


async def _pause(told: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(_BETWEEN_CALLS_SECONDS):
            await told.wait()
    except TimeoutError:
        return
