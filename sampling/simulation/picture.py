"""A simulation as a picture: SVG 1.1, complete in itself.

Above, how many recordings the agents have; below, how near the ceiling the fullest
windows come. The title and the description tell those who cannot see it the same.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from sampling.simulation.figures import Spread, spread
from sampling.simulation.traffic import Integers

_WIDTH = 760
_LEFT, _RIGHT = 90, 730
_TOP, _BASE = 70, 300  # of the bars
_ROWS_FROM, _ROW_HEIGHT, _BELOW = 390, 40, 60
_MOST_BARS = 15
_INK, _BAR, _LIMIT = "#222222", "#56B4E9", "#D55E00"  # told apart by the colour-blind


def picture(figures: Mapping[str, Any], per_agent: Integers) -> str:
    """The whole file, as XML without a declaration: UTF-8.

    `figures` are a simulation's summary, `per_agent` its recordings of each agent.
    """
    height = _ROWS_FROM + _ROW_HEIGHT * len(figures["worst_windows"]) + _BELOW
    content = [
        *_heading(figures),
        _text(_LEFT, 52, "Agents by their recordings; line: middle 90 % of periods"),
        *_histogram(_bars(per_agent), figures["agents"]),
        *_windows(figures["worst_windows"]),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'role="img" aria-labelledby="title desc" font-family="sans-serif" '
        f'font-size="13" fill="{_INK}">\n' + "\n".join(content) + "\n</svg>\n"
    )


def _heading(figures: Mapping[str, Any]) -> Iterator[str]:
    each, windows = figures["recordings_per_agent"], figures["worst_windows"]
    title = (
        f"{figures['agents']} agents, {figures['calls']:,} calls in "
        f"{figures['days']} days: what the policy would give"
    )
    yield f'<title id="title">{escape(title)}</title>'
    told = (
        f"{figures['replications']:,} simulated periods, seed {figures['seed']}. An "
        f"agent has {each['p50']:g} recordings ({each['p5']:g} to {each['p95']:g}); "
        f"the chance that every agent has {figures['heard_at_least']} or more is "
        f"{figures['chance_every_agent_heard']:.1%}. "
        + " ".join(
            f"In any {window['calls']:,} calls at most {window['most']} are recorded; "
            f"{window['bound']:g} are allowed."
            for window in windows
        )
    )
    yield f'<desc id="desc">{escape(told)}</desc>'
    yield '<rect width="100%" height="100%" fill="#ffffff"/>'
    yield _text(_LEFT, 28, title, size=16)


def _bars(per_agent: Integers) -> list[tuple[str, Spread]]:
    """Numbers of recordings, and how many agents have so many in a period."""
    highest = int(np.quantile(per_agent, 0.999, method="inverted_cdf"))
    wide = math.ceil((highest + 1) / _MOST_BARS)
    bar_of = np.minimum(per_agent, highest) // wide
    return [
        (_label(bar, wide, highest), spread((bar_of == bar).sum(axis=1)))
        for bar in range(highest // wide + 1)
    ]


def _label(bar: int, wide: int, highest: int) -> str:
    first, last = bar * wide, bar * wide + wide - 1
    if last >= highest:
        return f"{first}+"
    return f"{first}" if wide == 1 else f"{first}-{last}"


def _histogram(bars: Sequence[tuple[str, Spread]], agents: int) -> Iterator[str]:
    top = max(1.0, *(max(of["mean"], of["p95"]) for _, of in bars))
    step = (_RIGHT - _LEFT) / len(bars)

    def height(value: float) -> float:
        return _BASE - (_BASE - _TOP) * value / top

    for share in (0.0, 0.5, 1.0):
        level = height(share * top)
        yield _line(_LEFT, level, _RIGHT, level, "#dddddd")
        yield _text(_LEFT - 8, level + 4, f"{share * top:g}", anchor="end")
    for place, (label, of) in enumerate(bars):
        left = _LEFT + place * step
        middle = left + step / 2
        yield (
            f'<rect x="{left + step * 0.15:.1f}" y="{height(of["mean"]):.1f}" '
            f'width="{step * 0.7:.1f}" height="{_BASE - height(of["mean"]):.1f}" '
            f'fill="{_BAR}"/>'
        )
        yield _line(middle, height(of["p5"]), middle, height(of["p95"]), _INK, wide=2)
        yield _text(middle, _BASE + 18, label, anchor="middle")
    yield _text(
        (_LEFT + _RIGHT) / 2,
        _BASE + 40,
        f"recordings of one of {agents} agents",
        anchor="middle",
    )


def _windows(windows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield _text(
        _LEFT,
        _ROWS_FROM - 22,
        "The fullest window of a period, as a share of the ceiling",
    )
    end = _ROWS_FROM + _ROW_HEIGHT * len(windows)

    def across(ratio: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * ratio / 1.1

    for ratio in (0.0, 0.25, 0.5, 0.75):
        yield _line(across(ratio), _ROWS_FROM, across(ratio), end, "#dddddd")
        yield _text(across(ratio), end + 18, f"{ratio:.0%}", anchor="middle")
    yield _line(across(1), _ROWS_FROM, across(1), end, _LIMIT, wide=3)
    yield _text(across(1), end + 18, "ceiling", anchor="middle")
    for place, window in enumerate(windows):
        of, level = window["ratio"], _ROWS_FROM + _ROW_HEIGHT * (place + 0.5)
        yield _text(_LEFT - 8, level + 4, f"{window['calls']:,} calls", anchor="end")
        yield _line(across(of["p5"]), level, across(of["p95"]), level, _BAR, wide=12)
        yield _line(
            across(of["p50"]), level - 8, across(of["p50"]), level + 8, _INK, wide=2
        )
        yield (
            f'<circle cx="{across(window["worst_ratio"]):.1f}" cy="{level:.1f}" '
            f'r="4" fill="{_INK}"/>'
        )
    yield _text(
        _LEFT,
        end + 42,
        "band: middle 90 % of periods; line: median; dot: the worst of all",
    )


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _line(
    x1: float, y1: float, x2: float, y2: float, colour: str, *, wide: int = 1
) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
        f'stroke="{colour}" stroke-width="{wide}"/>'
    )
