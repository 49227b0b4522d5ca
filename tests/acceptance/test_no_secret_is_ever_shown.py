"""Secrets are in the settings and nowhere else: not in words, errors or answers."""

import json

import pytest

from proxy.errors import PonctuelError
from tests.fakes.call_centre import SECRET, SOURCE_TOKEN, UPLOAD_TOKEN

DSN_PASSWORD = "a-password-of-the-database"
SECRETS = [SECRET, SECRET[6:], SOURCE_TOKEN, UPLOAD_TOKEN, DSN_PASSWORD]


def shown(text):
    return [secret for secret in SECRETS if secret in text]


async def test_what_describes_itself_leaves_its_secrets_out(centre):
    service = await centre.open()
    connection = service._connections["pbx"]
    settings = centre.settings(
        dsn=f"postgresql://ponctuel:{DSN_PASSWORD}@db.example.com/ponctuel"
    )

    for each in (settings, settings.sites, connection, connection.platform):
        assert shown(repr(each) + str(each)) == []
    assert shown(settings.model_dump_json()) == []


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("secrets", ["not-a-webhook-secret-" + UPLOAD_TOKEN]),
        ("source_token", {"not": UPLOAD_TOKEN}),
        ("upload_tokens", UPLOAD_TOKEN),
    ],
)
async def test_a_wrong_secret_is_refused_without_being_quoted(centre, name, wrong):
    connection = {"kind": "generic", "secrets": [SECRET], name: wrong}

    with pytest.raises(PonctuelError) as refused:
        await centre.open(more_connections={"third": connection})

    assert name in str(refused.value)
    assert shown(str(refused.value) + repr(refused.value)) == []


async def test_no_answer_quotes_a_secret_or_a_person(house):
    replies = [
        await house.send("call.started", {"call_id": SECRET}),
        await house.send("call.opt_out", {"call_id": "+33612345678"}),
        await house.upload(SOURCE_TOKEN, b"", expect100=True),
        await house.upload("x", b"", token=UPLOAD_TOKEN[:-1], expect100=True),
        await house.ask("GET", f"{house.service.address}/{UPLOAD_TOKEN}"),
        await house.offer(f"https://{UPLOAD_TOKEN}.example.com/", SECRET),
    ]

    assert {reply.status for reply in replies} <= {400, 401, 404, 422}
    told = json.dumps([reply.body for reply in replies])
    assert shown(told) == []
    assert "612345678" not in told
