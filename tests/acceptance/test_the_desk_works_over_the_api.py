"""A person's request over the API: from receipt to end, and what is refused."""

from uuid import UUID

import pytest

from proxy.access.trace.acts import Act
from tests.fakes.api import asker, with_people
from tests.fakes.call_centre import SITE
from tests.fakes.gateway import SECRET
from tests.fakes.listeners import recorded, traced
from tests.fakes.persons import LETTERHEAD, THEIRS

pytestmark = pytest.mark.acceptance

NOBODY = UUID(int=7)
ASKED = {"kind": "access", "number": "06 12 34 56 78", "contact": "by letter"}


@pytest.fixture
async def clinic(centre, gateway):
    sites = with_people(centre)
    sites[SITE]["dpo_contact"] = LETTERHEAD["dpo_contact"]
    sites[SITE]["rights"] = {
        "controller": LETTERHEAD["controller"],
        "contact": LETTERHEAD["contact"],
        "sender": {
            "url": gateway.config.url,
            "secret": SECRET,
            "allow_private_addresses": True,
        },
    }
    await centre.open(sites=sites)
    return centre


@pytest.fixture
def rita(clinic):
    return asker(clinic, "rita")


async def received(rita, **changes):
    answer = await rita.post("/requests", ASKED | changes)
    assert answer.status == 201, answer
    return answer.body


async def step(rita, request, path, body=None, status=200):
    answer = await rita.post(f"/requests/{request['request_id']}/{path}", body)
    assert answer.status == status, answer
    return answer.body


async def test_an_erasure_goes_from_its_receipt_to_its_end(clinic, rita, gateway):
    recording, _ = await recorded(clinic, caller=THEIRS)

    request = await received(rita, kind="erasure")
    assert (request["state"], request["due_on"]) == ("received", "2026-12-18")
    assert request["days_left"] == 30

    letter = await step(rita, request, "acknowledgement")
    assert request["reference"] in letter["letter"]

    sent = await step(rita, request, "code", {})
    assert sent["good_until"] == "2026-11-18T10:10:00Z"
    known = await step(rita, request, "code/confirm", {"code": gateway.code})
    assert (known["state"], known["identity"]) == ("identified", "code")

    whole = (await rita.get(f"/requests/{request['request_id']}")).body
    assert whole["particulars"]["number"] == THEIRS
    assert [item["recording_id"] for item in whole["items"]] == [str(recording)]

    early = await step(rita, request, "answer", {"outcome": "granted"}, status=409)
    assert early["type"].endswith(":not-done")

    [fate] = (await step(rita, request, "erasure"))["items"]
    assert (fate["recording_id"], fate["fate"]) == (str(recording), "done")
    answered = await step(rita, request, "answer", {"outcome": "granted"})
    again = (await rita.get(f"/requests/{request['request_id']}/letter")).body
    assert again == answered

    closed = await step(rita, request, "close")
    assert closed["state"] == "closed"
    whole = (await rita.get(f"/requests/{request['request_id']}")).body
    assert whole["particulars"] is None
    assert whole["items"] == []


async def test_the_worklist_shows_what_is_due_first_and_names_nobody(rita):
    await received(rita, kind="access")
    await received(rita, kind="medical-file")
    await received(rita, kind="objection")

    pages, after = [], ""
    while after is not None:
        page = await rita.get("/requests", params={"limit": 2, "after": after})
        assert "612345678" not in page.text
        assert "letter" not in page.text
        pages.append(page.body)
        after = page.body["next"]

    listed = [item for page in pages for item in page["items"]]
    assert [len(page["items"]) for page in pages] == [2, 1]
    assert listed[0]["kind"] == "medical-file"
    assert listed[0]["due_on"] == "2026-11-26"
    assert listed[0]["earliest_answer"] == "2026-11-20T11:00:00+01:00"


async def test_the_same_request_sent_again_is_one_request(rita):
    once = await received(rita, request_id=str(NOBODY))
    again = await received(rita, request_id=str(NOBODY))

    assert again == once
    assert len((await rita.get("/requests")).body["items"]) == 1


async def test_an_extension_and_a_refusal_say_why(rita):
    request = await received(rita)

    nameless = await step(rita, request, "extension", {"reason": " "}, status=409)
    assert (nameless["field"], bool(nameless["fix"])) == ("reason", True)
    letter = await step(rita, request, "extension", {"reason": "Many recordings."})
    assert "Many recordings." in letter["letter"]

    told = {"outcome": "refused", "grounds": "Asked each week.", "articles": []}
    letter = await step(rita, request, "answer", told)
    assert "CNIL" in letter["letter"]
    whole = (await rita.get(f"/requests/{request['request_id']}")).body
    assert whole["request"]["days_left"] == 92
    assert {"extend", "answer"} <= {line["event"] for line in whole["history"]}


async def test_a_doubt_stops_the_clock_until_the_document_was_looked_at(clinic, rita):
    request = await received(rita)
    letter = await step(rita, request, "doubt", {"why": "Two people wrote."})
    assert letter["letter"]
    clinic.clock.advance(days=5, hours=3)

    checked = {"proves": True, "is_destroyed": True}
    known = await step(rita, request, "document", checked)

    assert (known["identity"], known["document"]) == ("document", "destroyed")
    assert (known["suspended_days"], known["due_on"]) == (5, "2026-12-23")


async def test_a_restriction_is_heard_by_nobody_until_it_is_lifted(clinic, rita):
    recording, _ = await recorded(clinic, caller=THEIRS)
    request = await received(rita, kind="restriction")
    await step(rita, request, "identity", {"how": "practice"})

    [fate] = (await step(rita, request, "restriction"))["items"]
    assert (fate["recording_id"], fate["fate"]) == (str(recording), "done")
    await step(rita, request, "answer", {"outcome": "granted"})

    early = await step(rita, request, "restriction/lift", status=409)
    assert early["type"].endswith(":lifting-not-told")
    letter = await step(rita, request, "restriction/lifting-told")
    assert request["reference"] in letter["letter"]
    [fate] = (await step(rita, request, "restriction/lift"))["items"]
    assert fate["fate"] == "ended"


async def test_words_are_attached_and_a_recipient_is_told(clinic, rita):
    recording, _ = await recorded(clinic, caller=THEIRS)
    given = {
        "recording": str(recording),
        "recipient": "court-lyon",
        "purpose": "requisition",
        "on": "2026-11-17",
    }
    assert (await rita.post("/handovers", given)).status == 200
    request = await received(rita, kind="rectification")
    await step(rita, request, "identity", {"how": "practice"})

    words = {"recording": str(recording), "text": "It was on the 4th."}
    [fate] = (await step(rita, request, "statement", words))["items"]
    assert fate["fate"] == "done"

    path = f"/requests/{request['request_id']}/recipients"
    [notice] = (await rita.get(path)).body["items"]
    assert (notice["recipient"], notice["outcome"]) == ("court-lyon", None)
    letter = await rita.get(f"{path}/notice", params={"recipient": "court-lyon"})
    assert "It was on the 4th." in letter.body["letter"]
    other = await rita.get(f"{path}/notice", params={"recipient": "insurer-3"})
    assert (other.status, other.problem) == (409, "bad-notice")
    told = {"handover": notice["handover_id"], "outcome": "told"}
    [notice] = (await step(rita, request, "recipients", told))["items"]
    assert notice["outcome"] == "told"


async def test_a_wrong_proof_and_somebody_elses_number_are_refused(rita, gateway):
    request = await received(rita)
    await step(rita, request, "code", {})
    wrong = f"{(int(gateway.code) + 1) % 10**6:06}"

    refused = await step(rita, request, "code/confirm", {"code": wrong}, status=403)
    assert refused["type"].endswith(":proof-refused")
    number = {"number": "+33698765432"}
    refused = await step(rita, request, "code", number, status=403)
    assert refused["type"].endswith(":somebody-elses-number")
    assert [to for to, _ in gateway.sent] == [THEIRS]


CANNOT_BE_RECEIVED = (
    ({}, "kind"),
    ({"kind": "information"}, "kind"),
    ({"kind": "access"}, "number"),
    (ASKED | {"number": "anonymous"}, "number"),
    (ASKED | {"agent": "a-104"}, "number"),
    (ASKED | {"language": "de"}, "language"),
    (ASKED | {"words": "x" * 2001}, "words"),
    (ASKED | {"received_on": "2026-11-19"}, "received_on"),
    (ASKED | {"is_older_than_five_years": True}, "is_older_than_five_years"),
    (
        {
            "kind": "access",
            "windows": [{"day": "2026-11-03", "from_hour": 9, "to_hour": 9}],
        },
        "to_hour",
    ),
)


async def test_what_cannot_be_received_is_told_by_its_field(rita):
    for body, field in CANNOT_BE_RECEIVED:
        answer = await rita.post("/requests", body)
        assert answer.status == 422, body
        assert field in answer.text, body
        assert '"fix"' in answer.text, body
        assert "612345678" not in answer.text.replace(" ", "")

    assert (await rita.get("/requests")).body["items"] == []


async def test_what_is_not_there_has_nothing_to_show(rita):
    for method, path in (("GET", ""), ("POST", "/close"), ("POST", "/erasure")):
        answer = await rita.ask(method, f"/requests/{NOBODY}{path}")
        assert answer.status == 404, path


async def test_whoever_looked_at_somebodys_request_is_on_the_trace(clinic, rita):
    request = await received(rita)
    await rita.get(f"/requests/{request['request_id']}")

    [*_, looked] = await traced(clinic, Act.REQUEST)

    assert (looked.actor, looked.role) == ("rita", "rights_officer")
    assert str(looked.item) == request["request_id"]


async def test_a_year_is_told_in_numbers_that_stand_for_nobody(rita):
    for _ in range(5):
        request = await received(rita)
        await step(rita, request, "answer", {"outcome": "withdrawn"})
    request = await received(rita, kind="objection")
    await step(rita, request, "answer", {"outcome": "withdrawn"})

    told = (await rita.get("/request-statistics", params={"year": 2026})).body

    assert told["outcomes"]["access"]["withdrawn"] == "5"
    assert told["kinds"]["objection"] == "<5"
    assert told["total"] == "6-9"


async def test_a_trainer_and_an_operator_do_not_work_at_the_desk(clinic, rita):
    request = await received(rita)
    for who in ("tina", "olga", "aude", "ada"):
        other = asker(clinic, who)
        for answer in (
            await other.get("/requests"),
            await other.get(f"/requests/{request['request_id']}"),
            await other.post("/requests", ASKED),
        ):
            assert (answer.status, answer.problem) == (403, "forbidden")
