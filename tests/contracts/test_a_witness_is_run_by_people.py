"""`audit/witness.py` at the command line: what it says, and what it refuses."""

import subprocess
import sys

import pytest

from proxy.ledger.note import VerifierKey
from tests.fakes.witnesses import PROGRAM, command


def test_without_its_one_package_it_says_so_in_one_line():
    done = command("--help", options=("-I", "-S"))

    assert done.returncode == 2
    assert done.stderr == "witness: needs a package: pip install cryptography\n"


@pytest.mark.parametrize("name", ["init", "add", "serve", "show", "nonce"])
def test_every_command_helps_with_an_example(name):
    done = command(name, "--help")

    assert done.returncode == 0
    assert f"python witness.py {name} " in done.stdout


def test_without_a_command_it_helps_with_an_example():
    done = command("--help")

    assert done.returncode == 0
    assert "example:\n  python witness.py init " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["serve"],
        ["serve", "nowhere"],
        ["serve", "nowhere", "--port", "99999"],
        ["serve", "nowhere", "--port", "-1"],
        ["init", "somewhere", "--name", "two words"],
        ["add", "nowhere", "no-key"],
        ["nonce", "nowhere", "--origin", "x", "--epoch", "-1"],
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(arguments, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", str(PROGRAM), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("witness: ")
    assert done.stderr.count("\n") == 1


def test_init_prints_the_line_an_auditors_file_wants(tmp_path):
    done = command("init", str(tmp_path / "w"), "--name", "cse.example/w1")

    *_, role, vkey = done.stdout.split()
    assert role == "ROLE"
    key = VerifierKey.parse(vkey)
    assert (key.name, key.kind) == ("cse.example/w1", 4)
