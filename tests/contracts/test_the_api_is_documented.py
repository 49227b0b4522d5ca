"""The page for people and the list for machines name every route and who may use it."""

import json
import re
from pathlib import Path

import pytest

from proxy.access.people import PERMISSIONS, Permission, Role
from proxy.api.simulations import MOST_AT_ONCE, MOST_DRAWS, MOST_REPLICATIONS
from proxy.api.table import ROUTES
from proxy.cli import main
from tests.fakes.api import API

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ROW = re.compile(r"^\| `(?P<permission>[\w-]+:\w+)` \|(?P<cells>.*)\|$", re.MULTILINE)
PATH = re.compile(r"`(GET|POST|PUT) (/[^`]*)`")


def listed() -> dict[str, list[str]]:
    """Cells of the page's table by permission: operator, dpo, routes."""
    return {
        row["permission"]: [cell.strip() for cell in row["cells"].split("|")]
        for row in ROW.finditer(PAGE)
    }


def test_the_page_lists_every_route_under_its_permission():
    named = {
        (method, f"/sites/{{site}}{path}", permission)
        for permission, (_, _, routes) in listed().items()
        for method, path in PATH.findall(routes)
    }

    assert named == {(r.method, r.path, r.permission.value) for r in ROUTES}


@pytest.mark.parametrize("permission", Permission)
def test_the_page_says_which_role_has_which_permission(permission):
    operator, dpo, _ = listed()[permission.value]

    told = {Role.OPERATOR: operator == "yes", Role.DPO: dpo == "yes"}
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
    assert rows == {
        (role, r.permission, r.permission in PERMISSIONS[role], _shown(r))
        for role in Role
        for r in ROUTES
    }
    assert told["public"] == [f"GET {API}/openapi.json"]


def _shown(route) -> str:
    return f"{route.method} {API}{route.path}"


def test_the_matrix_is_readable_too(capsys):
    assert main(["access", "matrix"]) == 0

    told = capsys.readouterr().out
    assert "policy:draft: operator\n  POST /api/v1/sites/{site}/policies\n" in told
    assert "monitors:decide: dpo\n" in told
