"""Who exports evidence learns how far it reaches, has the keys first, loses no file."""

import json
import re
import stat

import pytest

from tests.fakes.auditing import checked
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.witnesses import witnesses

NAMES = ("dpo.example/witness", "cse.example/witness")


async def export(centre, *more, out="nord.zip", **changes):
    command = ("evidence", "export", "--site", SITE, "--out", centre.folder / out)
    return await ponctuel(centre, *command, *more, **changes)


class Named:
    """A call centre whose settings name two witnesses and a quorum of both."""

    def __init__(self, centre, running):
        self.centre, self.running, self.folder = centre, running, centre.folder
        self.vkeys = [one.make() for one in running]

    @property
    def plan(self):
        parts = [
            {"url": one.address or "http://127.0.0.1:9", "key": vkey, "role": role}
            for one, vkey, role in zip(
                self.running, self.vkeys, ("dpo", "cse"), strict=True
            )
        ]
        site = self.centre.plan()["sites"][SITE]
        return {SITE: site | {"witnesses": parts, "quorum": 2}}

    async def export(self, *more, **options):
        return await export(self.centre, *more, sites=self.plan, **options)

    async def doctor(self):
        return await ponctuel(self.centre, "doctor", sites=self.plan)


@pytest.fixture
async def named(centre, clock):
    with witnesses(centre.folder, clock, *NAMES) as running:
        named = Named(centre, running)
        await centre.open(sites=named.plan)
        await centre.stop_worker()
        yield named


async def test_the_logs_key_can_be_had_before_any_witness_has_signed(named):
    auditor = named.folder / "auditor.txt"

    refused = await named.export("--auditor-file", auditor)
    told = await named.doctor()

    vkey = named.centre.site.signer.key.encode()
    *whys, last = refused.stderr.splitlines()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "cosigned by 2 witnesses yet" in last
    assert all(json.loads(why)["event"] == "not cosigned" for why in whys)
    assert len(whys) == 2
    assert f"log {vkey}\n" in auditor.read_text()
    assert stat.S_IMODE(auditor.stat().st_mode) == 0o600
    assert re.search(
        rf"^{SITE}: log key +ok: log {re.escape(vkey)}$", told.stdout, re.MULTILINE
    )
    assert not (named.folder / "nord.zip").exists()


async def test_with_that_key_alone_the_witnesses_are_set_up_and_evidence_is_had(named):
    told = await named.doctor()
    vkey = re.search(r"ok: log (\S+)$", told.stdout, re.MULTILINE)[1]
    for one in named.running:
        one.command("add", vkey)
        one.serve()

    done = await named.export("--json")

    said = json.loads(done.stdout)
    assert said["size"] == said["ledger_size"] >= said["disclosed"] > 0
    assert said["cosigned_by"] == ["dpo", "cse"]
    assert "note" not in said


async def test_one_sentence_says_why_evidence_ends_before_the_ledger(named):
    for one in named.running:
        one.command("add", named.centre.site.signer.key.encode())
        one.serve()
    first = json.loads((await named.export("--json")).stdout)
    named.running[1].stop()
    await named.centre.start_call()

    said = json.loads((await named.export("--json")).stdout)
    done = await named.export()

    assert said["size"] == first["size"] < said["ledger_size"]
    assert f"ends at leaf {said['size']} of {said['ledger_size']}" in said["note"]
    assert re.search(r"^cosigned_by +dpo, cse$", done.stdout, re.MULTILINE)
    assert said["note"] in done.stdout


async def test_without_a_quorum_it_ends_with_the_ledger_and_nobody_cosigned(house):
    done = await export(house)

    told = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert told["size"] == told["ledger_size"]
    assert told["cosigned_by"] == "nobody"
    assert "note" not in told


async def test_an_auditors_own_lines_are_never_written_over(house):
    mine = house.folder / "auditor.txt"
    mine.write_text("seen 5 mine\n")

    done = await export(house, "--auditor-file", mine)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--auditor-file" in done.stderr
    assert "an auditor's own lines" in done.stderr
    assert mine.read_text() == "seen 5 mine\n"
    assert not (house.folder / "nord.zip").exists()


async def test_a_file_that_cannot_be_written_is_one_line_and_leaves_nothing(house):
    (house.folder / "folder").mkdir()
    before = sorted(house.folder.iterdir())

    for more, out in [
        ([], "nodir/x.zip"),
        ([], "folder"),
        (["--auditor-file", house.folder / "nodir" / "a.txt"], "x.zip"),
        (["--auditor-file", house.folder / "folder"], "x.zip"),
    ]:
        done = await export(house, *more, out=out)

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert "cannot be written" in done.stderr
    assert sorted(house.folder.iterdir()) == before


async def test_an_older_bundle_stays_whole_until_the_new_one_is(house):
    await export(house)
    first = (house.folder / "nord.zip").read_bytes()

    refused = await export(house, "--auditor-file", house.folder / "nodir" / "a.txt")
    assert refused.returncode == 2
    assert (house.folder / "nord.zip").read_bytes() == first

    await house.start_call()
    await export(house)
    assert (house.folder / "nord.zip").read_bytes() != first


async def test_a_receipt_and_the_auditors_file_are_all_a_caller_needs(house, clock):
    await house.stop_worker()
    await house.start_call("root-1")
    clock.advance(minutes=65)
    await house.site.tend()
    folder = house.folder
    await export(house, "--auditor-file", folder / "auditor.txt")
    done = await ponctuel(
        house,
        *("evidence", "receipt", "--site", SITE, "--connection", "pbx"),
        *("--call-id", "root-1", "--out", folder / "mine.tlog-proof"),
    )
    assert "verify.py --receipt" in done.stdout

    said = checked(
        *("--receipt", folder / "mine.tlog-proof"),
        *("--policy", folder / "auditor.txt", "--json"),
    )

    [draw] = await house.leaves("DRAW")
    assert (said["status"], said["findings"]) == (0, [])
    assert json.loads(said["leaf"]) == {"leaf": "DRAW"} | draw
