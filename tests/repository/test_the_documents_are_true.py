"""What the documents name exists, and what exists is documented."""

import argparse
import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import get_args

import pytest
from pydantic import BaseModel

from proxy.cli import parser
from proxy.errors import PonctuelError
from proxy.ledger.entry import Kind
from proxy.settings import Settings
from proxy.site_settings import GenericPart, SitePart, TwilioPart

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text("utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text("utf-8")
LEDGER = (ROOT / "docs" / "ledger.md").read_text("utf-8")
CODE = sorted(
    file
    for package in ("proxy", "sampling", "retention", "audit")
    for file in (ROOT / package).rglob("*.py")
)


def commands(
    top: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
    nested = [
        action.choices
        for action in top._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    if not nested:
        yield path, top
    for choices in nested:
        for name, child in choices.items():
            yield from commands(child, (*path, name))


COMMANDS = dict(commands(parser()))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_is_in_the_readme_and_helps_with_an_example(path):
    assert f"`ponctuel {' '.join(path)}" in README
    assert "example:" in COMMANDS[path].format_help()


def test_the_readme_names_no_command_that_does_not_exist():
    named = re.findall(r"^\| `ponctuel ([a-z -]+)", README, re.MULTILINE)

    assert {" ".join(name.split()) for name in named} == {" ".join(p) for p in COMMANDS}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        possible = get_args(inner) if isinstance(inner, UnionType) else (inner,)
        parts = [
            p for p in possible if isinstance(p, type) and issubclass(p, BaseModel)
        ]
        for part in parts:
            yield from keys(part, f"{prefix}{name}.")
        if not parts:
            yield prefix + name


TOP_KEYS = [key for key in keys(Settings) if key != "sites"]


@pytest.mark.parametrize("key", TOP_KEYS)
def test_every_setting_is_documented(key):
    assert f"`{key}`" in SETTINGS


@pytest.mark.parametrize("part", [SitePart, GenericPart, TwilioPart])
def test_every_key_of_a_site_is_documented(part):
    inner = {"policy", "practices", "line_groups", "lines", "connections"}
    named = [key for key in part.model_fields if key not in inner]

    assert [key for key in named if key not in SETTINGS] == []


def test_every_leaf_is_documented():
    assert [kind.value for kind in Kind if f"`{kind.value}`" not in LEDGER] == []


def test_every_link_between_documents_leads_somewhere():
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def subclasses(base: type[PonctuelError]) -> Iterator[type[PonctuelError]]:
    for child in base.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_has_a_title_and_an_id_of_its_own():
    found = [PonctuelError, *subclasses(PonctuelError)]
    ids = [error.error_id for error in found]

    titles = [(error.__doc__ or "").partition("\n")[0] for error in found]

    assert [title for title in titles if not title.endswith(".")] == []
    assert sorted(ids) == sorted(set(ids))


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name]


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_no_path_of_a_machine_and_no_registry_stands_in_the_project():
    forbidden = re.compile(
        "|".join(
            ["/wo" + "rk/", r"\.\./sha" + "red", "index" + "-url", "/simple" + "/"]
        )
    )
    texts = (f for f in tracked() if f.suffix not in {".wav", ".ogg", ".mp3", ".opus"})
    found = [
        f.name
        for f in texts
        if f.is_file() and forbidden.search(f.read_text("utf-8", "replace"))
    ]

    assert found == []


def test_the_lock_file_names_no_address():
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_modules_stay_small():
    # What auditors run is one file each on purpose: carried, read and run alone.
    files = [file for file in CODE if file.parent != ROOT / "audit"]
    sizes = {file: len(file.read_text("utf-8").splitlines()) for file in files}

    assert {file.name: size for file, size in sizes.items() if size > 400} == {}
    assert statistics.median(sizes.values()) <= 150
