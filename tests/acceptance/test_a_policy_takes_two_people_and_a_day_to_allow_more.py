"""A policy's way into force on a running service, and what the auditor sees of it."""

import asyncio
from datetime import timedelta

import pytest

from proxy.errors import (
    ForbiddenRoleError,
    StaleDocumentError,
    UnknownPolicyError,
    WrongStateError,
)
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from sampling.lifecycle import State
from tests.fakes.auditing import verdict
from tests.fakes.clinic import SITE
from tests.fakes.policies import LOW, governance, low, open_with, part, states
from tests.fakes.staff import ANNA, BERT, CARLA, DORA, WHY, approve, propose

pytestmark = pytest.mark.acceptance
HOUR = 3600


@pytest.fixture
async def house(centre):
    """A clinic that began with a low rate from its settings file."""
    await open_with(centre, LOW)
    return centre


async def pass_time(centre, **step):
    """Time passes; the work of a minute is done, by every replica there is."""
    centre.clock.advance(**step)
    for service in centre.services:
        await service.sites[SITE].keep_up()
        await service.sites[SITE].tend()


async def pass_hours(centre, hours):
    for _ in range(hours):
        await pass_time(centre, hours=1)


def epoch(centre):
    return int(centre.clock().timestamp()) // HOUR


async def rates(centre):
    """The rate and first epoch of every POLICY leaf."""
    return [(leaf["ppm"], leaf["from"]) for leaf in await centre.leaves("POLICY")]


def running_rate(service):
    return service.sites[SITE].calls.policy.rate_ppm


# --- More takes two people and a day --------------------------------------------------


async def test_an_increase_holds_from_the_first_epoch_a_day_after_its_approval(house):
    first = epoch(house)
    proposed = await propose(governance(house), low(house, rate="2%"))
    assert proposed.increases == ("rate",)

    approved = await governance(house).approve(CARLA, proposed.number, proposed.digest)
    assert approved.effective_from_epoch == first + 24
    await pass_hours(house, 22)
    assert await states(house) == ["active", "approved"]
    assert len(await house.leaves("POLICY")) == 1
    await pass_hours(house, 1)
    assert await states(house) == ["active", "scheduled"]
    assert running_rate(house.service) == 10_000
    await pass_hours(house, 1)

    assert await states(house) == ["ended", "active"]
    assert running_rate(house.service) == 20_000
    assert await rates(house) == [(10_000, first), (20_000, first + 24)]
    [_, leaf] = await house.leaves("POLICY")
    assert (leaf["doc"], leaf["approvals"]) == (proposed.digest, 2)


async def test_what_was_approved_is_announced_in_the_ledger_a_day_ahead(house):
    approved = await approve(governance(house), low(house, rate="2%"))

    [note] = await house.notes()
    assert note == (
        f"policy approved: doc {approved.digest}, "
        f"not before epoch {approved.effective_from_epoch}"
    )


async def test_an_operator_alone_cannot_raise_the_rate(house):
    proposed = await propose(governance(house), low(house, rate="2%"))

    for who in (ANNA, BERT):
        with pytest.raises(ForbiddenRoleError, match="only a dpo"):
            await governance(house).approve(who, proposed.number, proposed.digest)

    assert await states(house) == ["active", "proposed"]
    assert (await house.counts())["policy_refused", ""] == 2
    refused = [e for e in await governance(house).history() if e.is_refused]
    assert [(e.actor, e.move, e.number) for e in refused] == [
        ("op-anna", "approve", proposed.number),
        ("op-bert", "approve", proposed.number),
    ]
    assert "only a dpo" in refused[0].detail["why"]


async def test_whoever_proposed_an_increase_cannot_approve_it_as_a_dpo_either(house):
    """The settings made the proposer a DPO in between: they are still one person."""
    proposed = await propose(governance(house), low(house, rate="2%"))
    promoted = type(CARLA)(ANNA.code, CARLA.role, SITE)

    with pytest.raises(ForbiddenRoleError, match="proposed it"):
        await governance(house).approve(promoted, proposed.number, proposed.digest)

    assert await states(house) == ["active", "proposed"]


async def test_a_dpo_proposes_nothing(house):
    with pytest.raises(ForbiddenRoleError):
        await propose(governance(house), low(house, rate="2%"), who=CARLA)


async def test_people_of_another_site_may_nothing_here(house):
    stranger = type(CARLA)("dpo-eve", CARLA.role, "elsewhere")
    proposed = await propose(governance(house), low(house, rate="2%"))

    with pytest.raises(ForbiddenRoleError):
        await governance(house).approve(stranger, proposed.number, proposed.digest)
    with pytest.raises(ForbiddenRoleError):
        await governance(house).stop(stranger, "for fun")

    assert await house.leaves("STOP") == []


async def test_an_increase_is_simulated_before_it_is_proposed(house):
    made = await governance(house).draft(ANNA, part(house, rate="2%"))

    with pytest.raises(WrongStateError, match="simulate it first"):
        await governance(house).propose(ANNA, made.number, made.digest, WHY)


async def test_above_the_soft_ceiling_even_a_decrease_needs_the_dpo(centre):
    await open_with(centre, {"rate": "9%"})
    proposed = await propose(governance(centre), centre.policy(rate="6%"))
    assert proposed.increases == ()

    with pytest.raises(ForbiddenRoleError, match="only a dpo"):
        await governance(centre).approve(ANNA, proposed.number, proposed.digest)
    await governance(centre).approve(CARLA, proposed.number, proposed.digest)

    assert (await centre.leaves("POLICY"))[-1]["approvals"] == 2


# --- Less takes one, and an epoch -----------------------------------------------------


async def test_a_decrease_is_an_operators_alone_and_holds_from_the_next_epoch(house):
    made = await governance(house).draft(ANNA, part(house, rate="0.5%"))
    await governance(house).propose(ANNA, made.number, made.digest, WHY)
    approved = await governance(house).approve(ANNA, made.number, made.digest)

    assert approved.state is State.SCHEDULED
    assert (await rates(house))[-1] == (5_000, epoch(house) + 1)
    assert (await house.leaves("POLICY"))[-1]["approvals"] == 1
    assert running_rate(house.service) == 10_000
    await pass_hours(house, 1)
    assert running_rate(house.service) == 5_000
    assert await states(house) == ["ended", "active"]


@pytest.mark.parametrize("hours", [0, 20, 23], ids=["approved", "later", "scheduled"])
async def test_a_decrease_never_waits_behind_an_increase_that_it_replaces(house, hours):
    await approve(governance(house), low(house, rate="2%"))
    await pass_hours(house, hours)
    less = await approve(governance(house), low(house, rate="0.5%"), who=CARLA)

    assert less.from_epoch == epoch(house) + 1
    await pass_hours(house, 30)

    assert await states(house) == ["ended", "withdrawn", "active"]
    assert running_rate(house.service) == 5_000
    assert (await governance(house).find(2)).reason == "replaced by 3 before it held"
    ran = {house.site.schedule.at(e).rate_ppm for e in range(epoch(house) - 60, 10**6)}
    assert ran <= {0, 5_000, 10_000}
    assert await audited(house) == []


async def test_of_two_approved_increases_only_the_last_one_waits(house):
    await approve(governance(house), low(house, rate="2%"))
    await pass_hours(house, 5)
    await approve(governance(house), low(house, rate="1.5%"))

    assert await states(house) == ["active", "withdrawn", "approved"]
    await pass_hours(house, 24)
    assert running_rate(house.service) == 15_000


async def test_a_campaign_that_begins_while_another_runs_replaces_it(house):
    """One policy holds at a time: two campaigns of a site are never drawn at once."""
    soon = house.clock().date() + timedelta(days=10)
    await approve(governance(house), low(house, starts_on=soon))
    await pass_hours(house, 25)

    assert await states(house) == ["ended", "active"]
    call = await house.start_call()
    assert call.decision == "skip"
    assert (await house.leaves("DRAW"))[-1]["x"] == "campaign_ended"


async def test_a_campaign_that_is_over_has_ended(house):
    await pass_time(house, days=27)

    assert await states(house) == ["ended"]


# --- Nobody decides on what they have not read ----------------------------------------


async def test_a_draft_that_was_changed_is_not_approved_by_its_old_digest(house):
    proposed = await propose(governance(house), low(house, rate="2%"))
    edited = await governance(house).edit(
        ANNA, proposed.number, part(house, rate="2%", kept_days=60), proposed.digest
    )
    assert (edited.state, edited.proposer) == (State.DRAFT, None)
    await governance(house).note_simulated(ANNA, edited.number, edited.digest, {})
    await governance(house).propose(ANNA, edited.number, edited.digest, WHY)

    with pytest.raises(StaleDocumentError, match=edited.digest):
        await governance(house).approve(CARLA, proposed.number, proposed.digest)

    assert await states(house) == ["active", "proposed"]
    with pytest.raises(StaleDocumentError):
        await governance(house).edit(
            BERT, proposed.number, part(house, rate="1.5%"), proposed.digest
        )


async def test_of_two_approvals_at_once_exactly_one_is_true(house):
    proposed = await propose(governance(house), low(house, rate="2%"))

    said = await asyncio.gather(
        *(
            governance(house).approve(who, proposed.number, proposed.digest)
            for who in (CARLA, DORA)
        ),
        return_exceptions=True,
    )

    [late] = [answer for answer in said if isinstance(answer, Exception)]
    assert isinstance(late, WrongStateError)
    assert len(await house.notes()) == 1
    events = await governance(house).history(proposed.number)
    approvals = [event for event in events if event.move == "approve"]
    assert sorted(event.is_refused for event in approvals) == [False, True]


async def test_a_refused_or_withdrawn_policy_stays_so(house):
    first = await propose(governance(house), low(house, rate="2%"))
    second = await propose(governance(house), low(house, rate="3%", ceiling="3%"))
    await governance(house).refuse(CARLA, first.number, "not needed")
    await governance(house).withdraw(ANNA, second.number)

    for number in (first.number, second.number):
        version = await governance(house).find(number)
        with pytest.raises(WrongStateError):
            await governance(house).approve(CARLA, number, version.digest)
        with pytest.raises(WrongStateError):
            await governance(house).withdraw(ANNA, number)

    assert await states(house) == ["active", "refused", "withdrawn"]
    assert (await governance(house).find(first.number)).reason == "not needed"


async def test_an_approved_increase_can_be_taken_back_until_its_leaf_is_written(house):
    approved = await approve(governance(house), low(house, rate="2%"))
    await governance(house).withdraw(ANNA, approved.number)
    await pass_hours(house, 30)

    assert await states(house) == ["active", "withdrawn"]
    assert running_rate(house.service) == 10_000


async def test_a_policy_nobody_wrote_is_not_found(house):
    with pytest.raises(UnknownPolicyError):
        await governance(house).approve(CARLA, 77, "0" * 64)


# --- Replicas and clocks --------------------------------------------------------------


async def test_every_replica_learns_a_new_policy_without_a_restart(centre):
    first = await open_with(centre, LOW)
    second = await open_with(centre, LOW)
    await approve(governance(centre), low(centre, rate="0.5%"))
    await pass_hours(centre, 1)

    for name, service in (("first", first), ("second", second)):
        assert running_rate(service) == 5_000
        assert (await centre.start_call(f"call-{name}", service=service)).decision_id
    assert [void for void in (await centre.counts()) if void[0] == "void"] == []


async def test_a_clock_that_is_ahead_activates_nothing_early(centre, clock):
    """The epoch decides: it draws in the epoch it believes in, by that one's policy."""
    await open_with(centre, LOW)
    await approve(governance(centre), low(centre, rate="0.5%"))
    boundary = epoch(centre) + 1
    clock.advance(minutes=59)
    await centre.start_call("call-before")

    clock.advance(minutes=2)  # this replica's clock alone; the others are behind
    await centre.start_call("call-ahead")
    clock.advance(minutes=-1, seconds=-30)
    await centre.start_call("call-behind")

    drawn = [leaf["e"] for leaf in await centre.leaves("DRAW")]
    assert drawn == [boundary - 1, boundary, boundary]
    policies = [centre.site.schedule.at(e).rate_ppm for e in drawn]
    assert policies == [10_000, 5_000, 5_000]
    clock.advance(hours=2)
    assert await audited(centre) == []


async def test_a_replica_that_was_away_writes_a_due_leaf_for_an_epoch_to_come(house):
    """Late is not retroactive: it holds from the epoch after the one that runs."""
    await approve(governance(house), low(house, rate="2%"))
    await house.start_call("call-1")
    await pass_time(house, hours=40)

    assert (await rates(house))[-1] == (20_000, epoch(house) + 1)
    assert running_rate(house.service) == 10_000
    await pass_hours(house, 1)
    assert running_rate(house.service) == 20_000
    assert await audited(house) == []


# --- The ledger, the verifier and the database agree ----------------------------------


async def audited(centre):
    """The verifier's findings."""
    return (await checked(centre))["findings"]


async def checked(centre):
    site = centre.site
    await site.tend()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    return await asyncio.to_thread(verdict, centre.folder, raw, rules, centre.clock())


async def test_ledger_and_verifier_agree_on_every_version(house):
    made = []
    for change in ({"rate": "0.5%"}, {"rate": "2%"}, {"kept_days": 10}):
        policy = low(house, **change)
        made.append(await approve(governance(house), policy))
        await pass_hours(house, 25)
        await house.start_call()
    await governance(house).stop(ANNA, "a test of the stop")
    await house.start_call()
    await governance(house).resume(ANNA)
    await pass_hours(house, 2)
    await house.start_call()
    await pass_hours(house, 3)

    found = await checked(house)

    assert (found["status"], found["findings"]) == (0, [])
    kept = await house.rows(
        "SELECT p.version, v.from_epoch, v.approvals, encode(v.digest, 'hex') AS doc"
        " FROM policies AS p JOIN policy_versions AS v USING (site_id, number)"
        " ORDER BY p.version"
    )
    told = [
        (p["version"], p["from"], p["approvals"], p["doc"]) for p in found["policies"]
    ]
    assert told == [tuple(row) for row in kept]
    assert [doc for *_, doc in told[1:]] == [version.digest for version in made]
    assert [approvals for _, _, approvals, _ in told] == [0, 2, 2, 2]
