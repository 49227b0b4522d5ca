"""Grants and the quarterly review, over the API, by those whose office it is."""

from datetime import timedelta

import pytest

from proxy.access.grants.rules import LONGEST
from tests.fakes.api import asker, with_people
from tests.fakes.listeners import ADMIN, signed_in

NOBODYS = "3f0b7a52-6c8e-4a53-9d44-1f3f6d2c9f10"
MONTH = timedelta(days=30)


@pytest.fixture
async def clinic(centre):
    await centre.open(sites=with_people(centre))
    await signed_in(centre, "trainer-tess")
    return centre


@pytest.fixture
def dora(clinic):
    return asker(clinic, "dora")


def new(clinic, code="trainer-tess", lasts=MONTH, **more):
    return {"code": code, "until": (clinic.clock() + lasts).isoformat()} | more


async def test_a_grant_is_given_listed_reviewed_and_ended(clinic, dora):
    made = await dora.post("/grants", new(clinic, practice="cardio"))
    grant = made.body["grant_id"]
    reviewed = await dora.post(f"/grants/{grant}/review", {})
    ended = await dora.post(f"/grants/{grant}/end", {})

    assert (made.status, made.body["holds"], made.body["given_by"]) == (
        201,
        True,
        "dora",
    )
    assert reviewed.body["until"] == made.body["until"]
    assert reviewed.body["reviewed_by"] == "dora"
    assert (ended.body["holds"], ended.body["ended_by"]) == (False, "dora")
    assert (await dora.get("/grants")).body == {"items": [ended.body], "next": None}


async def test_an_administrator_reads_the_register_and_cannot_write_it(clinic, dora):
    await dora.post("/grants", new(clinic))
    ada = asker(clinic, "ada")

    refused = await ada.post("/grants", new(clinic, code="tina"))

    assert (refused.status, refused.problem) == (403, "forbidden")
    assert len((await ada.get("/grants")).body["items"]) == 1


@pytest.mark.parametrize(
    ("change", "status", "problem", "field"),
    [
        ({"practice": "derma"}, 422, "grant-refused", "practice"),
        ({"campaign": "spring"}, 422, "grant-refused", "campaign"),
        ({"code": "nobody"}, 422, "grant-refused", "code"),
        ({"code": "olga"}, 422, "grant-refused", "code"),
        ({"lasts": LONGEST + timedelta(seconds=1)}, 422, "grant-refused", "until"),
        ({"lasts": timedelta()}, 422, "grant-refused", "until"),
        ({"code": "dora"}, 403, "own-grant", None),
        ({"until": "2026-12-15"}, 422, "invalid-request", None),
        ({"until": "2026-12-15T00:00:00"}, 422, "invalid-request", None),
    ],
    ids=str,
)
async def test_what_may_not_be_given_is_refused_with_its_field(
    clinic, dora, change, status, problem, field
):
    answer = await dora.post("/grants", new(clinic, **change))

    assert (answer.status, answer.problem) == (status, problem)
    assert answer.body.get("field") == field
    assert (await dora.get("/grants")).body["items"] == []


async def test_an_unknown_practice_is_answered_with_the_known_ones(clinic, dora):
    answer = await dora.post("/grants", new(clinic, practice="derma"))

    assert answer.body["fix"] == "known: cardio"


async def test_a_grant_that_never_was_and_one_that_is_over(clinic, dora):
    made = await dora.post("/grants", new(clinic))
    clinic.clock.now += MONTH

    for step in ("end", "review"):
        unknown = await dora.post(f"/grants/{NOBODYS}/{step}", {})
        assert (unknown.status, unknown.problem) == (404, "unknown-grant")
    over = await dora.post(f"/grants/{made.body['grant_id']}/review", {})
    assert (over.status, over.problem) == (409, "grant-over")


async def test_the_register_is_read_a_page_at_a_time(clinic, dora):
    for _ in range(3):
        await dora.post("/grants", new(clinic))
        clinic.clock.advance(minutes=1)

    first = (await dora.get("/grants?limit=2")).body
    second = (await dora.get(f"/grants?limit=2&after={first['next']}")).body

    assert (len(first["items"]), len(second["items"])) == (2, 1)
    assert second["next"] is None
    every = [each["grant_id"] for each in first["items"] + second["items"]]
    assert len(set(every)) == 3


async def test_who_may_what_is_read_and_signed(clinic, dora):
    await dora.post("/grants", new(clinic))

    read = (await dora.get("/habilitations")).body
    signed = await dora.post("/habilitations/review", {"digest": read["digest"]})

    assert read["last"] is None
    assert [each["code"] for each in read["document"]["accounts"]] == ["trainer-tess"]
    assert [each["code"] for each in read["document"]["grants"]] == ["trainer-tess"]
    assert {"code": "olga", "role": "operator"} in read["document"]["settings"]
    assert (signed.status, signed.body["signed_by"]) == (200, "dora")
    assert (await dora.get("/habilitations")).body["last"] == signed.body
    notes = await clinic.notes()
    assert f"habilitations reviewed: {signed.body['digest']}" in notes


async def test_what_changed_since_it_was_read_is_read_again(clinic, dora):
    read = (await dora.get("/habilitations")).body
    await dora.post("/grants", new(clinic))

    stale = await dora.post("/habilitations/review", {"digest": read["digest"]})

    assert (stale.status, stale.problem) == (409, "stale-review")


async def test_a_quarter_without_a_review_is_told_of(clinic, dora):
    clinic.clock.advance(days=93)
    assert (await dora.get("/habilitations")).body["is_overdue"]

    read = (await dora.get("/habilitations")).body
    await dora.post("/habilitations/review", {"digest": read["digest"]})

    assert not (await dora.get("/habilitations")).body["is_overdue"]


async def test_who_left_is_in_no_review_and_their_grant_opens_nothing(clinic, dora):
    await dora.post("/grants", new(clinic))
    access = clinic.site.access

    await access.accounts.end(ADMIN, "trainer-tess")

    assert await access.grants.of("trainer-tess", clinic.clock()) == ()
    read = (await dora.get("/habilitations")).body["document"]
    assert read["accounts"] == []
