"""A header may hold bytes that are no text; whoever sends them is a stranger."""

from urllib.parse import urlsplit

import pytest

from proxy.access.oidc.sign_in import COOKIE as ABROAD
from proxy.access.wire import COOKIE
from proxy.console.defences import BEGUN, FORM, LANGUAGE

PATHS = ("/console/sign-in", "/console/sign-in/second", "/console/", "/console/nowhere")


@pytest.mark.parametrize("name", [COOKIE, FORM, BEGUN, LANGUAGE, ABROAD])
async def test_a_cookie_that_is_no_text_is_no_fault_of_ours(house, open_socket, name):
    host = urlsplit(house.service.address).netloc.encode()
    for path in (*PATHS, "/console/sign-in/sso/back?state=x&code=y"):
        reader, writer = await open_socket(house.service.address)
        writer.write(
            b"GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
            b"Cookie: %s=a\xffb\r\n\r\n" % (path.encode(), host, name.encode())
        )
        status = int((await reader.readline()).split()[1])
        assert status < 500, (path, status)
