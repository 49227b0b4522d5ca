"""What the service hands out is checked by a verifier that shares no code with it."""

import json
import os
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(directory, *command, **environment):
    return subprocess.run(
        command,
        cwd=directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def ponctuel(directory, *arguments, **environment):
    return run(directory, sys.executable, "-m", "proxy.cli", *arguments, **environment)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A demo's data, and two bundles of its ledger exported one after the other."""
    directory = tmp_path_factory.mktemp("evidence")
    told = ponctuel(
        directory,
        *("demo", "--once", "--json", "--calls", "120"),
        PONCTUEL_DATA_DIR=str(directory / "var"),
    )
    assert told.returncode == 0, told.stderr
    for name in ("first.zip", "second.zip"):
        exported = ponctuel(
            directory,
            *("evidence", "export", "--site", "demo", "--out", name),
            PONCTUEL_CONFIG=str(directory / "var" / "demo.toml"),
        )
        assert exported.returncode == 0, exported.stderr
    return directory, json.loads(told.stdout.splitlines()[-1])


def check(directory, bundle, *options):
    verifier = str(ROOT / "audit" / "verify.py")
    policy = str(directory / "var" / "auditor.txt")
    command = (sys.executable, "-I", verifier, bundle, "--policy", policy, *options)
    return run(directory, *command)


def test_the_demos_evidence_is_found_clean_and_complete(demo):
    directory, figures = demo

    verdict = check(directory, "first.zip", "--json")

    said = json.loads(verdict.stdout)
    assert (verdict.returncode, said["findings"]) == (0, [])
    assert said["entries"] == said["size"] >= figures["ledger_size"]
    assert said["not_checked"]


def test_the_same_ledger_gives_the_same_bundle_byte_for_byte(demo):
    directory, _ = demo

    first = (directory / "first.zip").read_bytes()

    assert first == (directory / "second.zip").read_bytes()


def test_evidence_that_was_touched_is_not_found_clean(demo):
    directory, _ = demo
    touched = bytearray((directory / "first.zip").read_bytes())
    touched[len(touched) // 2] ^= 1
    (directory / "touched.zip").write_bytes(touched)

    verdict = check(directory, "touched.zip")

    assert verdict.returncode in (1, 2)
    assert "Traceback" not in verdict.stderr


def test_evidence_of_a_site_that_does_not_exist_is_refused_in_one_line(demo):
    directory, _ = demo

    refused = ponctuel(
        directory,
        *("evidence", "export", "--site", "nobody", "--out", "x.zip"),
        PONCTUEL_CONFIG=str(directory / "var" / "demo.toml"),
    )

    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "known: demo" in refused.stderr


@pytest.fixture
def serving(demo):
    """`ponctuel serve` on the demo's embedded database."""
    directory, _ = demo
    settings = {
        "PONCTUEL_CONFIG": str(directory / "var" / "demo.toml"),
        "PONCTUEL_HTTP__PORT": "0",
        "PONCTUEL_METRICS__PORT": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-m", "proxy.cli", "serve"],
        cwd=directory,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        address = process.stdout.readline().split()[2].rstrip(",")
        yield directory, settings, process, address
        process.terminate()


def is_healthy(address):
    host, _, port = address.removeprefix("http://").partition(":")
    connection = HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", "/healthz")
    status = connection.getresponse().status
    connection.close()
    return status == 200


def test_commands_use_the_embedded_database_that_serve_runs_and_leave_it_running(
    serving,
):
    directory, settings, process, address = serving
    for command in (
        ("evidence", "export", "--site", "demo", "--out", "beside.zip"),
        ("doctor",),
        ("retention", "sweep", "--dry-run"),
    ):
        done = ponctuel(directory, *command, **settings)
        assert (done.returncode, done.stderr) == (0, ""), command

    assert is_healthy(address)
    assert process.poll() is None
    assert check(directory, "beside.zip").returncode == 0


def test_a_second_serve_never_takes_the_first_ones_database(serving):
    directory, settings, process, _ = serving

    refused = ponctuel(directory, "serve", **settings)

    assert refused.returncode == 1
    assert f"process {process.pid} already runs the database" in refused.stderr
    assert "PONCTUEL_DATABASE__DSN" in refused.stderr
    assert process.poll() is None
