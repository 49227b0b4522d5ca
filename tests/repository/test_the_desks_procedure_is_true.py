"""docs/rights.md: one page in each language, the same steps, commands that exist."""

import re
from pathlib import Path

import pytest

from proxy.cli import parser
from retention.rights.request import Outcome

PAGE = (Path(__file__).parents[2] / "docs" / "rights.md").read_text("utf-8")
ENGLISH = PAGE.partition("## The desk's procedure\n")[2].partition("\n## ")[0]
FRENCH = PAGE.partition("## La procédure du service\n")[2].partition("\n## ")[0]
ONE_PAGE = 60
# What is said of a command, and is none.
_WORDS = {"ponctuel requests COMMAND --help", "ponctuel requests COMMANDE --help"}


def named(part):
    """The commands a part names, in their order."""
    quoted = [" ".join(each.split()) for each in re.findall(r"`([a-z][^`]*)`", part)]
    return [each for each in quoted if each not in _WORDS]


def steps(part):
    return [line for line in part.splitlines() if line.startswith("|")]


@pytest.mark.parametrize("part", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_it_is_one_page(part):
    assert 20 < len(part.splitlines()) <= ONE_PAGE


@pytest.mark.parametrize("part", [ENGLISH, FRENCH], ids=["en", "fr"])
def test_every_command_it_names_is_there(part):
    known = parser().get_default("commands")
    there = {each.name for each in known if each.name.startswith("ponctuel requests ")}
    outcomes = {f"answer --outcome {outcome}" for outcome in Outcome}

    missing = {
        each
        for each in set(named(part)) - outcomes
        if f"ponctuel requests {each.split()[0]}" not in there
    }
    assert missing == set()


def test_both_languages_name_the_same_commands_at_the_same_steps():
    assert [named(line) for line in steps(ENGLISH)] == [
        named(line) for line in steps(FRENCH)
    ]
    assert named(ENGLISH)


@pytest.mark.parametrize("heading", ["Never", "Limits", "Jamais", "Les limites"])
def test_what_must_not_be_done_and_what_cannot_be_is_said(heading):
    assert f"**{heading}" in PAGE
