"""`ponctuel access trace|alerts|decide|review|verify`: looking at who listened."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime

from proxy.access.permissions import Actor, Permission
from proxy.access.reviews.drafts import Draft, Judgement
from proxy.access.trace.acts import Act
from proxy.access.trace.reading import Filter, Noted
from proxy.access.watch.alerts import Alert, Decision
from proxy.commands.acting import add_site_command
from proxy.commands.running import (
    Parsers,
    day_of,
    id_of,
    show,
)
from proxy.errors import SettingsError
from proxy.site import Site

_MOST = 1000
_SITE = "--site nord"


def add_to(actions: Parsers) -> None:
    """Beside `matrix` and `token`."""
    _add_trace(actions)
    _add_alerts(actions)
    _add_review(actions)
    add_site_command(
        actions,
        "verify",
        (_verify, Permission.TRACE_READ),
        "Check the trace line by line, and against the ledger. Status 1: it is not "
        "what was written.",
        f"ponctuel access verify {_SITE}",
    )


def _add_trace(actions: Parsers) -> None:
    trace = add_site_command(
        actions,
        "trace",
        (_trace, Permission.TRACE_READ),
        "Who did what, by codes and ids. That you looked is in the trace, too.",
        f"ponctuel access trace {_SITE} --actor tr-1 --since 2026-11-01",
    )
    trace.add_argument("--item", help="one recording, by its id")
    trace.add_argument("--actor", help="one person, by their code")
    trace.add_argument("--act", type=Act, choices=list(Act), metavar="ACT")
    trace.add_argument("--since", help="a day (UTC)")
    trace.add_argument("--until", help="a day (UTC), not included")
    trace.add_argument(
        "--after", type=int, default=-1, help="the last place of the page before"
    )


def _add_alerts(actions: Parsers) -> None:
    alerts = add_site_command(
        actions,
        "alerts",
        (_alerts, Permission.ALERTS_DECIDE),
        "Signs of abuse that nobody has decided on.",
        f"ponctuel access alerts {_SITE}",
    )
    alerts.add_argument("--all", action="store_true", help="those decided on, too")
    decide = add_site_command(
        actions,
        "decide",
        (_decide, Permission.ALERTS_DECIDE),
        "Decide on an alert about somebody else. The note is for no name, no number.",
        f"ponctuel access decide ALERT --decision reminded --last-seq 112 {_SITE}",
    )
    decide.add_argument("alert", help="its id")
    decide.add_argument(
        "--decision", required=True, type=Decision, choices=list(Decision)
    )
    decide.add_argument(
        "--last-seq",
        required=True,
        type=int,
        metavar="PLACE",
        help="as `access alerts` showed it: what came later is looked at first",
    )
    decide.add_argument("--note", default="", help="kept beside it, never in the trace")


def _add_review(actions: Parsers) -> None:
    review = add_site_command(
        actions,
        "review",
        (_review, Permission.REVIEWS_SIGN),
        "Show a month of the trace to be signed; with --sign and the root that was "
        "shown, sign it: every line of its sample is in order but those said to be "
        "doubtful.",
        f"ponctuel access review 2026-10 {_SITE} --sign ROOT --doubtful 112",
    )
    review.add_argument("month", help="as 2026-10")
    review.add_argument("--sign", metavar="ROOT", help="the root of what you looked at")
    review.add_argument(
        "--doubtful", type=int, action="append", default=[], metavar="PLACE"
    )


async def _trace(site: Site, actor: Actor, args: argparse.Namespace) -> int:
    wanted = Filter(
        item=id_of(args.item, "--item") if args.item else None,
        actor=args.actor,
        act=args.act,
        since=day_of(args.since, "--since") if args.since else None,
        until=day_of(args.until, "--until") if args.until else None,
    )
    found = await site.access.oversight.reading.page(actor, wanted, args.after, _MOST)
    _print([_row_of(noted) for noted in found], as_json=args.json)
    return 0


async def _alerts(site: Site, _: Actor, args: argparse.Namespace) -> int:
    found = await site.access.oversight.alerts.list(are_open=not args.all)
    _print([_row_of_alert(alert) for alert in found], as_json=args.json)
    return 0


async def _decide(site: Site, actor: Actor, args: argparse.Namespace) -> int:
    alert = await site.access.oversight.alerts.decide(
        actor,
        id_of(args.alert, "ALERT"),
        args.decision,
        args.note,
        last_seq=args.last_seq,
    )
    show(_row_of_alert(alert), as_json=args.json)
    return 0


async def _review(site: Site, actor: Actor, args: argparse.Namespace) -> int:
    reviews, month = site.access.reviews, _month_of(args.month)
    draft = await reviews.draft(actor, month)
    if args.sign is None:
        _show_draft(draft, as_json=args.json)
        return 0
    if args.sign != draft.root.hex():
        raise SettingsError(
            "that is not the root of this month",
            field="--sign",
            fix="look at the month first: the root is shown with its sample",
        )
    judged = {noted.place: Judgement.IN_ORDER for noted in draft.sample}
    judged |= dict.fromkeys(args.doubtful, Judgement.DOUBTFUL)
    signed = await reviews.sign(actor, month, judged)
    show(asdict(signed) | {"root": signed.root.hex()}, as_json=args.json)
    return 0


async def _verify(site: Site, _: Actor, args: argparse.Namespace) -> int:
    verified = await site.access.oversight.verifying.verify()
    faults = [{"place": fault.place, "says": fault.says} for fault in verified.faults]
    if args.json:
        found = {"entries": verified.size, "faults": verified.count, "named": faults}
        print(json.dumps(found))
    else:
        print(f"{verified.size} entries, {verified.count} faults")
        for fault in faults:
            print(f"  entry {fault['place']}: {fault['says']}")
    return 1 if verified.count else 0


def _month_of(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m").replace(tzinfo=UTC).date()
    except ValueError:
        raise SettingsError(
            f"{text!r} is no month", field="MONTH", fix="write it as 2026-10"
        ) from None


def _row_of(noted: Noted) -> dict[str, object]:
    return {"place": noted.place, "at": noted.at, **asdict(noted.entry)}


def _row_of_alert(alert: Alert) -> dict[str, object]:
    return asdict(alert)


def _show_draft(draft: Draft, *, as_json: bool) -> None:
    told: dict[str, object] = {
        "month": f"{draft.month:%Y-%m}",
        "entries": draft.size,
        "root": draft.root.hex(),
        "acts": dict(draft.acts),
        "alerts": len(draft.alerts),
        "open_alerts": draft.open_alerts,
    }
    sample = [_row_of(noted) for noted in draft.sample]
    if as_json:
        print(json.dumps({**told, "sample": sample}, default=str))
        return
    show(told, as_json=False)
    print("to be looked at:")
    _print(sample, as_json=False)


def _print(rows: Sequence[dict[str, object]], *, as_json: bool) -> None:
    """One line each; for machines one object."""
    if as_json:
        print(json.dumps({"items": rows}, default=str))
        return
    for row in rows:
        print("  ".join(f"{name}={value}" for name, value in row.items() if value))
