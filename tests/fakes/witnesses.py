"""Witnesses as others run them: each a process, with a folder and clock of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from audit import witness

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(witness.__file__)


def command(*arguments: str, options=("-I",)):
    """The program as people run it, to its end."""
    return subprocess.run(
        [sys.executable, *options, str(PROGRAM), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass
class RunningWitness:
    """A witness's folder, and its process while it runs."""

    home: Path
    name: str
    clock: Callable[[], datetime]
    address: str = ""
    process: subprocess.Popen[str] | None = None
    told: list[str] = field(default_factory=list)

    def make(self, *log_vkeys: str, epoch_seconds: int = 3600) -> str:
        """Make it with its own commands; return its verifier key."""
        said = self.command("init", "--name", self.name)
        for vkey in log_vkeys:
            self.command("add", vkey, "--epoch-seconds", str(epoch_seconds))
        return said.split()[-1]

    def command(self, name: str, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-I", str(PROGRAM), name, str(self.home), *arguments],
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    def start(self, *dies: str) -> str:
        """Start it; return its address. `"dies"`: once, before its first answer."""
        self.tell_time()
        program = str(ROOT / "tests" / "fakes" / "clocked_witness.py")
        return self._run(program, str(self.home), str(self._clock_file), *dies)

    def serve(self, *options: object) -> str:
        """The same with its own command, and the machine's clock."""
        command = [str(PROGRAM), "serve", str(self.home), "--port", "0"]
        return self._run("-I", *command, *map(str, options))

    def _run(self, *command: str) -> str:
        self.stop()
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        self.address = line.split()[-1] if line else ""
        assert self.address, self.process.communicate()
        return self.address

    def tell_time(self) -> None:
        self._clock_file.write_text(str(self.clock().timestamp()))

    def stop(self) -> int:
        """End it; return its exit status. What it logged is in `told`."""
        if self.process is None:
            return 0
        self.process.kill()
        _, logged = self.process.communicate()
        self.told += logged.splitlines()
        status, self.process = self.process.returncode, None
        return status

    @property
    def _clock_file(self) -> Path:
        return self.home.with_suffix(".clock")


@contextmanager
def witnesses(
    folder: Path, clock: Callable[[], datetime], *names: str
) -> Iterator[list[RunningWitness]]:
    """Witnesses that are still to be made; whatever runs in the end is ended."""
    made = [
        RunningWitness(folder / f"witness-{place}", name, clock)
        for place, name in enumerate(names)
    ]
    try:
        yield made
    finally:
        for one in made:
            one.stop()
