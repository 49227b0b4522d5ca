"""What recorders, agents and others wrote beside a recording stays out of its copy."""

import io
import struct
import wave
from datetime import timedelta
from pathlib import Path

import pytest
import soundfile

from proxy.rights.outcomes.recipients import HandoverPurpose
from proxy.rights.records import NewRequest
from retention.rights.deadlines import Kind
from retention.rights.request import Identity
from tests.fakes.desk import OFFICER
from tests.fakes.listeners import recorded
from tests.fakes.packages import handing, unpacked
from tests.fakes.persons import AGENT, THEIRS, asked, rights_of

pytestmark = pytest.mark.acceptance
RECORDED = Path(__file__).parents[1] / "recorded" / "audio"
SECRET = b"agent Jeanne Martin poste 4012"


@pytest.fixture
async def desk(house):
    async with handing(house) as desk:
        yield desk


async def copied(house, desk, tmp_path, audio=b"", **call):
    """The files of the package about one recording."""
    await recorded(house, audio, caller=THEIRS, **call)
    return await packed(desk, await desk.asked(), tmp_path)


async def packed(desk, request, tmp_path):
    package = await desk.assembled(request)
    assert package.is_assembled, package
    shown = await desk.opened(request)
    return unpacked(await desk.fetched(shown.ticket), shown.password, tmp_path)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def tagged_wave(content: bytes) -> bytes:
    """With what recorders add, before the sound and behind it."""
    said = chunk(b"LIST", b"INFO" + chunk(b"IART", SECRET))
    body = content[8:36] + chunk(b"bext", SECRET) + content[36:] + said
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tagged_mp3(content: bytes) -> bytes:
    frame = b"TPE1" + struct.pack(">IH", len(SECRET) + 1, 0) + b"\0" + SECRET
    size = len(frame)
    synchsafe = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    before = b"ID3\4\0\0" + synchsafe + frame
    return before + content + b"TAG" + SECRET.ljust(125, b"\0")


def plain(name: str) -> bytes:
    return (RECORDED / name).read_bytes()


def tagged_ogg() -> bytes:
    written = io.BytesIO()
    samples, rate = soundfile.read(RECORDED / "vorbis-mono-8k.ogg", dtype="float32")
    with soundfile.SoundFile(written, "w", rate, 1, "VORBIS", format="OGG") as sound:
        sound.artist = SECRET.decode()
        sound.write(samples)
    return written.getvalue()


def read(content: bytes) -> bytes:
    samples, _ = soundfile.read(io.BytesIO(content), dtype="int16", always_2d=True)
    return samples.tobytes()


@pytest.mark.parametrize(
    "name", ["pcm16-mono-8k.wav", "a-law-mono-8k.wav", "mu-law-stereo-8k.wav"]
)
async def test_a_wave_file_is_copied_without_a_word_beside_its_sound(
    house, desk, tmp_path, name
):
    content = plain(name)
    said = chunk(b"LIST", b"INFO" + chunk(b"IART", SECRET))
    body = content[8:] + said
    audio = b"RIFF" + struct.pack("<I", len(body)) + body

    files = await copied(house, desk, tmp_path, audio)

    assert not [name for name, each in files.items() if SECRET in each]
    copy = files["enregistrements/01.wav"]
    assert read(copy) == read(content)
    with wave.open(io.BytesIO(copy)) as sound:
        size = sound.getnframes() * sound.getnchannels() * sound.getsampwidth()
    assert len(copy) == 44 + size


async def test_what_stands_before_the_sound_of_a_wave_file_stays_here_too(
    house, desk, tmp_path
):
    content = plain("pcm16-mono-8k.wav")
    written = io.BytesIO()
    with wave.open(io.BytesIO(content)) as sound, wave.open(written, "wb") as copy:
        copy.setparams(sound.getparams())
        copy.writeframes(sound.readframes(sound.getnframes()))

    files = await copied(house, desk, tmp_path, tagged_wave(written.getvalue()))

    assert files["enregistrements/01.wav"] == written.getvalue()


async def test_an_mp3_is_copied_frame_by_frame_and_without_its_tags(
    house, desk, tmp_path
):
    content = plain("mpeg2.5-mono-8k.mp3")
    files = await copied(house, desk, tmp_path, tagged_mp3(content))
    assert files["enregistrements/01.mp3"] == content


async def test_an_ogg_is_copied_without_its_comments(house, desk, tmp_path):
    audio = tagged_ogg()
    assert SECRET in audio
    files = await copied(house, desk, tmp_path, audio)
    assert not [name for name, each in files.items() if SECRET in each]


async def test_what_cannot_be_decoded_stops_the_package_and_the_desk_is_told(
    house, desk
):
    recording, _ = await recorded(house, caller=THEIRS)
    request = await desk.asked()
    await house.rows("UPDATE recordings SET seconds = seconds + 60 RETURNING 1")

    package = await desk.assembled(request)

    assert (package.fault, package.fault_item) == ("unplayable", recording)


# --- Words ----------------------------------------------------------------------------


async def test_what_the_agent_of_a_call_states_is_not_the_callers_to_read(
    house, desk, tmp_path
):
    recording, _ = await recorded(house, caller=THEIRS, agent=AGENT)
    theirs = await asked(house, Kind.RECTIFICATION, agent=AGENT)
    attach = desk.rights.outcomes.rectifying.attach
    await attach(OFFICER, theirs, recording, "Moi, l'agent Dupont, conteste.")
    own = await asked(house, Kind.RECTIFICATION)
    await attach(OFFICER, own, recording, "Rappelez-moi au 06 12 34 56 78.")

    files = await packed(desk, await desk.asked(), tmp_path)

    sheet = files["enregistrements/01.txt"].decode().replace("\u00a0", " ")
    assert not [name for name, each in files.items() if b"Dupont" in each]
    assert "06 12 34 56 78" in sheet
    assert "personne concernée" in " ".join(sheet.split())
    assert "Votre" not in sheet


@pytest.mark.parametrize("shared", [Kind.RECTIFICATION, Kind.ACCESS])
async def test_on_a_shared_telephone_nobody_reads_what_another_stated(
    house, desk, tmp_path, shared
):
    recording, _ = await recorded(house, caller=THEIRS)
    other = await asked(house, Kind.RECTIFICATION)
    attach = desk.rights.outcomes.rectifying.attach
    await attach(OFFICER, other, recording, "Je suis Zanetti.")
    request = await desk.asked()
    await house.rows(
        "UPDATE requests SET is_shared = true, details_at = now() WHERE kind = $1",
        shared.value,
    )

    files = await packed(desk, request, tmp_path)

    assert not [name for name, each in files.items() if b"Zanetti" in each]


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("purpose", HandoverPurpose)
async def test_whoever_was_given_it_keeps_nobody_from_their_copy(
    house, desk, purpose, language
):
    recording, _ = await recorded(house, caller=THEIRS)
    day = house.clock().date()
    hand_over = desk.rights.outcomes.recipients.hand_over
    await hand_over(OFFICER, recording, "tribunal", purpose, day)
    await desk.hours_pass(2)
    new = NewRequest(kind=Kind.ACCESS, number=THEIRS, language=language)
    request = (await desk.rights.desk.receive(OFFICER, new)).request_id
    await desk.rights.desk.identified_otherwise(OFFICER, request, Identity.PRACTICE)

    assert (await desk.assembled(request)).is_assembled


async def test_whoever_was_given_a_copy_is_named_but_for_those_who_inquire(
    house, desk, tmp_path
):
    """Of the register: the day they were given it, and once (CJEU C-154/21)."""
    recording, _ = await recorded(house, caller=THEIRS)
    yesterday = house.clock().date() - timedelta(days=1)
    for purpose in HandoverPurpose:
        await desk.rights.outcomes.recipients.hand_over(
            OFFICER, recording, f"to-{purpose}", purpose, yesterday
        )

    files = await packed(desk, await desk.asked(), tmp_path)

    sheet = " ".join(files["enregistrements/01.txt"].decode().split())
    named = {each for each in HandoverPurpose if f"à : to-{each}" in sheet}
    assert named == {*HandoverPurpose} - {"requisition", "inspection"}
    assert sheet.count("Le 17 novembre 2026 : copie remise") == len(HandoverPurpose)
    assert "Le 18 novembre 2026 : copie remise" not in sheet
    information = " ".join(files["information.txt"].decode().split())
    assert "un expert dont" in information


async def test_a_letter_that_cannot_be_written_is_told_to_the_desk(house, desk):
    await recorded(house, caller=THEIRS)
    request = await desk.asked()
    nameless = rights_of(house.site, controller="")
    try:
        await nameless.packages.make(OFFICER, request)
        await nameless.packages.making.wait(request)
        package = await nameless.packages.show(OFFICER, request)
    finally:
        await nameless.close()
    assert (package.fault, package.fault_item) == ("no-letterhead", None)
    assert (await desk.assembled(request)).is_assembled
