"""`ponctuel analyses`: how an agent did in one call, by whoever listened to it."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError

from proxy.access.permissions import Actor, Permission
from proxy.api.faults import faults_of
from proxy.commands.acting import add_site_command
from proxy.commands.running import (
    Parsers,
    add_group,
    id_of,
    show,
)
from proxy.errors import SettingsError
from proxy.site import Site
from proxy.vault.analysis_form import HIGHEST_SCORE, WARNING, AnalysisForm

LARGEST_FORM = 100_000  # bytes
_FORM = (
    '{"agent": "a-104", "criteria": [{"criterion": "greeting", "score": 8, '
    '"comment": "short and friendly"}], "conclusion": ""}'
)
_WRITE = f"""ponctuel analyses write 5f2c… --site nord --form form.json

form.json, for example:
  {_FORM}"""


def add_to(parsers: Parsers) -> None:
    actions = add_group(
        parsers,
        "analyses",
        "ACTION",
        f"What is written about recordings. {WARNING} PONCTUEL_TOKEN says who you are.",
        _WRITE,
    )
    _add_write(actions)
    _add_close(actions)
    add_site_command(
        actions,
        "list",
        (_list, Permission.ANALYSES_READ),
        "List analyses, the oldest first.",
        "ponctuel analyses list --site nord",
    )
    shown = add_site_command(
        actions,
        "show",
        (_show, Permission.ANALYSES_READ),
        "Show one.",
        "ponctuel analyses show 9b1d… --site nord --json",
    )
    shown.add_argument("analysis", help="the analysis's id")


def _add_write(actions: Parsers) -> None:
    write = add_site_command(
        actions,
        "write",
        (_write, Permission.ANALYSES_WRITE),
        f"Write your analysis of a recording, or correct it. {WARNING}",
        _WRITE,
    )
    write.add_argument("recording", help="the recording's id")
    write.add_argument(
        "--form", required=True, help="a JSON file; - for standard input"
    )


def _add_close(actions: Parsers) -> None:
    close = add_site_command(
        actions,
        "close",
        (_close, Permission.ANALYSES_WRITE),
        "Make your analysis final; its recording then ends soon.",
        "ponctuel analyses close 9b1d… --site nord",
    )
    close.add_argument("analysis", help="the analysis's id")


async def _write(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    print(WARNING, file=sys.stderr)
    recording, form = id_of(args.recording, "recording"), _form(args.form)
    written = await site.hearing.assessing.write(actor, recording, form)
    show({"analysis": written}, as_json=args.json)


async def _close(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    analysis = id_of(args.analysis, "analysis")
    ends_at = await site.hearing.assessing.close(actor, analysis)
    show({"closed": analysis, "recording_ends_at": ends_at}, as_json=args.json)


async def _list(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    for analysis in await site.hearing.assessing.list(actor):
        show(analysis, as_json=args.json)


async def _show(site: Site, actor: Actor, args: argparse.Namespace) -> None:
    found = await site.hearing.assessing.show(actor, id_of(args.analysis, "analysis"))
    show(found if args.json else _readable(found), as_json=args.json)


def _readable(found: dict[str, Any]) -> dict[str, object]:
    """A line for each fact and each criterion."""
    call, criteria = found.pop("call"), found.pop("criteria")
    scores = {
        each["criterion"]: f"{each['score']}/{HIGHEST_SCORE}  {each['comment']}"
        for each in criteria
    }
    return {**found, **call, **scores}


def _form(name: str) -> AnalysisForm:
    """The form in a file. Raises SettingsError, with every fault a line."""
    try:
        if name == "-":
            given = _parsed(sys.stdin.buffer)
        else:
            with Path(name).open("rb") as stream:
                given = _parsed(stream)
        return AnalysisForm.model_validate(given)
    except ValidationError as error:
        faults = (
            SettingsError(fault.detail, field=fault.field, fix=fault.fix)
            for fault in faults_of(error)
        )
        raise SettingsError("\n".join(map(str, faults))) from None
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or "it is no JSON object"
        raise SettingsError(
            f"it cannot be read: {why}", field="--form", fix=f"write {_FORM}"
        ) from None


def _parsed(stream: BinaryIO) -> object:
    raw = stream.read(LARGEST_FORM + 1)
    if len(raw) > LARGEST_FORM:
        raise OSError(0, f"it is longer than {LARGEST_FORM:,} bytes")
    return json.loads(raw)
