"""The entry, then the byte: without the one, for whatever reason, not the other."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from proxy.access.trace.acts import Act
from tests.fakes.evidence import until
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.listeners import recorded, traced, trainer


@pytest.fixture
async def wire(dsn):
    async with FaultyWire(dsn) as wire:
        yield wire


@pytest.fixture
async def wired(wire, centre):
    await centre.open(dsn=wire.dsn)
    await centre.stop_worker()
    yield centre
    await wire.mend()


@pytest.fixture
async def tess(wired):
    return await trainer(wired)


@pytest.fixture
async def playing(wired, tess):
    recording, audio = await recorded(wired)
    return recording, await tess.play(recording), audio


@asynccontextmanager
async def refusing_trace(centre):
    """Nothing can be written into the trace; everything else can."""
    await centre.rows("REVOKE INSERT ON access_entries FROM ponctuel_service")
    try:
        yield
    finally:
        await centre.rows("GRANT INSERT ON access_entries TO ponctuel_service")


async def waiting(centre):
    """Whether the service waits for a lock somebody else has."""
    return await centre.value(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )


async def test_no_byte_comes_before_its_entry_is_committed(wired, tess, playing, dsn):
    _, address, audio = playing
    lock = await asyncpg.connect(dsn)
    hold = lock.transaction()
    await hold.start()
    await lock.execute("LOCK TABLE access_entries IN SHARE MODE")

    asked = asyncio.create_task(tess.hear(address))
    await until(lambda: waiting(wired))
    assert not asked.done()
    assert await traced(wired, Act.HEARD) == []
    await hold.rollback()
    await lock.close()
    piece = await asked

    assert piece.content == audio[: len(audio) // 2]
    [heard] = await traced(wired, Act.HEARD)
    assert (heard.first, heard.last) == (0, len(piece.content) - 1)


async def test_a_trace_that_refuses_refuses_the_play_and_every_piece(
    wired, tess, playing
):
    recording, address, audio = playing
    async with refusing_trace(wired):
        began = await tess.begin(recording)
        piece = await tess.hear(address)
        listed = await tess.ask("GET", "/recordings")

    assert {began.status, piece.status, listed.status} == {503}
    assert audio[44:60] not in piece.content
    assert await wired.value("SELECT count(*) FROM plays") == 1
    assert await wired.value("SELECT served FROM plays") == 0
    assert (await wired.counts())["plays", "trainer training"] == 1
    assert (await tess.hear(address)).status == 206


async def test_whoever_is_refused_is_refused_also_when_that_cannot_be_noted(
    wired, tess, playing
):
    _, address, _ = playing
    async with refusing_trace(wired):
        answer = await tess.hear(address, None)

    assert answer.status == 503


async def test_with_the_database_away_nothing_is_heard(tess, playing, wire):
    recording, address, audio = playing
    await wire.cut()

    piece, began = await tess.hear(address), await tess.begin(recording)

    assert (piece.status, began.status) == (503, 503)
    assert audio[44:60] not in piece.content
    await wire.mend()
    assert (await tess.hear(address)).status == 206


async def test_an_entry_whose_commit_nobody_heard_of_lets_nothing_be_heard(
    wired, tess, playing, wire
):
    """An entry of what was not heard harms nobody; the contrary would."""
    _, address, audio = playing
    wire.lose_commit_of(b"UPDATE plays SET used_at")

    piece = await tess.hear(address)

    assert (wire.lost, piece.status) == (1, 503)
    assert audio[44:60] not in piece.content
    assert len(await traced(wired, Act.HEARD)) == 1
    assert (await tess.hear(address)).status == 206
    assert len(await traced(wired, Act.HEARD)) == 2


async def test_a_play_whose_commit_nobody_heard_of_ends_with_the_next(
    wired, tess, wire
):
    recording, _ = await recorded(wired)
    wire.lose_commit_of(b"INSERT INTO plays")

    assert (await tess.begin(recording)).status == 503
    address = await tess.play(recording)

    assert wire.lost == 1
    assert (await tess.hear(address)).status == 206
    running = await wired.value("SELECT count(*) FROM plays WHERE ended_at IS NULL")
    assert running == 1
    assert (await wired.counts())["plays", "trainer training"] == 2
    assert len(await traced(wired, Act.PLAY)) == 2


async def test_what_was_tampered_with_is_not_heard_and_people_are_told(
    wired, tess, playing
):
    recording, address, audio = playing
    [file] = wired.objects()
    sealed = bytearray(file.read_bytes())
    sealed[len(sealed) // 2] ^= 1
    file.chmod(0o600)
    file.write_bytes(sealed)

    piece = await tess.hear(address)

    assert (piece.status, piece.problem) == (503, "tampered")
    assert audio[44:60] not in piece.content
    reference = await wired.value(
        "SELECT reference FROM incidents WHERE reference LIKE 'tampered%'"
    )
    assert reference == f"tampered-{recording}"


async def test_a_vault_that_is_away_ends_no_play(wired, tess, playing):
    _, address, _ = playing
    [file] = wired.objects()
    elsewhere = file.rename(wired.folder / "elsewhere")

    away = await tess.hear(address)
    elsewhere.rename(file)

    assert away.status == 404
    assert (await tess.hear(address)).status == 206
