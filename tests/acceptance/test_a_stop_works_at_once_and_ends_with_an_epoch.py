"""Stops of all draws: by people or by the breaker, and who lets them go on."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from proxy.errors import ForbiddenRoleError, UnlawfulPolicyError, WrongStateError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.ledger.stopping import Party, set_stop
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import until
from tests.fakes.staff import ANNA, BERT, CARLA, DORA

pytestmark = pytest.mark.acceptance


@pytest.fixture
async def running(centre):
    await centre.open()
    await centre.stop_worker()
    return centre


def governance(centre):
    return centre.site.governance


async def trip(centre):
    """The breaker opens, as the monitors open it."""
    async with centre.site.ledger.transaction() as change:
        await set_stop(change, Party.BREAKER, is_on=True)


async def pass_time(centre, **step):
    centre.clock.advance(**step)
    await centre.site.tend()


async def is_drawn(centre):
    """Whether calls are; the last draw's leaf says so."""
    await centre.start_call()
    leaf = (await centre.leaves("DRAW"))[-1]
    assert (leaf["T"] == "0" * 16) == ("x" in leaf)
    return "x" not in leaf


async def test_the_first_draw_after_a_stop_is_no_draw(running):
    assert await is_drawn(running)
    [stop] = await governance(running).stop(ANNA, "a complaint")

    assert not await is_drawn(running)
    assert (await running.leaves("DRAW"))[-1]["x"] == "stopped"
    assert (stop.party, stop.actor, stop.reason) == (
        *("operator", "op-anna", "a complaint"),
    )
    assert stop.resumes_from_epoch is None


async def test_a_stop_during_a_burst_of_calls_is_followed_by_no_record(running):
    burst = [asyncio.create_task(running.start_call()) for _ in range(150)]
    await asyncio.wait(burst, return_when=asyncio.FIRST_COMPLETED)
    await governance(running).stop(ANNA, "a complaint")
    await asyncio.gather(*burst)
    await asyncio.gather(*(running.start_call() for _ in range(20)))

    leaves = await running.all_leaves()
    stopped = next(n for n, leaf in enumerate(leaves) if leaf["leaf"] == "STOP")
    after = [leaf for leaf in leaves[stopped:] if leaf["leaf"] == "DRAW"]
    assert len(after) >= 20
    assert {leaf["d"] for leaf in after} == {0}
    assert {leaf["T"] for leaf in after} == {"0" * 16}


async def test_draws_go_on_in_the_next_epoch_not_in_this_one(running):
    await governance(running).stop(ANNA, "a complaint")
    [stop] = await governance(running).resume(BERT)
    await pass_time(running, minutes=59)
    assert not await is_drawn(running)

    await pass_time(running, minutes=1)

    assert await is_drawn(running)
    assert await governance(running).stops() == []
    stops = [(leaf["by"], leaf["on"]) for leaf in await running.leaves("STOP")]
    assert stops == [("operator", 1), ("operator", 0)]
    epoch = int(running.clock().timestamp()) // 3600
    assert stop.resumes_from_epoch == epoch
    await pass_time(running, hours=3)
    assert await audited(running) == []


async def test_a_stop_takes_back_that_draws_were_to_go_on(running):
    await governance(running).stop(ANNA, "a complaint")
    await governance(running).resume(ANNA)
    [stop] = await governance(running).stop(BERT, "another one")
    await pass_time(running, hours=2)

    assert not await is_drawn(running)
    assert (stop.actor, stop.resumes_from_epoch) == ("op-bert", None)
    assert len(await running.leaves("STOP")) == 1


async def test_what_a_dpo_has_stopped_only_a_dpo_lets_go_on(running):
    await governance(running).stop(ANNA, "a complaint")
    await governance(running).stop(CARLA, "I want to see this first")

    with pytest.raises(ForbiddenRoleError, match="a dpo has stopped"):
        await governance(running).resume(ANNA)
    await governance(running).resume(DORA)
    await pass_time(running, hours=1)

    assert await is_drawn(running)
    await governance(running).stop(ANNA, "one more")
    await governance(running).resume(ANNA)  # the dpo's stop is over


async def test_what_is_not_stopped_cannot_go_on(running):
    with pytest.raises(WrongStateError):
        await governance(running).resume(ANNA)
    with pytest.raises(WrongStateError):
        await governance(running).breaker_close(ANNA)


async def test_a_stop_says_why(running):
    with pytest.raises(UnlawfulPolicyError, match="reason"):
        await governance(running).stop(ANNA, " ")

    assert await running.leaves("STOP") == []


@pytest.mark.parametrize(
    ("first", "second"), [(ANNA, CARLA), (CARLA, ANNA)], ids=["operator", "dpo"]
)
async def test_the_breaker_is_closed_by_an_operator_and_a_dpo(running, first, second):
    await trip(running)
    assert not await is_drawn(running)
    closing = await governance(running).breaker_close(first)
    assert (list(closing.missing), closing.from_epoch) == ([second.role], None)
    await pass_time(running, hours=1)
    assert not await is_drawn(running)

    closing = await governance(running).breaker_close(second)
    assert not closing.missing
    await pass_time(running, hours=1)

    assert await is_drawn(running)
    assert int(running.clock().timestamp()) // 3600 == closing.from_epoch
    await pass_time(running, hours=3)
    assert await audited(running) == []


async def test_two_operators_do_not_close_the_breaker(running):
    await trip(running)
    for who in (ANNA, BERT, ANNA):
        closing = await governance(running).breaker_close(who)
        assert closing.missing == (CARLA.role,)
    await pass_time(running, hours=2)

    assert not await is_drawn(running)


async def test_one_person_in_two_roles_does_not_close_the_breaker(running):
    await trip(running)
    await governance(running).breaker_close(ANNA)
    promoted = type(CARLA)(ANNA.code, CARLA.role, CARLA.site)

    closing = await governance(running).breaker_close(promoted)

    assert closing.missing == (ANNA.role,)


async def test_a_confirmation_older_than_a_day_does_not_count(running):
    await trip(running)
    await governance(running).breaker_close(ANNA)
    await pass_time(running, hours=24)

    assert (await governance(running).breaker_close(CARLA)).missing == (ANNA.role,)


async def test_the_operators_stop_does_not_end_with_the_breakers(running):
    await governance(running).stop(ANNA, "a complaint")
    await trip(running)
    for who in (ANNA, CARLA):
        await governance(running).breaker_close(who)
    await pass_time(running, hours=1)

    assert not await is_drawn(running)
    assert [stop.party for stop in await governance(running).stops()] == ["operator"]


# --- A cause that joins ---------------------------------------------------------------


async def trip_for(centre, cause):
    """As the monitors do, having judged all there is."""
    return await centre.site.monitors._breaker.open([cause], await size(centre))


async def size(centre):
    return await centre.value("SELECT size FROM ledger_heads")


async def confirm(centre, *people):
    for who in people:
        closing = await governance(centre).breaker_close(who)
    return closing


async def openings(centre):
    rows = await centre.rows(
        "SELECT reference FROM incidents WHERE kind = 'breaker-opened' "
        "ORDER BY opened_at, reference"
    )
    return [row["reference"] for row in rows]


@pytest.mark.parametrize("people", [(ANNA,), (CARLA,), (ANNA, CARLA)])
async def test_a_new_cause_takes_back_what_people_said_about_closing(running, people):
    await trip_for(running, "sr")
    await confirm(running, *people)

    assert await trip_for(running, "binomial")
    await pass_time(running, hours=2)

    assert not await is_drawn(running)
    [stop] = await governance(running).stops()
    assert (stop.party, stop.resumes_from_epoch) == ("breaker", None)
    assert (await confirm(running, ANNA)).missing == (CARLA.role,)
    assert not (await confirm(running, CARLA)).missing
    await pass_time(running, hours=1)
    assert await is_drawn(running)
    await pass_time(running, hours=6)
    assert await audited(running) == []


async def test_why_it_stays_open_is_said_in_the_ledger_and_by_an_incident(running):
    await trip_for(running, "sr")
    await confirm(running, ANNA, CARLA)
    place = await size(running)

    await trip_for(running, "binomial")

    assert (await running.all_leaves())[place]["text"] == "breaker stays open: binomial"
    assert (await openings(running))[1:] == [f"{place}-binomial"]
    causes = await running.value("SELECT causes FROM breaker_openings")
    assert causes == ["binomial", "sr"]


async def test_a_cause_they_knew_takes_nothing_back(running):
    await trip_for(running, "sr")
    await confirm(running, ANNA, CARLA)
    before = await size(running)

    assert await trip_for(running, "sr")

    assert await size(running) == before
    await pass_time(running, hours=1)
    assert await is_drawn(running)


async def test_a_new_cause_before_anybody_spoke_is_no_second_incident(running):
    await trip_for(running, "sr")
    await trip_for(running, "binomial")

    assert len(await openings(running)) == 1


async def test_what_was_judged_before_it_closed_opens_it_no_more(running):
    await trip_for(running, "sr")
    judged = await size(running)
    await confirm(running, ANNA, CARLA)
    await pass_time(running, hours=1)

    assert not await running.site.monitors._breaker.open(["binomial"], judged)

    assert await is_drawn(running)


@asynccontextmanager
async def kept_waiting(centre):
    """Whoever is asked for inside has looked already, and writes in that order."""
    owner = await asyncpg.connect(centre.dsn)
    tasks = []

    async def ask(steps):
        tasks.append(asyncio.create_task(steps))
        await until(lambda: are_waiting(centre, len(tasks)), "the lock")

    try:
        async with owner.transaction():
            await owner.execute("SELECT FROM ledger_heads FOR UPDATE")
            yield ask
    finally:
        await owner.close()
        await asyncio.gather(*tasks)


async def are_waiting(centre, number):
    waiting = (
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return await centre.value(waiting) == number


@pytest.mark.parametrize("is_closed_first", [True, False])
async def test_of_closing_and_a_new_cause_on_two_replicas_the_first_holds(
    running, is_closed_first
):
    first, second = running.site, (await running.open()).sites["clinic"]
    await running.stop_worker()
    await trip_for(running, "sr")
    await confirm(running, ANNA, CARLA)
    running.clock.advance(hours=1)
    steps = [
        first.governance.tend(),
        second.monitors._breaker.open(["binomial"], await size(running)),
    ]

    async with kept_waiting(running) as ask:
        for step in steps if is_closed_first else reversed(steps):
            await ask(step)

    assert await is_drawn(running) == is_closed_first
    assert await running.value("SELECT count(*) FROM resumptions") == 0
    assert len(await running.leaves("STOP")) == 1 + is_closed_first
    assert len(await openings(running)) == 2 - is_closed_first


async def audited(centre):
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, centre.clock())
    return found["findings"]
