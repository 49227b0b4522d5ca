"""Requests nobody would write: what a stranger, or a member, may send byte by byte.

Some are nearly right, so that they reach what is behind the door; most are broken in
one place or more. They go over a socket of our own: a client library would refuse to
send half of them.
"""

import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web
from hypothesis import strategies as st
from yarl import URL

import proxy.console
from proxy.access.wire import COOKIE, CSRF_HEADER

PATIENCE = 15.0  # seconds
LARGEST = 256 * 1024  # bytes of an answer
_FORM = "application/x-www-form-urlencoded"
_METHODS = (
    "HEAD",
    "OPTIONS",
    "DELETE",
    "PATCH",
    "TRACE",
    "get",
    "X-NONE",
    "POST",
    "GET",
)
_PARTS = (
    "%",
    "%zz",
    "%00",
    "%ff",
    "%ed%a0%80",
    "..%2f..",
    "%2e%2e",
    ".",
    "a" * 999,
    "",
)
_TEXTS = ("\0", "\x7f", "\u202e", "\ufffe", "𝄞", "'", "<b>", "{{7*7}}", "9" * 5000)
_FIELDS = sorted(
    {"criterion-1", "score-1", "comment-1"}
    | {
        name
        for file in Path(proxy.console.__file__).parent.glob("*.py")
        for name in re.findall(r'(?:field|get)\("(\w+)"', file.read_text("utf-8"))
    }
)
# What must be in no answer: how it was made, where, and out of what.
_TOLD = re.compile(
    rb'Traceback|File "|\b\w+(Error|Exception)\b|object at 0x'
    rb"|asyncpg|aiohttp|pydantic|\bSELECT\b"
)
_CARRIED = (b"content-security-policy", b"x-content-type-options: nosniff", b"no-store")

_text = st.sampled_from(_TEXTS) | st.text(max_size=12)
_scalar = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), _text, st.just("\ud800")
)
_json = st.recursive(
    _scalar,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3)
    ),
    max_leaves=6,
)
_raw = st.binary(max_size=30).map(lambda raw: re.sub(rb"[\r\n\0]", b"?", raw))
_sensible = {
    b"Accept-Language": (b"fr, en;q=0.5", b"x-;q=a"),
    b"Accept": (b"text/html", b"application/openmetrics-text"),
    b"Authorization": (b"Bearer ", b"Basic Zm9v", b"Bearer pk_clinic.x"),
    b"Content-Encoding": (b"gzip", b"br", b"deflate, gzip"),
    b"Cookie": (COOKIE.encode() + b"=clinic.", b"=;=;", b"a=b; a=c", b'x="\\377"'),
    b"Expect": (b"100-continue", b"nothing"),
    b"If-Range": (b'"x"',),
    b"Origin": (b"null", b"http://evil.example", b"http://["),
    b"Range": (b"bytes=0-", b"bytes=5-2", b"bytes=-0", b"bytes=0-0,1-1", b"x=1-2"),
    b"Sec-Fetch-Site": (b"cross-site", b"same-origin", b""),
    b"Upgrade": (b"websocket", b"h2c"),
    b"X-Forwarded-For": (b"203.0.113.9", b"', ('", b"::"),
    CSRF_HEADER.encode(): (b"\xff", b"x" * 43),
    b"X-Long": (b"a" * 8000, b"a" * 9000),
}


@dataclass(frozen=True)
class Somebody:
    """Who asks: by these headers, and with what their pages send back."""

    name: str
    shown: tuple[tuple[str, str], ...] = ()
    csrf: str = ""


@dataclass(frozen=True)
class Place:
    """A route, as the router has it."""

    method: str
    path: str
    example: Mapping[str, Any] | None = None
    """A body it would understand."""


def places_of(
    application: web.Application, examples: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Place]:
    """Every route there is, and some that are none."""
    found = {
        (route.method, route.resource.canonical)
        for resource in application.router.resources()
        for route in resource
    }
    nowhere = {("GET", "/{name}"), ("POST", "/api/v1/{name}"), ("GET", "/console/{x}")}
    return [
        Place(method, path, examples.get((method, path)))
        for method, path in sorted(found | nowhere)
    ]


@st.composite
def requests(
    draw: st.DrawFn, places: Sequence[Place], who: Somebody, known: Sequence[str]
) -> bytes:
    """One request. `known`: what stands in paths and exists."""
    place = draw(st.sampled_from(places))
    method = draw(_mostly(st.just(place.method), st.sampled_from(_METHODS)))
    kind, body = draw(_bodies(place, who))
    lines = [
        f"{method} {draw(_paths(place, known))} HTTP/1.{draw(st.sampled_from('110'))}",
        "Host: x",
        "Connection: close",
        *(f"{name}: {value}" for name, value in who.shown),
    ]
    if who.csrf and draw(_mostly(st.just(True), st.just(False))):
        lines.append(f"{CSRF_HEADER}: {who.csrf}")
    if body and draw(_mostly(st.just(True), st.just(False))):
        lines.append(f"Content-Type: {kind}")
    head = "\r\n".join(lines).encode()
    for name, value in draw(st.lists(_headers, max_size=2)):
        head += b"\r\n%b: %b" % (name, value)
    if draw(_mostly(st.just(True), st.just(False))):
        return head + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return head + b"\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % chunk


def _mostly(
    usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    return st.integers(0, 5).flatmap(lambda number: usual if number else odd)


_headers = st.one_of(
    [
        st.tuples(st.just(name), st.sampled_from(values) | _raw)
        for name, values in _sensible.items()
    ]
)


@st.composite
def _paths(draw: st.DrawFn, place: Place, known: Sequence[str]) -> str:
    part = _mostly(
        st.sampled_from(known),
        st.sampled_from(_PARTS) | _text.map(lambda text: quote(text, safe="")),
    )
    path = re.sub(r"\{\w+\}", lambda _: draw(part), place.path)
    pairs = draw(_mostly(st.just([]), st.lists(st.tuples(_text, _text), max_size=3)))
    names = st.sampled_from(["after", "limit", "state", "x"])
    if draw(_mostly(st.just(False), st.just(True))):
        pairs = [*pairs, *[(draw(names), draw(_text))] * draw(st.integers(1, 2))]
    odd = draw(_mostly(st.just(""), st.sampled_from(["?%", "?%ff=%00", "?&&==", "#x"])))
    return path + (f"?{urlencode(pairs)}" if pairs else "") + odd


@st.composite
def _bodies(draw: st.DrawFn, place: Place, who: Somebody) -> tuple[str, bytes]:
    if place.method == "GET":
        return "text/plain", draw(_mostly(st.just(b""), _raw))
    if place.example is not None:
        example = dict(place.example)
        for name in draw(
            st.lists(st.sampled_from(sorted(example) or ["x"]), max_size=2)
        ):
            example[name] = draw(_json)
        return "application/json", json.dumps(example).encode()
    fields = draw(st.dictionaries(st.sampled_from(_FIELDS), _text, max_size=6))
    fields["csrf"] = draw(_mostly(st.just(who.csrf), _text))
    form = st.just((_FORM, urlencode(fields).encode()))
    other = st.tuples(
        st.sampled_from(["application/json", _FORM, "multipart/form-data", "x"]),
        _json.map(lambda value: json.dumps(value).encode()) | _raw,
    )
    return draw(_mostly(form, other))


def ask(address: str, request: bytes) -> bytes:
    """All that is answered, until the connection ends."""
    url = URL(address)
    assert url.host
    answer = b""
    with socket.create_connection((url.host, url.port or 80), PATIENCE) as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(1 << 16):
                answer += piece
        except ConnectionError:  # it stopped listening before all was said
            pass
    return answer


def faults_of(answer: bytes, *, is_broken: bool = False) -> list[str]:
    """What must not be in any answer, and what must be in each.

    Of a service that `is_broken`, 503 is the truth.
    """
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    status = re.match(rb"HTTP/1\.[01] (\d{3}) ", head)
    if status is None:
        return ["no answer"]
    faults = [f"without {name!r}" for name in _CARRIED if name not in head.lower()]
    if int(status[1]) >= 500 and not (is_broken and status[1] == b"503"):
        faults.append(f"status {status[1].decode()}")
    if len(answer) > LARGEST:
        faults.append(f"{len(answer)} bytes")
    is_text = b"application/zip" not in head  # what auditors get holds their verifier
    if is_text and (told := _TOLD.search(body)):
        faults.append(f"says {told[0]!r}")
    return faults


def status_of(answer: bytes) -> int:
    """Zero where nothing was answered."""
    found = re.match(
        rb"HTTP/1\.[01] (\d{3}) ",
        answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n"),
    )
    return int(found[1]) if found else 0
