"""Rows of a benchmark: a figure, its peer measured in the same run, and their ratio.

A benchmark is a module `bench_*.py` with `rows() -> list[Row]` and a `main()` that
hands it to `run`. Absolute figures belong to the machine; the ratio is what travels.
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version


@dataclass(frozen=True, slots=True)
class Row:
    """One figure in `unit`; `ratio` is value / peer_value. `goal` is for the reader."""

    name: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    goal: str = ""

    def line(self) -> str:
        peer = ratio = ""
        if self.peer_value is not None:
            peer = f"{self.peer}: {self.peer_value:,.3g} {self.unit}"
        if self.ratio is not None:
            ratio = f"{self.ratio:.2f} x"
        value = f"{self.value:,.3g} {self.unit}"
        return f"{self.name:<44} {value:>14}  {ratio:>8}  {peer:<48} goal {self.goal}"


def conditions(*libraries: str) -> dict[str, str]:
    """Describe what the figures depend on."""
    machine = {
        "cores": str(os.cpu_count()),
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    return machine | {library: version(library) for library in libraries}


def print_rows(
    rows: Sequence[Row], conditions: Mapping[str, str], *, as_json: bool = False
) -> None:
    """Write one line per row and the conditions, or all of it as one JSON object."""
    if as_json:
        found = {"conditions": conditions, "rows": [asdict(row) for row in rows]}
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for row in rows:
        sys.stdout.write(row.line().rstrip() + "\n")
    described = ", ".join(f"{name} {text}" for name, text in conditions.items())
    sys.stdout.write(f"on {described}\n")


def run(measure: Callable[[], list[Row]], *libraries: str) -> None:
    """Be a benchmark's command line: measure, then print, `--json` for machines."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    print_rows(measure(), conditions(*libraries), as_json=options.json)
