"""What outsiders run needs nothing of ours, and next to nothing of others."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

AUDIT = Path(__file__).resolve().parents[2] / "audit"


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def foreign(file: Path) -> set[str]:
    return set(imported(file)) - sys.stdlib_module_names


def test_the_verifier_imports_the_standard_library_alone():
    assert foreign(AUDIT / "verify.py") == set()


def test_a_witness_needs_one_library_to_sign_with():
    assert foreign(AUDIT / "witness.py") == {"cryptography"}


def test_there_is_nothing_else_to_run():
    assert {file.name for file in AUDIT.glob("*.py")} == {
        "__init__.py",
        "verify.py",
        "witness.py",
    }
