"""The command `ponctuel ship rtpengine DIR`."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from structlog.typing import FilteringBoundLogger

from proxy.errors import PonctuelError, SettingsError
from proxy.ship.shipper import Clock, Fate, Patience, Shipper
from proxy.ship.spool import Spool
from proxy.ship.upload import Service, Uploader

DESCRIPTION: Final = """\
Hand rtpengine's finished captures to Ponctuel as stereo WAV, and remove every capture:
those that were taken, those that are refused, and those nobody asked for.
"""
EXAMPLE: Final = """\
example:
  ponctuel ship rtpengine /var/spool/rtpengine \\
      --url http://127.0.0.1:8080 --token-file /etc/ponctuel/upload-token
"""
_DONE, _FAILED, _MISUSED = 0, 1, 2
_LARGEST_NUMBER: Final = 1e6
_NO_TIMEOUT: Final = aiohttp.ClientTimeout(total=None)  # the uploader has its own


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the command to `parser`, whose name and place the caller chose."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "directory", metavar="DIR", type=Path, help="rtpengine's --recording-dir"
    )
    parser.add_argument("--url", required=True, help="the service: https, or loopback")
    parser.add_argument(
        "--token-file", required=True, type=Path, help="file with the upload token"
    )
    parser.add_argument(
        "--once",
        action="store_true",
        help="one round, then stop; status 1 when something is left",
    )
    parser.add_argument("--json", action="store_true", help="counts as one JSON object")
    _add_waits(parser)


def _add_waits(parser: argparse.ArgumentParser) -> None:
    default = Patience()
    waits = (
        ("--poll", "SECONDS", "seconds", default.poll_every, "wait between two looks"),
        (
            "--keep",
            "HOURS",
            "hours",
            default.keep_for,
            "destroy what could not be delivered after",
        ),
        (
            "--orphans",
            "MINUTES",
            "minutes",
            default.orphaned_after,
            "destroy audio without a note after",
        ),
    )
    for flag, metavar, unit, length, text in waits:
        shown = length / timedelta(**{unit: 1})
        parser.add_argument(
            flag,
            metavar=metavar,
            type=_length_in(unit),
            default=length,
            help=f"{text} (default: {shown:g})",
        )


def run(args: argparse.Namespace) -> int:
    """Exit status: 0 done, 1 something could not be shipped, 2 wrongly called."""
    try:
        service = Service.from_arguments(args.url, args.token_file)
        if not args.directory.is_dir():
            raise SettingsError("is not a folder", field="DIR")
        patience = Patience(args.poll, args.keep, args.orphans)
        counts = asyncio.run(ship(args.directory, service, patience, once=args.once))
    except PonctuelError as error:
        sys.stderr.write(f"ponctuel: {error}\n")
        return _MISUSED
    except OSError as error:
        sys.stderr.write(f"ponctuel: {error.filename}: {error.strerror}\n")
        return _FAILED
    sys.stdout.write(_summary(counts, as_json=args.json) + "\n")
    return _FAILED if args.once and counts[Fate.WAITING] else _DONE


async def ship(
    directory: Path,
    service: Service,
    patience: Patience,
    *,
    once: bool = False,
    clock: Clock = lambda: datetime.now(UTC),
) -> Counter[Fate]:
    """Ship one round, or until SIGTERM or SIGINT. Counts what became of the captures.

    Raises `OSError` when the folder cannot be read: better to stop than to look idle.
    """
    async with aiohttp.ClientSession(timeout=_NO_TIMEOUT) as session:
        shipper = Shipper(
            Spool(directory), Uploader(session, service), patience, json_log(), clock
        )
        with _stop_on_signals() as stop:
            await (shipper.round(stop) if once else shipper.run(stop))
        return shipper.counts


@contextmanager
def _stop_on_signals() -> Iterator[asyncio.Event]:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _length_in(unit: str) -> Callable[[str], timedelta]:
    def length(raw_number: str) -> timedelta:
        number = float(raw_number)
        if not 0 <= number < _LARGEST_NUMBER:
            raise ValueError(raw_number)
        return timedelta(**{unit: number})

    length.__name__ = f"number of {unit}"  # argparse quotes it in its complaint
    return length


def _summary(counts: Counter[Fate], *, as_json: bool) -> str:
    named = {fate.value: counts[fate] for fate in Fate}
    if as_json:
        return json.dumps(named)
    return ", ".join(f"{number} {name}" for name, number in named.items())


def json_log() -> FilteringBoundLogger:
    """JSON lines to stderr, whatever the process's own logging looks like."""
    log: FilteringBoundLogger = structlog.wrap_logger(
        structlog.WriteLogger(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return log
