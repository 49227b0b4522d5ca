"""Print what this project needs, with the extras named: one requirement a line.

pip checks the hashes of `requirements.lock` only for requirements it is given by name,
and that file also pins what other extras need; so the names come from here.
"""

import sys
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"


def needed(extras: list[str]) -> list[str]:
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    return [*project["dependencies"], *(line for e in extras for line in optional[e])]


if __name__ == "__main__":
    sys.stdout.write("\n".join(needed(sys.argv[1:])) + "\n")
