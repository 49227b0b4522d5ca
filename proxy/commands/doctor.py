"""`ponctuel doctor`: is this installation what it should be? One line per check."""

import argparse
import asyncio
import stat
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

from proxy.app import utc_now
from proxy.commands import people_findings
from proxy.commands.backup_findings import of_backups, of_drills
from proxy.commands.desk_findings import of_desk
from proxy.commands.finding import Finding
from proxy.commands.notice_findings import of_notices
from proxy.commands.running import (
    LOCAL,
    Parsers,
    add_command,
    add_json,
    show,
    sites_only,
)
from proxy.database.migrate import check_schema
from proxy.database.second_clock import ClocksDifferError, agree_on_time
from proxy.errors import PonctuelError
from proxy.governance.gates import GroupReport, State, report
from proxy.governance.settings_file import DPOS_WORD
from proxy.governance.versions import PolicyVersion
from proxy.intake.documents import UnreadablePolicyError
from proxy.settings import Settings, load_settings
from proxy.site import Site
from proxy.site_settings import SitePart
from sampling.gates import EXCLUDED
from sampling.increases import above_soft_ceiling
from sampling.lifecycle import State as Life
from sampling.policy import NO_POLICY, Consent, SamplingPolicy
from sampling.seed import epoch_start

_NEAR = 60  # days: time to review a DPIA, or to ask a host for its new certificate


def add_to(parsers: Parsers) -> None:
    add_json(
        add_command(
            parsers,
            "doctor",
            lambda args: asyncio.run(_examine(args)),
            "Check this installation; say what is wrong and what to do.",
            "ponctuel doctor",
            may=LOCAL,
        )
    )


async def _examine(args: argparse.Namespace) -> int:
    settings = load_settings()
    in_force: dict[str, SamplingPolicy] = {}
    of_sites = [finding async for finding in _of_sites(settings, in_force)]
    findings = [*_of_settings(settings, in_force), *of_sites]
    values = {f.name: f"{f.verdict}{f.detail and ': ' + f.detail}" for f in findings}
    show(dict(values), as_json=args.json)
    return 1 if any(finding.verdict == "FAIL" for finding in findings) else 0


def _of_settings(
    settings: Settings, in_force: Mapping[str, SamplingPolicy]
) -> list[Finding]:
    return [
        _directory("data directory", settings.data_dir),
        _directory("key directory", settings.keys_directory),
        *of_backups(settings),
        _interval(settings),
        *[
            finding
            for name, site in settings.sites.items()
            for finding in (
                *_gates(name, site, in_force.get(name)),
                people_findings.of_settings(f"{name}: people", site),
                *_above_soft_ceiling(f"{name}: {DPOS_WORD}", site),
            )
        ],
    ]


def _above_soft_ceiling(name: str, site: SitePart) -> Iterator[Finding]:
    """Settings without that word are refused where they are read."""
    word = site.dpos_word
    if site.policy and word and (above := above_soft_ceiling(site.policy.to_policy(1))):
        said = f"{word.author}, {word.dated_on}: {word.text}"
        yield Finding(name, "warn", f"{', '.join(above)} above 5 %, allowed by {said}")


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


def _gates(name: str, site: SitePart, in_force: SamplingPolicy | None) -> list[Finding]:
    """By the policy in force; until there is one, by that of the settings."""
    policy = in_force or (site.policy.to_policy(1) if site.policy else NO_POLICY)
    today = utc_now().date()
    return [
        finding
        for group in report(site.to_lines().values(), policy, today)
        for finding in (
            *_gate(f"{name}: line group {group.group}", group),
            *_consent(f"{name}: line group {group.group}, consent", group, policy),
        )
    ] or [Finding(f"{name}: lines", "warn", "no line is configured: nothing is drawn")]


def _gate(name: str, group: GroupReport) -> Iterator[Finding]:
    """The gate, and every reference that is not in order or soon will not be."""
    if group.is_open:
        yield Finding(name, "ok", group.words.english)
    else:
        yield Finding(name, "warn", f"not drawn ({group.code}): {group.words.english}")
    if group.code == EXCLUDED:
        return
    for condition in group.conditions:
        is_near = condition.days_left is not None and condition.days_left <= _NEAR
        if condition.state is not State.HOLDS or is_near:
            yield Finding(f"{name}, {condition.name}", "warn", condition.words.english)


def _consent(
    name: str, group: GroupReport, policy: SamplingPolicy
) -> Iterator[Finding]:
    """Not a gate: see docs/decisions/0018-asking-is-not-forced.md."""
    silent = Consent.OPT_OUT in {each.consent for each in (policy, *policy.strata)}
    if group.is_open and group.is_about_health and silent:
        yield Finding(
            name,
            "warn",
            'silence is recorded (consent = "opt_out") although health is spoken of: '
            'ask callers (consent = "opt_in"), or be sure of `article_9`',
        )


async def _of_sites(
    settings: Settings, in_force: dict[str, SamplingPolicy]
) -> AsyncIterator[Finding]:
    """`in_force` is filled with the sites' policies, as far as they can be asked."""
    try:
        async with sites_only(settings) as service:
            yield _verdict("vault", await service.fault_of_vault())
            for name, site in service.sites.items():
                yield await _log_key(f"{name}: log key", site)
                for finding in _call_lists(name, site):
                    yield finding
            for name, site in service.sites.items():
                async with site.database.connection() as connection:
                    await check_schema(connection)
                yield Finding(f"{name}: database", "ok", "schema fits, role is fenced")
                yield await _clock(f"{name}: clock", site)
                yield await _policy(f"{name}: policy", site)
                yield await _settings(f"{name}: settings", site)
                for finding in of_notices(site):
                    yield finding
                yield await people_findings.of_dpos(f"{name}: dpos", site)
                for finding in await of_desk(site):
                    yield finding
                yield await of_drills(site, settings)
                if site.policies.version > NO_POLICY.version:
                    in_force[name] = site.calls.policy
    except PonctuelError as error:
        yield Finding("database", "FAIL", str(error))


async def _clock(name: str, site: Site) -> Finding:
    try:
        await agree_on_time(site.clock, site.config.second_clock, site.database)
    except ClocksDifferError as error:
        return _verdict(name, error)
    return Finding(name, "ok", "agrees with the database server's")


async def _policy(name: str, site: Site) -> Finding:
    """What is in force, and whether the settings ask for more than they may."""
    try:
        async with site.database.connection() as connection:
            await site.policies.keep_up(connection)
    except UnreadablePolicyError as error:
        return Finding(name, "FAIL", f"nothing is drawn: {error}")
    refused = await site.governance.file.refused()
    if not refused:
        return Finding(name, "ok", await _in_force(site))
    if refused == (DPOS_WORD,):
        said = f"{DPOS_WORD} does not hold today: not in force; name one that does"
        return Finding(name, "FAIL", said)
    return Finding(
        name,
        "FAIL",
        f"the settings raise {', '.join(refused)}: not in force; draft and propose it "
        "(ponctuel policy draft), and set the file back",
    )


_DECIDED_BY = ("by the settings", "by an operator", "by an operator and the dpo")


async def _in_force(site: Site) -> str:
    """Each version that holds or will."""
    states = (Life.ACTIVE, Life.SCHEDULED, Life.APPROVED)
    versions = await site.governance.list()
    said = [_version(site, each) for each in versions if each.state in states]
    return "; ".join(said) or "none: nothing is drawn"


def _version(site: Site, version: PolicyVersion) -> str:
    """Since when, how often, and who decided so."""
    epoch = version.from_epoch or version.effective_from_epoch or 0
    since = epoch_start(epoch, site.config.epoch_seconds)
    rate = version.document.get("rate", "0")
    who = _DECIDED_BY[version.approvals]
    return f"{version.number} from {since:%Y-%m-%d %H:%M} UTC, rate {rate}, {who}"


async def _settings(name: str, site: Site) -> Finding:
    """When those that nobody approves were last found changed."""
    last = await site.governance.settings.last()
    if last is None:
        return Finding(name, "ok", "noted when the site is first served")
    kinds = ", ".join(last.detail["changed"])
    return Finding(name, "ok", f"{kinds} changed by {last.at:%Y-%m-%d %H:%M} UTC")


def _call_lists(name: str, site: Site) -> Iterator[Finding]:
    """Whatever a platform records by itself is found in its own list only."""
    for connection, lists in site.reconciliation.lists.items():
        if lists is None:
            yield Finding(
                f"{name}: connection {connection}, call list",
                "warn",
                "none to ask for: set call_list_url, or run `ponctuel reconcile "
                "--calls` every day",
            )


async def _log_key(name: str, site: Site) -> Finding:
    """The line of an auditor's file; a witness is given the key itself."""
    try:
        if not await site.keys.exists():
            return Finding(name, "ok", "made when the site is first served")
        await site.keys.open()
        return Finding(name, "ok", f"log {site.signer.key.encode()}")
    except PonctuelError as error:
        return Finding(name, "FAIL", str(error))


def _verdict(name: str, fault: PonctuelError | None) -> Finding:
    return Finding(name, "FAIL", str(fault)) if fault else Finding(name, "ok", "")
