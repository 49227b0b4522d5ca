"""A process that has keys, lets go of them, and overwrites what is free.

    python -m tests.fakes.freed_keys KEYS

says `held`, `freed` and `overwritten`, and waits for a line after each. Something that
lives lies among the keys, so that none of the memory goes back to the system.
"""

import sys
from hashlib import sha256

import uvloop

from proxy.memory import begin_wiping, overwrite_freed


def key_of(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def main(count: int) -> None:
    pairs = [(key_of(n), bytes(32) if n % 10 == 0 else None) for n in range(count)]
    living = [other for _, other in pairs if other]
    say("held")
    del pairs
    say("freed")
    uvloop.run(overwrite_freed())
    say("overwritten")
    assert living


if __name__ == "__main__":
    begin_wiping()
    main(int(sys.argv[1]))
