"""Whoever looks on gets what an outsider needs, and nothing that was said."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.access.permissions import Role
from tests.fakes.console import enrol
from tests.fakes.forms import Forms

pytestmark = pytest.mark.acceptance
VERIFIER = Path(__file__).parents[2] / "audit" / "verify.py"


@pytest.fixture
async def auditor(house):
    person = await enrol(house, "auditor-ada", Role.AUDITOR)
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, person)
    return forms


async def taken(forms, what):
    csrf = await forms.token("/evidence")
    async with forms.http.post(
        f"{forms.address}/console/evidence/{what}",
        data={"csrf": csrf},
        headers={"Cookie": "; ".join(f"{k}={v}" for k, v in forms.cookies.items())},
    ) as answer:
        return answer.status, answer.headers, await answer.read()


def verified(folder):
    """As it is written on the page."""
    return subprocess.run(
        [sys.executable, VERIFIER, "clinic.zip", "--policy", "auditor.txt"],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


async def test_what_an_auditor_saves_is_judged_clean_by_the_verifier(
    house, auditor, tmp_path
):
    await house.start_call()

    status, headers, bundle = await taken(auditor, "bundle")
    _, _, keys = await taken(auditor, "auditor")

    assert (status, headers["Content-Type"]) == (200, "application/zip")
    assert headers["Content-Disposition"] == 'attachment; filename="clinic.zip"'
    assert headers["Cache-Control"] == "no-store"
    (tmp_path / "clinic.zip").write_bytes(bundle)
    (tmp_path / "auditor.txt").write_bytes(keys)
    judged = await asyncio.to_thread(verified, tmp_path)
    assert judged.returncode == 0, judged.stdout
    noted = await house.rows(
        "SELECT body FROM access_entries WHERE act = 'exported' ORDER BY seq"
    )
    about = [json.loads(row["body"])["about"] for row in noted]
    assert about == ["bundle", "auditor-file"]


async def test_a_trainer_gets_none_of_it(house):
    person = await enrol(house, "trainer-tom", Role.TRAINER)
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, person)

    answer, _ = await forms.ask("GET", "/evidence")

    assert answer.status == 403
