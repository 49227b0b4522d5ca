"""What the monitors see, what is decided about their alarms, and the breaker."""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import StringConstraints

from proxy.access.permissions import Permission, Role
from proxy.api.route import Asked, Model, Nothing, Route
from proxy.errors import ForbiddenRoleError, WrongStateError
from proxy.governance.versions import BreakerClosing
from proxy.incidents.words import LONGEST_TEXT, IncidentTextError
from proxy.ledger.stopping import Party
from proxy.monitoring.service import NoAlarmError
from sampling.monitoring.observations import Monitor

_SITE = "/sites/{site}"


class MonitorState(Model):
    """One monitor's statistic, as a power of ten, and whether it is an alarm."""

    monitor: Monitor
    sr_log10: float
    is_alarm: bool


class Figure(Model):
    """One published figure: null where there is no bound, or no end."""

    metric: str
    labels: Sequence[str]
    value: float | None


class Monitors(Model):
    """Every monitor, and all figures they publish."""

    sr_alarm_log10: float
    monitors: Sequence[MonitorState]
    figures: Sequence[Figure]


class AlarmDecision(Model):
    """What was found out about an alarm; its monitor begins anew."""

    decision: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]


class BreakerState(Model):
    """Whether the breaker is open, why, and from which epoch it will be closed."""

    is_open: bool
    causes: Sequence[str]
    resumes_from_epoch: int | None


class Closing(Model):
    """Whose confirmation is not there yet; without any, draws go on in `from_epoch`."""

    missing: Sequence[Role]
    from_epoch: int | None


async def read(asked: Asked[Nothing]) -> Monitors:
    site = asked.site
    return _told(await site.monitors.figures(site.clock()))


def _told(figures: Mapping[tuple[str, ...], float]) -> Monitors:
    alarm_at = figures["sr_alarm_log10",]
    return Monitors(
        sr_alarm_log10=alarm_at,
        monitors=[
            MonitorState(
                monitor=each,
                sr_log10=figures["sr_log10", each.value],
                is_alarm=figures["sr_log10", each.value] >= alarm_at,
            )
            for each in Monitor
        ],
        figures=[
            Figure(metric=metric, labels=labels, value=_finite(value))
            for (metric, *labels), value in sorted(figures.items())
        ],
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


async def decide(asked: Asked[AlarmDecision]) -> Monitors:
    monitor, decision = asked.place["monitor"], asked.question.decision
    await asked.site.monitors.decide(asked.actor.code, monitor, decision)
    return await read(Asked(asked.actor, asked.site, Nothing(), asked.place))


async def read_breaker(asked: Asked[Nothing]) -> BreakerState:
    site = asked.site
    figures = await site.monitors.figures(site.clock())
    stops = [
        stop for stop in await site.governance.stops() if stop.party == Party.BREAKER
    ]
    return BreakerState(
        is_open=bool(stops),
        causes=[
            cause
            for (metric, *labels), is_on in sorted(figures.items())
            for cause in labels
            if metric == "breaker_open" and is_on
        ],
        resumes_from_epoch=stops[0].resumes_from_epoch if stops else None,
    )


async def close_breaker(asked: Asked[Nothing]) -> BreakerClosing:
    return await asked.site.governance.breaker_close(asked.actor)


ROUTES: tuple[Route[Any], ...] = (
    Route(
        "GET",
        f"{_SITE}/monitors",
        Permission.MONITORS_READ,
        read,
        summary="What every monitor sees.",
        asks=Nothing,
        answers=Monitors,
    ),
    Route(
        "POST",
        f"{_SITE}/monitors/{{monitor}}/decide",
        Permission.MONITORS_DECIDE,
        decide,
        summary="Write down what an alarm was; its monitor begins anew.",
        asks=AlarmDecision,
        answers=Monitors,
        refusals=(NoAlarmError, IncidentTextError),
        example={"decision": "One agent's calls were tests; the platform is mended."},
    ),
    Route(
        "GET",
        f"{_SITE}/breaker",
        Permission.MONITORS_READ,
        read_breaker,
        summary="Whether the breaker is open, and why.",
        asks=Nothing,
        answers=BreakerState,
    ),
    Route(
        "POST",
        f"{_SITE}/breaker/close",
        Permission.BREAKER_CLOSE,
        close_breaker,
        summary="Confirm that it may close; it takes an operator and a DPO.",
        asks=Nothing,
        answers=Closing,
        refusals=(ForbiddenRoleError, WrongStateError),
    ),
)
