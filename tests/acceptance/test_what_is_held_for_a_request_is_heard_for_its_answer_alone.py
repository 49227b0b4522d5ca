"""Held while a request is answered: heard by whoever answers it, and nobody else."""

from contextlib import aclosing
from datetime import timedelta

import pytest

from proxy.access.permissions import Role
from proxy.errors import ObjectMissingError, RestrictedError
from proxy.vault.recordings import LOOKED_AGAIN
from retention.holds import Authority, Hold
from tests.fakes.call_centre import SITE, wav
from tests.fakes.listeners import recorded, signed_in, trainer
from tests.fakes.overseen import REASON
from tests.fakes.staff import staffed

FREEZE = frozenset({Authority.REQUEST})
LONG = wav(seconds=150)  # more than is opened at once


@pytest.fixture
async def house(centre):
    sites = staffed(centre)
    sites[SITE]["access"] = {"break_glass": True}
    await centre.open(sites=sites)
    await centre.stop_worker()
    return centre


async def held(house, recording, authority, **less):
    longest = Authority(authority).longest
    until = house.clock() + longest - timedelta(**less or {"hours": 1})
    hold = Hold(authority, "K7QD-3MXP", "a request", until)
    return await house.site.parts.holds.place(recording, hold, "rights-rosa")


async def opened(who, recording):
    body = {"recording": str(recording), "reason": REASON}
    return (await who.ask("POST", "/break-glass", body)).status


async def begun(who, recording, purpose):
    answer = await who.begin(recording, purpose)
    return answer.status, answer.status == 423 and answer.problem


RESTRICTED = (423, "restricted")


@pytest.mark.parametrize("role", [Role.DPO, Role.RIGHTS_OFFICER])
async def test_whoever_answers_hears_it_once_the_glass_is_broken(house, role):
    officer = await signed_in(house, "officer-otto", role)
    recording, audio = await recorded(house)
    await held(house, recording, Authority.REQUEST)
    assert (await officer.begin(recording, "case")).status == 404

    assert await opened(officer, recording) == 201

    address = await officer.play(recording, "case")
    pieces = await officer.hear_all(address, len(audio))
    assert b"".join(piece.content for piece in pieces) == audio


async def test_a_trainer_does_not_hear_it_not_even_through_broken_glass(house):
    tess = await trainer(house)
    recording, _ = await recorded(house)
    await held(house, recording, Authority.REQUEST)

    assert await begun(tess, recording, "training") == RESTRICTED
    assert await opened(tess, recording) == 201
    assert await begun(tess, recording, "case") == RESTRICTED


@pytest.mark.parametrize("authority", sorted(set(Authority) - FREEZE))
async def test_what_another_right_keeps_an_officer_does_not_hear_either(
    house, authority
):
    officer = await signed_in(house, "officer-otto", Role.RIGHTS_OFFICER)
    recording, _ = await recorded(house)
    await held(house, recording, authority)

    assert await opened(officer, recording) == 201

    assert await begun(officer, recording, "case") == RESTRICTED


async def test_what_is_past_its_own_day_is_read_to_its_end_for_the_answer(house, clock):
    recording, audio = await recorded(house, LONG)
    clock.advance(days=29, hours=23)
    await held(house, recording, Authority.REQUEST)
    clock.advance(days=2)
    await house.site.sweep()

    found = await house.site.vault.find(recording, FREEZE)

    read = [piece async for piece in await house.site.vault.open(found)]
    assert b"".join(read) == audio
    with pytest.raises(RestrictedError):
        await house.site.vault.find(recording)


@pytest.mark.parametrize("despite", [FREEZE, frozenset(Authority)])
async def test_who_reads_despite_one_hold_is_cut_off_by_another(house, clock, despite):
    recording, _ = await recorded(house, LONG)
    freeze = await held(house, recording, Authority.REQUEST)
    found = await house.site.vault.find(recording, despite)
    async with aclosing(await house.site.vault.open(found)) as reader:
        await anext(reader)
        await house.site.parts.holds.release(freeze, "rights-rosa")
        clock.now += LOOKED_AGAIN
        await anext(reader)  # of its own time there is still some

        await held(house, recording, Authority.RESTRICTION)
        clock.now += LOOKED_AGAIN

        if despite == FREEZE:
            with pytest.raises(RestrictedError):
                await anext(reader)
        else:
            await anext(reader)


async def test_who_reads_past_its_day_is_cut_off_when_the_freeze_ends(house, clock):
    recording, _ = await recorded(house, LONG)
    freeze = await held(house, recording, Authority.REQUEST)
    clock.advance(days=31)
    found = await house.site.vault.find(recording, FREEZE)
    async with aclosing(await house.site.vault.open(found)) as reader:
        await anext(reader)

        await house.site.parts.holds.release(freeze, "rights-rosa")
        clock.now += LOOKED_AGAIN

        with pytest.raises(ObjectMissingError):
            await anext(reader)


async def test_a_freeze_that_is_over_keeps_nothing_readable(house, clock):
    recording, _ = await recorded(house)
    await held(house, recording, Authority.REQUEST, days=1)
    clock.advance(days=91)

    with pytest.raises(ObjectMissingError):
        await house.site.vault.find(recording, frozenset(Authority))
