"""Turns into a PostgreSQL program that is never root and dies with its parent.

`python -I -S launcher.py PARENT PROGRAM [ARGUMENT...]`: PARENT is the process id
whose death ends the program, or 0 for none. A program of its own because Python's
`preexec_fn` is unsafe beside threads, run by path because nothing of the application
is needed to start a database. Standard library only; Linux only.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

# linux/sched.h and linux/prctl.h; os.unshare() needs Python 3.12.
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1

# PostgreSQL looks its own uid up in passwd, where 65534 is "nobody" on every Linux.
NOBODY = 65534

libc = ctypes.CDLL(None, use_errno=True)


def leave_root() -> None:
    """Be "nobody" to PostgreSQL, which refuses root, and still root to the disk.

    The new user namespace knows one user and one group: files keep their owner and
    mode, no account is made, and no right is gained (user_namespaces(7)).
    """
    group = os.getegid()
    if libc.unshare(CLONE_NEWUSER):
        reason = os.strerror(ctypes.get_errno())
        raise OSError(
            f"root may make no user namespace here ({reason}): "
            "run Ponctuel as an ordinary user"
        )
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{NOBODY} 0 1")
    (own / "gid_map").write_text(f"{NOBODY} {group} 1")


def die_with(parent: int) -> None:
    """Let the kernel ask for an immediate shutdown (SIGQUIT) when the parent dies.

    It loses no commit and always ends. The gentler SIGINT hangs for ever in a server
    that is just recovering from the crash of a session (PostgreSQL 15 to 17, 2026-11).
    Comes after `leave_root()`, since a change of credentials clears the wish.
    """
    # A shell starts its background jobs with SIGQUIT ignored, and we would inherit it.
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise OSError("the parent died first")


def main(parent: int, command: list[str]) -> None:
    try:
        if os.geteuid() == 0:
            leave_root()
        if parent:
            os.setsid()  # Ctrl-C is for the application, which then stops the server
            die_with(parent)
        os.execv(command[0], command)  # noqa: S606 - becoming that program is the point
    except OSError as error:
        sys.exit(f"launcher: {error}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
