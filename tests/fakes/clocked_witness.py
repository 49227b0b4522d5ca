"""A real witness that goes by a clock in a file, which a test sets.

    python tests/fakes/clocked_witness.py DIR CLOCK [dies]

With `dies` it kills itself as `kill -9` would, once, when it has kept a checkpoint and
not yet answered. The witness knows nothing of this.
"""

import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from audit.witness import Witness, run  # noqa: E402  # its folder is known from here on


def die(*_: object) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return ""


def main(home: str, clock: str, *dies: str) -> None:
    witness = Witness(Path(home), lambda: float(Path(clock).read_text("utf-8")))
    if dies:
        witness._cosign = die
    run(witness, ("127.0.0.1", 0))


if __name__ == "__main__":
    main(*sys.argv[1:])
