"""`ponctuel policy` and `ponctuel access token`: by people with a token each."""

import json
import re

import pytest

from proxy.access.people import token_digest
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import PEOPLE, TOKENS

pytestmark = pytest.mark.acceptance
DOCUMENT = """
rate = "2%"
ceiling = "2%"
burst = 50
smooth = 20
starts_on = 2026-11-17
kept_days = 60
"""


@pytest.fixture
async def staffed(centre):
    usual = {"rate": "1%", "ceiling": "2%", "burst": 50, "smooth": 20}
    sites = centre.plan(policy=centre.policy(**usual))["sites"]
    sites[SITE]["people"] = PEOPLE
    await centre.open(sites=sites)
    (centre.folder / "spring.toml").write_text(DOCUMENT)

    async def run(who, action, *arguments, status=0):
        done = await ponctuel(
            centre,
            *("policy", action, "--site", SITE, "--json", *arguments),
            token=TOKENS.get(who, who),
            sites=sites,
        )
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout) if status == 0 else done.stderr

    run.file = centre.folder / "spring.toml"
    return run


async def test_a_policy_goes_from_a_file_to_its_approval(staffed, centre):
    made = await staffed("op-anna", "draft", "--file", staffed.file)
    number, digest = str(made["number"]), made["digest"]
    tried = await staffed(
        "op-anna",
        *("simulate", "--number", number, "--agents", "5"),
        *("--calls-per-agent", "50", "--replications", "50"),
    )
    await staffed("op-anna", "propose", number, "--digest", digest, "--why", "spring")
    alone = await staffed("op-anna", "approve", number, "--digest", digest, status=1)
    read = await staffed("dpo-carla", "show", "--number", number)
    done = await staffed("dpo-carla", "approve", number, "--digest", read["digest"])

    assert "only a dpo can approve it" in alone
    assert read["simulation"]["audio_hours"] == tried["audio_hours"]
    assert read["justification"] == "spring"
    assert done["state"] == "approved"
    assert sorted(done["increases"]) == ["kept_days", "rate"]
    assert len(await centre.notes()) == 1
    told = await staffed("op-bert", "history", "--number", number)
    assert [(e["actor"], e["move"], e["is_refused"]) for e in told["events"]] == [
        ("op-anna", "draft", False),
        ("op-anna", "simulate", False),
        ("op-anna", "propose", False),
        ("op-anna", "approve", True),
        ("dpo-carla", "approve", False),
    ]
    shown = await staffed("op-bert", "show")
    assert [each["state"] for each in shown["policies"]] == ["active", "approved"]


async def test_a_stop_and_its_end(staffed, centre):
    stopped = await staffed("op-anna", "stop", "--why", "a complaint")
    assert (await centre.start_call()).decision == "skip"
    resumed = await staffed("op-bert", "resume")

    assert [stop["party"] for stop in stopped["stops"]] == ["operator"]
    assert stopped["stops"][0]["resumes_from_epoch"] is None
    assert resumed["stops"][0]["resumes_from_epoch"]
    assert "no stop of the breaker" in await staffed(
        "op-anna", "close-breaker", status=1
    )


async def test_a_draft_is_changed_refused_and_withdrawn(staffed):
    made = await staffed("op-anna", "draft", "--file", staffed.file)
    number, digest = str(made["number"]), made["digest"]
    staffed.file.write_text(DOCUMENT.replace("60", "10").replace("2%", "0.5%", 1))
    named = ("--file", staffed.file, "--number", number)
    edited = await staffed("op-anna", "draft", *named, "--digest", digest)
    stale = await staffed("op-anna", "draft", *named, "--digest", digest, status=1)
    new = edited["digest"]
    await staffed("op-anna", "propose", number, "--digest", new, "--why", "less")
    refused = await staffed("dpo-dora", "refuse", number, "--why", "not needed")

    assert "changed since" in stale or "digest" in stale
    assert refused["state"] == "refused"
    assert "it is refused" in await staffed("op-anna", "withdraw", number, status=1)
    assert "--digest" in await staffed("op-anna", "draft", *named, status=2)


@pytest.mark.parametrize("token", ["", "nobodys-token-0123456789"])
async def test_nobody_unknown_is_told_anything(staffed, token):
    for action in (("show",), ("stop", "--why", "fun"), ("history",)):
        assert await staffed(token, *action, status=1)


async def test_a_file_with_faults_is_refused_with_all_of_them(staffed):
    staffed.file.write_text(DOCUMENT.replace('"2%"', '"11%"') + "rat = 1\n")

    said = await staffed("op-anna", "draft", "--file", staffed.file, status=2)

    assert "rat" in said


async def test_a_token_is_shown_once_and_only_its_hash_is_for_the_settings(centre):
    named = ("access", "token", "--site", SITE, "--code", "op-1", "--role", "operator")
    first = (await ponctuel(centre, *named)).stdout
    second = (await ponctuel(centre, *named)).stdout

    token = re.search(r"PONCTUEL_TOKEN=(\S+)", first)[1]
    assert f'token_sha256 = "{token_digest(token)}"' in first
    assert f"[sites.{SITE}.people.op-1]" in first
    assert len(token) == 43  # 32 bytes
    assert token not in second
