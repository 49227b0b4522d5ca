"""The drill where keys lie in OpenBao: a real snapshot, restored in a second server."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.openbao import OpenBao, restored, running

KEPT, DAYS = 2, 14


@pytest.fixture
def service(tmp_path: Path) -> Iterator[OpenBao]:
    (tmp_path / "bao").mkdir()
    with running(tmp_path / "bao") as server:
        yield server


@pytest.fixture
async def old_house(centre, clock, service):
    """A clinic that has run for two weeks, with its keys in the service."""
    transit = {"address": service.address, "token": service.token(SITE)}
    text = "".join(f'{name} = "{value}"\n' for name, value in transit.items())
    (centre.folder / "empty.toml").write_text(f"[vault.transit]\n{text}")
    today = datetime.now(UTC)
    clock.now = today.replace(hour=12) - timedelta(days=DAYS)
    policy = centre.policy(kept_days=KEPT)
    await centre.open(policy=policy, vault={"transit": transit})
    await centre.stop_worker()
    for day in range(DAYS):
        await centre.site.keys_ahead.make()
        if day == 1:
            too_old = service.snapshot()
        clock.advance(days=1)
        await centre.site.sweep()
    clock.now = today
    return centre, too_old


async def drill(centre, address):
    sites = centre.plan(policy=centre.policy(kept_days=KEPT))["sites"]
    words = ("restore-drill", "--key-service", address, "--json")
    done = await ponctuel(centre, *words, sites=sites)
    return done, json.loads(done.stdout or "{}")


async def test_the_newest_snapshot_passes_and_one_kept_too_long_does_not(
    old_house, service, tmp_path
):
    centre, too_old = old_house
    with restored(service, service.snapshot(), tmp_path / "newest") as copy:
        done, told = await drill(centre, copy.address)

    assert done.returncode == 0, done.stdout + done.stderr
    assert told["copy_dead_days_shut"] > 0
    assert told["copy_living_days_open"] > 0
    assert service.address != copy.address

    with restored(service, too_old, tmp_path / "too-old") as copy:
        done, told = await drill(centre, copy.address)

    assert done.returncode == 1
    assert told["dead_days_open"] == []
    assert len(told["copy_dead_days_open"]) == 2
    kind = "SELECT count(*) FROM incidents WHERE kind = 'dead-day-opens'"
    assert await centre.value(kind) == 2


async def test_the_key_service_in_use_is_no_copy_of_itself(old_house, service):
    done, told = await drill(old_house[0], f"{service.address}/")

    assert (done.returncode, told) == (2, {})
    assert "--key-service: this is the key service the service uses" in done.stderr
    assert await old_house[0].value("SELECT count(*) FROM restore_drills") == 0


async def test_a_service_that_does_not_answer_is_no_drill(old_house):
    centre, _ = old_house

    done, _ = await drill(centre, "http://127.0.0.1:9")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert await centre.value("SELECT count(*) FROM restore_drills") == 0


async def test_an_address_in_clear_over_the_network_is_refused(old_house):
    centre, _ = old_house

    done, _ = await drill(centre, "http://bao.example:8200")

    assert done.returncode == 2
    assert "must begin with https://" in done.stderr
