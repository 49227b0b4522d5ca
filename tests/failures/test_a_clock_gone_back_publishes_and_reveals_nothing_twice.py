"""A clock that goes back a day while heads are signed and seeds are given up."""

from datetime import timedelta

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.short_epochs import EPOCH, in_mode

DAY = timedelta(days=1)


@pytest.fixture
async def hasty(centre):
    """A service with short epochs whose every step the test takes itself."""
    plan = in_mode(centre, "operator")
    plan["metrics"] = {"port": 0, "interval_seconds": 60}
    await centre.open(**plan)
    await centre.stop_worker()
    return centre


async def an_epoch_goes_by(centre, clock):
    for _ in range(5):
        await centre.start_call()
        clock.advance(seconds=EPOCH / 5)
        await centre.site.tend()


async def audited(centre):
    site = centre.site
    bundle = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    return verdict(centre.folder, bundle, auditor_text(site.signer.key), centre.clock())


async def closed(centre):
    return [leaf["e"] for leaf in await centre.leaves("CLOSE")]


@pytest.mark.parametrize("epochs", [1, 4], ids=["nothing-revealed", "some-revealed"])
async def test_seeds_wait_for_the_right_time_and_are_given_up_once(
    hasty, clock, epochs
):
    for _ in range(epochs):
        await an_epoch_goes_by(hasty, clock)
    revealed = await closed(hasty)
    assert bool(revealed) == (epochs > 1)

    clock.now -= DAY
    for _ in range(3):
        await hasty.site.tend()
        assert (await hasty.start_call()).decision_id is None
        clock.advance(seconds=EPOCH)
    # At most seeds of the day before, in which nobody ever drew.
    drawn = {leaf["e"] for leaf in await hasty.leaves("DRAW")}
    meanwhile = set(await closed(hasty)) - set(revealed)
    assert all(epoch < min(drawn) - 3600 / EPOCH for epoch in meanwhile)
    assert (await audited(hasty))["findings"] == []

    clock.now += DAY
    for _ in range(4):
        await an_epoch_goes_by(hasty, clock)
    after = await closed(hasty)
    assert len(set(after)) == len(after)
    assert drawn <= set(after)
    assert (await audited(hasty))["findings"] == []


async def test_heads_signed_while_the_clock_is_back_extend_those_before(hasty, clock):
    await hasty.start_call()
    call = await hasty.drawn_call()
    first = await hasty.site.publisher.publish()

    clock.now -= DAY
    await hasty.tell("call.opt_out", call)
    await hasty.site.tend()
    second = await hasty.site.publisher.publish()
    third = await hasty.site.publisher.publish()

    assert first.size < second.size == third.size
    assert second.root == third.root
    found = await audited(hasty)
    assert (found["findings"], found["size"]) == ([], second.size)

    clock.now += DAY + timedelta(minutes=2)
    assert (await hasty.start_call()).decision_id
    await hasty.site.tend()
    newest = await hasty.value("SELECT max(size) FROM checkpoints")
    assert newest == await hasty.value("SELECT size FROM ledger_heads")
    assert (await audited(hasty))["findings"] == []


async def test_the_clock_goes_back_between_looking_at_it_and_signing(
    hasty, clock, monkeypatch
):
    """The newest head is the largest, whatever times they bear."""
    await hasty.start_call()
    publisher = hasty.site.publisher
    real = publisher._grow

    async def back_meanwhile(*arguments):
        grown = await real(*arguments)
        clock.now -= DAY
        return grown

    monkeypatch.setattr(publisher, "_grow", back_meanwhile)
    signed = [await publisher.publish()]
    monkeypatch.undo()
    clock.now += DAY
    await hasty.start_call()
    signed.append(await publisher.publish())

    rows = await hasty.rows("SELECT size FROM checkpoints ORDER BY signed_at")
    assert [row["size"] for row in rows] == [each.size for each in signed]
    assert (await audited(hasty))["findings"] == []
