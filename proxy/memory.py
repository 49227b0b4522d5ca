"""What a process's memory keeps of audio and keys that were let go of.

Freed memory keeps what it held until it is used again, and a core of the process, or
whoever may read its memory, would show it. Three places hold it:

* what the C allocator frees: glibc overwrites it when it is told to (M_PERTURB, see
  mallopt(3)), but only if it begins with that and without its per-thread cache;
* what Python frees of small objects, for which it keeps pools of its own: they are
  overwritten by taking them up again, as many as are counted below;
* the event loop's one receive buffer (uvloop): by having it receive something else.

Memory written to swap, and other programs' memory, are out of reach.
"""

import asyncio
import ctypes
import fcntl
import os
import platform
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from typing_extensions import override

_TUNABLES = "GLIBC_TUNABLES"
_PERTURB = 85
_WIPING = f"glibc.malloc.perturb={_PERTURB}:glibc.malloc.tcache_count=0"
_BEGUN_ANEW = "PONCTUEL_BEGUN_ANEW"
_PR_SET_DUMPABLE = 4
_RECEIVE_BUFFER_BYTES = 256_000
_PIPE_BYTES = 1 << 18
# Python's own allocator serves up to 512 bytes, in steps of 16, and a `bytes` takes 33
# more than it holds: so it fills its block to the last byte. Data keys, what they are
# made of and are written as are `bytes` and texts of 15 to 63 characters; what a key
# service says around one may be of any size.
_OVERHEAD = 33
_SIZES_OF_KEYS = (48, 64, 80, 96)
_OTHER_SIZES = range(112, 513, 16)
_BLOCKS_OF_KEYS = 1 << 17
_OTHER_BLOCKS = 1 << 12
_SMALLER_BLOCKS = 1 << 15
_BLOCKS_AT_ONCE = 1 << 11


def forbid_cores() -> None:
    """No core of this process is written, whatever the machine does with cores.

    A limit alone is not heard where cores are piped to a program (core(5)). Nor may
    others of the same user look into its memory any more (prctl(2), PR_SET_DUMPABLE);
    whoever starts another program in its place has to say it anew.
    """
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError):  # Linux's alone
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def begin_wiping() -> bool:
    """Run this program with an allocator that wipes; start it anew for it, once.

    Returns whether what is freed is really wiped. It is not elsewhere than on glibc,
    with another allocator in its place, or where glibc may not be told (a Python with
    capabilities of its own: secure-execution mode, ld.so(8)).
    """
    has_begun_anew = os.environ.pop(_BEGUN_ANEW, None) is not None
    given = os.environ.get(_TUNABLES, "")
    is_told = _WIPING in given
    if platform.libc_ver()[0] == "glibc" and not is_told and not has_begun_anew:
        _begin_anew(f"{given}:{_WIPING}".lstrip(":"))
    # Programs we start hold nothing of that kind, and would only be slower.
    others = [each for each in given.split(":") if each not in _WIPING.split(":")]
    os.environ[_TUNABLES] = ":".join(others)
    return _is_wiping()


def _begin_anew(tunables: str) -> None:
    """Returns only if that cannot be."""
    os.environ |= {_TUNABLES: tunables, _BEGUN_ANEW: "1"}
    with suppress(OSError):
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # ourselves, as we are
    del os.environ[_BEGUN_ANEW]


def _is_wiping() -> bool:
    """Whether blocks come overwritten: glibc does both, or neither (M_PERTURB)."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    return all(_comes_wiped(libc, size) for size in (64, 1 << 16))


def _comes_wiped(libc: ctypes.CDLL, size: int) -> bool:
    """Also a block just let go of, which a cache would give back as it is."""
    block = libc.malloc(size)
    ctypes.memset(block, 1, size)
    libc.free(block)
    block = libc.malloc(size)
    found = ctypes.string_at(block, size)
    libc.free(block)
    return found == bytes([_PERTURB ^ 0xFF]) * size


async def overwrite_freed() -> None:
    """Overwrite what Python and its event loop keep of things that are gone.

    All of it where no more than 131,072 blocks of a key's sizes are free.
    """
    for size in _SIZES_OF_KEYS:
        await _take_up(partial(bytes, size - _OVERHEAD), _BLOCKS_OF_KEYS)
    for size in _OTHER_SIZES:
        await _take_up(partial(bytes, size - _OVERHEAD), _OTHER_BLOCKS)
    # No key fits these; they may stand where some did.
    await _take_up(partial(int.__add__, 1 << 30, 1), _SMALLER_BLOCKS)  # 32 bytes
    await _take_up(object, _SMALLER_BLOCKS)  # 16 bytes
    await _receive_zeros()


async def _take_up(make: Callable[[], object], blocks: int) -> None:
    """Fill free blocks and let go of them, a few at a time: calls come first."""
    taken: list[list[object]] = []
    for _ in range(blocks // _BLOCKS_AT_ONCE):
        taken.append([make() for _ in range(_BLOCKS_AT_ONCE)])
        await asyncio.sleep(0)
    while taken:
        taken.pop()
        await asyncio.sleep(0)


async def _receive_zeros() -> None:
    """Fill the event loop's receive buffer, in the one read that a pipe allows."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as pipe:
        with os.fdopen(writing, "wb", 0) as other_end:
            os.set_blocking(writing, False)  # of a smaller pipe, what it takes
            with suppress(OSError, AttributeError):  # Linux's alone, and within a limit
                fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            other_end.write(bytes(_RECEIVE_BUFFER_BYTES))
        drained = _UntilClosed()
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: drained, pipe)
        await drained.closed.wait()


class _UntilClosed(asyncio.Protocol):
    def __init__(self) -> None:
        self.closed = asyncio.Event()

    @override
    def connection_lost(self, _: Exception | None) -> None:
        self.closed.set()
