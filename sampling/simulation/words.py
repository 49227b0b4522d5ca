"""A simulation's figures in words, for people."""

from collections.abc import Mapping
from typing import Any

_GIGABYTE = 10**9


def in_words(figures: Mapping[str, Any]) -> dict[str, object]:
    """The figures a person wants first, each in a line."""
    hours, stored = figures["audio_hours_spread"], figures["storage_bytes"]
    return {
        "traffic": f"{figures['agents']} agents, {figures['calls']:,} calls "
        f"in {figures['days']} days",
        "simulated": f"{figures['replications']:,} times, seed {figures['seed']}",
        "recorded": f"{_range(figures['recordings'])} calls, "
        f"{figures['recorded_share']:.2%}",
        "per agent": _range(figures["recordings_per_agent"]),
        "per agent and week": _range(figures["recordings_per_agent_and_week"]),
        f"every agent heard {_times(figures['heard_at_least'])}": (
            f"chance {figures['chance_every_agent_heard']:.1%}; "
            f"not heard: {_range(figures['agents_not_heard'])} agents"
        ),
        "least heard agent": f"chance {figures['chance_least_heard_agent']:.1%}",
        **{
            f"any {window['calls']:,} calls": f"{_range(window['recorded'])}, "
            f"at most {window['most']} of {window['bound']:g} allowed"
            for window in figures["worst_windows"]
        },
        "calls without tokens": f"{figures['calls_without_tokens']:.3%}",
        "calls never drawn": f"{figures['calls_never_drawn']:.2%}",
        **_noticed(figures["drift"]),
        "audio": f"{_range(hours, '.1f')} hours",
        "storage": f"{_range(stored, '.2f', per=_GIGABYTE)} GB",
    }


def _noticed(drift: Mapping[str, Any] | None) -> dict[str, object]:
    """How many calls a fault goes unnoticed."""
    if drift is None:
        return {}
    return {
        "recording everything": f"noticed after {_calls(drift['everything_recorded'])}",
        "twice the rate": f"noticed after {_calls(drift['twice_the_rate'])}",
        "one agent always": "noticed after "
        f"{_calls(drift['one_agent_always_own_calls'])} of the agent's own",
    }


def _calls(found: Mapping[str, Any]) -> str:
    missed = 1 - found["noticed"]
    note = f", missed by {missed:.0%}" if missed else ""
    return f"{_range(found['calls'])} calls{note}"


def _range(spread: Mapping[str, float], form: str = "g", per: float = 1) -> str:
    low, middle, high = (spread[name] / per for name in ("p5", "p50", "p95"))
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
