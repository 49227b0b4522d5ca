"""A package is made or it is not: nothing in between is ever handed over as done."""

import asyncio
from contextlib import aclosing, suppress
from datetime import timedelta

import pytest

from proxy.access.trace.acts import Act
from proxy.errors import DatabaseUnavailableError, PonctuelError, StorageError
from proxy.rights.faults import NotDoneError
from proxy.rights.packages.faults import (
    NotFaultyError,
    PackageNotReadyError,
)
from proxy.rights.packages.store import Ended
from retention.holds import Authority, Hold
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome
from tests.fakes.call_centre import wav
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, traced
from tests.fakes.packages import handing, unpacked
from tests.fakes.persons import THEIRS, asked, today

MANY = 12


@pytest.fixture
async def desk(quiet):
    """Nobody else goes on with what it began: a minute's tick would."""
    async with handing(quiet) as desk:
        yield desk


@pytest.fixture
async def many(house, desk):
    """A request about several recordings, and these."""
    kept = [(await recorded(house, wav(n / 10)))[0] for n in range(1, MANY + 1)]
    await desk.hours_pass(2)
    return await asked(house, Kind.ACCESS, windows=today(house)), kept


@pytest.fixture
async def one(house, desk):
    """A request about one recording, that, and what was said in it."""
    recording, audio = await recorded(house, wav(150), caller=THEIRS)
    return await desk.asked(), recording, audio


def file_of(house, recording):
    return house.data_dir / "objects" / recording.hex[:2] / recording.hex


def tamper(house, recording):
    file = file_of(house, recording)
    sealed = bytearray(file.read_bytes())
    sealed[-1] ^= 1
    file.write_bytes(sealed)


# --- Making ---------------------------------------------------------------------------


async def test_a_tampered_recording_stops_the_package_and_people_are_told(
    house, desk, many
):
    request, kept = many
    tamper(house, kept[5])

    package = await desk.assembled(request)

    assert (package.fault, package.fault_item) == ("tampered", kept[5])
    with pytest.raises(PackageNotReadyError):
        await desk.packages.issue(OFFICER, request)
    with pytest.raises(NotDoneError, match="tampered"):
        await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    [row] = await house.rows("SELECT count(*) FROM incidents WHERE kind = 'integrity'")
    assert row["count"] == 1


async def test_without_the_tampered_one_the_answer_is_partly_and_says_so(
    house, desk, many
):
    request, kept = many
    tamper(house, kept[5])
    await desk.assembled(request)

    package = await desk.assembled(request, without=[kept[5]])
    assert package.is_assembled
    assert package.recordings == MANY - 1
    await desk.packages.issue(OFFICER, request)

    with pytest.raises(NotDoneError):
        await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    letter = await desk.rights.desk.answer(
        OFFICER, request, Outcome.PARTLY, "un enregistrement est endommagé"
    )
    assert "endommagé" in letter


async def test_only_what_kept_a_package_from_being_made_is_left_out(desk, many):
    request, kept = many
    with pytest.raises(NotFaultyError):
        await desk.packages.make(OFFICER, request, [kept[0]])


async def test_while_the_store_fails_it_is_not_made_and_nobody_says_it_is(
    house, desk, many
):
    request, _ = many
    objects = house.data_dir / "objects"
    objects.rename(house.data_dir / "away")
    package = await desk.assembled(request)
    assert (package.assembled, package.is_assembled) == (0, False)
    with pytest.raises(PackageNotReadyError):
        await desk.packages.issue(OFFICER, request)


async def test_a_fault_that_passes_is_made_good_by_the_next_minute(
    house, desk, many, monkeypatch
):
    request, _ = many
    vault = house.site.vault
    whole, calls = vault.open, []

    async def failing(*asked):
        calls.append(asked)
        if len(calls) == 7:  # of which each recording takes two
            raise StorageError("the key service is away")
        return await whole(*asked)

    monkeypatch.setattr(vault, "open", failing)
    package = await desk.assembled(request)
    assert package.in_words == f"assembled 3 of {MANY}"
    assert not package.is_idle

    await desk.packages.tend()
    await desk.packages.making.wait(request)

    package = await desk.packages.show(OFFICER, request)
    assert package.is_assembled
    assert len(calls) == 2 * MANY + 1  # what was measured is not measured again


async def test_a_service_that_died_while_making_goes_on_where_it_was(
    house, desk, many, monkeypatch
):
    request, _ = many
    vault, whole, reached = house.site.vault, house.site.vault.open, asyncio.Event()
    calls = []

    async def stuck(*asked):
        calls.append(asked)
        if len(calls) == 13:
            reached.set()
            await asyncio.Event().wait()
        return await whole(*asked)

    monkeypatch.setattr(vault, "open", stuck)
    await desk.packages.make(OFFICER, request)
    await reached.wait()
    await desk.packages.close()  # as a process that ends takes its tasks with it
    assert (
        await desk.packages.show(OFFICER, request)
    ).in_words == f"assembled 6 of {MANY}"

    async with handing(house) as next_process:
        await next_process.packages.tend()
        await next_process.packages.making.wait(request)
        package = await next_process.packages.show(OFFICER, request)
        assert package.is_assembled
        assert len(calls) == 2 * MANY + 1


async def test_the_commit_that_happened_although_its_answer_was_lost_is_not_repeated(
    house, desk, many, monkeypatch
):
    request, _ = many
    store = desk.packages.store
    whole, calls = store.keep_members, []

    async def lost(connection, *members):
        await whole(connection, *members)
        calls.append(members)
        if len(calls) == 2:
            await connection.execute("COMMIT")
            raise DatabaseUnavailableError("ConnectionResetError")

    monkeypatch.setattr(store, "keep_members", lost)
    with suppress(PonctuelError):
        await desk.assembled(request)
    await desk.packages.tend()
    await desk.packages.making.wait(request)

    package = await desk.packages.show(OFFICER, request)
    assert package.is_assembled
    rows = await house.rows("SELECT count(*) FROM package_members")
    assert rows[0]["count"] == 4 * MANY + 5


# --- Sending --------------------------------------------------------------------------


async def test_where_the_trace_cannot_be_written_nothing_is_sent(house, desk, one):
    request, _, _ = one
    await desk.assembled(request)
    shown = await desk.opened(request)
    await house.rows("REVOKE INSERT ON access_entries FROM ponctuel_service")
    try:
        with pytest.raises(DatabaseUnavailableError):
            await desk.fetched(shown.ticket)
    finally:
        await house.rows("GRANT INSERT ON access_entries TO ponctuel_service")
    [row] = await house.rows("SELECT isempty(sent) AS is_nothing FROM packages")
    assert row["is_nothing"]
    assert len(await desk.fetched(shown.ticket)) == shown.size
    assert len(await traced(house, Act.EXPORTED)) == 1


async def test_a_process_that_died_while_sending_is_resumed_by_another(
    house, desk, one, tmp_path
):
    request, _, audio = one
    await desk.assembled(request)
    shown = await desk.opened(request)
    sending = desk.packages.sending
    look = await sending.look(shown.ticket)
    first = bytearray()
    async with sending.sending(look) as blocks, aclosing(blocks):
        async for block in blocks:
            first += block
            if len(first) > shown.size // 2:
                break

    async with handing(house) as next_process:
        rest = await next_process.fetched(shown.ticket, f"bytes={len(first)}-")

    files = unpacked(bytes(first) + rest, shown.password, tmp_path)
    assert files["enregistrements/01.wav"] == audio


async def test_a_recording_restricted_while_it_is_sent_arrives_all_the_same(
    house, desk, one, clock
):
    """Art. 18(2): it may be stored, and the person's own copy is theirs."""
    request, recording, _ = one
    await desk.assembled(request)
    shown = await desk.opened(request)
    sending = desk.packages.sending
    look = await sending.look(shown.ticket)
    holds, later = house.site.parts.holds, clock.now + timedelta(days=7)
    async with sending.sending(look) as blocks, aclosing(blocks):
        await anext(blocks)
        [hold] = await holds.list()
        await holds.release(hold["hold_id"], OFFICER.code)
        await holds.place(
            recording,
            Hold(Authority.RESTRICTION, "R-1", "at their wish", later),
            OFFICER.code,
        )
        clock.advance(seconds=2)
        async for _ in blocks:
            pass
    package = await desk.packages.show(OFFICER, request)
    assert package.ended_because is Ended.FETCHED


async def test_a_recording_tampered_with_after_it_was_measured_never_arrives_whole(
    house, desk, one
):
    request, recording, _ = one
    await desk.assembled(request)
    shown = await desk.opened(request)
    tamper(house, recording)
    with pytest.raises(StorageError):
        await desk.fetched(shown.ticket)
    [row] = await house.rows("SELECT fetched_at FROM packages")
    assert row["fetched_at"] is None
