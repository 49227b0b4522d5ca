"""Access (GDPR Art. 15): one encrypted archive with all and only what is theirs."""

import io
import wave
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act, Entry
from proxy.errors import ObjectMissingError
from proxy.rights.faults import MoveRefusedError, NotDoneError
from proxy.rights.packages.faults import (
    LinkOverError,
    NothingToPackError,
    PackageNotReadyError,
)
from proxy.rights.packages.muting import BadCutError, Cut, Why
from retention.rights.deadlines import Kind
from retention.rights.request import Outcome, State
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded, traced
from tests.fakes.packages import handing, unpacked, verified
from tests.fakes.persons import THEIRS, asked

pytestmark = pytest.mark.acceptance
VERIFY = Path(__file__).parents[2] / "audit" / "verify.py"
ANOTHERS = "+33698765432"


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def test_the_package_holds_what_is_theirs_and_nothing_of_others(
    house, desk, tmp_path
):
    _, audio = await recorded(house, caller=THEIRS)
    await recorded(house, caller=ANOTHERS)
    request = await desk.asked()

    package = await desk.assembled(request)
    shown = await desk.opened(request)
    archive = await desk.fetched(shown.ticket)

    assert len(archive) == package.size == shown.size
    files = unpacked(archive, shown.password, tmp_path)
    assert sorted(files) == [
        "LISEZ-MOI.txt",
        "enregistrements/01.txt",
        "enregistrements/01.wav",
        "information.txt",
        "reponse.txt",
        "tirages/01.tlog-proof",
        "tirages/01.txt",
        "tirages/policy.txt",
        "tirages/verify.py",
    ]
    assert files["enregistrements/01.wav"] == audio
    readme = files["LISEZ-MOI.txt"].decode()
    assert all(name in readme for name in files)


async def test_the_person_checks_their_own_draw_without_a_network(
    house, desk, tmp_path
):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)
    unpacked(await desk.fetched(shown.ticket), shown.password, tmp_path)

    assert verified(tmp_path, "01.tlog-proof")
    inside = tmp_path / "unpacked" / "tirages" / "verify.py"
    assert inside.read_bytes() == VERIFY.read_bytes()


async def test_every_listening_is_told_with_day_and_purpose_and_without_names(
    house, desk, tmp_path
):
    recording, _ = await recorded(house, caller=THEIRS)
    heard = Entry(Act.PLAY, "trainer-ada", Role.TRAINER, recording, "training")
    await house.site.access.trace.note(heard)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)
    files = unpacked(await desk.fetched(shown.ticket), shown.password, tmp_path)

    sheet = files["enregistrements/01.txt"].decode().replace("\u00a0", " ")
    assert "Le 18 novembre 2026" in sheet.partition("écouté")[2]
    told = b" ".join(files.values()).lower()
    assert not any(name in told for name in (b"trainer-ada", b"officer", b"rosa"))


async def test_muted_parts_are_silent_and_listed_and_the_original_is_untouched(
    house, desk, tmp_path
):
    recording, audio = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    cut = Cut(500, 1500, Why.THIRD_PARTY)
    await desk.packages.mute(OFFICER, request, recording, [cut])
    await desk.assembled(request)
    shown = await desk.opened(request)
    files = unpacked(await desk.fetched(shown.ticket), shown.password, tmp_path)

    with wave.open(io.BytesIO(files["enregistrements/01.wav"])) as copy:
        rate, size = copy.getframerate(), copy.getnchannels() * 2
        samples = copy.readframes(copy.getnframes())
    with wave.open(io.BytesIO(audio)) as original:
        whole = original.readframes(original.getnframes())
    first, last = rate // 2 * size, rate * 3 // 2 * size
    assert not any(samples[first:last])
    assert samples[:first] + samples[last:] == whole[:first] + whole[last:]
    sheet = files["enregistrements/01.txt"].decode()
    assert "personne" in sheet.replace("\n  ", " ")
    kept = await house.site.vault.find(recording, {"request"})
    stream = await house.site.vault.open(kept)
    assert b"".join([piece async for piece in stream]) == audio


async def test_what_is_muted_lies_inside_a_recording_of_the_request(house, desk):
    recording, _ = await recorded(house, caller=THEIRS)
    foreign, _ = await recorded(house, caller=ANOTHERS)
    request = await desk.asked()

    with pytest.raises(BadCutError):
        await desk.packages.mute(
            OFFICER, request, recording, [Cut(0, 10**7, Why.SECURITY)]
        )
    with pytest.raises(ObjectMissingError):
        await desk.packages.mute(
            OFFICER, request, foreign, [Cut(0, 10, Why.THIRD_PARTY)]
        )


async def test_a_change_of_what_is_muted_makes_another_package_and_voids_the_link(
    house, desk
):
    recording, _ = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    first = await desk.assembled(request)
    link = await desk.packages.issue(OFFICER, request)
    shown = await desk.opened_by(link)
    whole = await desk.fetched(shown.ticket, "bytes=0-99")

    cut = Cut(0, 500, Why.THIRD_PARTY)
    await desk.packages.mute(OFFICER, request, recording, [cut])

    with pytest.raises(LinkOverError):
        await desk.packages.sending.look(shown.ticket)
    with pytest.raises(LinkOverError):
        await desk.packages.links.send_code(link.secret)
    second = await desk.assembled(request)
    again = await desk.opened(request)
    assert second.package_id != first.package_id
    assert again.password != shown.password
    assert await desk.fetched(again.ticket, "bytes=0-99") != whole


async def test_that_it_was_handed_over_is_in_the_trace_for_each_recording(house, desk):
    recording, _ = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    package = await desk.assembled(request)
    shown = await desk.opened(request)
    assert await traced(house, Act.EXPORTED) == []

    await desk.fetched(shown.ticket, "bytes=0-9")
    await desk.fetched(shown.ticket)

    [entry] = await traced(house, Act.EXPORTED)
    assert (entry.item, entry.purpose) == (recording, "access")
    assert entry.about == str(package.package_id)


async def test_access_is_done_when_the_link_is_issued_and_over_when_it_was_fetched(
    house, desk
):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    with pytest.raises(NotDoneError, match="no package"):
        await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    await desk.assembled(request)
    with pytest.raises(NotDoneError, match="no link"):
        await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    shown = await desk.opened(request)

    letter = await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)
    assert "https://clinic.example/console/packages" in str(letter)
    await desk.rights.tend()
    requests = desk.rights.requests
    assert (await requests.find(request)).standing.state is State.ANSWERED

    await desk.fetched(shown.ticket)
    await desk.rights.tend()

    held = "SELECT FROM holds WHERE ended_at IS NULL"
    assert await house.rows(held) == []
    await desk.hours_pass(24)
    assert (await requests.find(request)).standing.state is State.CLOSED
    assert await house.rows("SELECT FROM package_items") == []
    assert await house.rows("SELECT FROM package_members") == []


async def test_a_link_nobody_follows_ends_after_seven_days_and_the_freeze_with_it(
    house, desk, clock
):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)
    await desk.rights.desk.answer(OFFICER, request, Outcome.GRANTED)

    clock.advance(days=7)

    with pytest.raises(LinkOverError):
        await desk.packages.sending.look(shown.ticket)
    await desk.rights.tend()
    found = await desk.rights.requests.find(request)
    assert found.standing.state is State.CLOSED
    assert await house.rows("SELECT FROM packages WHERE root IS NOT NULL") == []


async def test_a_medical_file_is_not_handed_over_before_48_hours(house, desk, clock):
    await recorded(house, caller=THEIRS)
    request = await desk.asked(kind=Kind.MEDICAL_FILE)
    await desk.assembled(request)

    clock.advance(hours=47)
    with pytest.raises(PackageNotReadyError, match="not before"):
        await desk.packages.issue(OFFICER, request)
    clock.advance(hours=1)
    await desk.packages.issue(OFFICER, request)


async def test_where_nothing_is_held_there_is_no_package(desk):
    request = await desk.asked()
    with pytest.raises(NothingToPackError):
        await desk.packages.make(OFFICER, request)


async def test_who_does_not_ask_for_access_gets_no_package(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked(kind=Kind.ERASURE)
    with pytest.raises(MoveRefusedError):
        await desk.packages.make(OFFICER, request)


async def test_a_person_without_a_number_gets_the_code_by_another_way(house, desk):
    await recorded(house, caller=THEIRS, agent="a-104")
    await desk.hours_pass(2)
    request = await asked(house, Kind.ACCESS, agent="a-104")
    await desk.assembled(request)
    link = await desk.packages.issue(OFFICER, request)

    colleague = replace(OFFICER, code="officer-paul")
    code = await desk.packages.hand_over_code(colleague, request)

    assert await desk.packages.links.send_code(link.secret) == ""
    assert desk.gateway.sent == []
    shown = await desk.packages.links.open(link.secret, code)
    assert len(await desk.fetched(shown.ticket)) == shown.size


async def test_nothing_of_a_package_lies_readable_in_the_database(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await desk.assembled(request)
    shown = await desk.opened(request)

    secrets = (shown.password, shown.ticket, desk.gateway.code, "12345678", "Parc")
    for table in ("packages", "package_items", "package_members", "request_cuts"):
        kept = str(await house.rows(f"SELECT * FROM {table}"))  # noqa: S608  # ours
        assert not any(word in kept for word in secrets)
