"""docs/retention.md lists how long everything is kept, row by row as the code does."""

from pathlib import Path

from proxy.database.migrate import MIGRATIONS
from retention.promises import Row
from retention.schedule import SCHEDULE

PAGE = (Path(__file__).parents[2] / "docs" / "retention.md").read_text("utf-8")
SECTION = PAGE.partition("\n## Everything else\n")[2].partition("\n## ")[0]


def listed() -> list[Row]:
    """The rows of the section's table, without its head."""
    lines = [line for line in SECTION.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [Row(*row) for row in cells[2:]]


def test_the_page_lists_every_kind_as_the_code_does():
    assert listed() == [promise.row for promise in SCHEDULE]


def test_no_cell_would_break_the_pages_table():
    assert [row for row in listed() if not all(row)] == []
    assert [p.kind for p in SCHEDULE if any("|" in cell for cell in p.row)] == []


def test_every_table_the_schema_makes_is_promised_something():
    """So that a new table without a row is noticed where there is no database, too."""
    schema = (MIGRATIONS.parent / "schema.sql").read_text("utf-8")
    made = {
        line.split("TABLE ")[1].split()[0]
        for line in schema.splitlines()
        if line.startswith(("CREATE TABLE", "CREATE UNLOGGED TABLE"))
    }

    promised = {table for promise in SCHEDULE for table in promise.tables}

    assert made - promised == set()
