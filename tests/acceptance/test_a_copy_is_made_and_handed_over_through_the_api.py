"""The desk makes a copy over the API: what is silent, how far, the link, a code."""

import pytest

from proxy.access.permissions import Role
from tests.fakes.api import asker, with_people
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, signed_in
from tests.fakes.packages import handing
from tests.fakes.persons import THEIRS, today

pytestmark = pytest.mark.acceptance

CUT = {"start": 500, "stop": 1500, "why": "third-party"}


@pytest.fixture
async def clinic(centre):
    await centre.open(sites=with_people(centre))
    return centre


@pytest.fixture
async def desk(clinic):
    async with handing(clinic) as desk:
        yield desk


@pytest.fixture
def rita(clinic):
    return asker(clinic, "rita")


async def another_officer(clinic):
    """At the console, just now."""
    return await signed_in(clinic, "officer-rosa", Role.RIGHTS_OFFICER)


async def test_a_copy_is_muted_made_and_linked_to(clinic, desk, rita):
    recording, _ = await recorded(clinic, caller=THEIRS)
    request = await desk.asked()
    path = f"/requests/{request}"
    assert (await rita.get(f"{path}/package")).problem == "no-package"

    muted = {"recording": str(recording), "cuts": [CUT]}
    assert (await rita.post(f"{path}/muted", muted)).body == {"items": [CUT]}
    shown = await rita.get(f"{path}/muted", params={"recording": str(recording)})
    assert shown.body == {"items": [CUT]}

    begun = (await rita.post(f"{path}/package", {})).body
    assert (begun["recordings"], begun["made_by"]) == (1, "rita")
    await desk.packages.making.wait(request)
    made = (await rita.get(f"{path}/package")).body
    assert (made["assembled"], made["is_assembled"]) == (1, True)
    assert made["size"] > 0

    link = (await rita.post(f"{path}/package/link")).body
    assert set(link) == {"address", "until"}
    again = (await rita.get(f"{path}/package")).body
    assert again["link_until"] == link["until"]
    assert link["address"].partition("#")[2] not in str(again)

    rosa = await another_officer(clinic)
    refused = await rosa.ask("POST", f"{path}/package/code")
    assert (refused.status, refused.problem) == (409, "request-move")
    fetched = await rita.post(f"{path}/answer", {"outcome": "granted"})
    assert fetched.status == 200


async def test_whoever_has_no_number_is_handed_a_code(clinic, desk, rita):
    await recorded(clinic, caller=THEIRS)
    windows = today(clinic)
    await desk.hours_pass(2)
    asked = {
        "kind": "access",
        "windows": [
            {
                "day": each.day.isoformat(),
                "from_hour": each.from_hour,
                "to_hour": each.to_hour,
                "line": each.line,
            }
            for each in windows
        ],
    }
    request = (await rita.post("/requests", asked)).body["request_id"]
    path = f"/requests/{request}"
    await rita.post(f"{path}/identity", {"how": "practice"})
    await rita.post(f"{path}/package", {})
    await desk.packages.making.wait(
        (await desk.packages.show(OFFICER, request)).request_id
    )
    rosa = await another_officer(clinic)
    early = await rosa.ask("POST", f"{path}/package/code")
    assert (early.status, early.problem) == (410, "link-over")

    link = (await rita.post(f"{path}/package/link")).body
    alone = await rita.post(f"{path}/package/code")
    assert (alone.status, alone.problem) == (403, "forbidden")
    code = (await rosa.ask("POST", f"{path}/package/code")).body["code"]

    opened = await desk.packages.links.open(link["address"].partition("#")[2], code)
    assert opened.password


async def test_what_cannot_be_muted_or_made_is_told_by_its_field(clinic, desk, rita):
    recording, _ = await recorded(clinic, caller=THEIRS)
    request = await desk.asked()
    path = f"/requests/{request}"

    for cut, problem in (
        (CUT | {"stop": 500}, "bad-cut"),
        (CUT | {"stop": 10**7}, "bad-cut"),
        (CUT | {"why": "boring"}, "invalid-request"),
        (CUT | {"start": -1}, "invalid-request"),
    ):
        muted = {"recording": str(recording), "cuts": [cut]}
        answer = await rita.post(f"{path}/muted", muted)
        assert (answer.status, answer.problem) == (422, problem), cut

    erasing = await rita.post("/requests", {"kind": "erasure", "number": THEIRS})
    answer = await rita.post(f"/requests/{erasing.body['request_id']}/package", {})
    assert (answer.status, answer.problem) == (409, "request-move")
    assert answer.body["field"] == "kind"
