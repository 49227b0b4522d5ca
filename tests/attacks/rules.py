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
# Conditions of its own for calls of one stratum; the rest of the rules are the site's.
STRATUM = {name: value for name, value in POLICY.items() if name != "mode"}
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


def conditions(rules: Fields, stratum: str) -> Fields:
    """What holds for calls counted under that name."""
    return rules.get("strata", {}).get(stratum, rules)


def ended_code(rules: Fields, stratum: str, day: str) -> str:
    """Why nothing is drawn that day in a stratum that has dates of its own."""
    own = rules.get("strata", {}).get(stratum)
    is_over = own is not None and not own["starts"] <= day < own["ends"]
    return "campaign_ended" if is_over else ""


class Buckets:
    """proof.md B: tokens of the site and of each stratum, in millionths."""

    def __init__(self) -> None:
        self.held: dict[str, int] = {}

    def threshold(self, rules: Fields, stratum: str, ppm: int) -> int:
        """One more call: refill both, the lower one decides."""
        lowest = []
        for name in ("", stratum):
            own = conditions(rules, name)
            full, smooth = own["B"] * MICRO, max(1, own["smooth"]) * MICRO
            held = min(full, self.held.get(name, full) + own["c"])
            self.held[name] = held
            share = 2**64 * ppm * min(held, smooth)
            lowest.append(0 if held < MICRO else share // (MICRO * smooth))
        return min(lowest)

    def spend(self, stratum: str) -> None:
        for name in ("", stratum):
            self.held[name] -= MICRO


class Coverage:
    """How often each agent's calls were seen and drawn."""

    def __init__(self) -> None:
        self._counts: dict[int, list[int]] = {}

    def share(self, rules: Fields, call_id: str) -> int:
        """p: higher for agents whose calls run out before one was drawn."""
        if "cover" not in rules or not (agent := agent_of(call_id)):
            return rules["ppm"]
        cover = rules["cover"]
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
