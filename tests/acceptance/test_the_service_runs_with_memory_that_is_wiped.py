"""What `ponctuel serve` frees is overwritten, and no core of it is ever written."""

import asyncio
import fcntl
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from proxy.memory import overwrite_freed
from tests.fakes.byte_search import Secrets
from tests.fakes.freed_keys import key_of

KEPT = "glibc.malloc.arena_max=2"
WIPING = ("glibc.malloc.perturb=85", "glibc.malloc.tcache_count=0")
NOT_WIPED = "freed memory is not wiped here"
FREED_AT_ONCE = 100_000
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can"),
]


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PONCTUEL_DATA_DIR": str(folder / "var"),
        "PONCTUEL_HTTP__PORT": "0",
        "PONCTUEL_METRICS__PORT": "0",
        "GLIBC_TUNABLES": KEPT,
    }


@pytest.fixture
async def service(
    environment: dict[str, str],
) -> AsyncIterator[asyncio.subprocess.Process]:
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert service.stdout is not None
    assert await service.stdout.readline()
    yield service
    with suppress(ProcessLookupError):
        service.terminate()
    await service.wait()


def tunables(pid: int) -> set[str]:
    """What its C library was told; that takes its own variable apart in place."""
    environment = Path(f"/proc/{pid}/environ").read_text()
    return set(re.findall(r"glibc\.[a-z_.]+=\d+", environment))


def core_limits(pid: int) -> list[str]:
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    [core] = [line for line in limits if line.startswith("Max core file size")]
    return core.split()[4:6]


async def test_freed_memory_is_wiped_and_no_core_is_written(service) -> None:
    assert core_limits(service.pid) == ["0", "0"]
    with suppress(PermissionError):  # as another of its user; as root one may look
        assert {KEPT, *WIPING} <= tunables(service.pid)
    service.terminate()
    _, said = await service.communicate()
    assert NOT_WIPED not in said.decode()


# --- Cores ------------------------------------------------------------------------


# A limit that is not heard, as where cores are piped to a program.
DEAF = """
import resource, sys
limit = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
resource.setrlimit = lambda *_: None
"""
SERVES = "from proxy.cli import main; sys.exit(main(['serve']))"
WAITS = "print('here', flush=True); sys.stdin.readline()"


def dumps(code: str, folder: Path, environment: dict[str, str]) -> bool:
    """Whether a core is written of a process that is told to write one."""
    with subprocess.Popen(
        [sys.executable, "-c", DEAF + code],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline()
        process.send_signal(signal.SIGABRT)
        _, status = os.waitpid(process.pid, 0)
    assert os.WTERMSIG(status) == signal.SIGABRT
    return os.WCOREDUMP(status)


def test_no_core_is_written_even_where_no_limit_is_heard(
    folder: Path, environment: dict[str, str]
) -> None:
    if not dumps(WAITS, folder, environment):
        pytest.skip("this machine writes no cores of anybody")

    assert not dumps(SERVES, folder, environment)


# --- Where nothing can be told ----------------------------------------------------


@pytest.fixture
def deaf_python(folder: Path) -> Path:
    """Python that never hears of tunables, as one with capabilities of its own."""
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nunset GLIBC_TUNABLES\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("python", ["deaf", "missing"])
def test_where_the_c_library_cannot_be_told_it_goes_on_and_says_so(
    deaf_python: Path, python: str
) -> None:
    interpreter = deaf_python if python == "deaf" else deaf_python.parent / "nothing"
    code = (
        f"import os, sys; sys.executable = {str(interpreter)!r};"
        "from proxy.memory import begin_wiping;"
        "print(begin_wiping(), 'PONCTUEL_BEGUN_ANEW' in os.environ)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert done.stdout.split() == ["False", "False"]


async def test_the_log_says_where_freed_memory_is_not_wiped(
    environment: dict[str, str],
) -> None:
    """Begun anew once already, and not told all the same."""
    service = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "serve"),
        env=environment | {"PONCTUEL_BEGUN_ANEW": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await service.stdout.readline()
    service.terminate()
    _, said = await service.communicate()

    assert service.returncode == 0
    assert NOT_WIPED in said.decode()


async def test_where_a_pipe_has_one_size_only_what_it_takes_is_received(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As on macOS; whoever overwrites every minute must not end of it."""
    monkeypatch.delattr(fcntl, "F_SETPIPE_SZ")

    await overwrite_freed()


# --- Keys -------------------------------------------------------------------------


@pytest.fixture
def holder() -> Iterator[subprocess.Popen[str]]:
    """A process that holds many keys."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.freed_keys", str(FREED_AT_ONCE)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


def test_of_many_keys_let_go_of_at_once_none_is_left(
    holder: subprocess.Popen[str],
) -> None:
    keys = b"".join(key_of(number) for number in range(FREED_AT_ONCE))
    words = np.sort(np.frombuffer(keys, np.uint64))
    looked_for = Secrets(words, np.zeros(len(words), np.intp), ("keys",))

    def found(word: str) -> int:
        """How many bytes of keys it has, once it says so."""
        assert holder.stdout.readline() == f"{word}\n"
        places = looked_for.in_memory(holder.pid)
        holder.stdin.write("\n")
        holder.stdin.flush()
        return sum(int(place.split()[0]) for place in places)

    held, freed, left = found("held"), found("freed"), found("overwritten")

    assert held >= len(keys)
    assert freed > len(keys) / 2
    assert left < len(keys) / 1000
