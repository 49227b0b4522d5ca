"""An authority that is away, slow or lying: nothing is stored, and heads are signed."""

import dataclasses
import io
import zipfile

import pytest
import structlog

from proxy.errors import DatabaseUnavailableError
from proxy.evidence.bundle import make_bundle
from proxy.ledger.timestamps import Authority, TimeStamps
from tests.fakes import timestamp_authority
from tests.fakes.evidence import until
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.timestamp_authority import ANSWERS, make_certificates
from tests.peers import need

WRONG = [*ANSWERS, "slow", "lost", "500", "404", "302", "204"]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    need("openssl", "apt-get install openssl")
    folder = tmp_path_factory.mktemp("authority")
    make_certificates(folder)
    return folder


@pytest.fixture(scope="module")
def authority(certificates):
    with timestamp_authority.running(certificates) as authority:
        yield authority
        authority.hurry()


def believing(authority, address="", patience=10.0):
    trusted = authority.trusted.read_bytes()
    made = Authority.trusting(address or authority.address, trusted)
    return dataclasses.replace(made, patience=patience)


@pytest.fixture
async def dating(house, clock, authority):
    """Dates the heads of a running service, as its own part does."""
    await house.stop_worker()
    site = house.site
    await site.publisher.publish()
    return TimeStamps(site.ledger, site.publisher, believing(authority), clock)


async def number(house):
    return (await house.sizes())["public.timestamps"]


@pytest.mark.parametrize("wrong", WRONG)
async def test_what_does_not_hold_is_not_kept_and_asked_for_again(
    house, dating, authority, clock, wrong
):
    asked = authority.asked
    if wrong == "slow":
        dating._authority = believing(authority, patience=1)
    authority.misbehave(wrong)
    with structlog.testing.capture_logs() as lines:
        await dating.stamp_if_due()
    assert await number(house) == 0
    assert [line["event"] for line in lines] == ["no time stamp"]
    assert lines[0]["why"]
    # A process of its own, which may be slower to count than we were to give up.
    await until(lambda: authority.asked == asked + 1, "the question to arrive")
    dating._authority = believing(authority)  # an honest answer may take its time

    clock.advance(minutes=14)
    await dating.stamp_if_due()  # too early: an authority is not to be hammered
    assert authority.asked == asked + 1

    clock.advance(minutes=1)
    await dating.stamp_if_due()
    assert authority.asked == asked + 2
    assert await number(house) == 1


async def test_an_authority_that_is_away_keeps_nothing_from_being_published(
    centre, authority, clock
):
    with timestamp_authority.running(authority.folder) as gone:
        address = gone.address
    await centre.open(timestamps={"url": address, "certificate": authority.trusted})
    await centre.stop_worker()
    before = (await centre.sizes())["public.checkpoints"]
    clock.advance(hours=1)

    await centre.site.tend()

    sizes = await centre.sizes()
    assert sizes["public.checkpoints"] == before + 1
    assert sizes["public.timestamps"] == 0
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        assert not [name for name in archive.namelist() if "timestamps" in name]


async def test_a_date_whose_commit_nobody_heard_of_is_kept_once(
    house, dating, authority, clock, dsn
):
    async with FaultyWire(dsn) as wire:
        await house.open(dsn=wire.dsn)
        await house.stop_worker()
        site = house.site
        dating = TimeStamps(site.ledger, site.publisher, believing(authority), clock)
        wire.lose_commit_of(b"INSERT INTO timestamps")
        with pytest.raises(DatabaseUnavailableError):
            await dating.stamp_if_due()
        assert wire.lost == 1
        await dating.stamp_if_due()

        assert await number(house) == 1
        await wire.mend()
        await house.close()
