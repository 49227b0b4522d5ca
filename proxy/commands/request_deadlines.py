"""`ponctuel requests deadlines`: the legal dates of a request, without a site."""

import argparse
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from proxy.commands.running import LOCAL, Parsers, add_command, add_json, show
from proxy.errors import SettingsError
from retention.rights.deadlines import Deadlines, Kind, deadlines
from retention.rights.request import LONGEST_SUSPENSION

EXAMPLE = "ponctuel requests deadlines --type access --received 2026-01-31"
# Told without an hour, it came at the end of that day: no 48 hours end too early.
_END_OF_DAY = "T23:59"
_YEARS = range(2000, 2200)


def add_to(actions: Parsers) -> None:
    parser = add_command(
        actions,
        "deadlines",
        _run,
        "Compute the legal dates of a request, as docs/deadlines.md explains them.",
        EXAMPLE,
        may=LOCAL,
    )
    parser.add_argument("--type", required=True, choices=[*Kind], dest="kind")
    parser.add_argument(
        "--received", required=True, help="as 2026-03-10 or 2026-03-10T14:00"
    )
    parser.add_argument(
        "--zone", default="Europe/Paris", help="by whose clock (default: %(default)s)"
    )
    parser.add_argument(
        "--older-than-five-years",
        action="store_true",
        dest="is_old",
        help="of a medical file: what is asked for is",
    )
    parser.add_argument(
        "--suspended-days",
        type=int,
        default=0,
        metavar="DAYS",
        help="whole days a document was waited for, on recorded doubt",
    )
    add_json(parser)


def _run(args: argparse.Namespace) -> int:
    kind = Kind(args.kind)
    _check(kind, args)
    found = deadlines(
        kind,
        _received(args.received, args.zone),
        is_older_than_five_years=args.is_old,
        suspended_days=args.suspended_days,
    )
    nothing = None if args.json else "-"
    dates = {name: at or nothing for name, at in _dates(found).items()}
    show(dates, as_json=args.json)
    return 0


def _dates(found: Deadlines) -> dict[str, object]:
    earliest = found.earliest and found.earliest.isoformat(timespec="minutes")
    return {
        "earliest": earliest,
        "due": found.due,
        "extendable_until": found.extendable_until,
        "extended_due": found.extended_due,
    }


def _check(kind: Kind, args: argparse.Namespace) -> None:
    if args.is_old and kind is not Kind.MEDICAL_FILE:
        raise SettingsError(
            f"age moves no date of {kind}",
            field="--older-than-five-years",
            fix=f"leave it out, or say --type {Kind.MEDICAL_FILE}",
        )
    if args.suspended_days and kind is Kind.MEDICAL_FILE:
        raise SettingsError(
            "no doubt moves its date (CSP R.1111-1)",
            field="--suspended-days",
            fix="leave it out",
        )
    if not 0 <= args.suspended_days <= LONGEST_SUSPENSION.days:
        raise SettingsError(
            f"a clock stands still for {LONGEST_SUSPENSION.days} days at most",
            field="--suspended-days",
            fix=f"0 to {LONGEST_SUSPENSION.days}",
        )


def _received(text: str, zone: str) -> datetime:
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"there is no time zone {zone!r}", field="--zone", fix="as Europe/Paris"
        ) from None
    moment = _moment(text if "T" in text else text + _END_OF_DAY)
    if moment is None or moment.year not in _YEARS:
        raise SettingsError(
            f"{text!r} is no day of receipt",
            field="--received",
            fix="write it as 2026-03-10 or 2026-03-10T14:00",
        )
    return moment.replace(tzinfo=there)


def _moment(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M")  # noqa: DTZ007  # given by `--zone`
    except ValueError:
        return None
