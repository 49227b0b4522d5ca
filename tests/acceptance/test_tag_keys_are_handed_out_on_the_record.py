"""With the platform's list and the tag keys, an inspector finds a call left out."""

import asyncio
import csv
import json
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from sampling.draw import tag_key_commitment
from tests.fakes.auditing import VERIFIER
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel


async def tagkeys(centre, **changes):
    return await ponctuel(
        centre,
        *("evidence", "tagkeys", "--site", SITE, "--out", centre.folder / "keys.json"),
        **changes,
    )


@dataclass
class Inspection:
    """A platform's own list beside the service, and an inspector who compares."""

    centre: object
    clock: object
    rows: list[dict[str, object]] = field(default_factory=list)

    async def call(self, call_id, *, is_listed=True, is_drawn=True):
        if is_drawn:
            await self.centre.start_call(call_id)
        if is_listed:
            started = self.clock().isoformat()
            row = {"connection": "pbx", "root_call_id": call_id, "started_at": started}
            self.rows.append(row | {"recorded": 0})

    async def hours(self, number):
        """Hours with nothing special in them, each with a few calls."""
        for hour in range(number):
            for minute in range(3):
                self.clock.advance(minutes=20)
                await self.call(f"call-{len(self.rows)}-{hour}-{minute}")
                await self.centre.site.tend()
                await self.centre.site.keep_up()

    async def verdict(self):
        """Bundle, list and keys, as three people would bring them together."""
        folder, site = self.centre.folder, self.centre.site
        done = await tagkeys(self.centre)
        assert (done.returncode, done.stderr) == (0, "")
        bundle = await make_bundle(
            site.ledger, site.publisher, site.signer, site.cosigning
        )
        (folder / "bundle.zip").write_bytes(bundle)
        (folder / "auditor.txt").write_text(auditor_text(site.signer.key))
        with (folder / "calls.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, self.rows[0])
            writer.writeheader()
            writer.writerows(self.rows)
        return await asyncio.to_thread(self._verify, folder)

    def _verify(self, folder: Path):
        done = subprocess.run(
            [
                *(sys.executable, "-I", str(VERIFIER), "bundle.zip", "--json"),
                *("--policy", "auditor.txt", "--now", self.clock().isoformat()),
                *("--cdr", "calls.csv", "--tagkeys", "keys.json"),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        said = json.loads(done.stdout)
        assert done.returncode == bool(said["findings"]), done
        return said


@pytest.fixture
async def inspection(house, clock):
    await house.stop_worker()
    inspection = Inspection(house, clock)
    await inspection.hours(2)
    return inspection


def codes(said):
    return sorted(finding["code"] for finding in said["findings"])


async def test_a_list_and_a_ledger_that_agree_are_found_clean(inspection):
    await inspection.hours(3)

    said = await inspection.verdict()

    assert codes(said) == []
    assert said["draws"] >= 9
    unchecked = " ".join(said["not_checked"])
    assert "tag key was not given" not in unchecked


async def test_a_call_of_the_platform_that_was_never_drawn_is_found(inspection):
    await inspection.call("left-out", is_drawn=False)
    await inspection.hours(3)

    assert codes(await inspection.verdict()) == ["MISSINGCALL"]


async def test_a_draw_for_a_call_the_platform_never_had_is_found(inspection):
    await inspection.call("made-up", is_listed=False)
    await inspection.hours(3)

    assert codes(await inspection.verdict()) == ["PHANTOM"]


async def test_the_keys_are_the_committed_ones_and_for_their_reader_alone(inspection):
    centre = inspection.centre

    done = await tagkeys(centre)

    file = centre.folder / "keys.json"
    keys = {int(w): bytes.fromhex(k) for w, k in json.loads(file.read_text()).items()}
    committed = {x["week"]: x["commit"] for x in await centre.leaves("TAGKEY+")}
    assert done.returncode == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {w: tag_key_commitment(w, k).hex() for w, k in keys.items()} == committed
    assert not [key for key in keys.values() if key.hex() in done.stdout]


async def test_each_handing_out_is_in_the_ledger_and_none_that_did_not_happen(
    inspection,
):
    centre = inspection.centre
    assert (await tagkeys(centre)).returncode == 0
    assert await centre.notes() == ["tag keys handed out"]
    first = (centre.folder / "keys.json").read_text()

    again = await tagkeys(centre)

    assert again.returncode == 2
    assert "does not exist yet" in again.stderr
    assert await centre.notes() == ["tag keys handed out"]
    assert (centre.folder / "keys.json").read_text() == first


async def test_what_the_ledger_could_not_note_is_not_handed_out(inspection):
    centre = inspection.centre
    await centre.rows("REVOKE INSERT ON ledger_entries FROM ponctuel_service")

    done = await tagkeys(centre)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert not (centre.folder / "keys.json").exists()


async def test_a_week_that_has_ended_is_handed_out_to_nobody(inspection, clock):
    centre = inspection.centre
    ended = min(await centre.site.tag_keys.living())
    clock.advance(weeks=53)
    await centre.site.tend()
    await centre.site.sweep()

    assert (await tagkeys(centre)).returncode == 0

    keys = json.loads((centre.folder / "keys.json").read_text())
    assert str(ended) not in keys
    assert keys
