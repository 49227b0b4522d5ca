"""Two real witnesses beside a whole service, and an auditor who believes only them."""

import asyncio
import zipfile
from contextlib import AsyncExitStack
from io import BytesIO
from urllib.parse import urlsplit

import pytest

from proxy.errors import SettingsError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.ledger.note import Signer
from proxy.ledger.transaction import LedgerWentBackError
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from tests.databases import in_database, new_database
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import SITE
from tests.fakes.witnesses import witnesses

ORIGIN = f"ponctuel.example/{SITE}"
pytestmark = [
    pytest.mark.usefixtures("unhurried", "answered_in_time"),
    pytest.mark.timeout(300),
    pytest.mark.acceptance,
]


class Watched:
    """A call centre, its witnesses, and what an auditor makes of it."""

    def __init__(self, centre, running, clock):
        self.centre, self.running, self.clock = centre, running, clock

    def begin(self):
        """Make the site's keys and, for the log, two witnesses; start them."""
        keys = KeyRing(KeyDirectory(self.centre.data_dir / "keys", SITE))
        asyncio.run(keys.open())
        self.log = Signer(ORIGIN, keys.log_key())
        self.vkeys = [one.make(self.log.key.encode()) for one in self.running]
        for one in self.running:
            one.start()

    async def open(self, quorum=2, site=None, **changes):
        plan = self.centre.plan()["sites"][SITE]
        parts = [
            {"url": one.address, "key": vkey, "role": role}
            for one, vkey, role in zip(
                self.running, self.vkeys, ("dpo", "cse"), strict=True
            )
        ]
        await self.centre.open(
            sites={SITE: plan | {"witnesses": parts, "quorum": quorum} | (site or {})},
            metrics={"port": 0, "interval_seconds": 60},
            **changes,
        )
        await self.centre.stop_worker()

    async def pass_time(self, **step):
        """Time passes for everybody; then the work of a minute."""
        self.clock.advance(**step)
        for one in self.running:
            one.tell_time()
        await self.centre.site.outside.fetch_due()
        await self.centre.site.keep_up()
        await self.centre.site.tend()

    async def hour(self, calls=20):
        """An hour with calls in it."""
        await self.pass_time(minutes=1)
        for _ in range(2):
            await self.pass_time(minutes=20)
            await asyncio.gather(*(self.centre.start_call() for _ in range(calls // 2)))
        await self.pass_time(minutes=19)

    async def bundle(self):
        site = self.centre.site
        return await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )

    async def judged(self, bundle):
        site = self.centre.site
        policy = auditor_text(
            site.signer.key, site.config.witnesses, site.config.quorum
        )
        return await asyncio.to_thread(
            verdict, self.centre.folder, bundle, policy, self.clock()
        )


@pytest.fixture
async def watched(centre, clock):
    names = ("dpo.example/witness", "cse.example/witness")
    with witnesses(centre.folder, clock, *names) as running:
        watched = Watched(centre, running, clock)
        await asyncio.to_thread(watched.begin)
        yield watched


def size_of(bundle: bytes) -> int:
    with zipfile.ZipFile(BytesIO(bundle)) as archive:
        return int(archive.read("checkpoint").split(b"\n")[1])


def checkpoints_in(bundle: bytes) -> list[int]:
    with zipfile.ZipFile(BytesIO(bundle)) as archive:
        names = [name for name in archive.namelist() if name.startswith("checkpoints/")]
        return [int(name.removeprefix("checkpoints/")) for name in names]


async def test_evidence_that_two_witnesses_cosigned_is_clean(watched):
    await watched.open()
    for _ in range(4):
        await watched.hour()

    said = await watched.judged(await watched.bundle())

    assert (said["status"], said["findings"]) == (0, []), said
    assert said["entries"] > 50


async def test_with_one_witness_down_evidence_ends_where_both_had_signed(watched):
    await watched.open()
    for _ in range(3):
        await watched.hour()
    last = size_of(await watched.bundle())
    watched.running[1].stop()

    for _ in range(2):
        await watched.hour()

    bundle = await watched.bundle()
    newest = await watched.centre.site.cosignatures.newest_head()
    assert newest.size > last, "publication goes on"
    assert size_of(bundle) == last
    said = await watched.judged(bundle)
    assert (said["status"], said["findings"]) == (0, []), said


async def test_a_witness_that_comes_back_signs_from_where_it_stood(watched):
    await watched.open()
    await watched.hour()
    watched.running[1].stop()
    await watched.hour()
    address = watched.running[1].address
    await asyncio.to_thread(watched.running[1].start)
    await watched.centre.close()

    await watched.open()  # it listens elsewhere now
    await watched.hour()

    assert watched.running[1].address != address
    bundle = await watched.bundle()
    newest = await watched.centre.site.cosignatures.newest_head()
    assert size_of(bundle) == newest.size
    said = await watched.judged(bundle)
    assert (said["status"], said["findings"]) == (0, []), said


@pytest.mark.parametrize("quorum", [0, 2])
async def test_checkpoints_older_than_two_days_are_thinned_and_stay_clean(
    watched, quorum
):
    await watched.open(quorum)
    for _ in range(6):
        await watched.hour(calls=8)
    before = await watched.bundle()
    for _ in range(50):
        await watched.pass_time(hours=1)
    await watched.hour(calls=4)

    after = await watched.bundle()

    kept = set(checkpoints_in(after))
    assert len(kept & set(checkpoints_in(before))) <= 7 < len(checkpoints_in(before))
    assert size_of(after) in kept
    said = await watched.judged(after)
    assert (said["status"], said["findings"]) == (0, []), said


async def test_thinning_moves_no_commitment_past_the_start_of_a_short_epoch(watched):
    await watched.open(draw={"epoch_seconds": 300, "epochs_ahead": 2})
    for minute in range(75):
        await watched.pass_time(minutes=1)
        if minute % 4 == 0:
            await watched.centre.start_call()
    before = checkpoints_in(await watched.bundle())
    for _ in range(60):  # until every drawn call has its outcome, in time
        await watched.pass_time(minutes=5)
    for _ in range(47):
        await watched.pass_time(hours=1)

    bundle = await watched.bundle()

    kept = set(before) & set(checkpoints_in(bundle))
    assert len(kept) <= 17 < len(before), "one for each five minutes"
    said = await watched.judged(bundle)
    assert (said["status"], said["findings"]) == (0, []), said


async def test_two_witnesses_with_one_key_are_a_fault_of_the_settings(watched):
    watched.vkeys[1] = watched.vkeys[0]

    with pytest.raises(SettingsError, match="one witness"):
        await watched.open()


async def test_a_logs_key_in_place_of_a_witnesss_is_a_fault_of_the_settings(watched):
    watched.vkeys[1] = watched.log.key.encode()

    with pytest.raises(SettingsError, match=r"witnesses\.1\.key.*type 4"):
        await watched.open()


async def test_a_quorum_nobody_can_make_is_a_fault_of_the_settings(watched):
    with pytest.raises(SettingsError, match="quorum is 3 of 2"):
        await watched.open(3)


@pytest.mark.parametrize(
    "address",
    ["http://witness.example", "http://127.0.0.1.witness.example", "https://", "w"],
)
async def test_an_address_others_can_read_along_is_a_fault_of_the_settings(
    watched, address
):
    watched.running[1].address = address

    with pytest.raises(SettingsError, match="https"):
        await watched.open()


async def test_nonces_of_a_real_witness_make_draws_the_operator_could_not_choose(
    watched,
):
    nonces = {"mode": "witness", "urls": [watched.running[0].address]}
    await watched.open(site={"randomness": nonces})
    for _ in range(5):
        await watched.hour()

    said = await watched.judged(await watched.bundle())

    assert (said["status"], said["findings"]) == (0, []), said
    assert said["mode"] == "witness-seeded", said


@pytest.fixture
async def backup(centre):
    """Takes a copy of the database while no service runs; gives its address."""
    async with AsyncExitStack() as copies:

        async def take():
            await centre.close()
            await centre.stop_looking()
            name = urlsplit(centre.dsn).path.removeprefix("/")
            server = in_database(centre.dsn, "postgres")
            return await copies.enter_async_context(new_database(server, name))

        yield take
        await centre.close()


async def test_a_restored_ledger_that_lacks_what_others_saw_is_not_drawn_on(
    watched, backup
):
    await watched.open()
    await watched.hour()
    old = await backup()
    await watched.open()
    await watched.hour()
    await watched.centre.close()

    await watched.open(dsn=old)

    calls = [await watched.centre.start_call() for _ in range(3)]
    assert [call.decision_id for call in calls] == [None] * 3
    assert watched.centre.site.voids.counted["store", "cardio_in"] == 3
    with pytest.raises(LedgerWentBackError, match="restore the database"):
        await watched.bundle()


async def test_one_witness_alone_cannot_stop_the_draws_while_a_quorum_is_left(
    watched, backup
):
    await watched.open(quorum=1)
    await watched.hour()
    old = await backup()
    watched.running[1].stop()
    await watched.open(quorum=1)
    await watched.hour()
    await watched.centre.close()
    address = watched.running[1].address
    await asyncio.to_thread(watched.running[1].start)

    await watched.open(quorum=1, dsn=old)

    assert watched.running[1].address != address
    assert (await watched.centre.start_call()).decision_id


async def test_rules_changed_in_mid_hour_are_dated_still_when_heads_were_thinned(
    watched,
):
    await watched.open()
    await watched.hour()
    changed = watched.centre.policy(rate="1%")
    for _ in range(3):
        await watched.pass_time(minutes=8)
        await watched.centre.start_call()
    await watched.centre.close()
    await watched.open(site={"policy": changed})
    await watched.pass_time(minutes=1)
    await watched.hour()
    await watched.hour()
    before = await watched.judged(await watched.bundle())
    dated = await watched.centre.value(
        "SELECT min(c.size) FROM cosignatures AS c, policies AS p"
        " WHERE p.version = 2 AND c.size > p.adopted_seq"
    )
    for _ in range(6):  # the last calls drawn have their outcome in time
        await watched.pass_time(hours=1)
    for _ in range(15):
        await watched.pass_time(hours=3)
    after = await watched.judged(await watched.bundle())

    kept = await watched.centre.rows("SELECT size FROM checkpoints")
    assert (before["findings"], after["findings"]) == ([], [])
    assert (dated,) in kept
