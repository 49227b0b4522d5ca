"""docs/habilitations.md says who may do what exactly as the code decides it."""

from pathlib import Path
from typing import get_args

from proxy.access.api_keys import rules as keys
from proxy.access.grants import rules as grants
from proxy.access.habilitations.reviewing import QUARTER
from proxy.access.permissions import Role
from proxy.access_settings import PersonPart
from proxy.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "habilitations.md").read_text("utf-8")

SETTINGS = (Path(__file__).parents[2] / "docs" / "settings.md").read_text("utf-8")


def test_the_table_is_what_the_command_prints(capsys):
    """`ponctuel access matrix --markdown`: where this fails, put that on the page."""
    assert main(["access", "matrix", "--markdown"]) == 0

    assert capsys.readouterr().out in PAGE


def test_the_page_names_every_role_and_nobody_else():
    section = PAGE.partition("\n## The roles\n")[2].partition("\n## ")[0]
    named = [line.split("`")[1] for line in section.splitlines() if "| `" in line]

    assert named == [role.value for role in Role]


def test_the_page_says_how_long_things_hold():
    for said in (
        f"a grant after {grants.LONGEST.days} days at most",
        f"a machine's key after {keys.LONGEST.days}",
        f"every {QUARTER.days} days",
    ):
        assert said in PAGE


def test_the_settings_page_names_the_roles_the_settings_know():
    [row] = [line for line in SETTINGS.splitlines() if "| `people.<code>.role`" in line]
    known = get_args(PersonPart.model_fields["role"].annotation)

    assert set(known) == {role for role in Role if f"`{role}`" in row}
