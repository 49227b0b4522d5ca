"""Once a day somebody outside says when the ledger stood where it did (RFC 3161)."""

import io
import zipfile

import pytest

from proxy.errors import SettingsError
from proxy.evidence.bundle import make_bundle
from proxy.ledger.entry import Kind
from tests.fakes import timestamp_authority
from tests.fakes.timestamp_authority import make_certificates, openssl
from tests.peers import need

GET_OPENSSL = "apt-get install openssl"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    need("openssl", GET_OPENSSL)
    folder = tmp_path_factory.mktemp("authority")
    make_certificates(folder)
    return folder


@pytest.fixture
def authority(certificates):
    with timestamp_authority.running(certificates) as authority:
        yield authority


@pytest.fixture
async def dated(centre, authority):
    """A service that asks the authority; tended by hand."""
    await centre.open(
        timestamps={"url": authority.address, "certificate": authority.trusted}
    )
    await centre.stop_worker()
    return centre


async def tokens(centre):
    rows = await centre.rows("SELECT size, token FROM timestamps ORDER BY size")
    return {row["size"]: row["token"] for row in rows}


async def bundle_of(centre):
    site = centre.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def head_of(note):
    """What is dated: the three lines of the checkpoint, without its signatures."""
    return b"".join(note.splitlines(keepends=True)[:3])


async def test_the_newest_head_is_dated_and_openssl_agrees(dated, authority):
    await dated.site.tend()

    [(size, token)] = (await tokens(dated)).items()
    note = await dated.value("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1")
    assert authority.agrees(head_of(note), token)
    assert head_of(note).split(b"\n")[1] == str(size).encode()
    assert not authority.agrees(head_of(note).replace(b"\n", b"0\n", 2), token)


async def test_once_a_day_is_enough(dated, authority, clock):
    for minutes in (0, 1, 60, 22 * 60):
        clock.advance(minutes=minutes)
        await dated.site.tend()
    assert authority.asked == 1

    clock.advance(hours=1)
    await dated.site.tend()

    assert authority.asked == 2
    assert len(await tokens(dated)) == 2


async def test_a_second_replica_and_a_restart_do_not_ask_again(dated, authority):
    await dated.site.tend()
    settings = {"url": authority.address, "certificate": authority.trusted}

    await dated.open(timestamps=settings)
    await dated.site.tend()

    assert authority.asked == 1


async def test_a_clock_that_had_been_ahead_keeps_no_date_away(dated, authority, clock):
    now = clock()
    clock.advance(days=400)
    await dated.site.tend()
    clock.now = now

    async with dated.site.ledger.transaction() as change:
        change.append(Kind.NOTE, {"text": "the clock was wrong"})
    await dated.site.publisher.publish()
    await dated.site.time_stamps.stamp_if_due()

    assert authority.asked == 2


async def test_the_bundle_holds_the_date_beside_the_head_it_is_about(
    dated, authority, clock
):
    await dated.site.tend()
    [(size, token)] = (await tokens(dated)).items()
    clock.advance(hours=2)
    await dated.start_call()
    await dated.site.tend()

    files = await bundle_of(dated)

    assert files[f"timestamps/{size}.tsr"] == token
    assert authority.agrees(head_of(files[f"checkpoints/{size:012d}"]), token)
    assert f"timestamps/{size}.tsr".encode() in files["manifest"]


async def test_the_lines_of_the_manual_check_the_date_with_openssl(
    dated, authority, tmp_path
):
    await dated.site.tend()
    for name, raw in (await bundle_of(dated)).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(raw)
    [file] = (tmp_path / "timestamps").iterdir()
    note = tmp_path / "checkpoints" / f"{int(file.stem):012d}"
    (tmp_path / "head").write_bytes(head_of(note.read_bytes()))

    checked = openssl(
        *("ts", "-verify", "-data", "head", "-in", str(file)),
        *("-CAfile", str(authority.trusted)),
        cwd=tmp_path,
    )
    told = openssl("ts", "-reply", "-in", str(file), "-text", cwd=tmp_path)

    assert "Verification: OK" in checked.stdout
    assert "Time stamp:" in told.stdout


async def test_a_dated_head_is_kept_when_old_ones_are_thinned(dated, clock):
    for _ in range(4):
        clock.advance(minutes=61)
        await dated.start_call()
        await dated.site.publisher.publish()
        await dated.start_call()
        await dated.site.publisher.publish()
    await dated.site.time_stamps.stamp_if_due()
    [size] = await tokens(dated)
    await dated.start_call()
    await dated.site.publisher.publish()
    clock.advance(days=4)

    thinned = await dated.site.cosignatures.thin(clock(), 3600)

    assert thinned
    kept = await dated.rows("SELECT size FROM checkpoints")
    assert size in {row["size"] for row in kept}


async def test_nobody_is_asked_unless_the_operator_says_whom(house):
    await house.site.tend()

    assert await tokens(house) == {}
    assert not [name for name in await bundle_of(house) if "timestamps" in name]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"certificate": None}, "go together"),
        ({"url": ""}, "go together"),
        ({"url": "ftp://time.example"}, "pattern"),
        ({"certificate": "/nowhere.pem"}, "cannot be used"),
        ({"certificate": "between.pem"}, "no root"),
        ({"certificate": "root.key"}, "cannot be used"),
    ],
)
async def test_settings_that_could_date_nothing_are_refused_at_the_start(
    centre, certificates, change, told
):
    usual = {"url": "https://time.example/", "certificate": "trusted.pem"}
    part = {name: text for name, text in (usual | change).items() if text}
    if "certificate" in part:
        part["certificate"] = certificates / part["certificate"]

    with pytest.raises(SettingsError, match=told):
        await centre.open(timestamps=part)
