"""What people have decided and cannot be told any more is no reason to go on as before.

An older policy may allow what they have just forbidden: nothing is drawn until somebody
restores the text, or takes it back.
"""

import json

import pytest

from proxy.intake.documents import UnreadablePolicyError, as_bytes, digest_of
from tests.fakes.api import asker, with_people
from tests.fakes.call_centre import SITE, until
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import ANNA, approve, propose

pytestmark = pytest.mark.acceptance


async def write(centre, number, document, *, is_digested):
    """As whoever may write the table, or a newer release, would."""
    salt = await centre.value(
        "SELECT salt FROM policy_versions WHERE number = $1", number
    )
    text = as_bytes(document).decode()
    await centre.rows(
        "UPDATE policy_versions SET document = $2::jsonb WHERE number = $1",
        number,
        text,
    )
    if is_digested:
        await centre.rows(
            "UPDATE policy_versions SET digest = $2 WHERE number = $1",
            number,
            digest_of(json.loads(text), salt),
        )


async def stored(centre, number):
    text = await centre.value(
        "SELECT document FROM policy_versions WHERE number = $1", number
    )
    return json.loads(text)


async def not_by_us(centre, number):
    """A text that fits its digest, with words this release does not know."""
    document = await stored(centre, number) | {"mood": "new"}
    await write(centre, number, document, is_digested=True)


async def not_as_decided(centre, number):
    """A lawful text that is not the one people have read."""
    document = await stored(centre, number) | {"kept_days": 7}
    await write(centre, number, document, is_digested=False)


SPOILT = pytest.mark.parametrize("spoil", [not_by_us, not_as_decided])


async def opened(centre):
    service = await centre.open()
    await centre.stop_worker()
    return service


@pytest.fixture
async def waiting(centre):
    """One policy in force, and an approved one that waits for its day."""
    await opened(centre)
    version = await approve(centre.site.governance, centre.policy(kept_days=60))
    await until(lambda: draws(centre), "a draw")
    return version


async def keep_up(centre):
    with pytest.raises(UnreadablePolicyError):
        await centre.site.governance.keep_up()


async def assert_nothing_is_drawn(centre, service=None):
    service = service or centre.service
    calls = [await centre.start_call(service=service) for _ in range(10)]

    assert {(call.decision, call.decision_id) for call in calls} == {("skip", None)}
    noted = {code for code, _ in service.sites[SITE].voids.counted}
    published = {code for metric, code in await centre.counts() if metric == "void"}
    assert noted | published == {"policy"}


async def draws(centre):
    return (await centre.start_call()).decision_id


@SPOILT
async def test_while_what_waits_cannot_be_read_nothing_is_drawn(centre, waiting, spoil):
    await spoil(centre, waiting.number)
    await keep_up(centre)

    await assert_nothing_is_drawn(centre)
    await keep_up(centre)
    rows = await centre.rows("SELECT kind, reference FROM incidents")
    assert [tuple(row) for row in rows] == [
        ("integrity", f"unreadable-policy-policies.{waiting.number}")
    ]


@SPOILT
@pytest.mark.usefixtures("waiting")
async def test_nor_while_what_is_in_force_cannot(centre, spoil):
    await spoil(centre, 1)
    await keep_up(centre)

    await assert_nothing_is_drawn(centre)


async def test_once_it_is_taken_back_draws_go_on(centre, waiting):
    await not_by_us(centre, waiting.number)
    await keep_up(centre)
    await assert_nothing_is_drawn(centre)

    await centre.site.governance.withdraw(ANNA, waiting.number)
    await centre.site.governance.keep_up()

    await until(lambda: draws(centre), "a draw")


async def test_once_it_is_restored_draws_go_on_and_it_holds_in_time(centre, waiting):
    document = await stored(centre, waiting.number)
    await not_as_decided(centre, waiting.number)
    await keep_up(centre)
    await assert_nothing_is_drawn(centre)

    await write(centre, waiting.number, document, is_digested=False)
    await centre.site.governance.keep_up()
    await until(lambda: draws(centre), "a draw")
    for _ in range(25):
        centre.clock.advance(hours=1)
        await centre.site.tend()

    assert [leaf["kept_days"] for leaf in await centre.leaves("POLICY")] == [30, 60]


@SPOILT
async def test_it_never_holds_and_keeps_nothing_else_from_being_tended(
    centre, waiting, spoil
):
    await centre.site.governance.stop(ANNA, "a complaint")
    await centre.site.governance.resume(ANNA)
    await spoil(centre, waiting.number)
    for _ in range(25):
        centre.clock.advance(hours=1)
        with pytest.raises(UnreadablePolicyError):
            await centre.site.tend()

    assert len(await centre.leaves("POLICY")) == 1
    assert await centre.site.governance.stops() == []
    await assert_nothing_is_drawn(centre)


async def test_a_service_starts_so_that_it_can_be_taken_back(centre, waiting):
    await not_by_us(centre, waiting.number)
    await centre.close()
    await opened(centre)
    await assert_nothing_is_drawn(centre)

    await centre.site.governance.withdraw(ANNA, waiting.number)
    await centre.site.governance.keep_up()

    await until(lambda: draws(centre), "a draw")


async def test_no_replica_draws_for_another(centre, waiting):
    first = centre.service
    second = await opened(centre)
    await not_by_us(centre, waiting.number)
    for service in (first, second):
        with pytest.raises(UnreadablePolicyError):
            await service.sites[SITE].governance.keep_up()

    await assert_nothing_is_drawn(centre, first)
    await assert_nothing_is_drawn(centre, second)


async def test_people_are_told_by_the_api_and_can_take_it_back(centre):
    await centre.open(sites=with_people(centre))
    await centre.stop_worker()
    olga, dora = asker(centre, "olga"), asker(centre, "dora")
    version = await propose(centre.site.governance, centre.policy(rate="2%"))
    await not_as_decided(centre, version.number)
    path = f"/policies/{version.number}"

    approval = await dora.post(f"{path}/approve", {"digest": version.digest})
    trial = {"agents": 4, "calls_per_agent": 50}
    tried = await olga.post(
        f"{path}/simulate",
        {"digest": version.digest, "traffic": trial, "replications": 20},
    )
    withdrawn = await olga.post(f"{path}/withdraw", {})

    for answer in (approval, tried):
        assert (answer.status, answer.problem) == (503, "unreadable-policy")
        assert answer.body["field"] == f"policies.{version.number}"
        assert "policy_versions" in answer.body["fix"]
    assert withdrawn.body["state"] == "withdrawn"


async def test_the_doctor_names_it_and_what_to_do(centre, waiting):
    await not_by_us(centre, waiting.number)

    done = await ponctuel(centre, "doctor")

    assert done.returncode == 1
    [line] = [x for x in done.stdout.splitlines() if x.startswith("clinic: policy ")]
    assert "FAIL: nothing is drawn" in line
    assert f"policies.{waiting.number}" in line
    assert "release" in line
