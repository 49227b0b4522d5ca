"""`ponctuel keys`, `restore-drill`, and what `doctor` says of keys and backups."""

import json
import shutil
from datetime import UTC, datetime, timedelta

import pytest

from proxy.errors import KeyMissingError
from tests.fakes.call_centre import SITE, wav
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import TOKENS, staffed

KEPT, DAYS = 5, 20


@pytest.fixture
async def house(centre, clock):
    # A command has the machine's clock.
    clock.now = datetime.now(UTC)
    await centre.open(sites=staffed(centre, kept_days=KEPT))
    await centre.stop_worker()
    return centre


@pytest.fixture
async def recording(house):
    call = await house.drawn_call(is_announced=True)
    return (await house.upload(call.decision_id, wav())).body["recording_id"]


@pytest.fixture
def run(centre):
    async def run(*words, who=""):
        token = TOKENS.get(who, who)
        return await ponctuel(
            centre, *words, "--json", token=token, sites=staffed(centre, kept_days=KEPT)
        )

    return run


@pytest.fixture
def keys(run):
    async def keys(*words, who="op-anna"):
        return await run("keys", *words, "--site", SITE, who=who)

    return keys


def day_of(house):
    return max(house.day_keys())


def folder(house):
    return house.data_dir / "keys" / SITE


async def test_a_list_says_what_hangs_under_a_key_and_when_it_dies(
    house, keys, recording
):
    done = await keys("list")

    assert done.returncode == 0, done.stderr
    [key] = [json.loads(line) for line in done.stdout.splitlines()]
    day = day_of(house)
    assert (key["kind"], key["day"], key["generation"]) == ("audio", f"{day}", 1)
    assert (key["hanging"], key["is_overdue"], key["is_to_be_renewed"]) == (1, False, 0)
    assert key["dies_after"].startswith(f"{day + timedelta(days=1)} 00:00")
    assert await house.heard(recording)


@pytest.mark.usefixtures("recording")
async def test_a_key_a_day_past_its_end_is_overdue(house, keys, clock):
    yesterday = clock().date() - timedelta(days=2)
    await house.rows("UPDATE day_keys SET key_day = $1", yesterday)

    [key] = [json.loads(line) for line in (await keys("list")).stdout.splitlines()]

    assert key["is_overdue"]


@pytest.mark.parametrize("who", ["op-anna", "dpo-carla"])
@pytest.mark.usefixtures("recording")
async def test_a_check_of_sound_keys_finds_nothing(keys, who):
    done = await keys("check", who=who)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "living": 1,
        "missing": [],
        "destroyed_but_there": [],
    }


@pytest.mark.usefixtures("recording")
async def test_a_check_names_a_key_that_is_missing(house, keys):
    name = f"audio-{day_of(house)}"
    (folder(house) / f"{name}.key").unlink()

    done = await keys("check")

    assert done.returncode == 1
    assert json.loads(done.stdout)["missing"] == [name]


@pytest.mark.usefixtures("recording")
async def test_a_check_names_a_key_that_should_be_gone(house, keys):
    await house.rows("UPDATE day_keys SET destroyed_seq = 1")

    done = await keys("check")

    assert done.returncode == 1
    assert json.loads(done.stdout)["destroyed_but_there"] == [f"audio-{day_of(house)}"]


async def test_a_check_of_keys_that_cannot_be_made_fails_in_one_line(house, keys):
    notes = folder(house) / "notes"
    shutil.rmtree(notes)
    notes.touch()

    done = await keys("check")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1


async def test_a_rotation_waits_for_the_night_and_says_so_in_the_ledger(
    house, keys, recording, clock
):
    day = day_of(house)

    done = await keys("rotate", f"{day}")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"key": f"audio-{day}", "destroyed": False}
    assert f"key to be renewed: audio-{day}" in await house.notes()
    assert await house.leaves("KEK-") == []
    clock.advance(days=1)
    assert (await house.site.sweep()).keys_renewed == 1
    assert await house.heard(recording)


async def test_a_rotation_at_once_kills_the_old_key_and_loses_nothing(
    house, keys, recording
):
    day = day_of(house)
    wrapped = await house.value("SELECT wrapped_key FROM recording_keys")

    done = await keys("rotate", f"{day}", "--now", who="dpo-carla")

    assert done.returncode == 0, done.stderr
    assert [file.stem for file in folder(house).glob("audio-*")] == [f"audio-{day}-2"]
    assert await house.heard(recording)
    with pytest.raises(KeyMissingError):
        await house.site.keys.unwrap(f"audio-{day}", [wrapped])


async def test_a_rotation_that_the_key_store_does_not_do_is_not_reported_as_done(
    house, keys, recording
):
    day = day_of(house)
    file = folder(house) / f"audio-{day}.key"
    key = file.read_bytes()
    file.unlink()
    file.mkdir()

    done = await keys("rotate", f"{day}", "--now")

    assert done.returncode == 1
    assert f"audio-{day} still lives" in done.stderr
    assert await house.leaves("KEK-") == []
    file.rmdir()
    file.write_bytes(key)
    assert await house.heard(recording)


@pytest.mark.parametrize("when", [(), ("--now",)], ids=["next night", "now"])
@pytest.mark.usefixtures("recording")
async def test_a_key_whose_day_is_over_is_not_rotated_but_left_to_die(
    house, keys, clock, when
):
    over = clock().date() - timedelta(days=1)
    await house.rows("UPDATE day_keys SET key_day = $1", over)

    done = await keys("rotate", f"{over}", *when)

    assert done.returncode == 1
    assert f"audio-{over} dies with the next sweep" in done.stderr
    assert "ponctuel retention sweep" in done.stderr
    assert len(await house.leaves("KEK+")) == 1
    assert not [note for note in await house.notes() if "to be renewed" in note]


@pytest.mark.parametrize(
    ("words", "said", "status"),
    [
        (("rotate", "tomorrow"), "write it as 2026-12-15", 2),
        (("rotate", "2026-01-01"), "no audio key of 2026-01-01 lives", 1),
        (("rotate", "2026-01-01", "--class", "hold"), "no hold key", 1),
    ],
    ids=["no day", "no such key", "no such key of that class"],
)
@pytest.mark.usefixtures("house")
async def test_what_is_wrong_is_said_in_one_line(keys, words, said, status):
    done = await keys(*words)

    assert done.returncode == status
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("list",), ("check",), ("rotate", "2026-12-15")])
async def test_nobody_in_particular_may_nothing(keys, words):
    done = await keys(*words, who="somebody-0123456789")

    assert done.returncode == 1
    assert done.stdout == ""


async def test_nobody_can_take_a_key_out(keys):
    done = await keys("export")

    assert done.returncode == 2
    assert "invalid choice" in done.stderr


# --- The drill and the doctor ---------------------------------------------------------


@pytest.fixture
async def old_house(centre, clock):
    """A clinic that has run for three weeks: days have died."""
    today = datetime.now(UTC)
    clock.now = today.replace(hour=12) - timedelta(days=DAYS)
    await centre.open(sites=staffed(centre, kept_days=KEPT))
    await centre.stop_worker()
    for _ in range(DAYS):
        await centre.site.tend()
        clock.advance(days=1)
        await centre.site.sweep()
    clock.now = today
    return centre


async def test_a_drill_with_a_copy_passes_and_doctor_says_so(old_house, run):
    copy = shutil.copytree(old_house.data_dir / "keys", old_house.folder / "copy")
    alone = await run("restore-drill")
    assert alone.returncode == 0, alone.stdout + alone.stderr
    said = json.loads((await run("doctor")).stdout)[f"{SITE}: restore drill"]
    assert "no copy of the keys was tried" in said

    done = await run("restore-drill", "--keys", copy)
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert (told["passed"], told["copy_dead_days_open"]) == (True, [])
    assert told["dead_days_shut"] > told["copy_dead_days_shut"] > 0
    said = json.loads((await run("doctor")).stdout)[f"{SITE}: restore drill"]
    assert said.startswith("ok: passed")
    assert await old_house.value("SELECT count(*) FROM incidents") == 0


async def test_a_drill_finds_a_copy_that_was_kept_too_long(old_house, run):
    copy = shutil.copytree(old_house.data_dir / "keys", old_house.folder / "copy")
    dead = min(row["key_day"] for row in await old_house.rows("SELECT * FROM canaries"))
    (copy / SITE / f"audio-{dead}.key").write_bytes(bytes(32))

    done = await run("restore-drill", "--keys", copy)

    told = json.loads(done.stdout)
    assert done.returncode == 1
    assert told["copy_dead_days_open"] == [f"audio-{dead}"]
    kind = "SELECT reference FROM incidents WHERE kind = 'dead-day-opens'"
    assert await old_house.value(kind) == f"audio-{dead}"


async def test_a_drill_in_an_empty_place_makes_nothing_there_and_fails(house, run):
    done = await run("restore-drill", "--keys", house.folder / "nowhere")

    assert done.returncode == 1
    assert "no keys of site clinic" in done.stderr
    assert not (house.folder / "nowhere").exists()


@pytest.mark.parametrize("name", ["keys", "linked"])
async def test_the_keys_in_use_are_no_copy_of_themselves(old_house, run, name):
    (old_house.data_dir / "linked").symlink_to(old_house.data_dir / "keys")

    done = await run("restore-drill", "--keys", old_house.data_dir / name)

    assert done.returncode == 2
    assert "--keys: these are the keys the service uses" in done.stderr
    assert "restore the oldest copy" in done.stderr
    assert await old_house.value("SELECT count(*) FROM restore_drills") == 0


async def test_a_key_service_is_no_copy_of_a_directory(run):
    done = await run("restore-drill", "--key-service", "https://bao.example")

    assert done.returncode == 2
    assert "use --keys DIR" in done.stderr


async def test_doctor_says_where_keys_should_not_lie_and_what_is_not_declared(house):
    text = f'[vault]\nkeys = "{house.data_dir}/keys"\n'
    (house.folder / "empty.toml").write_text(text)

    done = await ponctuel(
        house, "doctor", "--json", sites=staffed(house, kept_days=KEPT)
    )

    said = json.loads(done.stdout)

    assert said["keys apart"].startswith("warn: ")
    assert "set vault.keys" in said["keys apart"]
    assert said["key backups"].startswith("warn: not declared")
    assert "none has passed yet" in said[f"{SITE}: restore drill"]


async def test_doctor_is_content_where_keys_lie_apart_and_copies_are_declared(
    house,
):
    text = f'[vault]\nkeys = "{house.folder}/apart"\n[backups]\nkeys_days = 7\n'
    (house.folder / "empty.toml").write_text(text)

    done = await ponctuel(
        house, "doctor", "--json", sites=staffed(house, kept_days=KEPT)
    )

    said = json.loads(done.stdout)
    assert said["keys apart"].startswith("ok: ")
    assert said["key backups"] == "ok: kept 7 days, as declared"
