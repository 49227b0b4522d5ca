"""A time-stamping authority (RFC 3161): OpenSSL behind a small HTTP server, a process.

    python -m tests.fakes.timestamp_authority FOLDER

prints its port. FOLDER holds certificates that `make_certificates` made, at test time
and for nobody else. It is honest until `/_fake/misbehave` tells it what to do wrong.
"""

import subprocess
import sys
import threading
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from typing_extensions import override

ROOT = Path(__file__).parents[2]
OPENSSL = "openssl"
HUGE = 300_000
LONG_SECONDS = 30  # "slow": longer than anybody waits, unless told to hurry
DIGEST = b"\x04\x20"  # what stands before a SHA-256 digest in a request
SHA256_OID = bytes.fromhex("608648016503040201")
CONFIGURATION = """\
[tsa]
default_tsa = usual
[usual]
serial = {folder}/serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.2.3.4.1
other_policies = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
"""
EXTENSIONS = """\
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[between]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
[signer]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
"""


def openssl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run it; whoever asks looks at what came of it."""
    return subprocess.run(
        [OPENSSL, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def _certify(folder: Path, name: str, issuer: str, extensions: str) -> None:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    signed_by = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key"]
    made = openssl(
        *("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.pem"),
        *("-config", "extensions.cnf", "-extensions", extensions, "-days", "2"),
        *("-subj", f"/CN={name}", *(signed_by if issuer != name else [])),
        cwd=folder,
    )
    assert made.returncode == 0, made.stderr


def make_certificates(folder: Path) -> None:
    """Two authorities: one to be believed, through a certificate between, one not.

    `trusted.pem` holds what has to be believed.
    """
    request = "[req]\ndistinguished_name = name\n[name]\n"
    (folder / "extensions.cnf").write_text(request + EXTENSIONS)
    (folder / "tsa.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "serial").write_text("01\n")
    _certify(folder, "root", "root", "root")
    _certify(folder, "between", "root", "between")
    _certify(folder, "signer", "between", "signer")
    _certify(folder, "stranger", "stranger", "root")
    _certify(folder, "strangers-signer", "stranger", "signer")
    pems = [(folder / f"{name}.pem").read_text() for name in ("root", "between")]
    (folder / "trusted.pem").write_text("".join(pems))


def _reply(folder: Path, query: bytes, signer: str = "signer") -> bytes:
    file = folder / f"{threading.get_ident()}.tsq"
    file.write_bytes(query)
    answer = file.with_suffix(".tsr")
    replied = openssl(
        *("ts", "-reply", "-config", "tsa.cnf", "-queryfile", file.name),
        *("-signer", f"{signer}.pem", "-inkey", f"{signer}.key"),
        *("-out", answer.name),
        cwd=folder,
    )
    assert replied.returncode == 0, replied.stderr
    return answer.read_bytes()


def _with_other_digest(query: bytes) -> bytes:
    at = query.index(DIGEST) + len(DIGEST)
    return query[:at] + bytes(32) + query[at + 32 :]


def _with_other_nonce(query: bytes) -> bytes:
    """The nonce is the last number, before "and send me your certificate"."""
    return query[:-4] + bytes([query[-4] ^ 1]) + query[-3:]


def _without_nonce(query: bytes) -> bytes:
    """Cut it out, and with it what it added to the length of the whole."""
    at = query.index(DIGEST) + len(DIGEST) + 32
    rest = query[2:at] + query[-3:]
    return bytes([0x30, len(rest)]) + rest


def _unknown_digest(query: bytes) -> bytes:
    return query.replace(SHA256_OID, SHA256_OID[:-1] + b"\x63")


ANSWERS = {
    "other digest": lambda folder, query: _reply(folder, _with_other_digest(query)),
    "other nonce": lambda folder, query: _reply(folder, _with_other_nonce(query)),
    "no nonce": lambda folder, query: _reply(folder, _without_nonce(query)),
    "refused": lambda folder, query: _reply(folder, _unknown_digest(query)),
    "untrusted": lambda folder, query: _reply(folder, query, "strangers-signer"),
    "garbage": lambda *_: b"\x30\x82\x05\x00" + b"time" * 100,
    "empty": lambda *_: b"",
    "more after it": lambda folder, query: _reply(folder, query) + b"\0",
    "huge": lambda *_: bytes(HUGE),
    "a page": lambda *_: b"<html>Please sign in to the hotel's network</html>",
}
"""What is answered wrongly, with status 200."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, state: "_State", *arguments: object) -> None:
        self._state = state
        super().__init__(*arguments)  # type: ignore[arg-type]  # the server's business

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/_fake/misbehave":
            self._state.to_come.extend(body.decode().split(","))
            self._send(204)
        elif self.path == "/_fake/hurry":
            self._state.hurry.set()
            self._send(204)
        else:
            self._stamp(body)

    def do_GET(self) -> None:
        self._send(200, str(self._state.asked).encode())

    def _stamp(self, query: bytes) -> None:
        state = self._state
        state.asked += self.headers["Content-Type"] == "application/timestamp-query"
        wrong = state.to_come.popleft() if state.to_come else ""
        if wrong == "slow":
            state.hurry.wait(LONG_SECONDS)
        if wrong.isdigit():
            self._send(int(wrong))
        elif wrong == "lost":
            _reply(state.folder, query)
            self.close_connection = True
        elif wrong in ANSWERS:
            self._send(200, ANSWERS[wrong](state.folder, query))
        else:
            self._send(200, _reply(state.folder, query))

    def _send(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        if status // 100 == 3:
            self.send_header("Location", "/")
        self.send_header("Content-Type", "application/timestamp-reply")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, *_: object) -> None:
        pass


class _State:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked = 0
        self.to_come: deque[str] = deque()
        self.hurry = threading.Event()


@dataclass(frozen=True)
class RunningAuthority:
    """The authority's address, its folder of certificates, and its strings."""

    address: str
    folder: Path

    @property
    def trusted(self) -> Path:
        return self.folder / "trusted.pem"

    def misbehave(self, *kinds: str) -> None:
        """Answer the next requests wrongly, one kind after the other."""
        self._post("misbehave", ",".join(kinds))

    def hurry(self) -> None:
        self._post("hurry", "")

    @property
    def asked(self) -> int:
        with urllib.request.urlopen(self.address) as answer:  # noqa: S310 - our own
            return int(answer.read())

    def _post(self, what: str, body: str) -> None:
        url = f"{self.address}/_fake/{what}"
        urllib.request.urlopen(url, body.encode()).close()  # noqa: S310 - our own

    def agrees(self, text: bytes, token: bytes) -> bool:
        """Whether `openssl ts -verify` finds the token one for this text."""
        (self.folder / "text").write_bytes(text)
        (self.folder / "token.tsr").write_bytes(token)
        checked = openssl(
            *("ts", "-verify", "-data", "text", "-in", "token.tsr"),
            *("-CAfile", "root.pem", "-untrusted", "between.pem"),
            cwd=self.folder,
        )
        return checked.returncode == 0 and "OK" in checked.stdout


@contextmanager
def running(folder: Path) -> Iterator[RunningAuthority]:
    command = [sys.executable, "-m", "tests.fakes.timestamp_authority", str(folder)]
    # Its complaints about callers who hang up are not ours to read.
    quietly = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=ROOT, **quietly) as process:
        try:
            port = int(process.stdout.readline())
            yield RunningAuthority(f"http://127.0.0.1:{port}", folder)
        finally:
            process.kill()


def main() -> None:
    state = _State(Path(sys.argv[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, state))
    print(server.server_port, flush=True)  # noqa: T201 - how a parent learns of it
    server.serve_forever()


if __name__ == "__main__":
    main()
