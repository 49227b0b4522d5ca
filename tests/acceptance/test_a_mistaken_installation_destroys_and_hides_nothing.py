"""A wrong directory, a missing disk, a forgotten site: refused, not taken for empty."""

import uuid

import asyncpg
import pytest

from proxy.app import Service
from proxy.errors import (
    ObjectMissingError,
    SettingsError,
    StorageError,
)
from proxy.vault.shelf import ForeignStoreError
from tests.fakes.call_centre import SITE, wav
from tests.fakes.trainers import analysed, keys_of


async def recorded(house):
    call = await house.drawn_call(is_announced=True)
    assert (await house.upload(call.decision_id, wav(0.1))).status == 201
    return call


async def test_a_disk_that_is_not_mounted_is_not_an_empty_vault(centre, clock):
    await centre.open()
    await recorded(centre)
    await centre.close()
    objects = centre.data_dir / "objects"
    objects.rename(centre.data_dir / "unmounted")
    clock.advance(days=31)

    with pytest.raises(ForeignStoreError, match="not mounted"):
        await centre.open()

    assert await centre.leaves("DEL") == []
    assert len(list((centre.data_dir / "unmounted").glob("??/*"))) == 1


async def test_a_disk_that_goes_away_while_running_proves_no_deletion(house, clock):
    await recorded(house)
    (house.data_dir / "objects").rename(house.data_dir / "gone")
    clock.advance(days=30)

    report = await house.site.sweep()

    assert (report.destroyed, report.failed) == (0, 1)
    assert await house.leaves("DEL") == []


async def test_a_command_run_in_the_wrong_place_says_so(centre, clock, tmp_path):
    await centre.open()
    await recorded(centre)
    await centre.close()
    clock.advance(days=31)
    elsewhere = Service(centre.settings(data_dir=tmp_path / "elsewhere"), clock)
    centre.services.append(elsewhere)
    await elsewhere.open_sites()

    with pytest.raises(StorageError, match="never served"):
        await elsewhere.sites[SITE].attach()

    assert await centre.leaves("DEL") == []


async def test_a_site_with_recordings_cannot_be_taken_out_of_the_settings(centre):
    await centre.open()
    await recorded(centre)
    await centre.close()

    with pytest.raises(SettingsError, match="still has recordings"):
        await centre.open(sites={})


async def test_nor_can_one_that_has_analyses_only(centre, clock):
    await centre.open()
    await recorded(centre)
    [recording] = await centre.kept()
    await analysed(centre, uuid.UUID(recording))
    clock.advance(days=31)
    await centre.site.sweep()
    assert keys_of(centre, "audio") == []
    await centre.close()

    with pytest.raises(SettingsError, match="its last analysis"):
        await centre.open(sites={})


async def test_an_epoch_length_is_for_ever(centre):
    await centre.open()
    await centre.close()

    with pytest.raises(SettingsError, match="set it back to 3600"):
        await centre.open(draw={"epoch_seconds": 7200})


async def test_what_expired_while_the_service_was_away_is_gone_before_it_answers(
    centre, clock
):
    await centre.open()
    await recorded(centre)
    await centre.close()
    clock.advance(days=31)

    await centre.open()

    assert centre.objects() == []
    assert len(await centre.leaves("DEL")) == 1


async def test_an_expired_recording_is_not_opened_even_before_the_sweep(house, clock):
    await recorded(house)
    [recording_id] = await house.kept()
    clock.advance(days=30)

    with pytest.raises(ObjectMissingError):
        await house.site.vault.find(uuid.UUID(recording_id))


@pytest.mark.alone
async def test_a_slow_duplicate_does_not_end_a_recording_that_was_granted(centre):
    await centre.open(deadline_ms=800)
    call = await centre.drawn_call(is_announced=True)
    blocker = await asyncpg.connect(centre.dsn)
    held = blocker.transaction()
    await held.start()
    await blocker.execute("LOCK TABLE calls")
    late = await centre.start_call(call.call_id)
    await held.rollback()
    await blocker.close()

    assert late.decision == "skip"
    # Drawn after the duplicate's batch: whatever that one set going has begun.
    assert (await centre.start_call()).decision_id
    await centre.site.unanswered.finish()
    assert (await centre.upload(call.decision_id, wav(0.1))).status == 201
    assert await centre.outcome(call) == ("recorded", None)


@pytest.mark.parametrize("token", ["", "short"])
async def test_an_upload_token_anyone_could_guess_is_refused(
    centre, monkeypatch, token
):
    monkeypatch.setenv(
        f"PONCTUEL_SITES__{SITE.upper()}__CONNECTIONS__PBX__UPLOAD_TOKENS",
        f'["{token}"]',
    )
    monkeypatch.setenv(
        f"PONCTUEL_SITES__{SITE.upper()}__CONNECTIONS__PBX__KIND", "generic"
    )

    with pytest.raises(SettingsError, match="16"):
        centre.settings(sites={})
