"""The access matrix as people take it along: words, a spreadsheet, a page's table."""

import csv
import sys
from collections.abc import Mapping, Sequence

from proxy.access.permissions import Permission
from proxy.commands.access_matrix import Row

# What asks for no permission, under a name that says so.
Others = Mapping[str, Sequence[str]]


def write_words(rows: Sequence[Row], others: Others) -> None:
    """Permission by permission, as somebody reads it."""
    for permission in Permission:
        same = _same(rows, permission)
        may = [f"{row.role} ({row.scope})" for row in same if row.allowed]
        print(f"{permission.value}: {', '.join(may) or 'nobody'}")
        for what in (*same[0].routes, *same[0].commands):
            print(f"  {what}")
    for name, listed in others.items():
        print(f"{name}:", *listed, sep="\n  ")


def write_csv(rows: Sequence[Row]) -> None:
    """A line for each role and permission, as spreadsheets read it (RFC 4180)."""
    lines = csv.writer(sys.stdout)
    lines.writerow(Row._fields)
    for row in rows:
        lines.writerow("; ".join(x) if isinstance(x, list) else x for x in row)


def write_page(rows: Sequence[Row], others: Others) -> None:
    """The table of docs/habilitations.md: how far each role goes."""
    roles = [row.role for row in _same(rows, Permission.ACCOUNT_OWN)]
    _line(["asks for", *(role.replace("_", " ") for role in roles), "through"])
    _line(["---"] * (len(roles) + 2))
    for permission in Permission:
        same = _same(rows, permission)
        name = f"`{permission.value}`{'†' * same[0].in_person}"
        through = _named((*same[0].routes, *same[0].commands))
        _line([name, *(row.scope for row in same), through])
    for name, listed in others.items():
        _line([name, *[""] * len(roles), _named(listed)])


def _same(rows: Sequence[Row], permission: Permission) -> list[Row]:
    return [row for row in rows if row.permission == permission]


def _named(listed: Sequence[str]) -> str:
    return " · ".join(f"`{each}`" for each in listed) or "-"


def _line(cells: Sequence[str]) -> None:
    print(f"| {' | '.join(cells)} |".replace("|  ", "| "))
