"""The page for people and the list for machines name every route and who may use it."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from proxy.access.permissions import PERMISSIONS, Permission, Role
from proxy.api.route import PUBLIC
from proxy.api.simulations import MOST_AT_ONCE, MOST_DRAWS, MOST_REPLICATIONS
from proxy.api.table import ROUTES
from proxy.cli import main, parser
from proxy.commands.guarding import commands_of
from proxy.commands.running import LOCAL
from proxy.console.table import ROUTES as PAGES
from proxy.console.visit import ROOT as CONSOLE
from tests.fakes.api import API
from tests.fakes.who_may import ALLOWED, SCOPES

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ROW = re.compile(
    r"^\| `(?P<permission>[\w-]+:[\w-]+)` \|(?P<cells>.*)\|$", re.MULTILINE
)
PATH = re.compile(r"`(GET|POST|PUT) (/[^`]*)`")

_TRAINERS_EAR = ("trainer", "recordings:play")


def listed() -> dict[str, list[str]]:
    """Cells of the page's table by permission: a cell for each role, routes."""
    return {
        row["permission"]: [cell.strip() for cell in row["cells"].split("|")]
        for row in ROW.finditer(PAGE)
    }


def test_the_page_lists_every_route_under_its_permission():
    named = {
        (method, f"/sites/{{site}}{path}", permission)
        for permission, (*_, routes) in listed().items()
        for method, path in PATH.findall(routes)
    }

    assert named == {(r.method, r.path, r.permission.value) for r in ROUTES}


@pytest.mark.parametrize("permission", Permission)
def test_the_page_says_which_role_has_which_permission(permission):
    cells = listed()[permission.value][:-1]

    told = {role: cell == "yes" for role, cell in zip(Role, cells, strict=True)}
    assert told == {role: permission in PERMISSIONS[role] for role in Role}


def test_the_page_names_the_bounds_of_a_simulation():
    bounds = f"{MOST_AT_ONCE:,} calls, {MOST_REPLICATIONS:,} replications"

    assert bounds in PAGE
    assert f"{MOST_DRAWS // 10**6} million draws" in PAGE


def test_the_matrix_lists_every_role_permission_and_route(capsys):
    assert main(["access", "matrix", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    rows = {
        (row["role"], row["permission"], row["allowed"], route)
        for row in told["matrix"]
        for route in row["routes"]
    }
    pages = [page for page in PAGES if page.permission is not PUBLIC]
    assert rows == {
        (role, permission, permission in PERMISSIONS[role], route)
        for role in Role
        for permission, route in [
            *((r.permission, _shown(r, API)) for r in ROUTES),
            *((p.permission, _shown(p, CONSOLE)) for p in pages),
            (Permission.RECORDINGS_PLAY, "GET /listen/{site}/{play}"),
        ]
    }
    assert told["public"] == [
        f"GET {API}/openapi.json",
        *(_shown(page, CONSOLE) for page in PAGES if page.permission is PUBLIC),
    ]


def _shown(route, root) -> str:
    return f"{route.method} {root}{route.path}"


def test_the_matrix_lists_every_command_under_what_it_asks_for(capsys):
    assert main(["access", "matrix", "--json"]) == 0

    told = json.loads(capsys.readouterr().out)
    rows = {
        (row["permission"], command)
        for row in told["matrix"]
        for command in row["commands"]
    }
    every = commands_of(parser())
    assert rows == {(c.may.value, c.name) for c in every if c.may is not LOCAL}
    assert told["local"] == [c.name for c in every if c.may is LOCAL]


def test_the_matrix_says_how_far_each_permission_goes(capsys):
    assert main(["access", "matrix", "--json"]) == 0

    told = {
        (row["role"], row["permission"]): row["scope"]
        for row in json.loads(capsys.readouterr().out)["matrix"]
    }
    assert told == {
        (role, permission): SCOPES.get((role, permission), "site")
        if role in ALLOWED[permission]
        else ""
        for role in Role
        for permission in Permission
    }


def test_the_matrix_is_a_table_for_the_habilitation_policy(capsys):
    assert main(["access", "matrix", "--csv"]) == 0

    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["role"], row["permission"]) for row in rows] == [
        (role, permission) for role in Role for permission in Permission
    ]
    told = {(r["role"], r["permission"]): r["allowed"] == "True" for r in rows}
    assert told == {
        (role, permission): role in ALLOWED[permission]
        for role in Role
        for permission in Permission
    }
    [play] = [r for r in rows if (r["role"], r["permission"]) == _TRAINERS_EAR]
    assert (play["scope"], play["in_person"]) == ("own reach", "True")
    assert "GET /listen/{site}/{play}" in play["routes"].split("; ")


def test_the_matrix_is_readable_too(capsys):
    assert main(["access", "matrix"]) == 0

    told = capsys.readouterr().out
    assert (
        "policy:draft: operator (site)\n  POST /api/v1/sites/{site}/policies\n" in told
    )
    assert "monitors:decide: dpo (site)\n" in told
