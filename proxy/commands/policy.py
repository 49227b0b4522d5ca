"""`ponctuel policy …`: what a site's sampling policy is, was and would be."""

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path

from proxy.access.permissions import Actor, Permission
from proxy.commands.acting import add_site_command
from proxy.commands.policy_simulate import add_simulate
from proxy.commands.policy_text import policy_from_file
from proxy.commands.running import Parsers, add_group, show
from proxy.errors import SettingsError
from proxy.governance.policies import Governance
from proxy.governance.versions import PolicyEvent, PolicyVersion, Stop
from proxy.site import Site
from sampling.seed import epoch_start

_DIGEST = "9f2c…e1"
# As the routes of the API ask for it.
_MAY = {
    "show": Permission.POLICY_READ,
    "history": Permission.POLICY_READ,
    "draft": Permission.POLICY_DRAFT,
    "propose": Permission.POLICY_PROPOSE,
    "withdraw": Permission.POLICY_APPROVE,
    "approve": Permission.POLICY_APPROVE,
    "refuse": Permission.POLICY_APPROVE,
    "stop": Permission.POLICY_STOP,
    "resume": Permission.POLICY_RESUME,
    "close-breaker": Permission.BREAKER_CLOSE,
}
# What a command does, and then shows.
ShownAct = Callable[[Site, Actor, argparse.Namespace], Awaitable[dict[str, object]]]


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "policy",
        "ACTION",
        "Which calls may be drawn, and how many. PONCTUEL_TOKEN says who you are.",
        "ponctuel policy show --site nord",
    )
    add_simulate(actions)
    _add_looking(actions)
    _add_writing(actions)
    _add_deciding(actions)
    _add_stopping(actions)


def _add_looking(actions: Parsers) -> None:
    showing = _add(
        actions, "show", _show, "Show what is in force, or one version whole.", ""
    )
    showing.add_argument("--number", type=int, metavar="N", help="this one, whole")
    history = _add(
        actions, "history", _history, "Show who did, or tried to do, what.", ""
    )
    history.add_argument("--number", type=int, metavar="N", help="of this one only")


def _add_writing(actions: Parsers) -> None:
    draft = _add(
        actions,
        "draft",
        _draft,
        "Begin a version with this document, or give a draft another one.",
        "--file campaign.toml",
    )
    draft.add_argument("--file", type=Path, required=True, metavar="POLICY")
    draft.add_argument("--number", type=int, metavar="N", help="the draft to change")
    draft.add_argument("--digest", help="of the text it has now, with --number")
    proposing = _add_to_one(
        actions,
        "propose",
        _propose,
        "Ask for its approval.",
        f'3 --digest {_DIGEST} --why "spring campaign"',
    )
    proposing.add_argument("--why", required=True, help="what it is good for")
    _add_to_one(
        actions, "withdraw", _withdraw, "Take it back before its leaf is written.", "3"
    )


def _add_deciding(actions: Parsers) -> None:
    _add_to_one(
        actions,
        "approve",
        _approve,
        "Approve it: more than before in a day, less from the next epoch on.",
        f"3 --digest {_DIGEST}",
    )
    refusing = _add_to_one(
        actions, "refuse", _refuse, "Refuse it.", '3 --why "no need of it"'
    )
    refusing.add_argument("--why", required=True, help="told to whoever proposed it")


def _add_stopping(actions: Parsers) -> None:
    stopping = _add(
        actions, "stop", _stop, "Stop all draws, at once.", '--why "a complaint"'
    )
    stopping.add_argument("--why", required=True)
    _add(actions, "resume", _resume, "Let the draws go on in the next epoch.", "")
    _add(
        actions,
        "close-breaker",
        _close_breaker,
        "Say that the breaker may close; it takes an operator and a dpo.",
        "",
    )


def _add(
    actions: Parsers, name: str, act: ShownAct, summary: str, example: str
) -> argparse.ArgumentParser:
    words = f"ponctuel policy {name} --site nord {example}"
    what = (partial(_do_and_show, act), _MAY[name])
    return add_site_command(actions, name, what, summary, words.strip())


def _add_to_one(
    actions: Parsers, name: str, act: ShownAct, summary: str, example: str
) -> argparse.ArgumentParser:
    parser = _add(actions, name, act, summary, example)
    parser.add_argument("number", type=int, metavar="NUMBER")
    if name in ("propose", "approve"):
        parser.add_argument(
            "--digest", required=True, help="of the text you have read (policy show)"
        )
    return parser


async def _do_and_show(
    act: ShownAct, site: Site, actor: Actor, args: argparse.Namespace
) -> None:
    show(await act(site, actor, args), as_json=args.json)


async def _show(site: Site, _: Actor, args: argparse.Namespace) -> dict[str, object]:
    governance = site.governance
    if args.number is not None:
        version = await governance.find(args.number)
        return asdict(version) | {"from": _moment(site, version)}
    versions = await governance.list()
    if args.json:
        named = [_in_short(site, version) for version in versions]
        return {"policies": named, "stops": await _stops(governance)}
    lines = {f"policy {v.number}": _line(site, v) for v in versions}
    stops = {f"stop by {s.party}": _stop_line(s) for s in await governance.stops()}
    return {**lines, **stops} or {"policy": "none: nothing is ever drawn"}


def _in_short(site: Site, version: PolicyVersion) -> dict[str, object]:
    return {
        "number": version.number,
        "state": version.state.value,
        "rate": version.document.get("rate"),
        "increases": list(version.increases),
        "digest": version.digest,
        "version": version.version,
        "from": _moment(site, version),
    }


def _line(site: Site, version: PolicyVersion) -> str:
    moment = _moment(site, version)
    since = f" from {moment:%Y-%m-%d %H:%M} UTC" if moment else ""
    more = f"; more than before: {', '.join(version.increases)}"
    rate = version.document.get("rate", "0")
    return f"{version.state}{since}, rate {rate}{more * version.is_increase}"


def _moment(site: Site, version: PolicyVersion) -> datetime | None:
    """From when it holds, or may hold at the earliest."""
    epoch = version.from_epoch or version.effective_from_epoch
    return epoch_start(epoch, site.config.epoch_seconds) if epoch else None


async def _stops(governance: Governance) -> list[dict[str, object]]:
    return [asdict(stop) for stop in await governance.stops()]


def _stop_line(stop: Stop) -> str:
    ends = stop.resumes_from_epoch
    return f"{stop.reason}{f'; ends with epoch {ends}' if ends else ''}"


async def _history(site: Site, _: Actor, args: argparse.Namespace) -> dict[str, object]:
    events = await site.governance.history(args.number)
    if args.json:
        return {"events": [asdict(event) for event in events]}
    return {f"{event.place}": _event_line(event) for event in events}


def _event_line(event: PolicyEvent) -> str:
    done = "was refused" if event.is_refused else "did"
    which = f" policy {event.number}" if event.number else ""
    said = event.detail
    why = said.get("why") or said.get("reason") or ", ".join(said.get("changed", ()))
    at = f"{event.at:%Y-%m-%d %H:%M:%S}"
    return f"{at} {event.actor} {done}: {event.move}{which} {why}".rstrip()


async def _draft(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    document = policy_from_file(args.file)
    if args.number is None:
        return _moved(await site.governance.draft(actor, document))
    if not args.digest:
        raise SettingsError(
            "is missing", field="--digest", fix="that of the text it has now"
        )
    return _moved(await site.governance.edit(actor, args.number, document, args.digest))


async def _propose(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    number, digest, why = args.number, args.digest, args.why
    return _moved(await site.governance.propose(actor, number, digest, why))


async def _withdraw(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    return _moved(await site.governance.withdraw(actor, args.number))


async def _approve(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    version = await site.governance.approve(actor, args.number, args.digest)
    return _moved(version) | {"from": _moment(site, version)}


async def _refuse(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    return _moved(await site.governance.refuse(actor, args.number, args.why))


def _moved(version: PolicyVersion) -> dict[str, object]:
    return {
        "number": version.number,
        "state": version.state.value,
        "digest": version.digest,
        "increases": list(version.increases),
    }


async def _stop(
    site: Site, actor: Actor, args: argparse.Namespace
) -> dict[str, object]:
    await site.governance.stop(actor, args.why)
    return {"stops": await _stops(site.governance)}


async def _resume(site: Site, actor: Actor, _: argparse.Namespace) -> dict[str, object]:
    await site.governance.resume(actor)
    return {"stops": await _stops(site.governance)}


async def _close_breaker(
    site: Site, actor: Actor, _: argparse.Namespace
) -> dict[str, object]:
    return asdict(await site.governance.breaker_close(actor))
