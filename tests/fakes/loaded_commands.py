"""Runs `ponctuel` commands, each in a process of its own, without loading it each time.

    python -W error -m tests.fakes.loaded_commands FD

Loading the program takes longer than most commands. Over the socket FD come orders, a
packet of JSON each (`arguments`, `environment`), with four files: what the command
reads, what it prints, what it complains, and where its exit status is written to. Each
is a fork of a process that has loaded the program and done nothing else. Several may
run side by side.
"""

import gc
import json
import os
import signal
import socket
import sys
import traceback
from typing import NoReturn

from proxy.cli import main

STANDARD = (0, 1, 2)  # as sys.stdin and so on have them, unused until then
FILES = len(STANDARD) + 1
MOST_BYTES = 1 << 20


def _dress(environment: dict[str, str], files: list[int]) -> None:
    """Be as a new process would be: its surroundings and its three standard files."""
    os.environ.clear()
    os.environ.update(environment)
    for standard, file in zip(STANDARD, files, strict=True):
        os.dup2(file, standard)
        os.close(file)


def _run(arguments: list[str]) -> NoReturn:
    """Run the command; end without taking down all that was loaded, which is slow."""
    status: object = 1
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code or 0
    except BaseException:  # noqa: BLE001 - a fork must end here, whatever happened
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(str(status)))


def _carry_out(packet: bytes, files: list[int]) -> NoReturn:
    """Fork the command, wait for its end and tell with what status it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *standard, told = files
    command = os.fork()
    if not command:
        os.close(told)
        order = json.loads(packet)
        _dress(order["environment"], standard)
        _run(order["arguments"])
    _, status = os.waitpid(command, 0)
    os.write(told, str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def serve(orders: socket.socket) -> None:
    """Until nobody holds the other end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who watched over one leaves nothing
    while True:
        packet, files, _, _ = socket.recv_fds(orders, MOST_BYTES, FILES)
        if not packet:
            return
        if not os.fork():
            orders.close()
            _carry_out(packet, files)
        for file in files:
            os.close(file)


if __name__ == "__main__":
    gc.freeze()  # the pages of what is loaded stay shared with the forks
    serve(socket.socket(fileno=int(sys.argv[1])))
