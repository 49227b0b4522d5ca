"""A service in each mode, its witnesses, and an auditor with values of their own."""

import asyncio
import sys
from contextlib import suppress
from datetime import timedelta

import pytest

from proxy.errors import NoOutsideValueError, SettingsError
from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from proxy.intake.randomness import quicknet, values
from proxy.ledger.note import Signer
from proxy.vault.key_directory import KeyDirectory
from proxy.vault.keys import KeyRing
from sampling.seed import epoch_start
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import SITE
from tests.fakes.outside import (
    PUBLIC_KEY,
    REAL_ROUNDS,
    beacon,
    honest_outsider,
    outsider_process,
)
from tests.fakes.short_epochs import EPOCH, in_mode
from tests.fakes.staff import approve
from tests.fakes.witnesses import witnesses

pytestmark = [
    pytest.mark.usefixtures("answered_in_time"),
    pytest.mark.timeout(300),
    pytest.mark.acceptance,
]
ORIGIN = f"ponctuel.example/{SITE}"
ROLES = ("dpo", "cse")
REAL_RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"


@pytest.fixture
def chain(monkeypatch):
    """A chain whose rounds the fake can sign."""
    monkeypatch.setattr(quicknet, "PUBLIC_KEY", PUBLIC_KEY)


@pytest.fixture(scope="module")
def address():
    with outsider_process() as url:
        yield url


@pytest.fixture
async def outside(address, monkeypatch):
    monkeypatch.setattr(values, "_ASK_SECONDS", 0.1)
    async with honest_outsider(address) as outsider:
        yield outsider


class Audited:
    """A call centre, two witnesses who hold nonces too, a relay, and an auditor."""

    def __init__(self, centre, running, relay, clock):
        self.centre, self.running, self.clock = centre, running, clock
        self.relay = relay

    def begin(self):
        """Make the site's keys and, for its log, the witnesses; start them."""
        keys = KeyRing(KeyDirectory(self.centre.data_dir / "keys", SITE))
        asyncio.run(keys.open())
        log = Signer(ORIGIN, keys.log_key()).key.encode()
        self.vkeys = [one.make(log, epoch_seconds=EPOCH) for one in self.running]
        for one in self.running:
            one.start()

    async def open(self, mode, quorum=2, **changes):
        """A service in this mode; a new one takes the place of the one before."""
        await self.centre.close()
        urls = (self.relay, self.running[0].address)
        plan = in_mode(self.centre, mode, *urls, **changes)
        plan["metrics"] = {"port": 0, "interval_seconds": 60}
        plan["sites"][SITE] |= {"quorum": quorum, "witnesses": self._witnesses(quorum)}
        await self.centre.open(**plan)
        await self.centre.stop_worker()

    def _witnesses(self, quorum):
        parts = zip(self.running, self.vkeys, ROLES, strict=True)
        listed = [
            {"url": one.address, "key": vkey, "role": role} for one, vkey, role in parts
        ]
        return listed if quorum else []

    async def pass_time(self, **step):
        """Time passes for everybody; then the work of a minute."""
        self.clock.advance(**step)
        for one in self.running:
            one.tell_time()
        site = self.centre.site
        await site.keep_up()
        with suppress(NoOutsideValueError):
            await site.outside.fetch_due()
        await site.tend()

    async def epochs(self, number, calls=12):
        """So many epochs with calls in each of them."""
        for _ in range(number):
            left = EPOCH - self.clock().timestamp() % EPOCH
            await self.pass_time(seconds=left + 10)
            await asyncio.gather(*(self.centre.start_call() for _ in range(calls)))
            await self.pass_time(seconds=EPOCH / 2)

    async def judged(self, beacons=None):
        """What the auditor says, who has the rounds' values from elsewhere."""
        site = self.centre.site
        bundle = await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )
        if beacons is None:
            rounds = [leaf.get("round") for leaf in await self.centre.leaves("OPEN")]
            beacons = {n: beacon(n)["randomness"] for n in rounds if n}
        lines = [f"beacon {number} {value}\n" for number, value in beacons.items()]
        policy = auditor_text(
            site.signer.key, site.config.witnesses, site.config.quorum
        ) + "".join(lines)
        return await asyncio.to_thread(
            verdict, self.centre.folder, bundle, policy, self.clock()
        )

    async def modes(self):
        """The mode of each epoch that was drawn in, in order, once for each run."""
        kinds = {}
        for leaf in await self.centre.leaves("OPEN"):
            kinds[leaf["e"]] = (
                "drand"
                if "round" in leaf
                else "witness"
                if "nonce_commit" in leaf
                else "operator"
            )
        drawn = [kinds[leaf["e"]] for leaf in await self.centre.leaves("DRAW")]
        return [
            mode
            for place, mode in enumerate(drawn)
            if not place or drawn[place - 1] != mode
        ]


@pytest.fixture
async def audited(centre, outside, clock):
    names = ("dpo.example/witness", "cse.example/witness")
    with witnesses(centre.folder, clock, *names) as running:
        audited = Audited(centre, running, outside.url, clock)
        await asyncio.to_thread(audited.begin)
        yield audited


def is_clean(said):
    return (said["status"], said["findings"]) == (0, [])


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("mode", ["operator", "witness", "drand"])
async def test_the_evidence_is_clean_and_names_the_mode(audited, mode):
    await audited.open(mode)
    await audited.epochs(5)

    said = await audited.judged()

    assert is_clean(said), said
    assert said["mode"] == f"{mode}-seeded"
    assert await audited.modes() == [mode]
    closed = {leaf["e"]: leaf for leaf in await audited.centre.leaves("CLOSE")}
    drawn = {leaf["e"] for leaf in await audited.centre.leaves("DRAW")}
    assert len(drawn & closed.keys()) >= 3
    for epoch in drawn & closed.keys():
        assert ("x" in closed[epoch]) == (mode != "operator")
        assert ("sig" in closed[epoch]) == (mode == "drand")


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("mode", ["witness", "drand"])
async def test_where_nobody_dates_the_commitments_it_counts_as_the_operators(
    audited, mode
):
    await audited.open(mode, quorum=0)
    await audited.epochs(4)

    said = await audited.judged()

    assert is_clean(said), said
    assert said["mode"] == "operator-seeded"
    assert any("witness" in each for each in said["not_checked"]), said["not_checked"]


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("mode", ["operator", "drand"])
async def test_an_epoch_no_quorum_saw_in_time_is_not_drawn_in(audited, mode):
    await audited.open(mode)
    await audited.epochs(3)
    audited.running[1].stop()
    await audited.epochs(4)  # those open ahead were seen; these were not
    drawn = {leaf["e"] for leaf in await audited.centre.leaves("DRAW")}
    seen = max(drawn)
    await audited.centre.service.publish()
    assert (await audited.centre.counts())["void", "seed"] >= 12

    await asyncio.to_thread(audited.running[1].start)
    await audited.open(mode)  # it listens elsewhere now
    await audited.epochs(5)

    later = {leaf["e"] for leaf in await audited.centre.leaves("DRAW")} - drawn
    assert seen < int(audited.clock().timestamp()) // EPOCH - 5 < min(later)
    assert is_clean(await audited.judged())


@pytest.mark.usefixtures("chain")
async def test_an_auditor_whose_relay_says_otherwise_finds_it(audited):
    await audited.open("drand")
    await audited.epochs(4)
    rounds = [leaf["round"] for leaf in await audited.centre.leaves("OPEN")]

    said = await audited.judged(dict.fromkeys(rounds, "11" * 32))

    assert said["status"] == 1
    assert {finding["code"] for finding in said["findings"]} == {"BEACON"}


async def test_a_round_that_drand_published_is_drawn_with_under_the_pinned_key(
    centre, outside, clock, monkeypatch
):
    """Round 1000 came out in the very second in which this epoch begins."""
    monkeypatch.setattr(values, "_ASK_SECONDS", 0.1)
    await outside.be("", is_real=True)
    audited = Audited(centre, [], outside.url, clock)
    clock.now = epoch_start(5_224_711, 324)
    plan = in_mode(centre, "drand", outside.url)
    plan["draw"] = {"epoch_seconds": 324, "epochs_ahead": 2}
    await centre.open(**plan)
    await centre.stop_worker()
    await centre.site.outside.fetch_due()

    calls = await asyncio.gather(*(centre.start_call() for _ in range(30)))
    clock.advance(seconds=2 * 324)
    await centre.site.tend()

    assert all(call.decision_id for call in calls)
    [closed] = [leaf for leaf in await centre.leaves("CLOSE") if leaf["draws"]]
    assert (closed["sig"], closed["x"]) == (REAL_ROUNDS[1000], REAL_RANDOMNESS)
    assert is_clean(await audited.judged({1000: REAL_RANDOMNESS}))


@pytest.mark.usefixtures("chain")
@pytest.mark.parametrize("quorum", [0, 2])
async def test_a_mode_changes_only_where_no_epoch_is_committed_to_another(
    audited, quorum
):
    for mode in ("operator", "witness", "operator", "drand", "witness"):
        await audited.open(mode, quorum)
        await audited.epochs(4, calls=6)

    assert is_clean(await audited.judged())
    assert await audited.modes() == [
        *("operator", "witness", "operator", "drand", "witness")
    ]
    adopted = await audited.centre.leaves("POLICY")
    assert [leaf["version"] for leaf in adopted] == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("chain")
async def test_a_restart_between_adoption_and_change_alters_nothing(audited):
    await audited.open("operator")
    await audited.epochs(2)
    await audited.open("witness")
    told = await audited.centre.leaves("POLICY")
    running = int(audited.clock().timestamp()) // EPOCH
    assert told[-1]["from"] == running + 3  # two are open ahead

    for _ in range(3):
        await audited.open("witness")
        await audited.epochs(1)

    assert await audited.centre.leaves("POLICY") == told
    assert await audited.modes() == ["operator", "witness"]
    await audited.epochs(2)
    assert is_clean(await audited.judged())


@pytest.mark.usefixtures("chain")
async def test_a_change_of_mind_before_the_change_goes_on_as_before(audited):
    await audited.open("operator")
    await audited.epochs(1)
    await audited.open("drand")
    await audited.open("operator")
    await audited.epochs(4)

    assert await audited.modes() == ["operator"]
    assert [leaf["mode"] for leaf in await audited.centre.leaves("POLICY")] == [
        *("operator", "drand", "operator")
    ]
    assert is_clean(await audited.judged())


async def test_with_witnesses_new_rules_wait_for_the_next_epoch(audited):
    await audited.open("operator")
    await audited.epochs(3)
    policy = audited.centre.policy(rate="1%", max_seconds=60)
    await audited.open("operator", policy=policy)
    # Three minutes is what witnesses are given to date them.
    running = int(audited.clock().timestamp() + 180) // EPOCH

    before = await audited.centre.drawn_call()
    await audited.epochs(3)
    after = await audited.centre.start_call()

    assert (await audited.centre.leaves("POLICY"))[-1]["from"] == running + 1
    [first, last] = [await max_seconds(audited, call) for call in (before, after)]
    assert (first, last) == (600, 60)
    assert is_clean(await audited.judged())


async def max_seconds(audited, call):
    return await audited.centre.value(
        "SELECT max_seconds FROM calls WHERE decision_id = $1::uuid", call.decision_id
    )


async def test_witnesses_see_an_increase_a_day_before_it_holds(audited):
    await audited.open("operator")
    await audited.epochs(3)
    wanted = audited.centre.policy(kept_days=60)
    approved = await approve(audited.centre.site.governance, wanted)
    await audited.pass_time(minutes=1)
    await audited.pass_time(hours=23, minutes=45)
    await audited.epochs(6)

    [_, leaf] = await audited.centre.leaves("POLICY")
    assert (leaf["doc"], leaf["approvals"]) == (approved.digest, 2)
    assert leaf["from"] == approved.effective_from_epoch
    assert audited.centre.site.calls.policy.kept_days == 60
    dated = await audited.centre.value(
        "SELECT min(c.cosigned_at) FROM cosignatures AS c, ledger_entries AS e"
        " WHERE convert_from(e.body, 'utf8') LIKE '%policy approved%'"
        " AND c.size > e.seq"
    )
    assert epoch_start(leaf["from"], EPOCH) - dated >= timedelta(hours=23, minutes=55)
    assert is_clean(await audited.judged())


@pytest.mark.usefixtures("chain")
async def test_a_change_of_mode_keeps_the_policy_people_have_approved(audited):
    await audited.open("operator")
    await approve(audited.centre.site.governance, audited.centre.policy(kept_days=10))
    await audited.epochs(2)
    await audited.open("drand")
    await audited.epochs(6)

    _, approved, again = await audited.centre.leaves("POLICY")
    assert (again["mode"], again["kept_days"]) == ("drand", 10)
    assert (again["doc"], again["approvals"]) == (approved["doc"], 2)
    assert await audited.modes() == ["operator", "drand"]
    assert is_clean(await audited.judged())


async def test_once_its_policy_is_taken_away_no_call_is_recorded_any_more(audited):
    """The old rules go on to be drawn by until the epoch ends; to no effect."""
    await audited.open("operator")
    await audited.epochs(3)
    await audited.open("operator", policy=None)

    drawn = "SELECT outcome_code FROM calls WHERE is_record AND outcome = 'failed'"
    calls = [await audited.centre.start_call() for _ in range(60)]
    while not await audited.centre.rows(drawn):
        calls.append(await audited.centre.start_call())
    await audited.epochs(3)

    assert {call.decision for call in calls} == {"skip"}
    failed = await audited.centre.rows(drawn)
    assert {row["outcome_code"] for row in failed} == {"announcement"}
    assert is_clean(await audited.judged())


@pytest.mark.parametrize("mode", ["witness", "drand"])
async def test_a_mode_without_an_address_is_a_fault_of_the_settings(centre, mode):
    with pytest.raises(SettingsError, match=f"mode {mode} needs `urls`"):
        centre.settings(**in_mode(centre, mode))


async def test_drand_without_its_library_is_a_fault_of_the_settings(
    centre, monkeypatch
):
    monkeypatch.setitem(sys.modules, "py_arkworks_bls12381", None)
    monkeypatch.delitem(sys.modules, "proxy.intake.randomness.quicknet", raising=False)

    with pytest.raises(SettingsError, match=r"pip install 'ponctuel\[drand\]'"):
        await centre.open_unready(**in_mode(centre, "drand", "https://api.drand.sh"))
