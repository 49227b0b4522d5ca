"""What the embedded PostgreSQL leaves alone: accounts, modes, ports, secrets, logs."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from sysconfig import get_path

import asyncpg
import pytest

from proxy.database import launcher
from proxy.database.embedded import EmbeddedPostgres
from tests.embedded_application import (
    PROJECT,
    SERVERS,
    address,
    application,
    ask,
    is_answering,
    launched,
    postmaster_of,
    server_programs,
    unavailable,
    wait_until,
)

NOBODY = 65534
SECRET = "0612345678"


@pytest.fixture(params=SERVERS)
def binaries(request):
    return server_programs(request.param)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "postgres"


def test_no_account_is_made_and_no_folder_on_the_way_is_opened_to_others(
    tmp_path, binaries
):
    def surroundings():
        folders = [status(path) for path in (private, *private.parents)]
        return folders, Path("/etc/passwd").read_bytes()

    def status(path):
        found = path.stat()
        return path, found.st_mode, found.st_uid, found.st_gid

    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    before = surroundings()
    with EmbeddedPostgres(private / "postgres", binaries, is_durable=False):
        made = [path.stat() for path in private.rglob("*")]
    assert surroundings() == before
    assert {found.st_uid for found in made} == {os.geteuid()}
    assert all(stat.S_IMODE(found.st_mode) & 0o077 == 0 for found in made)


def test_nobody_reaches_the_server_over_tcp(directory, binaries):
    with EmbeddedPostgres(directory, binaries, is_durable=False) as dsn:
        process = Path(f"/proc/{postmaster_of(directory)}")
        descriptors = [str(entry.readlink()) for entry in (process / "fd").iterdir()]
        for table in ("tcp", "tcp6"):
            for row in (process / "net" / table).read_text().splitlines()[1:]:
                assert f"socket:[{row.split()[9]}]" not in descriptors
        assert any(name.startswith("socket:") for name in descriptors)
        sockets = Path(dsn.partition("host=")[2])
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert not sockets.exists()


# Each makes PostgreSQL say something with SECRET in it; the last kills its own backend.
TELLTALES = (
    "SELECT '0612345678'::date",
    "INSERT INTO patients VALUES ('0612345678'), ('0612345678')",
    "DO $$ BEGIN RAISE WARNING '0612345678'; END $$",
    "SELECT * FROM patients WHERE nobody = '0612345678'",
    "SELECT '0612345678', pg_terminate_backend(pg_backend_pid())",
    "COPY (SELECT '0612345678') TO PROGRAM 'kill -9 $PPID'",
)


def test_no_value_of_any_statement_reaches_the_log(directory, binaries):
    with EmbeddedPostgres(directory, binaries, is_durable=False) as dsn:
        ask(dsn, "CREATE TABLE patients (phone text PRIMARY KEY)")
        for telltale in TELLTALES:
            with suppress(asyncpg.PostgresError):
                ask(dsn, telltale)
        wait_until(lambda: is_answering(dsn))
    log = directory.with_name("postgres.log")
    assert SECRET not in log.read_text()
    assert "was terminated by signal 9" in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_the_server_knows_nothing_of_the_service_s_environment(directory, monkeypatch):
    monkeypatch.setenv("PONCTUEL_KEY", SECRET)
    monkeypatch.setenv("PGPORT", "6000")
    monkeypatch.setenv("PGDATA", "/nowhere")
    with EmbeddedPostgres(directory, is_durable=False) as dsn:
        environment = Path(f"/proc/{postmaster_of(directory)}/environ").read_bytes()
        assert SECRET.encode() not in environment
        assert ask(dsn, "SELECT 1") == 1


def test_ctrl_c_in_the_terminal_reaches_the_application_and_not_the_server(directory):
    with EmbeddedPostgres(directory, is_durable=False):
        postmaster = postmaster_of(directory)
        assert os.getpgid(postmaster) == os.getsid(postmaster) == postmaster


def test_a_server_whose_parent_died_before_it_could_tell_does_not_start():
    with launched(os.getppid(), "/bin/echo") as orphan:
        assert "the parent died first" in orphan.stderr.read()
    assert orphan.returncode == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_can_do_it_all_and_owns_the_data(binaries):
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for package in ("proxy", "sampling"):
            shutil.copytree(PROJECT / package, home / package)
        os.chown(home, NOBODY, NOBODY)
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "cwd": home}
        paths = {"TMPDIR": folder, "PYTHONPATH": f"{folder}:{get_path('purelib')}"}
        python = python_for(user | {"env": paths})
        if not can_run([binaries / "postgres", "--version"], user):
            unavailable(f"an ordinary user cannot run {binaries}")
        options = (home / "postgres", binaries, python, user)
        with application(*options, **paths) as process:
            ask(address(process), "CREATE TABLE calls AS SELECT 'kept' AS tag")
            process.kill()
        with application(*options, **paths) as process:
            assert ask(address(process), "SELECT tag FROM calls") == "kept"
        assert (home / "postgres").stat().st_uid == NOBODY


def can_run(command: list[str | Path], user: dict) -> bool:
    try:
        subprocess.run(command, check=True, capture_output=True, **user)
    except (PermissionError, subprocess.CalledProcessError):
        return False
    return True


def python_for(user: dict) -> str:
    """Root's own Python may live in root's home, which others rightly cannot enter."""
    for python in (sys.executable, "/usr/bin/python3"):
        if can_run([python, "-c", "import proxy.database.embedded"], user):
            return python
    return unavailable("no Python that an ordinary user can run")


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user needs no namespace")
def test_root_without_user_namespaces_is_told_to_be_somebody_else():
    confined = launched(
        0,
        *("/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c"),
        'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
        *("sh", sys.executable, "-I", "-S", launcher.__file__, "0", "/bin/true"),
    )
    assert "run Ponctuel as an ordinary user" in confined.communicate()[1]
