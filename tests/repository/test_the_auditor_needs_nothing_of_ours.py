"""What outsiders run imports the standard library alone."""

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


def test_audit_imports_the_standard_library_alone():
    files = list(AUDIT.glob("*.py"))
    foreign = {name for file in files for name in imported(file)}

    assert files
    assert foreign <= sys.stdlib_module_names
