"""Every role, in every scope it could be in, over one recording: denied unless listed.

Beyond the door: whether the recording is within somebody's reach. What is not is
answered as one that does not exist.
"""

import uuid
from datetime import timedelta

import pytest

from proxy.access.permissions import Role
from tests.fakes.clinic import SITE, written
from tests.fakes.listeners import DPO, recorded, signed_in
from tests.fakes.who_may import ALLOWED

AGENT = "a-104"
# What covers the recording, and whether; `None` is not looked at.
SCOPES = {
    "none": None,
    "the site": (None, None, True),
    "its practice": ("cardio", None, True),
    "another practice": ("derma", None, False),
    "its campaign": (None, "its", True),
    "another campaign": (None, "training-2026-01-01", False),
    "its practice in another campaign": ("cardio", "training-2026-01-01", False),
    "another practice in its campaign": ("derma", "its", False),
}
ENDINGS = ("holds", "ended", "over")
USES = {Role.AGENT: "own", Role.TRAINER: "training"}
INSERT = """
INSERT INTO grants (
  site_id, grant_id, code, practice, campaign, until, given_by, given_at, ended_at,
  ended_by
) VALUES ($1, gen_random_uuid(), $2, $3, $4, $5, $6, $7, $8, $9)
"""


@pytest.fixture
async def clinic(centre):
    """A clinic with a second practice, and one recording of an agent's call."""
    sites = centre.plan()["sites"]
    sites[SITE]["practices"]["derma"] = {"authorisation": written("signed-2026")}
    await centre.open(sites=sites)
    centre.recording, _ = await recorded(centre, agent=AGENT)
    [row] = await centre.rows("SELECT campaign FROM recordings")
    centre.campaign = row["campaign"]
    return centre


async def given(clinic, code, scope, ending):
    """Straight into the table: what the rules would refuse must open nothing either."""
    practice, campaign, _ = scope
    now, day = clinic.clock(), timedelta(days=1)
    ends_at = {"over": now}.get(ending, now + day)
    ended_at = now if ending == "ended" else None
    async with clinic.site.database.connection() as connection:
        await connection.execute(
            INSERT,
            *(SITE, code, practice, clinic.campaign if campaign == "its" else campaign),
            *(ends_at, DPO.code, now - day, ended_at, ended_at and DPO.code),
        )


def reaches(role: Role, scope, ending: str) -> bool:
    """Whether the recording is theirs to hear."""
    if role is Role.TRAINER:
        return scope is not None and scope[2] and ending == "holds"
    return False


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("role", Role, ids=str)
async def test_whom_a_grant_covers_and_nobody_else_reaches_it(clinic, role, ending):
    for number, (name, scope) in enumerate(SCOPES.items()):
        code = f"some-{role.value}-{number}"
        agent = f"a-{number}" if role is Role.AGENT else None
        someone = await signed_in(clinic, code, role, agent)
        if scope is not None:
            await given(clinic, code, scope, ending)

        heard = await someone.begin(clinic.recording, USES.get(role, "case"))
        listed = await someone.ask("GET", "/recordings")

        is_theirs = reaches(role, scope, ending)
        assert heard.status == expected(role, "recordings:play", 201, is_theirs), name
        assert listed.status == expected(role, "recordings:list", 200, True), name
        if listed.status == 200:
            assert bool(listed.body["items"]) is (is_theirs or role is Role.DPO), name


def expected(role: Role, permission: str, done: int, is_theirs: object) -> int:
    """Not for their role: 403. Not theirs: as if it were not there."""
    if role not in ALLOWED[permission]:
        return 403
    return done if is_theirs else 404


@pytest.mark.parametrize("role", sorted(ALLOWED["recordings:play"]), ids=str)
async def test_what_is_out_of_reach_is_answered_as_what_is_not_there(clinic, role):
    agent = "a-999" if role is Role.AGENT else None
    someone = await signed_in(clinic, "some-one", role, agent)

    for use in ("training", "own", "case"):
        theirs = await someone.begin(clinic.recording, use)
        nothing = await someone.begin(uuid.uuid4(), use)
        assert (theirs.status, theirs.text) == (404, nothing.text)


async def test_an_agent_reaches_the_call_they_took(clinic):
    took_it = await signed_in(clinic, "agent-anna", Role.AGENT, AGENT)
    did_not = await signed_in(clinic, "agent-bob", Role.AGENT, "a-105")

    assert (await took_it.begin(clinic.recording, "own")).status == 201
    assert (await did_not.begin(clinic.recording, "own")).status == 404
    assert len((await took_it.ask("GET", "/recordings")).body["items"]) == 1
    assert (await did_not.ask("GET", "/recordings")).body["items"] == []
