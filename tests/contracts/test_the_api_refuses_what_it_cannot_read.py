"""Bad questions: every fault is told, with what would be right, and no value."""

import json

import pytest

from tests.fakes.api import TOKENS, asker, with_people
from tests.fakes.call_centre import SITE

SECRET_TEXT = "Madame-Dupont-0612345678"
GOOD = {"rate": "1%", "starts_on": "2026-11-19"}


@pytest.fixture
async def olga(centre):
    await centre.open(sites=with_people(centre))
    return asker(centre)


async def post_raw(person, raw, content_type="application/json", path="/policies"):
    return await person.send(
        "POST",
        f"{person.address}/api/v1/sites/{SITE}{path}",
        data=raw,
        headers={"Content-Type": content_type} if content_type else {},
    )


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "bad-body"),
        (b"{", "bad-body"),
        (b"[]", "bad-body"),
        (b'"text"', "bad-body"),
        (b"\xff\xfe", "bad-body"),
        (b'{"rate": "1%", "rate": "9%"}', "bad-body"),
        (b'{"rate": NaN}', "bad-body"),
        (b'{"rate": 1e999}', "bad-body"),
        (b'{"announcement": "\\u0000"}', "bad-body"),
        (b'{"announcement": "\\ud800"}', "bad-body"),
        (b'{"a":' * 20 + b"1" + b"}" * 20, "bad-body"),
        (b'{"burst": 1' + b"0" * 5000 + b"}", "bad-body"),
    ],
    ids=[
        "empty",
        "broken-off",
        "list",
        "text",
        "no-text",
        "twice",
        "nan",
        "infinite",
        "nul",
        "half-character",
        "deep",
        "long-number",
    ],
)
async def test_what_is_not_one_json_object_is_refused(olga, raw, problem):
    answer = await post_raw(olga, raw)

    assert (answer.status, answer.problem) == (400, problem)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", ""])
async def test_only_json_is_read(olga, content_type):
    answer = await post_raw(olga, json.dumps(GOOD).encode(), content_type)

    assert (answer.status, answer.problem) == (415, "wrong-content-type")


async def test_64_kib_are_enough(olga):
    padding = b" " * (64 * 1024 - len(json.dumps(GOOD)))

    fits = await post_raw(olga, json.dumps(GOOD).encode() + padding)
    larger = await post_raw(olga, json.dumps(GOOD).encode() + padding + b" ")

    assert fits.status == 201
    assert (larger.status, larger.problem) == (413, "body-too-large")


async def test_every_fault_is_named_with_its_field_and_a_remedy(olga):
    wrong = {
        "rate": "2",
        "burst": "5",
        "starts_on": 20261119,
        "kept_days": True,
        "purpose": SECRET_TEXT,
        "announcment": "",
        "strata": {"cardio_out": {"rate": "x", "ends": "2026-12-01"}},
        "excluded_lines": [SECRET_TEXT],
    }

    answer = await olga.post("/policies", wrong)

    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert {each["field"] for each in answer.body["errors"]} == {
        "rate",
        "burst",
        "starts_on",
        "kept_days",
        "purpose",
        "announcment",
        "strata.cardio_out.rate",
        "strata.cardio_out.ends",
        "excluded_lines.0",
    }
    assert all(each["detail"] and each["fix"] for each in answer.body["errors"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": "sNaN%"},
        {"rate": "1e999999999%"},
        {"rate": "9" * 5000},
        {"rate": 1e300},
        {"burst": 10**400},
        {"starts_on": "9999-12-31"},
        {"starts_on": "0001-01-01", "ends_on": "2999-12-31"},
    ],
    ids=lambda wrong: str(wrong)[:30],
)
async def test_numbers_and_days_beyond_reason_are_refused_at_once(olga, wrong):
    answer = await olga.post("/policies", GOOD | wrong)

    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert {each["field"] for each in answer.body["errors"]} <= wrong.keys()


async def test_an_unlawful_policy_is_refused_with_all_that_is_unlawful(olga):
    wrong = GOOD | {"ceiling": "20%", "kept_days": 365, "max_seconds": 7200}

    answer = await olga.post("/policies", wrong)

    assert answer.status == 422
    told = {each["field"] for each in answer.body["errors"]}
    assert told == {"ceiling", "burst", "kept_days", "max_seconds"}


@pytest.mark.parametrize(
    "wrong",
    [
        GOOD | {"rate": SECRET_TEXT},
        GOOD | {SECRET_TEXT: 1},
        GOOD | {"0612345678": 1},
        GOOD | {"starts_on": SECRET_TEXT},
        GOOD | {"strata": {SECRET_TEXT: {}}},
        GOOD | {"opt_out_key": SECRET_TEXT},
        GOOD | {"excluded_agents": ["0612345678"]},
        {"nature": f"{SECRET_TEXT} called"},
    ],
    ids=str,
)
async def test_no_value_that_was_sent_comes_back(olga, wrong):
    path = "/incidents" if "nature" in wrong else "/policies"

    answer = await olga.post(path, wrong)

    assert answer.status == 422
    assert "Dupont" not in answer.text
    assert "0612345678" not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=ten",
        "limit=1&limit=2",
        "limit=",
        "after=%00",
        "page=2",
    ],
)
async def test_a_bad_page_is_refused(olga, query):
    answer = await olga.get(f"/policies?{query}")

    assert (answer.status, answer.problem) == (422, "invalid-request")


async def test_what_is_asked_in_an_address_of_a_post_is_refused(olga):
    answer = await olga.post("/policies?rate=9%25", GOOD)

    assert (answer.status, answer.problem) == (422, "invalid-request")


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "x", "9" * 30, "2147483648"])
async def test_what_cannot_be_a_number_of_a_policy_is_nowhere(olga, number):
    answer = await olga.get(f"/policies/{number}")

    assert answer.status == 404


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"])
async def test_other_methods_are_refused(olga, method):
    answer = await olga.ask(method, "/policies")

    assert answer.status == 405
    assert "Access-Control-Allow-Origin" not in answer.headers


async def everything(olga, path):
    """A list as it is read page by page, and how long each page was."""
    found, lengths, after = [], [], ""
    while after is not None:
        page = (await olga.get(f"{path}limit=2&after={after}")).body
        found += page["items"]
        lengths.append(len(page["items"]))
        after = page["next"]
    return found, lengths


async def test_pages_put_together_are_the_whole_list(olga):
    for _ in range(4):
        await olga.post("/policies", GOOD)

    policies, lengths = await everything(olga, "/policies?")
    events, _ = await everything(olga, "/policies/5/history?")
    runs, _ = await everything(olga, "/reconciliations/runs?")

    assert [policy["number"] for policy in policies] == [1, 2, 3, 4, 5]
    assert lengths == [2, 2, 1]
    assert [event["number"] for event in events] == [5]
    assert runs == []


@pytest.mark.parametrize("state", ["open", "all"])
async def test_incidents_known_at_the_same_moment_are_each_on_one_page(olga, state):
    known = {"aware_at": "2026-11-18T08:00:00.123456Z"}
    opened = {
        (await olga.post("/incidents", {"nature": "lost"} | known)).body["incident_id"]
        for _ in range(4)
    }

    found, lengths = await everything(olga, f"/incidents?state={state}&")

    assert {incident["incident_id"] for incident in found} == opened
    assert lengths == [2, 2]
    assert (await everything(olga, "/incidents?state=closed&"))[0] == []


async def test_attempts_that_were_refused_come_in_pages_too(olga):
    for _ in range(3):
        await olga.post("/policies/1/approve", {"digest": "ab" * 32})

    refused, lengths = await everything(olga, "/refused-attempts?")

    assert [attempt["is_refused"] for attempt in refused] == [True] * 3
    assert lengths == [2, 1]


@pytest.mark.parametrize("after", ["x", "-1", "1" * 19, "1_2", "%C2%B2"])
@pytest.mark.parametrize(
    "path", ["/policies", "/incidents", "/refused-attempts", "/reconciliations/runs"]
)
async def test_what_is_no_place_in_a_list_is_refused(olga, path, after):
    answer = await olga.get(f"{path}?after={after}")

    assert (answer.status, answer.problem) == (422, "invalid-request")


@pytest.mark.parametrize("path", ["/policies", "/policies/999", "/nowhere"])
async def test_no_answer_is_kept_framed_or_shared(olga, path):
    answer = await olga.get(path)

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers
    assert "Access-Control-Allow-Origin" not in answer.headers


async def test_a_token_in_an_address_is_no_token(olga):
    olga.token = ""

    answer = await olga.get(f"/policies?access_token={TOKENS['olga']}")

    assert answer.status == 401
    assert TOKENS["olga"] not in answer.text
