"""What the embedded PostgreSQL promises about rows, crashes and second comers.

Every server here is a real one, started from the test process or from a child that
plays the application and can be killed.
"""

import asyncio
import os
import signal
import subprocess
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

import asyncpg
import pytest

from proxy.database import embedded
from proxy.database.embedded import DatabaseInUseError, EmbeddedPostgres, find_binaries
from proxy.errors import EmbeddedPostgresError
from tests.embedded_application import (
    SERVERS,
    address,
    application,
    ask,
    is_running,
    keep_a_row,
    kept_row,
    launched,
    postmaster_of,
    server_programs,
    wait_until,
)


@pytest.fixture(params=SERVERS)
def binaries(request):
    return server_programs(request.param)


@pytest.fixture
def directory(tmp_path, tmp_path_factory, monkeypatch):
    """A data directory; what killed applications leave is swept with pytest's own."""
    scratch = str(tmp_path_factory.getbasetemp())
    monkeypatch.setenv("TMPDIR", scratch)
    monkeypatch.setattr(tempfile, "tempdir", scratch)
    return tmp_path / "postgres"


# --- Rows are kept -----------------------------------------------------------------


def test_rows_are_there_again_after_a_clean_stop(directory, binaries):
    server = EmbeddedPostgres(directory, binaries)
    keep_a_row(server.start())
    server.stop()
    server.stop()
    with server as dsn:
        assert kept_row(dsn) == "kept"


def test_rows_are_kept_when_the_server_is_killed(directory, binaries):
    server = EmbeddedPostgres(directory, binaries)
    keep_a_row(server.start())
    os.kill(postmaster_of(directory), signal.SIGKILL)
    server.stop()
    with server as dsn:
        assert kept_row(dsn) == "kept"


def test_rows_are_kept_when_the_application_is_killed(directory, binaries):
    with application(directory, binaries) as process:
        keep_a_row(address(process))
        postmaster = postmaster_of(directory)
        process.kill()
    # At once: the first server may still be shutting down, and is waited for.
    with EmbeddedPostgres(directory, binaries) as again:
        assert not is_running(postmaster)
        assert kept_row(again) == "kept"


def test_the_server_is_gone_soon_after_the_application_is_killed(directory, binaries):
    with application(directory, binaries) as process:
        address(process)
        postmaster = postmaster_of(directory)
        process.kill()
        wait_until(lambda: not is_running(postmaster))
    assert not (directory / "postmaster.pid").exists()  # it shut down, it did not die


def test_the_server_goes_even_when_a_session_crashed_just_before_the_application(
    directory, binaries
):
    log = directory.with_name("postgres.log")
    with application(directory, binaries) as process:
        dsn = address(process)
        keep_a_row(dsn)
        postmaster = postmaster_of(directory)
        with suppress(asyncpg.PostgresError):
            ask(dsn, "COPY calls TO PROGRAM 'kill -9 $PPID'")
        wait_until(lambda: "reinitializing" in log.read_text())
        process.kill()
        # PostgreSQL kills after 5 s what does not end; if it hung, it were for ever.
        wait_until(lambda: not is_running(postmaster), seconds=20)
    with EmbeddedPostgres(directory, binaries) as again:
        assert kept_row(again) == "kept"


def test_a_half_made_cluster_is_thrown_away(directory, binaries):
    half_made = directory.with_name("postgres.new")
    half_made.mkdir()
    (half_made / "PG_VERSION").write_text("9")
    with EmbeddedPostgres(directory, binaries, is_durable=False) as dsn:
        assert ask(dsn, "SELECT 1") == 1
    assert not half_made.exists()


def test_killing_the_application_while_it_makes_the_cluster_does_no_harm(
    directory, binaries
):
    half_made = directory.with_name("postgres.new")
    with application(directory, binaries) as process:
        # Whole, if we slept while it was made: then that is when it is killed.
        wait_until(lambda: (half_made / "base").exists() or directory.exists())
        process.kill()
    with EmbeddedPostgres(directory, binaries, is_durable=False) as dsn:
        assert ask(dsn, "SELECT 1") == 1


def test_a_killed_server_s_process_id_may_belong_to_somebody_else_by_now(directory):
    with EmbeddedPostgres(directory) as dsn:
        keep_a_row(dsn)
        left_behind = (directory / "postmaster.pid").read_text().split("\n")
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        left_behind[0] = str(stranger.pid)
        (directory / "postmaster.pid").write_text("\n".join(left_behind))
        with EmbeddedPostgres(directory) as dsn:
            assert kept_row(dsn) == "kept"
        stranger.kill()


def test_a_cluster_opens_with_the_version_that_made_it_not_with_the_newest(directory):
    preferred, other = server_programs("wheel"), server_programs("packaged")
    with EmbeddedPostgres(directory, other, is_durable=False) as dsn:
        keep_a_row(dsn)
    assert find_binaries() == preferred
    if other != find_binaries(int((directory / "PG_VERSION").read_text())):
        pytest.skip("both are of the same version")
    with pytest.raises(EmbeddedPostgresError, match="incompatible"):
        EmbeddedPostgres(directory, preferred).start()
    with EmbeddedPostgres(directory) as dsn:
        assert kept_row(dsn) == "kept"


# --- One application, one server, and clear words -----------------------------------


def test_a_second_application_is_told_who_has_the_directory_and_what_to_do(directory):
    with application(directory, find_binaries()) as first:
        dsn = address(first)
        with pytest.raises(EmbeddedPostgresError) as refused:
            EmbeddedPostgres(directory).start()
        assert str(directory) in refused.value.detail
        assert str(first.pid) in refused.value.detail
        assert "PONCTUEL_DATA_DIR" in refused.value.fix
        assert ask(dsn, "SELECT 1") == 1


def test_two_applications_in_one_process_are_refused_too(directory):
    with EmbeddedPostgres(directory, is_durable=False) as dsn:
        with pytest.raises(EmbeddedPostgresError, match=f"process {os.getpid()} "):
            EmbeddedPostgres(directory).start()
        assert ask(dsn, "SELECT 1") == 1


def test_one_who_only_visits_is_told_where_the_server_listens(directory):
    with application(directory, find_binaries()) as first:
        dsn = address(first)
        with pytest.raises(DatabaseInUseError) as refused:
            EmbeddedPostgres(directory).start()
        assert refused.value.address == dsn
        assert ask(refused.value.address, "SELECT 1") == 1


def test_no_address_is_told_of_a_server_that_has_ended(directory):
    with application(directory, find_binaries()) as first:
        address(first)
        os.kill(postmaster_of(directory), signal.SIGKILL)  # it leaves its pid file
        wait_until(lambda: not is_running(postmaster_of(directory)))
        with pytest.raises(DatabaseInUseError) as refused:
            EmbeddedPostgres(directory).start()
        assert refused.value.address == ""


def test_waiting_for_a_server_that_will_not_end_is_bounded(directory, monkeypatch):
    with application(directory, find_binaries()) as process:
        keep_a_row(address(process))
        postmaster = postmaster_of(directory)
        os.kill(postmaster, signal.SIGSTOP)
        process.kill()
    with monkeypatch.context() as impatient:
        impatient.setattr(embedded, "LEFTOVER_SECONDS", 0.1)
        with pytest.raises(EmbeddedPostgresError, match="still works in"):
            EmbeddedPostgres(directory).start()
    os.kill(postmaster, signal.SIGCONT)
    with EmbeddedPostgres(directory) as again:
        assert kept_row(again) == "kept"


def test_a_server_that_ignores_the_polite_signals_is_stopped_all_the_same(
    directory, monkeypatch
):
    steps = ((signal.SIGINT, 0.1), (signal.SIGQUIT, 0.1), (signal.SIGKILL, 5.0))
    monkeypatch.setattr(embedded, "STOP_STEPS", steps)
    server = EmbeddedPostgres(directory)
    keep_a_row(server.start())
    postmaster = postmaster_of(directory)
    os.kill(postmaster, signal.SIGSTOP)
    server.stop()
    assert not is_running(postmaster)
    with server as dsn:
        assert kept_row(dsn) == "kept"


def test_a_server_run_by_hand_is_neither_doubled_nor_disturbed(directory):
    programs = find_binaries()
    with EmbeddedPostgres(directory, programs) as dsn:
        keep_a_row(dsn)
    with ExitStack() as at_the_end:
        sockets = at_the_end.enter_context(tempfile.TemporaryDirectory())
        options = ["-D", directory, "-h", "", "-k", sockets]
        by_hand = at_the_end.enter_context(
            launched(os.getpid(), programs / "postgres", *options)
        )
        at_the_end.callback(by_hand.send_signal, signal.SIGINT)
        wait_until((Path(sockets) / ".s.PGSQL.5432.lock").exists)
        with pytest.raises(EmbeddedPostgresError, match="already exists"):
            EmbeddedPostgres(directory).start()
        wait_until(lambda: "ready" in (directory / "postmaster.pid").read_text())
        assert kept_row(f"postgresql://app@/postgres?host={sockets}") == "kept"


def test_files_that_are_not_a_cluster_are_left_alone(directory):
    directory.mkdir()
    (directory / "thesis.txt").write_text("years of work")
    with pytest.raises(EmbeddedPostgresError, match="in the way"):
        EmbeddedPostgres(directory, is_durable=False).start()
    assert (directory / "thesis.txt").read_text() == "years of work"


def test_a_missing_server_is_reported_with_the_ways_to_get_one():
    with pytest.raises(EmbeddedPostgresError, match="version 99") as missing:
        find_binaries(99)
    assert "ponctuel[embedded]" in missing.value.fix
    assert "PONCTUEL_DATABASE__DSN" in missing.value.fix


def pretend_programs(folder: Path, version: str) -> Path:
    """Programs of which one tells its version and the other fails."""
    for name, line in {
        "postgres": f"echo '{version}'",
        "initdb": "echo disk full; exit 1",
    }.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o700)
    return folder


def test_programs_on_the_path_are_found_unless_they_are_too_old(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    pretend_programs(tmp_path, "postgres (PostgreSQL) 98.1")
    assert find_binaries(98) == tmp_path
    for useless in ("postgres (PostgreSQL) 14.2", "no version at all"):
        pretend_programs(tmp_path, useless)
        with pytest.raises(EmbeddedPostgresError):
            find_binaries(14)
    (tmp_path / "postgres").write_text("broken")
    with pytest.raises(EmbeddedPostgresError):
        find_binaries(98)


def test_why_a_cluster_could_not_be_made_is_told_in_the_program_s_words(
    directory, tmp_path
):
    programs = tmp_path / "programs"
    programs.mkdir()
    pretend_programs(programs, "")
    with pytest.raises(EmbeddedPostgresError, match=r"initdb failed .* disk full"):
        EmbeddedPostgres(directory, programs).start()
    assert not directory.exists()


def test_a_place_that_cannot_be_written_is_a_readable_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="PONCTUEL_DATA_DIR"):
        EmbeddedPostgres(tmp_path / "file" / "postgres").start()


async def test_a_thread_that_may_end_cannot_start_the_server(directory):
    with pytest.raises(EmbeddedPostgresError, match="main thread"):
        await asyncio.to_thread(EmbeddedPostgres(directory).start)


def test_a_failed_start_leaves_no_process_and_no_lock(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with EmbeddedPostgres(directory, is_durable=False):
        pass
    wrong = directory / "postgresql.conf"
    good = wrong.read_text()
    wrong.write_text("no_such_setting = on")
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(directory).start()
    assert not list(tmp_path.glob("ponctuel-*"))
    wrong.write_text(good)
    with EmbeddedPostgres(directory) as dsn:
        assert ask(dsn, "SELECT 1") == 1
