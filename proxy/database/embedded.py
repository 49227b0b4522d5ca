"""A PostgreSQL server of our own, for a machine where nobody runs one.

What it keeps to, as root or not:
* no account is made, no owner or mode is changed, no TCP port is opened;
* the server dies with the application, however that dies, and every crash is survived;
* a directory that exists under its final name holds a complete cluster;
* one application per directory: the second gets an error, not the first one's data;
* the log tells of starts, stops and crashes, never of statements or their values.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from proxy.database import launcher
from proxy.database.binaries import find_binaries
from proxy.errors import EmbeddedPostgresError

__all__ = ["EmbeddedPostgres", "find_binaries"]

POLL_EVERY = 0.005  # seconds
# A server whose application died kills what does not end in 5 s, then ends itself.
LEFTOVER_SECONDS = 30.0
# Replaying the log after a crash may be slow; giving up would only start it over.
READY_SECONDS = 300.0
CREATE_SECONDS = 300.0
# Fast shutdown, then immediate (recovery at the next start), then the hard way. Short
# enough for `docker stop`, and a fast shutdown can hang: see launcher.die_with().
STOP_STEPS = ((signal.SIGINT, 8.0), (signal.SIGQUIT, 6.0), (signal.SIGKILL, 5.0))

SETTINGS = {
    "cluster_name": "ponctuel",
    "listen_addresses": "",
    "port": "5432",  # else PGPORT decides; without TCP only the socket's name has it
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "jit": "off",  # compiling pays on long reports; ours are short statements
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
    # An error's text may quote a value ("invalid input syntax ..."), its detail a whole
    # row, a crash's detail the statement. Above ERROR is only the server's own life.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
}
# Commits still reach the kernel at once: a killed process loses nothing even so.
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}


class DatabaseInUseError(EmbeddedPostgresError):
    """Another process runs the database.

    `address`: where it listens, for a command that only visits; empty if not yet.
    """

    error_id = "database-in-use"

    def __init__(self, detail: str, *, address: str) -> None:
        super().__init__(
            detail,
            fix="stop it first, or give this one its own PONCTUEL_DATA_DIR, or give"
            " both a PostgreSQL of your own through PONCTUEL_DATABASE__DSN",
        )
        self.address = address


class EmbeddedPostgres:
    """The server on one data directory, from `start()` to `stop()`.

    Beside the directory DIR appear DIR.lock, DIR.log and, while it is made, DIR.new.
    `is_durable=False` is for tests: a power cut may then destroy the cluster.
    """

    def __init__(
        self,
        data_directory: Path,
        binaries: Path | None = None,
        *,
        is_durable: bool = True,
    ) -> None:
        self._directory = data_directory.absolute()
        self._binaries = binaries
        self._is_durable = is_durable
        self._undo = ExitStack()
        self._server: subprocess.Popen[bytes] | None = None
        self._log_starts_at = 0

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Make the cluster if there is none, start the server, return its address.

        Blocks: about 0.1 s, half a second where the cluster is made, longer to recover.
        Only the main thread may call it (in asyncio: directly, before serving), because
        the kernel ties the server to the thread that forked it, not to the process.
        Raises EmbeddedPostgresError, and then leaves no process and no lock behind.
        """
        _check_caller()
        try:
            return self._start()
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self._directory}: {error}",
                fix="choose a PONCTUEL_DATA_DIR that this user may write to",
            ) from error

    @property
    def is_running(self) -> bool:
        """Whether the server that `start` started still runs."""
        return self._server is not None and self._server.poll() is None

    def stop(self) -> None:
        """Shut down and free the directory. Any thread may; twice does no harm."""
        self._undo.close()

    def _start(self) -> str:
        self._directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as undo:
            undo.enter_context(self._only_application())
            binaries = self._binaries or find_binaries(self._major())
            if self._major() is None:
                self._create(binaries)
            # Fresh, ours alone, and short: a socket's path has at most 107 bytes.
            sockets = tempfile.mkdtemp(prefix="ponctuel-")
            undo.callback(shutil.rmtree, sockets, ignore_errors=True)
            server = self._launch(binaries, sockets)
            undo.callback(_end, server)
            self._await_ready(server)
            self._undo = undo.pop_all()
            self._server = server
        return _address(sockets)

    def _beside(self, suffix: str) -> Path:
        return self._directory.with_name(self._directory.name + suffix)

    def _major(self) -> int | None:
        """The version that made the cluster; None when there is no whole cluster."""
        try:
            return int((self._directory / "PG_VERSION").read_text())
        except (FileNotFoundError, ValueError):
            return None

    @contextmanager
    def _only_application(self) -> Iterator[None]:
        """Hold DIR.lock, which the kernel frees when its holder dies in any way."""
        path = self._beside(".lock")
        with _lock(path, os.O_RDWR | os.O_CREAT, patience=0) as lock:
            if lock is None:
                raise DatabaseInUseError(
                    f"process {path.read_text() or '?'} already runs the database"
                    f" in {self._directory}",
                    address=self._address_of_other(),
                )
            os.truncate(lock, 0)
            os.write(lock, b"%d" % os.getpid())
            yield

    def _address_of_other(self) -> str:
        """Where the lock's holder has its server listen; empty while it starts."""
        process_id, sockets = self._ready_server()
        return _address(sockets) if _works_in(process_id, self._directory) else ""

    @contextmanager
    def _sole_user(self, directory: Path) -> Iterator[int]:
        """Lock a cluster's directory until the last process working in it is gone.

        Whatever is started with the descriptor, and all its children, share the lock.
        """
        flags = os.O_RDONLY | os.O_DIRECTORY
        with _lock(directory, flags, patience=LEFTOVER_SECONDS) as lock:
            if lock is None:
                raise EmbeddedPostgresError(
                    f"an earlier server still works in {directory}"
                    f" after {LEFTOVER_SECONDS:.0f} s",
                    fix=f"wait for it, or end the processes `fuser {directory}` names",
                )
            yield lock

    def _create(self, binaries: Path) -> None:
        """Make the cluster as DIR.new, then name it DIR: whole or not there."""
        new = self._beside(".new")
        if new.exists():
            with self._sole_user(new):
                shutil.rmtree(new)
        new.mkdir(mode=0o700)
        with self._sole_user(new) as lock:
            self._initialise(binaries, new, lock)
        try:
            new.rename(self._directory)
        except OSError as error:
            raise EmbeddedPostgresError(
                f"{self._directory} is in the way: {error.strerror}",
                fix="move what is there away; a mounted volume goes one level higher",
            ) from error
        if self._is_durable:
            _sync(self._directory.parent)

    def _initialise(self, binaries: Path, new: Path, lock: int) -> None:
        options = ["--username=app", "--encoding=UTF8", "--data-checksums"]
        options += ["--no-locale", "--locale-provider=libc", "--no-instructions"]
        # Only the owner of the socket's directory gets in, and by TCP nobody, ever.
        options += ["--auth-local=trust", "--auth-host=reject"]
        if not self._is_durable:
            options.append("--no-sync")  # without it, initdb syncs what it made
        command = [str(binaries / "initdb"), f"--pgdata={new}", *options]
        process = self._spawn(0, command, lock)
        try:
            _poll(lambda: process.poll() is not None, CREATE_SECONDS)
        finally:
            process.kill()  # without effect on one that has ended
            process.wait()
        if process.returncode:
            raise self._failed("initdb")

    def _launch(self, binaries: Path, sockets: str) -> subprocess.Popen[bytes]:
        settings = SETTINGS | {"unix_socket_directories": sockets}
        if not self._is_durable:
            settings |= FORGETFUL
        command = [str(binaries / "postgres"), "-D", str(self._directory)]
        command += [f"--{name}={value}" for name, value in settings.items()]
        with self._sole_user(self._directory) as lock:
            self._forget_dead_server()
            return self._spawn(os.getpid(), command, lock)

    def _forget_dead_server(self) -> None:
        """Remove the postmaster.pid of a killed server.

        Its process id may belong to somebody else by now, above all in a container,
        and PostgreSQL would then refuse to start. A server that an administrator runs
        by hand does not share our lock: it keeps its file, and we get the refusal.
        """
        path = self._directory / "postmaster.pid"
        with suppress(FileNotFoundError):
            process_id = path.read_text().partition("\n")[0]
            if not _works_in(process_id, self._directory):
                path.unlink()

    def _spawn(
        self, parent: int, command: list[str], lock: int
    ) -> subprocess.Popen[bytes]:
        """Start a program through the launcher, its output going to the log."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        log = os.open(self._beside(".log"), flags, 0o600)
        try:
            self._log_starts_at = os.fstat(log).st_size
            return subprocess.Popen(  # noqa: S603 - our launcher, an operator's paths
                [sys.executable, "-I", "-S", launcher.__file__, str(parent), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._directory.parent,
                env=_environment(),
                pass_fds=[lock],
            )
        finally:
            os.close(log)

    def _await_ready(self, server: subprocess.Popen[bytes]) -> None:
        def is_settled() -> bool:
            return server.poll() is not None or self._is_ready(server.pid)

        if not _poll(is_settled, READY_SECONDS) or server.poll() is not None:
            raise self._failed("postgres")

    def _is_ready(self, process_id: int) -> bool:
        """Look where pg_ctl looks: the eighth line of postmaster.pid is the state."""
        return self._ready_server()[0] == str(process_id)

    def _ready_server(self) -> tuple[str, str]:
        """Process and socket directory of a server that is ready, or else nothing."""
        try:
            lines = (self._directory / "postmaster.pid").read_text().split("\n")
        except OSError:
            return "", ""
        is_ready = "ready" in map(str.strip, lines[7:])
        return (lines[0], lines[4]) if is_ready else ("", "")

    def _failed(self, program: str) -> EmbeddedPostgresError:
        path = self._beside(".log")
        with path.open("rb") as log:
            log.seek(self._log_starts_at)
            last_words = log.read()[-800:].decode(errors="replace").strip()
        return EmbeddedPostgresError(
            f"{program} failed on {self._directory}: {last_words or 'no word'}",
            fix=f"see {path}, or set PONCTUEL_DATABASE__DSN to a server that runs",
        )


def _address(sockets: str) -> str:
    return f"postgresql://app@/postgres?port=5432&host={quote(sockets)}"


def _check_caller() -> None:
    if sys.platform != "linux":
        raise EmbeddedPostgresError(
            "the embedded server needs Linux", fix="set PONCTUEL_DATABASE__DSN"
        )
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedPostgresError(
            "the embedded server would stop when this thread ends",
            fix="call start() from the main thread",
        )


def _environment() -> dict[str, str]:
    """What a server needs of ours: not the secrets, nor PGPORT and its like."""
    environment = {"LC_ALL": "C"}
    if libraries := os.environ.get("LD_LIBRARY_PATH"):  # our Python may need its own
        environment["LD_LIBRARY_PATH"] = libraries
    return environment


def _works_in(process_id: str, directory: Path) -> bool:
    """Whether that process runs there, as every server does in its data directory."""
    try:
        return Path("/proc", process_id, "cwd").samefile(directory)
    except OSError:
        return False


@contextmanager
def _lock(path: Path, flags: int, patience: float) -> Iterator[int | None]:
    """An open file with its exclusive lock, or None when others keep it too long."""
    descriptor = os.open(path, flags, 0o600)

    def is_ours() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield descriptor if _poll(is_ours, patience) else None
    finally:
        os.close(descriptor)


def _poll(is_so: Callable[[], bool], seconds: float) -> bool:
    """Ask at least once, and again until the time is over."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_EVERY)
    return True


def _end(server: subprocess.Popen[bytes]) -> None:
    for signal_number, seconds in STOP_STEPS:
        server.send_signal(signal_number)
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
