"""A real SIP platform on 127.0.0.1: kamailio, rtpengine, sipp, and our shipper.

`running()` starts it against any service that speaks the generic contract, and stops it
by process id. Everything it writes stays in the folder it is given.
"""

import asyncio
import csv
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.telephony.audio import (
    AGENT,
    CALLER,
    Audible,
    write_announcement,
)
from tests.acceptance.telephony.ports import LOCALHOST, Phone, Ports

ROOT = Path(__file__).parents[3]
SCENARIOS = Path(__file__).parent / "scenarios"
KAMAILIO_CFG = ROOT / "deploy" / "kamailio" / "kamailio.cfg"
TOOLS = ("kamailio", "rtpengine", "sipp")
SHIP = ("-m", "proxy.cli", "ship", "rtpengine")


def missing_parts() -> list[str]:
    """What this machine lacks to run the platform."""
    # sipp's play_pcap_audio sends through raw sockets, which needs root.
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return missing if os.geteuid() == 0 else [*missing, "root (raw sockets)"]


@dataclass(frozen=True)
class Target:
    """The service: where events and recordings go, and the two secrets for that."""

    url: str
    connection: str
    webhook_token: str = field(repr=False)
    upload_token: str = field(repr=False)


@dataclass(frozen=True)
class Call:
    caller: str
    callee: str
    direction: str = "inbound"
    info: tuple[str, str, str] = ("", "", "")
    """What a SIP INFO in the middle says: type, and two lines."""


@dataclass(frozen=True)
class Own:
    """For a single call beside others: a phone of its own, and a Call-ID we know."""

    number: int
    call_id: str


async def until(condition: Callable[[], Awaitable[bool]], what: str, seconds=10.0):
    """Poll `condition`; fail the test, naming `what`, when it does not come true."""
    try:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"did not happen within {seconds} s: {what}") from None


class Lab:
    """The running platform."""

    def __init__(
        self,
        folder: Path,
        target: Target,
        *,
        agent: Audible = AGENT,
        ship_to: str | None = None,
    ) -> None:
        self.folder = folder
        self._agent = agent
        self._ship_to = ship_to or target.url
        self.recordings = folder / "rec"
        self.ports = Ports.claim()
        self._target = target
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._batches = 0

    async def call(
        self,
        calls: Sequence[Call],
        *,
        per_second: int,
        milliseconds: int,
        scenario: str = "call.xml",
        voice: Audible = CALLER,
        own: Own | None = None,
    ) -> None:
        """Place the calls and wait for their end. Fails unless every one went well."""
        self._batches += 1
        folder = self.folder / f"calls{self._batches}"
        folder.mkdir()
        voice.write_rtp(folder / "caller.pcap")
        _write_call_list(folder / "calls.csv", calls)
        arguments = (
            *("-sf", str(SCENARIOS / scenario), "-inf", "calls.csv"),
            *_sipp(self.ports.another_caller(own.number) if own else self.ports.caller),
            *(("-cid_str", own.call_id) if own else ()),
            *("-d", str(milliseconds), "-m", str(len(calls)), "-r", str(per_second)),
            *("-trace_err", "-error_file", "errors.log"),
            f"{LOCALHOST}:{self.ports.sip}",
        )
        sipp = await self._spawn("sipp", *arguments, cwd=folder, log="sipp.log")
        try:
            status = await sipp.wait()
        finally:
            await _end(sipp)
        assert status == 0, f"calls failed, see {folder}"
        stopped = [
            name
            for name, process in self._processes.items()
            if process.returncode is not None
        ]
        logs = [self.log_of(name)[-500:] for name in stopped]
        assert not stopped, f"no longer running: {stopped}: {logs}"

    async def settled(self) -> None:
        """Wait until nothing is left in the recording folder."""

        async def is_empty() -> bool:
            return not self.captures()

        await until(is_empty, "captures shipped and removed")

    def captures(self) -> list[Path]:
        return [file for file in self.recordings.rglob("*") if file.is_file()]

    def log_of(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def shipped(self) -> list[dict[str, object]]:
        """The shipper's log."""
        lines = self.log_of("shipper").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    async def start(self, answering: str) -> None:
        self.recordings.mkdir(parents=True)
        self._agent.write_rtp(self.folder / "callee.pcap")
        write_announcement(self.folder / "announcement.wav")
        (self.folder / "token").write_text(self._target.upload_token)
        await self._start("rtpengine", *self._rtpengine_arguments())
        # Before kamailio: that pings rtpengine at its start and then once a minute.
        await until(self._rtpengine_answers, "rtpengine answering")
        await self._start("kamailio", *self._kamailio_arguments())
        await self._start(
            "sipp",
            *("-sf", str(SCENARIOS / answering)),
            *_sipp(self.ports.callee),
            log="callee",
        )
        await self._start(
            sys.executable,
            *(*SHIP, str(self.recordings), "--url", self._ship_to),
            *("--token-file", str(self.folder / "token"), "--poll", "0.2"),
            log="shipper",
        )
        await until(self.is_answering, "kamailio answering")

    def signal(self, name: str, number: int) -> None:
        """To one of the lab's own programs."""
        self._processes[name].send_signal(number)

    async def restart_kamailio(self) -> None:
        """In the middle of calls, which go on meanwhile: media does not pass it."""
        await _end(self._processes["kamailio"])
        await self._start("kamailio", *self._kamailio_arguments())
        await until(self.is_answering, "kamailio answering again")

    async def stop(self) -> None:
        """Calls first: rtpengine 10.5 crashes on SIGTERM while it records a call."""
        with suppress(OSError, TimeoutError):
            for call in (await self._ask_rtpengine(command="list"))["calls"]:
                await self._ask_rtpengine(command="delete", **{"call-id": call})
        for process in reversed(self._processes.values()):
            await _end(process)
        self.ports.give_back()

    async def _start(self, program: str, *arguments: str, log: str = "") -> None:
        name = log or program
        self._processes[name] = await self._spawn(
            program, *arguments, cwd=self.folder, log=f"{name}.log"
        )

    async def _spawn(
        self, program: str, *arguments: str, cwd: Path, log: str
    ) -> asyncio.subprocess.Process:
        with (cwd / log).open("ab") as output:
            return await asyncio.create_subprocess_exec(
                program,
                *arguments,
                cwd=cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=os.environ | self._environment(),
                umask=0o077,
            )

    def _environment(self) -> dict[str, str]:
        target, ports = self._target, self.ports
        return {
            "PYTHONPATH": str(ROOT),
            "PONCTUEL_SIP_LISTEN": f"udp:{LOCALHOST}:{ports.sip}",
            "PONCTUEL_SIP_KEYS": f"udp:{LOCALHOST}:{ports.keys}",
            "PONCTUEL_SIP_NEXT_HOP": f"sip:{LOCALHOST}:{ports.callee.sip}",
            "PONCTUEL_SIP_RTPENGINE": f"udp:{LOCALHOST}:{ports.rtpengine}",
            "PONCTUEL_SIP_WEBHOOK": f"{target.url}/webhooks/{target.connection}",
            "PONCTUEL_SIP_TOKEN": target.webhook_token,
            "PONCTUEL_SIP_ANNOUNCEMENT": str(self.folder / "announcement.wav"),
        }

    def _rtpengine_arguments(self) -> tuple[str, ...]:
        """No kernel module, no system configuration; captures end with the call."""
        return (
            *("--config-file=none", "--table=-1", f"--interface={LOCALHOST}"),
            f"--listen-ng={LOCALHOST}:{self.ports.rtpengine}",
            f"--port-min={self.ports.relay[0]}",
            f"--port-max={self.ports.relay[-1]}",
            *("--num-threads=2", "--timeout=20", "--delete-delay=0"),
            f"--dtmf-log-dest={LOCALHOST}:{self.ports.keys}",
            *("--recording-method=pcap", f"--recording-dir={self.recordings}"),
            *("--recording-format=eth", "--log-level=6"),
            *("--log-stderr", "--foreground"),
        )

    def _kamailio_arguments(self) -> tuple[str, ...]:
        """Foreground, so that the id is the main process's and its children end too."""
        run = self.folder / "run"
        run.mkdir(exist_ok=True)
        return (
            *("-DD", "-E", "-f", str(KAMAILIO_CFG), "-w", str(self.folder)),
            *("-Y", str(run), "-P", str(run / "pid"), "-m", "64", "-M", "8"),
        )

    async def _rtpengine_answers(self) -> bool:
        with suppress(OSError, TimeoutError):
            return (await self._ask_rtpengine(command="ping"))["result"] == "pong"
        return False

    async def _ask_rtpengine(self, **command: str) -> dict:
        """The ng protocol. A repeated cookie would get the earlier answer again."""
        cookie = secrets.token_hex(6)
        request = f"{cookie} {json.dumps(command)}".encode()
        answer = await _ask(self.ports.rtpengine, request)
        return json.loads(answer.partition(b" ")[2])

    async def is_answering(self) -> bool:
        """Whether kamailio answers an OPTIONS request within half a second."""
        branch = f"z9hG4bK{secrets.token_hex(6)}"
        request = (
            f"OPTIONS sip:{LOCALHOST}:{self.ports.sip} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {LOCALHOST};rport;branch={branch}\r\n"
            f"From: <sip:lab@{LOCALHOST}>;tag=1\r\nTo: <sip:{LOCALHOST}>\r\n"
            f"Call-ID: {secrets.token_hex(6)}\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        with suppress(OSError, TimeoutError):
            answer = await _ask(self.ports.sip, request.encode())
            return answer.startswith(b"SIP/2.0 200")
        return False


@asynccontextmanager
async def running(
    folder: Path, target: Target, answering: str = "answer.xml", **options: Any
) -> AsyncIterator[Lab]:
    lab = Lab(folder, target, **options)
    try:
        await lab.start(answering)
        yield lab
    finally:
        await lab.stop()


def _sipp(phone: Phone) -> tuple[str, ...]:
    """Without -ci sipp opens its control socket to the world."""
    return (
        *("-i", LOCALHOST, "-mi", LOCALHOST, "-ci", LOCALHOST, "-nostdin"),
        *("-p", str(phone.sip), "-cp", str(phone.control), "-mp", str(phone.media)),
    )


def _write_call_list(file: Path, calls: Sequence[Call]) -> None:
    with file.open("w", newline="") as output:
        output.write("SEQUENTIAL\n")
        rows = csv.writer(output, delimiter=";", lineterminator="\n")
        rows.writerows(
            (call.caller, call.callee, call.direction, *call.info) for call in calls
        )


async def _ask(port: int, request: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        udp.setblocking(False)
        udp.connect((LOCALHOST, port))
        await loop.sock_sendall(udp, request)
        async with asyncio.timeout(0.5):
            return await loop.sock_recv(udp, 65_535)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.terminate()
    try:
        async with asyncio.timeout(5):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
