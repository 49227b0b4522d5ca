"""The traffic that `ponctuel policy simulate` is told: expected, or counted."""

import argparse
import re
from pathlib import Path

from proxy.errors import SettingsError
from sampling.simulation.counted import LARGEST_TEXT, read_counts
from sampling.simulation.faults import SimulationInputError
from sampling.simulation.traffic import (
    USUAL_SECONDS,
    USUAL_STRATUM,
    AnyTraffic,
    Traffic,
)

_USUAL_DAYS = 28
_EXPECTED = ("agents", "calls_per_agent", "days", "share")
_SHARE = re.compile(r"[01](\.[0-9]{1,12})?|\.[0-9]{1,12}")


def add_traffic(command: argparse.ArgumentParser) -> None:
    command.add_argument("--agents", type=int, help="how many there are")
    command.add_argument(
        "--calls-per-agent", type=int, help="calls of each in the whole period"
    )
    command.add_argument(
        "--days", type=int, help=f"length of the period (default: {_USUAL_DAYS})"
    )
    command.add_argument(
        "--share",
        action="append",
        metavar="STRATUM=SHARE",
        help="part of the calls counted under a stratum; repeat until they make 1",
    )
    command.add_argument(
        "--traffic",
        type=Path,
        metavar="FILE",
        help="instead of the four above: counts of past days, CSV or JSON with day, "
        "agent, stratum, calls",
    )
    command.add_argument(
        "--mean-seconds",
        type=float,
        default=USUAL_SECONDS,
        help="of one call (default: %(default)g)",
    )


def traffic_of(args: argparse.Namespace) -> AnyTraffic:
    if args.traffic is not None:
        return _counted(args)
    for option in _EXPECTED[:2]:
        if getattr(args, option) is None:
            raise SettingsError(
                "is missing", field=option_of(option), fix="give it, or --traffic"
            )
    return Traffic(
        agents=args.agents,
        calls_per_agent=args.calls_per_agent,
        days=_USUAL_DAYS if args.days is None else args.days,
        mean_seconds=args.mean_seconds,
        shares=_shares(args.share or [f"{USUAL_STRATUM}=1"]),
    )


def _counted(args: argparse.Namespace) -> AnyTraffic:
    for option in _EXPECTED:
        if getattr(args, option) is not None:
            raise SettingsError(
                "does not go with --traffic",
                field=option_of(option),
                fix="leave it out: the file says it",
            )
    text = _text_of(args.traffic)
    try:
        return read_counts(text, args.mean_seconds)
    except SimulationInputError as error:
        raise SettingsError(
            error.wrong, field=f"--traffic, {error.field}", fix=error.fix
        ) from None


def _text_of(path: Path) -> str:
    """As much of a file as can be counts: what is longer is refused by its length."""
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.read(LARGEST_TEXT + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not in UTF-8"
        raise SettingsError(
            f"{path} cannot be read: {why}",
            field="--traffic",
            fix="name a CSV or JSON file",
        ) from None


def _shares(written: list[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for text in written:
        name, _, share = text.partition("=")
        if name in shares or not _SHARE.fullmatch(share):
            raise SettingsError(
                "is no share, or the second of one stratum",
                field="--share",
                fix="write it like cardiology_in=0.4",
            )
        shares[name] = float(share)
    return shares


def option_of(field: str) -> str:
    """The option that a field of the simulation was given as."""
    name = "share" if field.startswith("shares") else field.replace("_", "-")
    return f"--{name}"
