"""The offline verifier beside SHA-256 of the same leaves, its time and its memory.

The ledgers are written by the tests' own emitter: draws, outcomes, reveals, one signed
checkpoint an hour. The verifier runs as an auditor runs it, in a process of its own.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import verify
from tests.attacks.emitter import Site
from tests.attacks.leaves import Call
from tests.benchmarks.rows import Row, run

ROUNDS = 3
CALLS = 5000  # an hour
BATCH = 300
SHORT, LONG = 4, 40  # hours
SIGNATURES = 300
BARE = [sys.executable, "-I", "-c", "import argparse, csv, json, zipfile"]
LAUNCHER = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


class Busy(Site):
    """Every batch is large: the emitter shall not take longer than the verifier."""

    def live_epoch(self, epoch: int, calls: int) -> None:
        self.now = epoch * self.span
        self._look_ahead()
        ringing = [self.ring(epoch, place, calls) for place in range(calls)]
        for at in range(0, calls, BATCH):
            batch: list[Call] = ringing[at : at + BATCH]
            self.now = batch[-1].started + 1
            self.draw_batch(batch)
        self.now = (epoch + 1) * self.span - 50
        self._tidy()
        self.settle()
        self.sign()
        self.now = (epoch + 1) * self.span


@dataclass(frozen=True, slots=True)
class Sample:
    """A bundle on disk, and what is in it."""

    leaves: list[bytes]
    bundle: Path
    auditor: Path


def make(folder: Path, hours: int) -> Sample:
    site = Busy(f"site{hours}", witnesses=()).live(hours, CALLS).finish()
    sample = Sample(site.leaves, folder / f"{hours}.zip", folder / f"{hours}.txt")
    sample.bundle.write_bytes(site.bundle())
    sample.auditor.write_text(site.auditor(0))
    return sample


def verified(sample: Sample) -> tuple[float, float]:
    options = [str(sample.bundle), "--policy", str(sample.auditor), "--json"]
    return used_by([sys.executable, "-I", verify.__file__, *options])


def used_by(command: list[str]) -> tuple[float, float]:
    """Seconds of processor and MiB at most. A small process starts it: what a large
    one holds would count as its child's."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", LAUNCHER, *command],
        check=True,
        capture_output=True,
        text=True,
    )
    seconds, kibibytes = done.stdout.split()
    return float(seconds), int(kibibytes) / 1024


def hashed(leaves: list[bytes]) -> float:
    start = time.process_time()
    for leaf in leaves:
        sha256(leaf).digest()
    return time.process_time() - start


def per_second(check: Callable[[bytes, bytes], object], pairs: list) -> float:
    start = time.process_time()
    for message, signature in pairs:
        check(message, signature)
    return len(pairs) / (time.process_time() - start)


def signature_row() -> Row:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = key.public_key()
    raw = public.public_bytes_raw()
    messages = [number.to_bytes(4) * 20 for number in range(SIGNATURES)]
    pairs = [(message, key.sign(message)) for message in messages]
    ours = per_second(lambda m, s: verify.is_signed(raw, m, s), pairs)
    theirs = per_second(lambda m, s: public.verify(s, m), pairs)
    name = "check Ed25519 signatures, pure Python"
    return Row(name, ours, "/s", "OpenSSL", theirs, ours / theirs, ">= 100/s")


def rows() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        short, long = (make(Path(name), hours) for hours in (SHORT, LONG))
        tries = [(*verified(short), *verified(long)) for _ in range(ROUNDS)]
        bare = min(used_by(BARE)[0] for _ in range(ROUNDS))
    # The least of each: other work on the machine only ever slows.
    short_time, short_memory, long_time, long_memory = map(
        min, zip(*tries, strict=True)
    )
    hashing = len(long.leaves) / min(hashed(long.leaves) for _ in range(ROUNDS))
    ours = len(long.leaves) / (long_time - bare)
    few = len(short.leaves) / (short_time - bare)
    many = f"{len(long.leaves) // 1000}k leaves"
    less = f"{len(short.leaves) // 1000}k leaves"
    peer = "SHA-256 of the same leaves"
    goal = ">= 100k/s a core"
    return [
        Row("verify", ours, "leaves/s", peer, hashing, ours / hashing, goal),
        Row(f"verify {many}", ours, "leaves/s", less, few, ours / few, ">= 0.9 x"),
        Row(
            f"peak memory, {many}",
            long_memory,
            "MiB",
            less,
            short_memory,
            long_memory / short_memory,
            "<= 2 x, for 10 x the leaves",
        ),
        signature_row(),
    ]


if __name__ == "__main__":
    run(rows, "cryptography")
