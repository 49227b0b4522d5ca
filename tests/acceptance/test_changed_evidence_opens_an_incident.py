"""A drill: what was changed behind our back is an incident within one pass (R36)."""

from uuid import UUID

import asyncpg
import pytest
import structlog

from proxy.errors import TamperedError
from proxy.incidents.cases import Decision
from proxy.incidents.register import State
from proxy.ledger.publisher import CorruptTreeError
from tests.fakes.clinic import wav

A_BIT = "UPDATE ledger_tiles SET hashes = set_bit(hashes, 0, 1 - get_bit(hashes, 0))"


async def changed(house, sql, *arguments):
    """What only the owner of the database could do."""
    owner = await asyncpg.connect(house.dsn)
    await owner.execute(sql, *arguments)
    await owner.close()


async def open_incidents(house):
    return [
        (case.kind, case.reference.partition("-")[0], case.hours_left(house.clock()))
        for case in await house.site.incidents.list()
    ]


async def test_a_changed_tile_stops_the_publisher_and_starts_the_72_hours(house, clock):
    await house.start_call()
    await house.site.publisher.publish()
    await changed(house, A_BIT)
    clock.advance(hours=2)

    with pytest.raises(CorruptTreeError):
        await house.site.tend()

    assert await open_incidents(house) == [("integrity", "corrupt", 72)]


async def test_the_same_damage_found_every_minute_is_one_incident(house, clock):
    await house.start_call()
    await house.site.publisher.publish()
    await changed(house, A_BIT)

    for _ in range(3):
        clock.advance(hours=2)
        with pytest.raises(CorruptTreeError):
            await house.site.tend()

    assert await open_incidents(house) == [("integrity", "corrupt", 68)]


async def test_a_halted_ledger_is_an_incident_within_one_pass(house, clock):
    await house.site.publisher.publish()
    await house.site.cosignatures.halt(clock())

    await house.site.tend()

    assert await open_incidents(house) == [("integrity", "ledger", 72)]


@pytest.mark.parametrize("damage", ["a changed byte", "a missing end"])
async def test_a_recording_that_is_not_what_was_sealed_is_an_incident(house, damage):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav(30))
    [kept] = await house.site.vault.list()
    recording_id = kept["recording_id"]
    assert isinstance(recording_id, UUID)
    [sealed] = [
        file
        for file in house.data_dir.rglob("*")
        if file.is_file() and recording_id.hex in file.name.replace("-", "")
    ]
    raw = bytearray(sealed.read_bytes())
    raw[len(raw) // 2] ^= 1
    sealed.chmod(0o600)
    sealed.write_bytes(raw if damage == "a changed byte" else raw[:-1])

    with pytest.raises(TamperedError):
        await house.heard(str(recording_id))

    assert await open_incidents(house) == [("integrity", "tampered", 72)]


async def test_a_sound_service_opens_none(house):
    call = await house.drawn_call(is_announced=True)
    await house.upload(call.decision_id, wav())
    await house.site.tend()

    assert await house.site.incidents.list(State.ALL) == []


async def test_what_people_write_is_in_no_leaf_no_figure_and_no_log(house):
    word = "zwetschge"
    with structlog.testing.capture_logs() as logged:
        incident = await house.site.incidents.open_by_hand("op1", {"nature": word})
        await house.site.incidents.note(incident, "op1", word)
        await house.site.incidents.decide(incident, "op1", Decision.NOTIFY, word)
        await house.site.tend()
        await house.service.publish()

    leaves = await house.all_leaves()
    page = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    assert word not in f"{leaves} {page.body} {logged}"
    assert "incident_hours_left" in page.body
