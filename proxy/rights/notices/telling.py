"""From settings and the policy in force to what a notice states. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from proxy.access.permissions import PERMISSIONS, Permission
from proxy.intake.opt_outs import KEPT
from proxy.letters.facts import Campaign, Desk, LineGroup, Processing
from retention.periods import AnalysisTerms
from sampling.gates import Line
from sampling.policy import Conditions, SamplingPolicy, Stratum

_YEAR_DAYS = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeConfig:
    """What of the settings a notice tells. `page` is its own address, if it has one."""

    desk: Desk
    lines: Mapping[str, Line]
    analyses: AnalysisTerms
    keeps_opt_outs: bool
    page: str = ""


def processing(config: NoticeConfig, policy: SamplingPolicy, today: date) -> Processing:
    """What is done here from today (UTC) on, as far as it is decided."""
    running = tuple(_running(policy, today))
    return Processing(
        desk=config.desk,
        campaigns=tuple(dict.fromkeys(map(_campaign, running))),
        groups=tuple(_groups(config.lines, today)),
        listeners=_LISTENERS,
        opt_out_key=policy.opt_out_key,
        opt_in_key=policy.opt_in_key,
        analysis_days=config.analyses.kept.days,
        after_analysis_days=config.analyses.recording_days,
        max_seconds=max((each.max_seconds for each in running), default=0),
        opt_out_years=KEPT.days // _YEAR_DAYS if config.keeps_opt_outs else 0,
        page=config.page,
    )


_LISTENERS = tuple(
    role.value
    for role, allowed in PERMISSIONS.items()
    if Permission.RECORDINGS_PLAY in allowed
)


def _running(policy: SamplingPolicy, today: date) -> Iterator[Conditions]:
    """Whatever draws now or is to; a rate of nothing records nothing."""
    for each in (policy, *policy.strata):
        if each.has_days and today < each.ends_on and each.rate_ppm:
            yield each


def _campaign(of: Conditions) -> Campaign:
    groups = of.line_groups if isinstance(of, Stratum) else frozenset()
    return Campaign(
        purpose=of.purpose.value,
        consent=of.consent.value,
        kept_days=of.kept_days,
        starts_on=of.starts_on,
        ends_on=of.ends_on,
        share_ppm=of.budget.ceiling_ppm,
        groups=tuple(sorted(groups)),
    )


def _groups(lines: Mapping[str, Line], today: date) -> Iterator[LineGroup]:
    """Those whose calls may be recorded today: every reference of theirs holds."""
    open_lines = {
        line.group: line
        for line in lines.values()
        if not line.is_excluded and line.basis.missing_code(today) is None
    }
    for name, line in sorted(open_lines.items()):
        basis = line.basis
        if basis.article_6 and basis.article_9 and basis.hosting:
            yield LineGroup(
                name=name,
                practice=line.practice,
                article_6=basis.article_6.kind,
                article_9=basis.article_9.kind,
                hosting=basis.hosting.kind,
            )
