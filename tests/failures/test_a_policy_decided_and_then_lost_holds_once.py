"""Between a decision and its leaf: killed, or never told that it was done.

Asked again, or started again, the policy holds once, and the auditor finds nothing.
"""

import asyncio

import pytest

from proxy.errors import DatabaseUnavailableError, WrongStateError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.staff import ANNA, CARLA, approve, propose

ADOPTING = "proxy.governance.adopting"
STEPS = {
    "before its leaf": (f"{ADOPTING}:adopt", "before"),
    "with its leaf, before the commit": (f"{ADOPTING}:Adopting.adopt", "after"),
    "after the commit": ("proxy.governance.passing:Passing.write_due", "after"),
    "before it is noted as holding": (
        "proxy.governance.passing:Passing.move_on",
        "before",
    ),
}


@pytest.fixture
async def wired(dsn, centre):
    """A service behind a wire that can lose an answer."""
    async with FaultyWire(dsn) as wire:
        await centre.open(dsn=wire.dsn)
        await centre.stop_worker()
        yield wire
        await wire.mend()
        await centre.close()


async def pass_hours(centre, hours):
    for _ in range(hours):
        centre.clock.advance(hours=1)
        await centre.site.tend()


async def audited(centre):
    site = centre.site
    await site.tend()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, centre.clock())
    return found["findings"]


async def states(centre):
    rows = await centre.rows("SELECT state FROM policy_versions ORDER BY number")
    return [state for (state,) in rows]


async def held(centre):
    return [leaf["kept_days"] for leaf in await centre.leaves("POLICY")]


@pytest.mark.parametrize(("step", "when"), STEPS.values(), ids=STEPS)
async def test_a_service_killed_while_it_adopts_has_adopted_once(
    centre, doomed, step, when
):
    await centre.open()
    await centre.stop_worker()
    await approve(centre.site.governance, centre.policy(kept_days=60))
    await centre.close()
    centre.clock.advance(hours=23)

    async with doomed(step, when):
        pass
    await centre.open()
    await centre.stop_worker()
    await pass_hours(centre, 1)

    assert await held(centre) == [30, 60]
    assert await states(centre) == ["ended", "active"]
    assert centre.site.calls.policy.kept_days == 60
    await centre.start_call()
    await pass_hours(centre, 3)
    assert await audited(centre) == []


async def test_an_approval_whose_answer_was_lost_is_given_once(centre, wired):
    proposed = await propose(centre.site.governance, centre.policy(kept_days=60))
    wired.lose_commit_of(b'"leaf":"NOTE"')

    with pytest.raises(DatabaseUnavailableError):
        await centre.site.governance.approve(CARLA, proposed.number, proposed.digest)
    with pytest.raises(WrongStateError, match="it is approved"):
        await centre.site.governance.approve(CARLA, proposed.number, proposed.digest)

    assert wired.lost == 1
    assert len(await centre.notes()) == 1
    await pass_hours(centre, 25)
    assert await held(centre) == [30, 60]
    assert await audited(centre) == []


async def test_a_leaf_whose_answer_was_lost_is_written_once(centre, wired):
    await approve(centre.site.governance, centre.policy(kept_days=60))
    centre.clock.advance(hours=23)
    wired.lose_commit_of(b'"leaf":"POLICY"')

    with pytest.raises(DatabaseUnavailableError):
        await centre.site.tend()
    await pass_hours(centre, 1)

    assert wired.lost == 1
    assert await held(centre) == [30, 60]
    assert await states(centre) == ["ended", "active"]
    assert centre.site.calls.policy.kept_days == 60


async def test_a_decrease_whose_answer_was_lost_holds_all_the_same(centre, wired):
    proposed = await propose(centre.site.governance, centre.policy(kept_days=10))
    wired.lose_commit_of(b'"leaf":"POLICY"')

    with pytest.raises(DatabaseUnavailableError):
        await centre.site.governance.approve(CARLA, proposed.number, proposed.digest)
    await pass_hours(centre, 1)

    assert wired.lost == 1
    assert await held(centre) == [30, 10]
    assert centre.site.calls.policy.kept_days == 10


async def test_a_stop_whose_answer_was_lost_stops(centre, wired):
    wired.lose_commit_of(b'"leaf":"STOP"')

    with pytest.raises(DatabaseUnavailableError):
        await centre.site.governance.stop(ANNA, "a complaint")

    assert [stop.party for stop in await centre.site.governance.stops()] == ["operator"]
    calls = [await centre.start_call() for _ in range(20)]
    assert {call.decision for call in calls} == {"skip"}


async def test_while_the_database_is_away_nothing_is_decided_or_said_to_be(
    centre, wired
):
    proposed = await propose(centre.site.governance, centre.policy(kept_days=60))
    await wired.cut()

    with pytest.raises(DatabaseUnavailableError):
        await centre.site.governance.approve(CARLA, proposed.number, proposed.digest)
    with pytest.raises(DatabaseUnavailableError):
        await centre.site.governance.stop(ANNA, "a complaint")
    await wired.mend()

    assert await states(centre) == ["active", "proposed"]
    assert await centre.leaves("STOP") == []
