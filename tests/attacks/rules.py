"""Policies as the documents have them, for the tests' own emitter."""

from typing import Any

from tests.attacks.formats import digest

Fields = dict[str, Any]
MICRO = 10**6
POLICY = {
    "mode": "operator",
    "purpose": "training",
    "ppm": 80_000,
    "c": 85_000,
    "B": 15,
    "smooth": 5,
    "starts": "2026-11-01",
    "ends": "2027-01-31",
    "max_seconds": 600,
    "kept_days": 1,
}
NO_POLICY = {"version": 0, "mode": "operator", "ppm": 0, "c": 0, "B": 1, "smooth": 1}
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
COVERING = {
    "ppm": 20_000,
    "c": 30_000,
    "B": 15,
    "cover": {"k": 1, "calls": 60, "min": 5000, "max": 50_000},
}
AGENTS = 12  # one of them is not known to the call centre


def chance(*words: object) -> float:
    """Repeatable luck: a fraction that depends on the words alone."""
    raw = digest(repr(words).encode())[:6]
    return int.from_bytes(raw, "big") / 2**48


def renewed(before: Fields, changes: Fields) -> Fields:
    """The next version; a change to None takes a field away."""
    rules = before if before["version"] else NO_POLICY | POLICY
    rules = rules | {"version": before["version"] + 1, "chain": None} | changes
    if rules["mode"] == "drand" and "chain" not in changes:
        rules["chain"] = QUICKNET
    return {name: value for name, value in rules.items() if value is not None}


class Coverage:
    """How often each agent's calls were seen and drawn."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}

    def share(self, rules: Fields, call_id: str) -> int:
        """p: higher for agents whose calls run out before one was drawn."""
        cover, agent = rules["cover"], agent_of(call_id)
        if not agent:
            return rules["ppm"]
        counts = self._counts.setdefault(agent, [0, 0])
        counts[0] += 1
        missing, left = cover["k"] - counts[1], max(1, cover["calls"] - counts[0])
        wanted = max(cover["min"], missing * MICRO // left)
        return max(rung for rung in ladder(cover) if rung <= wanted)

    def note_drawn(self, call_id: str) -> None:
        if counts := self._counts.get(agent_of(call_id)):
            counts[1] += 1


def agent_of(call_id: str) -> int:
    return int(chance("agent", call_id) * AGENTS)


def ladder(cover: Fields) -> list[int]:
    """min, 2 min, 4 min … max: few, so that none names an agent."""
    rungs = [cover["min"] << step for step in range(20)]
    return [rung for rung in rungs if rung < cover["max"]] + [cover["max"]]
