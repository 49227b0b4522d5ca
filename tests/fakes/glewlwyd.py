"""A real OpenID provider: Debian's Glewlwyd, on SQLite, in a folder of its own.

Its administrator, a browser's cookies at its door, and people who sign in there with a
password, or with a code of their telephone too.
"""

import base64
import gzip
import http.cookiejar
import json
import secrets
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyotp
import pytest

from proxy.access.oidc_config import OidcConfig
from proxy.access.permissions import Role
from tests.fakes import glewlwyd_setup
from tests.fakes.glewlwyd_setup import CLIENT, CLIENT_SECRET
from tests.peers import need

INSTALL = "apt install glewlwyd"
SCHEMA = Path("/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz")
START_SECONDS = 20
STARTS = 3
PASSWORD = "correct horse battery staple"
USUAL = "https://ecoute.example.org/console/sign-in/sso/back"
# Its scope that asks for a code of the telephone.
STRONG = "strong"
SETTINGS = """
port={port}
bind_address="127.0.0.1"
external_url="{address}"
login_url="login.html"
api_prefix="api"
log_mode="console"
log_level="WARNING"
cookie_secure=0
cookie_same_site="lax"
session_expiration=3600
session_key="GLEWLWYD"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
static_files_path="{folder}/pages"
static_files_mime_types = ( {{ extension = ".html" mime_type = "text/html" }} )
database = {{ type = "sqlite3" path = "{folder}/glewlwyd.db" }};
"""


class Visitor:
    """A browser at the provider: its cookies, and no redirect followed."""

    def __init__(self, address: str) -> None:
        self._address = address
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(jar), _Staying
        )

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Raises HTTPError for whatever is refused."""
        request = urllib.request.Request(  # noqa: S310 - our own server
            path if "://" in path else f"{self._address}/api/{path}",
            json.dumps(body).encode() if body is not None else None,
            {"Content-Type": "application/json"},
            method=method,
        )
        with self._opener.open(request, timeout=5) as answer:
            raw = answer.read()
        return json.loads(raw) if raw else {}

    def sent_to(self, address: str) -> str:
        """Where the provider sends a browser that opens this."""
        try:
            self.ask("GET", address)
        except urllib.error.HTTPError as error:
            return error.headers.get("Location", "")
        return ""


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


class Glewlwyd:
    """One provider with one client: us."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._admin: Visitor | None = None
        self._browsers: dict[str, Visitor] = {}
        self.address = ""

    @property
    def issuer(self) -> str:
        return f"{self.address}/api/oidc"

    def begin(self, redirect_uri: str) -> None:
        """Start on a free port and set everything up."""
        (self._folder / "pages").mkdir()  # Debian ships it without its own
        (self._folder / "pages/login.html").write_text("<!doctype html>")
        with sqlite3.connect(self._folder / "glewlwyd.db") as database:
            database.executescript(gzip.decompress(SCHEMA.read_bytes()).decode())
        database.close()
        for _ in range(STARTS):
            try:
                self._start(_free_port())
                break
            except TimeoutError:  # somebody else took the port in between
                continue
        else:
            pytest.fail(f"Glewlwyd does not start: see {self._folder}/log")
        self._set_up(redirect_uri)

    def config(self, **changes: Any) -> OidcConfig:
        """How a site of ours asks it."""
        values: dict[str, Any] = {
            "issuer": self.issuer,
            "client_id": CLIENT,
            "client_secret": CLIENT_SECRET,
            "roles": {"call-trainers": Role.TRAINER, "privacy": Role.DPO},
            "scopes": ("openid", STRONG),
            "amr": frozenset({"otp"}),
        }
        return OidcConfig(**values | changes)

    def add(self, name: str, *groups: str) -> str:
        """Somebody with a password and a telephone; its TOTP secret in base32."""
        user = {
            "username": name,
            "password": PASSWORD,
            "enabled": True,
            "scope": ["openid", STRONG, "g_profile"],
            "groups": list(groups),
        }
        self._admin.ask("POST", "user/", user)
        telephone = pyotp.random_base32()
        visitor = self._entered(name)
        register = {
            "username": name,
            "scheme_type": "otp",
            "scheme_name": "otp",
            "value": {"type": "TOTP", "secret": telephone, "time_step_size": 30},
        }
        visitor.ask("POST", "profile/scheme/register/", register)
        return telephone

    def come_back_to(self, redirect_uri: str) -> None:
        """Where it sends browsers from here on."""
        self._admin.ask("PUT", f"client/{CLIENT}", glewlwyd_setup.client(redirect_uri))

    def regroup(self, name: str, *groups: str) -> None:
        user = self._admin.ask("GET", f"user/{name}")
        self._admin.ask("PUT", f"user/{name}", user | {"groups": list(groups)})

    def visit(self, address: str, name: str, telephone: str = "") -> Mapping[str, str]:
        """Sign in there as a browser does, agree, and be sent back with this query.

        The browser stays signed in, as one does: a code of a telephone is good once.
        """
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(address).query)
        if name not in self._browsers:
            self._browsers[name] = self._entered(name)
            if telephone:
                self._show(self._browsers[name], name, telephone)
        visitor = self._browsers[name]
        agreed = {"scope": asked["scope"][0]}
        visitor.ask("PUT", f"auth/grant/{CLIENT}", agreed)
        # Glewlwyd's page opens the same address again, with this, once all is shown.
        back = visitor.sent_to(f"{address}&g_continue")
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))

    def _show(self, visitor: Visitor, name: str, telephone: str) -> None:
        shown = {"value": pyotp.TOTP(telephone).now()}
        scheme = {"scheme_type": "otp", "scheme_name": "otp"}
        visitor.ask("POST", "auth/", scheme | {"username": name, "value": shown})

    def kill(self) -> None:
        """With kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def mend(self) -> None:
        """Run and answer, whatever a test has done."""
        if self._process.poll() is None:
            self.thaw()
        else:
            self._start(int(self.address.rpartition(":")[2]))

    def _entered(self, name: str, password: str = PASSWORD) -> Visitor:
        visitor = Visitor(self.address)
        visitor.ask("POST", "auth/", {"username": name, "password": password})
        return visitor

    def _start(self, port: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        written = SETTINGS.format(port=port, address=self.address, folder=self._folder)
        (self._folder / "glewlwyd.conf").write_text(written)
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(self._folder / "glewlwyd.conf")],
                stdout=log,
                stderr=log,
                cwd=self._folder,
            )
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                Visitor(self.address).ask("GET", f"{self.address}/config")
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.kill()
        raise TimeoutError

    def _set_up(self, redirect_uri: str) -> None:
        self._admin = self._entered("admin", "password")  # as its schema makes it
        users = self._admin.ask("GET", "mod/user/database")
        many = {"multiple": True, "read": True, "write": True}
        users["parameters"]["data-format"]["groups"] = many
        self._admin.ask("PUT", "mod/user/database", users)
        self._admin.ask("PUT", "mod/user/database/reset")
        self._admin.ask("POST", "mod/scheme/", glewlwyd_setup.telephones())
        self._admin.ask("PUT", "scope/openid", glewlwyd_setup.scope("openid"))
        self._admin.ask("POST", "scope/", glewlwyd_setup.scope(STRONG, "otp"))
        self._admin.ask("POST", "mod/plugin/", glewlwyd_setup.plugin(self.issuer))
        self._admin.ask("POST", "client/", glewlwyd_setup.client(redirect_uri))


def new_name() -> str:
    """Somebody's, whom no other test knows."""
    token = secrets.token_bytes(5)
    return "person-" + base64.b32encode(token).decode().lower()


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@pytest.fixture(scope="session")
def glewlwyd_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Glewlwyd]:
    """One for the whole module that imports this fixture."""
    server = Glewlwyd(need("glewlwyd", INSTALL), tmp_path_factory.mktemp("glewlwyd"))
    try:
        server.begin(USUAL)
        yield server
    finally:
        server.kill()


@pytest.fixture
def glewlwyd(glewlwyd_server: Glewlwyd) -> Iterator[Glewlwyd]:
    """The provider, whole again after each test."""
    yield glewlwyd_server
    glewlwyd_server.mend()
    glewlwyd_server.come_back_to(USUAL)
