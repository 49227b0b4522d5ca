"""A listener behind a proxy that ends TLS, found by somebody who goes past it."""

import pytest

from tests.fakes.clinic import SITE

pytestmark = pytest.mark.acceptance
CLOSED = [
    ("GET", "/console/sign-in"),
    ("POST", "/console/sign-in"),
    ("GET", "/console/static/console.css"),
    ("GET", "/api/v1/openapi.json"),
    ("GET", f"/api/v1/sites/{SITE}/policies"),
    ("GET", f"/api/v1/sites/{SITE}/plays/0/audio"),
    ("GET", "/packages/0"),
    ("POST", "/recordings/1"),
    ("GET", "/"),
]
OVER_TLS = {"X-Forwarded-Proto": "https"}


@pytest.fixture
async def proxied(centre):
    """Whoever asks from here is a proxy, as far as the service knows."""
    await centre.open(http={"port": 0, "trusted_proxies": ("127.0.0.0/8",)})
    return centre


async def asked(centre, method, path, **headers):
    address = f"{centre.service.address}{path}"
    async with centre.http.request(method, address, headers=headers) as answer:
        return answer, await answer.text()


@pytest.mark.parametrize("proto", [None, "http", "HTTPS,http"])
async def test_console_api_and_listening_answer_over_tls_only(proxied, proto):
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    for method, path in CLOSED:
        answer, text = await asked(proxied, method, path, **headers)
        assert answer.status == 403, path
        assert answer.content_type == "application/problem+json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers
        assert "X-Forwarded-Proto: https" in text


async def test_a_token_shown_in_clear_is_not_even_looked_at(proxied):
    bearer = {"Authorization": "Bearer nobodys"}
    path = f"/api/v1/sites/{SITE}/policies"

    refused, _ = await asked(proxied, "GET", path, **bearer)
    heard, _ = await asked(proxied, "GET", path, **bearer, **OVER_TLS)

    assert (refused.status, heard.status) == (403, 401)


async def test_through_the_proxy_all_of_it_is_there(proxied):
    answer, text = await asked(proxied, "GET", "/console/sign-in", **OVER_TLS)
    assert answer.status == 200
    assert "<form" in text


async def test_probes_and_signed_webhooks_are_heard_all_the_same(proxied, monkeypatch):
    monkeypatch.setattr("proxy.app._ANSWER_SECONDS", 30)  # of a database that is busy
    assert (await asked(proxied, "GET", "/healthz"))[0].status == 200
    assert (await asked(proxied, "GET", "/readyz"))[0].status == 200
    answer, text = await asked(proxied, "POST", "/webhooks/pbx")
    assert answer.status == 401
    assert "webhook-rejected" in text


async def test_a_path_that_only_looks_like_a_probes_opens_nothing(proxied):
    for path in ("/healthz/../console/sign-in", "/webhooks/%2e%2e/console/sign-in"):
        _, text = await asked(proxied, "GET", path)
        assert "<form" not in text
