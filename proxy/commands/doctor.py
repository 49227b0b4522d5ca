"""`ponctuel doctor`: is this installation what it should be? One line per check."""

import argparse
import asyncio
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from proxy.app import utc_now
from proxy.commands.running import Parsers, add_command, add_json, show, sites_only
from proxy.database.migrate import check_schema
from proxy.errors import PonctuelError
from proxy.settings import Settings, load_settings
from proxy.site import Site
from proxy.site_settings import SitePart
from sampling.gates import closed_gate
from sampling.policy import NO_POLICY

_MEANING = {
    "policy_none": "no policy: nothing is ever drawn",
    "campaign_ended": "the campaign is over or has not begun: nothing is drawn",
    "no_basis": "no legal basis (article_6, article_9) or practice authorisation",
    "no_dpia": "no DPIA reference (dpia)",
    "no_cse": "no staff information reference (staff_information)",
    "no_hds": "no hosting declaration (hosting)",
    "line_excluded": "excluded on purpose",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result; a warning does not fail the command."""

    name: str
    verdict: str
    detail: str


def add_to(parsers: Parsers) -> None:
    add_json(
        add_command(
            parsers,
            "doctor",
            lambda args: asyncio.run(_examine(args)),
            "Check this installation; say what is wrong and what to do.",
            "ponctuel doctor",
        )
    )


async def _examine(args: argparse.Namespace) -> int:
    settings = load_settings()
    findings = [*_of_settings(settings), *[f async for f in _of_sites(settings)]]
    values = {f.name: f"{f.verdict}{f.detail and ': ' + f.detail}" for f in findings}
    show(dict(values), as_json=args.json)
    return 1 if any(finding.verdict == "FAIL" for finding in findings) else 0


def _of_settings(settings: Settings) -> list[Finding]:
    return [
        _directory("data directory", settings.data_dir),
        _directory("key directory", settings.keys_directory),
        _interval(settings),
        *[
            finding
            for name, site in settings.sites.items()
            for finding in _gates(name, site)
        ],
    ]


def _directory(name: str, directory: Path) -> Finding:
    if not directory.exists():
        return Finding(name, "ok", f"{directory} will be made")
    mode = directory.stat().st_mode
    if mode & stat.S_IRWXO:
        return Finding(name, "FAIL", f"{directory} is open to all users; chmod 700")
    return Finding(name, "ok", str(directory))


def _interval(settings: Settings) -> Finding:
    seconds = settings.metrics.interval_seconds
    if seconds >= 900:  # noqa: PLR2004  # 15 minutes: advised below 500 calls a day
        return Finding("metrics interval", "ok", f"{seconds} s")
    return Finding(
        "metrics interval",
        "warn",
        f"{seconds} s; below 500 calls a day PONCTUEL_METRICS__INTERVAL_SECONDS=900",
    )


def _gates(name: str, site: SitePart) -> list[Finding]:
    policy = site.policy.to_policy(1) if site.policy else NO_POLICY
    # An excluded line says nothing about its group, unless all of them are.
    ordered = sorted(site.to_lines().values(), key=lambda line: not line.is_excluded)
    lines = {line.group: line for line in ordered}
    return [
        _gate(
            f"{name}: line group {group}", closed_gate(policy, line, utc_now().date())
        )
        for group, line in sorted(lines.items())
    ] or [Finding(f"{name}: lines", "warn", "no line is configured: nothing is drawn")]


def _gate(name: str, code: str | None) -> Finding:
    if code is None:
        return Finding(name, "ok", "may be drawn")
    return Finding(name, "warn", f"not drawn ({code}): {_MEANING[code]}")


async def _of_sites(settings: Settings) -> AsyncIterator[Finding]:
    try:
        async with sites_only(settings) as service:
            yield _verdict("vault", await service.fault_of_vault())
            for name, site in service.sites.items():
                yield _log_key(f"{name}: log key", site)
            for name, site in service.sites.items():
                async with site.database.connection() as connection:
                    await check_schema(connection)
                yield Finding(f"{name}: database", "ok", "schema fits, role is fenced")
    except PonctuelError as error:
        yield Finding("database", "FAIL", str(error))


def _log_key(name: str, site: Site) -> Finding:
    """The line of an auditor's file; a witness is given the key itself."""
    if not site.keys.exists():
        return Finding(name, "ok", "made when the site is first served")
    try:
        site.keys.open()
        return Finding(name, "ok", f"log {site.signer.key.encode()}")
    except PonctuelError as error:
        return Finding(name, "FAIL", str(error))


def _verdict(name: str, fault: PonctuelError | None) -> Finding:
    return Finding(name, "FAIL", str(fault)) if fault else Finding(name, "ok", "")
