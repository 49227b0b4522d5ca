"""What a panel shows, before Grafana: its queries, its unit, the limit drawn in it."""

from dataclasses import dataclass
from enum import StrEnum

SITE = 'site="$site"'


class Look(StrEnum):
    """How a panel looks."""

    NUMBER = "number"
    LINES = "lines"
    BARS = "bars"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a French title, an English explanation.

    `queries` are PromQL and legend; a legend that begins with "limite" is drawn as one.
    `limit` is where it turns red; upwards, or downwards where it `is_floor`.
    """

    title: str
    about: str
    queries: tuple[tuple[str, str], ...]
    look: Look
    unit: str = "none"
    limit: float | None = None
    is_floor: bool = False
    width: int = 8
    height: int = 7


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def now(name: str, labels: str = "") -> str:
    """A figure as it stands, once however many replicas serve it."""
    return f"max without (instance) (ponctuel_{name}{{{SITE}{labels}}})"


def grown(name: str, window: str, labels: str = "") -> str:
    """How much a counter has grown."""
    series = f"ponctuel_{name}{{{SITE}{labels}}}[{window}]"
    return f"max without (instance) (increase({series}))"


def of_month(name: str) -> str:
    """A sum over 30 days that the rules have worked out."""
    return f"max without (instance) (site:ponctuel_{name}:increase30d{{{SITE}}})"


def age(name: str, unit_seconds: int) -> str:
    """How long ago a moment was, in days, hours or seconds."""
    return f"(time() - {now(name)}) / {unit_seconds}"


def number(
    title: str, about: str, expression: str, limit: float | None = None, **more: object
) -> Panel:
    """One large figure, green or red."""
    shape = {"width": 4, "height": 4} | more
    return Panel(title, about, ((expression, ""),), Look.NUMBER, limit=limit, **shape)


def lines(title: str, about: str, *queries: tuple[str, str], **more: object) -> Panel:
    """Figures over time."""
    return Panel(title, about, queries, Look.LINES, **more)


def bars(title: str, about: str, expression: str, label: str, **more: object) -> Panel:
    """A figure by the values of a label."""
    query = (expression, f"{{{{{label}}}}}")
    return Panel(title, about, (query,), Look.BARS, **more)
