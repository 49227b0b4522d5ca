"""Strangers on the wire: encrypted or nothing, no version, no echo, no endless wait."""

import asyncio
import gzip
import itertools
import ssl

import pytest
import structlog
from aiohttp import ClientSession, CookieJar, TCPConnector
from yarl import URL

from proxy.access import listener
from proxy.intake import routes
from tests.fakes.certificates import self_signed

# A client must speak what is refused, or it would be no refusal.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")

SECRET_TEXT = "Madame-Dupont-0612345678"
CARRIED = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Server": "ponctuel",
    "X-Content-Type-Options": "nosniff",
}
POLICY = {"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"}
PATHS = [
    "/",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/api/v1/sites/clinic/policies",
    "/api/v1/nowhere",
    "/webhooks/pbx",
    "/webhooks/nowhere",
    "/recordings/1",
    "/%ff%00",
]


async def answered(streams, request: bytes) -> bytes:
    """All that comes back until the connection ends."""
    reader, writer = streams
    writer.write(request)
    return await reader.read()


def head_of(answer: bytes) -> dict[str, str]:
    lines = answer.partition(b"\r\n\r\n")[0].decode().splitlines()[1:]
    return dict(line.split(": ", 1) for line in lines)


@pytest.fixture
async def encrypted(centre, tmp_path):
    """A service that ends TLS itself, with a certificate nobody has reason to trust."""
    file = tmp_path / "certificate.pem"
    self_signed(file)
    certificate = {"tls_certificate": file, "tls_key": file}
    await centre.open(http={"port": 0} | certificate)
    return URL(centre.service.address)


def careless(**limits: object) -> ssl.SSLContext:
    """A client that takes whatever it is offered, within these limits."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    for name, limit in limits.items():
        setattr(context, name, limit)
    return context


async def negotiated(address: URL, context: ssl.SSLContext) -> tuple[str, str]:
    """Protocol and cipher that both agree upon. Raises ssl.SSLError."""
    _, writer = await asyncio.open_connection(address.host, address.port, ssl=context)
    agreed = writer.get_extra_info("ssl_object")
    writer.close()
    return agreed.version(), agreed.cipher()[0]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken_with_ciphers_of_today(encrypted, version):
    protocol, cipher = await negotiated(encrypted, careless(maximum_version=version))

    assert protocol == version.name.replace("_", ".")
    assert cipher.startswith(("ECDHE-", "TLS_"))  # all of 1.3 are forward secret
    assert "GCM" in cipher or "CHACHA20" in cipher


@pytest.fixture
async def lax(tmp_path):
    """A server that agrees to whatever a client asks for: the client can, then."""
    context = self_signed(tmp_path / "lax.pem")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    server = await asyncio.start_server(
        lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context
    )
    async with server:
        yield URL("https://{}:{}".format(*server.sockets[0].getsockname()))


async def test_older_versions_of_tls_are_refused(encrypted, lax):
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        old = careless(minimum_version=version, maximum_version=version)
        assert (await negotiated(lax, old))[0] == version.name.replace("_", ".")

        with pytest.raises((ssl.SSLError, ConnectionError)):
            await negotiated(encrypted, old)


async def test_a_cipher_that_authenticates_or_encrypts_nothing_is_refused(
    encrypted, lax
):
    for cipher in (
        "AECDH-AES128-SHA",  # nobody shows who they are
        "ECDHE-ECDSA-NULL-SHA",  # in clear
        "ECDHE-ECDSA-AES128-SHA256",  # not authenticated encryption
    ):
        weak = careless(maximum_version=ssl.TLSVersion.TLSv1_2)
        weak.set_ciphers(f"{cipher}:@SECLEVEL=0")
        assert (await negotiated(lax, weak))[1] == cipher

        with pytest.raises((ssl.SSLError, ConnectionError)):
            await negotiated(encrypted, weak)


async def test_in_clear_a_tls_listener_answers_nothing(encrypted, open_socket):
    request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

    answer = await answered(await open_socket(str(encrypted)), request)

    assert b"HTTP" not in answer
    assert b"alive" not in answer


async def test_over_tls_browsers_are_told_to_come_back_over_tls_only(encrypted):
    trusting = TCPConnector(ssl=False)
    async with (
        ClientSession(connector=trusting, cookie_jar=CookieJar(unsafe=True)) as http,
        http.get(encrypted / "healthz") as found,
        http.get(encrypted / "nowhere") as nothing,
    ):
        told = {
            answer.headers["Strict-Transport-Security"] for answer in (found, nothing)
        }

    assert told == {"max-age=31536000; includeSubDomains"}


async def test_every_answer_carries_the_headers_and_no_version(house):
    asked = itertools.product(PATHS, [{}, {"Expect": "no sense"}])
    for path, unlike_others in asked:
        url = URL(f"{house.service.address}{path}", encoded=True)
        async with house.http.get(url, headers=unlike_others) as answer:
            found = answer.headers

        assert {name: found[name] for name in CARRIED} == CARRIED
        assert set(found["Content-Security-Policy"].split("; ")) >= POLICY
        assert "Strict-Transport-Security" not in found  # nobody came over TLS


async def test_the_figures_page_carries_them_as_well(house):
    async with house.http.get(f"{house.service.metrics_address}/metrics") as answer:
        assert answer.status == 200
        assert {name: answer.headers[name] for name in CARRIED} == CARRIED


# Each would be read differently by a proxy before us: where one request ends and the
# next begins must never be a matter of opinion (RFC 9112, 11.2).
AMBIGUOUS = {
    "two-lengths-of-two-kinds": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "two-lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "the-same-length-twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a-list-of-lengths": b"Content-Length: 5, 5\r\n",
    "a-signed-length": b"Content-Length: +5\r\n",
    "a-negative-length": b"Content-Length: -5\r\n",
    "chunked-but-not-last": b"Transfer-Encoding: chunked, identity\r\n",
    "no-encoding": b"Transfer-Encoding: identity\r\n",
    "chunked-twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "chunked-in-disguise": b"Transfer-Encoding: \x0bchunked\r\n",
    "two-hosts": b"Host: y\r\n",
    "a-space-before-the-colon": b"Content-Length : 5\r\n",
    "a-folded-line": b"X-A: b\r\n c\r\n",
    "a-header-with-nul": b"X-A: b\x00c\r\n",
    "a-header-with-half-a-line-end": b"X-A: b\rContent-Length: 5\r\n",
    "a-header-without-name": b": b\r\n",
}


async def test_a_request_whose_end_is_ambiguous_is_refused_and_nothing_after_it_read(
    house, open_socket
):
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    request = b"POST /webhooks/pbx HTTP/1.1\r\nHost: x\r\n%b\r\n0\r\n\r\n%b"

    for headers in AMBIGUOUS.values():
        streams = await open_socket(house.service.address)
        answer = await answered(streams, request % (headers, smuggled))

        assert answer.startswith(b"HTTP/1.0 400 "), headers
        assert answer.count(b"Server: ") == 1
        assert b"alive" not in answer


async def test_older_kinds_of_http_get_no_further_than_they_went(house, open_socket):
    pieces = b"Host: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    for request in (
        b"GET /healthz\r\n\r\n",  # HTTP/0.9
        b"GET /healthz HTTP/1.0\r\n" + pieces,
    ):
        answer = await answered(await open_socket(house.service.address), request)

        assert answer.split()[1] == b"400"
        assert b"alive" not in answer


async def test_a_chunk_of_no_sure_size_is_refused(house, open_socket):
    head = b"POST /webhooks/pbx HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked"
    smuggled = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    rest = b"%b\r\n\r\n%b\r\nhello\r\n0\r\n\r\n%b"

    for size in (b"+5", b"0x5", b"-1", b"5 ", b"f" * 17):
        streams = await open_socket(house.service.address)
        answer = await answered(streams, rest % (head, size, smuggled))

        assert answer.split()[1] == b"400", size
        assert b"alive" not in answer


LARGE = (
    b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 9000),
    b"GET / HTTP/1.1\r\nHost: x\r\nX-A: %b\r\n\r\n" % (b"a" * 9000),
    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=%b\r\n\r\n" % (b"a" * 9000),
    b"GET / HTTP/1.1\r\nHost: x\r\n%b\r\n"
    % b"".join(b"X-%d: b\r\n" % number for number in range(200)),
)


async def test_longer_than_8_kib_or_128_headers_is_refused(house, open_socket):
    for large in LARGE:
        answer = await answered(await open_socket(house.service.address), large)

        assert answer.startswith(b"HTTP/1.0 400 ")


async def test_what_cannot_be_read_is_neither_quoted_nor_logged_nor_is_who_sent_it(
    house, open_socket
):
    request = f"GET /{SECRET_TEXT} HTTP/1.1\r\nHost: x\r\n{SECRET_TEXT}\r\n\r\n"

    with structlog.testing.capture_logs() as lines:
        answer = await answered(
            await open_socket(house.service.address), request.encode()
        )

    assert b"unreadable-request" in answer
    assert SECRET_TEXT.encode() not in answer
    assert b"aiohttp" not in answer
    assert b"Python" not in answer
    headers = head_of(answer)
    assert {name: headers[name] for name in CARRIED} == CARRIED
    assert [line["event"] for line in lines] == ["unreadable"]
    assert SECRET_TEXT not in repr(lines)
    assert "127.0.0.1" not in repr(lines)


async def test_neither_is_it_by_the_library_that_speaks_http(
    house, open_socket, caplog
):
    await answered(await open_socket(house.service.address), b"no request\r\n\r\n")

    assert caplog.records == []


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_who_never_ends_a_request_is_not_waited_for(
    centre, open_socket, monkeypatch, sent
):
    monkeypatch.setattr(listener, "FIRST_REQUEST_SECONDS", 0.3)
    await centre.open()
    reader, writer = await open_socket(centre.service.address)

    dribbling = asyncio.create_task(_dribble(writer, sent, b"a"))

    assert await until_ended(reader) == b""
    dribbling.cancel()


async def test_who_never_ends_a_second_request_is_not_waited_for_either(
    centre, open_socket, monkeypatch
):
    monkeypatch.setattr(listener, "IDLE_SECONDS", 0.3)
    await centre.open()
    reader, writer = await open_socket(centre.service.address)
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(whole)
    await reader.readuntil(b"alive")

    dribbling = asyncio.create_task(_dribble(writer, b"GET / HTTP/1.1\r\nX: ", b"a"))

    assert b"HTTP" not in await until_ended(reader)
    dribbling.cancel()


@pytest.mark.parametrize("then", [b"", b" "], ids=["silent", "dribbling"])
@pytest.mark.parametrize("path", ["/webhooks/pbx", "/api/v1/sites/clinic/policies"])
async def test_who_never_ends_a_body_is_not_waited_for(
    house, open_socket, monkeypatch, path, then
):
    monkeypatch.setattr(routes, "BODY_SECONDS", 0.3)
    reader, writer = await open_socket(house.service.address)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n"

    dribbling = asyncio.create_task(_dribble(writer, head.encode(), then))

    answer = await until_ended(reader)
    dribbling.cancel()
    # Whoever goes on talking may find the door shut before they have heard why.
    assert answer.startswith(b"HTTP/1.1 400 ") or (then and not answer)


async def until_ended(reader: asyncio.StreamReader) -> bytes:
    """What came, if it could be read at all: we may still be talking at the end."""
    try:
        return await reader.read()
    except ConnectionError:
        return b""


async def _dribble(writer: asyncio.StreamWriter, first: bytes, then: bytes) -> None:
    """Say something again and again, so that silence is not what ends it."""
    writer.write(first)
    while first:
        writer.write(then)
        await asyncio.sleep(0.05)


async def test_a_body_that_unpacks_to_too_much_is_refused(house):
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 64 * 1024

    reply = await house.ask(
        "POST",
        f"{house.service.address}/webhooks/pbx",
        data=bomb,
        headers={"Content-Encoding": "gzip"},
    )

    assert reply.status == 413


@pytest.mark.parametrize("path", ["/webhooks/pbx", "/api/v1/sites/clinic/policies"])
async def test_a_body_that_does_not_unpack_is_refused(house, path):
    reply = await house.ask(
        "POST",
        f"{house.service.address}{path}",
        data=b"not packed at all",
        headers={"Content-Encoding": "gzip"},
    )

    assert (reply.status, reply.problem) == (400, "bad-event")


async def test_no_method_works_that_no_route_names(house, open_socket):
    request = "{} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    for method in ("TRACE", "CONNECT", "OPTIONS", "PROPFIND"):
        streams = await open_socket(house.service.address)
        answer = await answered(streams, request.format(method).encode())

        assert answer.split()[1] in {b"400", b"404", b"405"}, method
        assert b"Access-Control" not in answer
