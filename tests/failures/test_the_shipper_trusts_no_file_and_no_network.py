"""The shipper trusts no file that it finds and no network that it is pointed at."""

import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from proxy.ship.shipper import Fate
from tests.failures.shipping import (
    CALL_NAME,
    TICKET,
    Recordings,
    after_the_body,
    age,
    arguments,
    command,
    desk_behaving,
    free_port,
    pcap,
    ship,
)


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(tmp_path / "rec")


@pytest.fixture
async def nobodys() -> AsyncIterator[str]:
    """A service that must not be asked."""
    async with desk_behaving() as desk:
        yield desk.url
        assert desk.offers == []


# --- notes that point elsewhere -------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.pcap"
    file.write_bytes(pcap())
    return file


def is_untouched(secret: Path) -> bool:
    return secret.read_bytes() == pcap()


def absolute(secret: Path, _: Recordings) -> str:
    return str(secret)


def climbing(_: Path, recordings: Recordings) -> str:
    return f"{recordings.folder}/pcaps/../../secret.pcap"


def relative(_: Path, __: Recordings) -> str:
    return "pcaps/a.pcap"


def the_folder(_: Path, recordings: Recordings) -> str:
    return f"{recordings.folder}/pcaps"


def with_a_nul(_: Path, recordings: Recordings) -> str:
    return f"{recordings.folder}/pcaps/a\0.pcap"


def nothing(_: Path, __: Recordings) -> str:
    return ""


@pytest.mark.parametrize(
    "path", [absolute, climbing, relative, the_folder, with_a_nul, nothing]
)
async def test_a_note_cannot_make_us_send_or_remove_other_files(
    path: Callable[[Path, Recordings], str],
    secret: Path,
    recordings: Recordings,
    nobodys: str,
):
    recordings.note(path(secret, recordings), TICKET)

    assert await ship(recordings, nobodys) == {Fate.LEFTOVER: 1}
    assert is_untouched(secret)
    assert recordings.left() == []


async def test_a_link_in_place_of_audio_is_not_followed(
    secret: Path, recordings: Recordings
):
    link = recordings.folder / "pcaps" / "a.pcap"
    link.symlink_to(secret)
    recordings.note(link, TICKET)
    async with desk_behaving(after_the_body(201)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.UNREADABLE: 1}
    assert desk.bodies == [b""]
    assert is_untouched(secret)
    assert recordings.left() == []


async def test_a_pipe_in_place_of_audio_does_not_keep_us_waiting(
    recordings: Recordings, nobodys: str
):
    os.mkfifo(recordings.folder / "pcaps" / "a.pcap")
    note = recordings.folder / "pcaps" / "a.pcap"
    recordings.note(note, TICKET)

    assert await ship(recordings, nobodys) == {Fate.EMPTY: 1}
    assert recordings.left() == []


async def test_notes_that_are_links_or_far_too_large_are_nobodys(
    secret: Path, recordings: Recordings, nobodys: str
):
    (recordings.folder / "metadata" / "a.txt").symlink_to(secret)
    recordings.note(recordings.audio("b"), "x" * (1 << 20) + "\n" + TICKET, "b")
    age(recordings.folder / "pcaps" / f"{CALL_NAME}-b.pcap", minutes=6)

    fates = await ship(recordings, nobodys)

    assert fates == {Fate.LEFTOVER: 2, Fate.ORPHANED: 1}
    assert is_untouched(secret)
    assert recordings.left() == []


async def test_a_removal_that_fails_is_not_counted_as_done(
    recordings: Recordings, capfd: pytest.CaptureFixture[str]
):
    folder = recordings.folder / "pcaps" / "a.pcap"
    (folder / "full").mkdir(parents=True)
    recordings.note(folder, TICKET)
    async with desk_behaving(after_the_body(201)) as desk:
        fates = await ship(recordings, desk.url)

    assert fates == {Fate.WAITING: 1}
    assert desk.bodies == [b""]
    assert "capture:not-removed" in capfd.readouterr().err


# --- the command ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://recordings.example",
        "http://192.0.2.1:8080",
        "http://127.0.0.1.example",
        "ftp://127.0.0.1",
        "127.0.0.1:8080",
        "http://[",
    ],
)
def test_neither_audio_nor_token_leaves_the_machine_unencrypted(
    url: str, recordings: Recordings, capsys: pytest.CaptureFixture[str]
):
    assert command(*arguments(recordings, url)) == 2
    assert "--url" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"two tokens", b"line\nline", b"\xff"])
def test_a_token_file_must_hold_one_token(
    content: bytes, recordings: Recordings, capsys: pytest.CaptureFixture[str]
):
    given = arguments(recordings, "https://recordings.example")
    (recordings.folder.parent / "token").write_bytes(content)

    assert command(*given) == 2
    assert "--token-file" in capsys.readouterr().err


def test_a_missing_folder_is_a_misuse(recordings: Recordings):
    given = arguments(recordings, "http://127.0.0.1:9")
    given[0] += "/nowhere"

    assert command(*given) == 2


def test_a_folder_that_cannot_be_read_is_a_failure_and_not_idleness(
    recordings: Recordings, capsys: pytest.CaptureFixture[str]
):
    (recordings.folder / "metadata").rmdir()
    (recordings.folder / "metadata").touch()

    assert command(*arguments(recordings, "http://127.0.0.1:9")) == 1
    assert "metadata" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["-1", "nan", "soon", "1e9"])
def test_lengths_of_time_must_make_sense(number: str, recordings: Recordings):
    with pytest.raises(SystemExit) as stopped:
        command(*arguments(recordings, "http://127.0.0.1:9", "--poll", number))

    assert stopped.value.code == 2


def test_one_round_says_by_its_status_whether_something_is_left(
    recordings: Recordings, capsys: pytest.CaptureFixture[str]
):
    url = f"http://127.0.0.1:{free_port()}"
    given = arguments(recordings, url, "--once", "--json")
    nothing_to_do = command(*given)
    recordings.add()
    something_left = command(*given)
    first, second = capsys.readouterr().out.splitlines()

    assert (nothing_to_do, something_left) == (0, 1)
    assert set(json.loads(first).values()) == {0}
    assert json.loads(second)["waiting"] == 1
