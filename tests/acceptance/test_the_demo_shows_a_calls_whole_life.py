"""`ponctuel demo` as anyone would run it: a command, in a directory of its own."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from proxy.database.binaries import find_binaries
from proxy.database.embedded import EmbeddedPostgres
from proxy.errors import EmbeddedPostgresError
from proxy.vault.filesystem import MARKER

pytestmark = pytest.mark.acceptance

PROJECT = Path(__file__).parents[2]
AUDIO = PROJECT / "proxy" / "demo" / "audio"
CALLER = re.compile(rb"(\+|00)?33 ?6 ?39 ?98|0639 ?98")
CALL_ID = b"appel-"


@dataclass(frozen=True)
class Run:
    """One finished command."""

    directory: Path
    status: int
    output: str
    errors: str
    seconds: float

    @property
    def figures(self):
        return json.loads(self.output.splitlines()[-1])


def environment(directory, **more):
    ours = {n: v for n, v in os.environ.items() if not n.startswith("PONCTUEL_")}
    return ours | {
        "PYTHONPATH": str(PROJECT),
        "PONCTUEL_DATA_DIR": str(directory),
        "LANG": "en_GB.UTF-8",
        **more,
    }


def start(directory, *arguments, **more):
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "proxy.cli", *arguments],
        env=environment(directory, **more),
        cwd=directory.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(directory, *arguments, **more):
    started = time.monotonic()
    with start(directory, *arguments, **more) as process:
        output, errors = process.communicate(timeout=120)
    seconds = time.monotonic() - started
    return Run(directory, process.returncode, output, errors, seconds)


@pytest.fixture(scope="module", autouse=True)
def _server_programs():
    try:
        find_binaries()
    except EmbeddedPostgresError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A demo on a fresh machine; nobody changes what it left."""
    directory = tmp_path_factory.mktemp("first") / "var"
    done = run(directory, "demo", "--once", "--json", "--calls", "200")
    assert done.status == 0, done.errors
    return done


@pytest.fixture(scope="module")
def second(first, tmp_path_factory):
    """Another demo where one has been already."""
    directory = tmp_path_factory.mktemp("second") / "var"
    shutil.copytree(first.directory, directory)
    return run(directory, "demo", "--once", "--json", "--calls", "50")


@pytest.fixture(scope="module")
def ledger(first, tmp_path_factory):
    """Every leaf of the first demo, as the bytes that are in the database."""
    copy = tmp_path_factory.mktemp("ledger") / "postgres"
    shutil.copytree(first.directory / "postgres", copy)
    with EmbeddedPostgres(copy, is_durable=False) as dsn:
        return asyncio.run(_leaves(dsn))


async def _leaves(dsn):
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT body FROM ledger_entries ORDER BY seq")
    await connection.close()
    return [row["body"] for row in rows]


def files_of(directory):
    return [file for file in directory.rglob("*") if file.is_file()]


def assert_they_add_up(figures, calls):
    assert figures["calls"] == calls
    assert figures["drawn_record"] + figures["drawn_skip"] == calls
    ended = figures["stored"] + figures["failed"] + figures["objected"]
    assert ended == figures["drawn_record"]


def test_every_drawn_call_is_stored_failed_or_objected(first):
    assert_they_add_up(first.figures, 200)


def test_the_whole_story_takes_less_than_a_minute(first):
    assert first.seconds < 60


def test_machines_get_one_line_and_nothing_else(first):
    assert len(first.output.splitlines()) == 1
    assert first.errors == ""


def test_what_was_due_is_forgotten_and_the_rest_is_kept(first):
    figures = first.figures
    found = files_of(first.directory / "objects")
    objects = [file for file in found if file.name != MARKER]
    assert figures["stored"] == figures["swept"] + figures["kept"]
    assert len(objects) == figures["kept"]


def test_recordings_nobody_asked_for_are_deleted_unread(first):
    figures = first.figures
    assert figures["refused_unsampled"] == figures["platform"]["unsolicited"] == 2
    assert figures["platform"]["unsolicited_reads"] == 0
    taken = figures["stored"] + figures["refused_unsampled"]
    assert figures["purged_at_source"] == taken
    assert figures["platform"]["left"] == 0


def test_the_platforms_mischief_changes_nothing(first):
    platform = first.figures["platform"]
    assert platform["forged_refused"] == platform["forged"] == 2
    assert platform["duplicates_agreed"] == platform["duplicates"] == 8
    assert platform["unexpected_answers"] == 0
    assert first.figures["surprises"] == []


def test_every_draw_is_recomputed_from_public_leaves(first):
    figures = first.figures
    assert figures["verified"] is True
    assert figures["findings"] == []
    assert "draws-of-epochs-not-revealed-yet" not in figures["not_checked"]


def test_the_ledger_has_as_many_leaves_as_the_demo_says(first, ledger):
    assert len(ledger) == first.figures["ledger_size"]


def test_no_clear_audio_is_on_the_disk(first):
    spoken = [_telling_part(file.read_bytes()) for file in AUDIO.glob("[0-9]*")]
    assert len(spoken) == 4
    for file in files_of(first.directory):
        content = file.read_bytes()
        assert not content.startswith((b"RIFF", b"OggS", b"ID3")), file
        assert not re.search(rb"RIFF....WAVE|OggS\x00\x02", content, re.DOTALL), file
        assert not any(part in content for part in spoken), file


def _telling_part(clear_audio):
    """Some bytes of speech that are nowhere by chance: the most varied 48 of them."""
    parts = [clear_audio[at : at + 48] for at in range(0, len(clear_audio) - 48, 48)]
    return max(parts, key=lambda part: len(set(part)))


def test_no_number_of_a_caller_is_anywhere_on_the_disk(first):
    for file in files_of(first.directory):
        assert b"+3363998" not in file.read_bytes(), file


def test_neither_number_nor_call_id_is_in_the_ledger(ledger):
    whole = b"\n".join(ledger)
    assert b"3363998" not in whole
    assert CALL_ID not in whole
    assert b"agent-" not in whole


def test_secrets_and_keys_are_readable_by_the_owner_only(first):
    assert first.directory.stat().st_mode & 0o077 == 0
    assert (first.directory / "demo.toml").stat().st_mode & 0o077 == 0


def test_the_auditor_finds_the_name_and_the_key_of_the_ledger(first, ledger):
    text = (first.directory / "auditor.txt").read_text("utf-8")
    genesis = json.loads(ledger[0])
    assert f"origin {genesis['origin']}\n" in text
    assert f"log {genesis['vkey']}\n" in text


def test_a_second_demo_goes_on_where_the_first_ended(first, second):
    assert second.status == 0, second.errors
    assert_they_add_up(second.figures, 50)
    assert second.figures["verified"] is True
    assert second.figures["ledger_size"] > first.figures["ledger_size"]
    # Its seeds must stay secret until their epoch is over: said, not passed over.
    assert second.figures["not_checked"]["draws-of-epochs-not-revealed-yet"] == 50


@pytest.mark.parametrize(
    "arguments",
    [("doctor",), ("retention", "sweep"), ("retention", "sweep", "--dry-run")],
)
def test_the_other_commands_work_on_what_the_demo_left(first, tmp_path, arguments):
    directory = tmp_path / "var"
    shutil.copytree(first.directory, directory)
    settings = str(directory / "demo.toml")
    done = run(directory, *arguments, "--json", PONCTUEL_CONFIG=settings)
    assert done.status == 0, done.output + done.errors
    assert "FAIL" not in done.output
    assert done.figures


def test_a_directory_with_something_else_in_it_is_left_alone(tmp_path):
    directory = tmp_path / "var"
    (directory / "postgres").mkdir(parents=True)
    done = run(directory, "demo", "--once")
    assert done.status == 2
    assert len(done.errors.splitlines()) == 1
    assert "PONCTUEL_DATA_DIR" in done.errors
    assert [file.name for file in directory.iterdir()] == ["postgres"]


def test_a_demo_whose_campaign_is_over_does_not_prolong_it(tmp_path):
    """A file may not; two people may, but not within the minutes of a demo."""
    directory = tmp_path / "var"
    directory.mkdir()
    over = "[sites.demo.policy]\nstarts_on = 2026-01-05\n"
    (directory / "demo.toml").write_text(over)

    done = run(directory, "demo", "--once", "--calls", "3")

    assert done.status == 2
    assert "campaign" in done.errors
    assert "name an empty or a new directory" in done.errors
    assert (directory / "demo.toml").read_text() == over


@pytest.mark.parametrize("calls", ["0", "-3", "100001"])
def test_an_impossible_number_of_calls_is_a_misuse(tmp_path, calls):
    done = run(tmp_path / "var", "demo", "--once", "--calls", calls)
    assert done.status == 2
    assert len(done.errors.splitlines()) == 1
    assert not (tmp_path / "var").exists()


def test_the_users_own_settings_file_is_not_the_demos(tmp_path):
    (tmp_path / "ponctuel.toml").write_text("[sites.real]\n[unknown]\n")
    done = run(tmp_path / "var", "demo", "--once", "--json", "--calls", "3")
    assert done.status == 0, done.errors
    assert_they_add_up(done.figures, 3)


def test_people_get_tables_in_their_language(tmp_path):
    directory = tmp_path / "var"
    done = run(directory, "demo", "--once", "--calls", "8", LANG="fr_FR.UTF-8")
    assert done.status == 0, done.errors
    assert "tirés au sort pour être enregistrés" in done.output
    assert f"PONCTUEL_CONFIG={directory}/demo.toml ponctuel doctor" in done.output


def _wait_for(stream, pattern):
    """Read lines until one matches; what the process says next is still unread."""
    for line in stream:
        found = re.search(pattern, line)
        if found:
            return found
    raise AssertionError(f"never said: {pattern}")


def test_without_once_it_goes_on_until_told_and_metrics_give_no_call_away(tmp_path):
    with start(tmp_path / "var", "demo", "--calls", "30") as process:
        port = _wait_for(process.stdout, r"http://127\.0\.0\.1:(\d+)/metrics")[1]
        page = _get(int(port), "/metrics")
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert b'ponctuel_calls_total{site="demo"' in page
    for text in (page, output.encode(), errors.encode()):
        assert not CALLER.search(text)
        assert CALL_ID not in text
    assert "drawn for recording" in output


def _get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_a_demo_that_was_interrupted_goes_on_at_the_next_start(tmp_path):
    directory = tmp_path / "var"
    with start(directory, "demo", "--once", "--calls", "20000") as process:
        _wait_for(process.stderr, "A month ago")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(errors.splitlines()) == 1
    assert "run it again" in errors
    again = run(directory, "demo", "--once", "--json", "--calls", "20")
    assert again.status == 0, again.errors
    assert_they_add_up(again.figures, 20)
