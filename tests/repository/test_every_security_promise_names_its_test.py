"""docs/security.md leaves out no section of the standard and names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
# Sections of each chapter of OWASP ASVS 5.0, V1 to V17.
SECTIONS = (5, 4, 7, 4, 4, 8, 6, 4, 2, 7, 7, 3, 4, 3, 4, 5, 3)
ROWS = re.findall(r"^\| (V\d+\.\d+) [^|]*\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`(test_\w+)`", PAGE)))


def there_are() -> set[str]:
    """Every file of tests and every test in one."""
    found = set()
    for file in (ROOT / "tests").rglob("test_*.py"):
        found.add(file.stem)
        found |= {
            node.name
            for node in ast.walk(ast.parse(file.read_text("utf-8")))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return found


TESTS = there_are()


def test_every_section_of_the_standard_is_listed_once_and_in_order():
    assert [section for section, _, _ in ROWS] == [
        f"V{chapter}.{section}"
        for chapter, sections in enumerate(SECTIONS, 1)
        for section in range(1, sections + 1)
    ]


@pytest.mark.parametrize("name", NAMED)
def test_what_is_said_to_show_it_exists(name):
    assert name in TESTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_what_applies_is_shown_by_a_test_and_what_does_not_says_why(row):
    _, done, shown = row

    assert done.strip()
    assert "`test_" in shown or "Does not apply" in shown
