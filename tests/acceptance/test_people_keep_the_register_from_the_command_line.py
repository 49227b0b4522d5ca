"""`ponctuel incidents`: by people with a token, from opening to notification."""

import json
from hashlib import sha256

import pytest

from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel

TOKENS = {"op1": "o" * 43, "dpo1": "d" * 43}
ROLES = {"op1": "operator", "dpo1": "dpo"}


def sites(centre):
    plan = centre.plan()["sites"]
    plan[SITE]["dpo_contact"] = "DPO, rue des Lilas"
    plan[SITE]["people"] = {
        code: {"role": ROLES[code], "token_sha256": sha256(token.encode()).hexdigest()}
        for code, token in TOKENS.items()
    }
    return plan


@pytest.fixture
def incidents(centre):
    """Runs a command of the register as somebody."""
    named = sites(centre)

    async def run(who, action, *arguments):
        return await ponctuel(
            centre,
            *("incidents", action, "--site", SITE, *arguments),
            token=TOKENS.get(who, who),
            sites=named,
        )

    return run


async def opened(incidents):
    done = await incidents("op1", "open", "--nature", "a disk was lost", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["opened"]


async def test_an_incident_goes_from_its_opening_to_its_end(incidents, centre):
    await centre.open()
    incident = await opened(incidents)
    for who, action, *arguments in (
        ("op1", "describe", "--people", "callers", "agents", "--people-about", "12"),
        ("op1", "describe", "--records", "voice", "--records-about", "3"),
        ("op1", "note", "the disk was encrypted"),
        ("dpo1", "decide", "notify", "--reason", "voices of callers"),
        ("dpo1", "notified"),
    ):
        done = await incidents(who, action, incident, *arguments)
        assert done.returncode == 0, done.stderr

    exported = await incidents("dpo1", "export", incident)
    shown = json.loads((await incidents("op1", "show", incident, "--json")).stdout)
    closed = await incidents("dpo1", "close", incident, "--outcome", "nothing more")
    listed = await incidents("op1", "list", "--state", "all")

    assert "Nombre approximatif de personnes : de 10 à 99" in exported.stdout
    assert "Délégué à la protection des données : DPO, rue des Lilas" in exported.stdout
    assert [note.partition(" ")[2] for note in shown["notes"]] == [
        "op1: opened by hand",
        "op1: described: people, people_about",
        "op1: described: records, records_about",
        "op1: the disk was encrypted",
        "dpo1: decided: notify",
        next(note for note in shown["notes"] if "notified" in note).partition(" ")[2],
    ]
    assert closed.returncode == 0, closed.stderr
    assert listed.stdout.startswith(incident)
    assert listed.stdout.rstrip().endswith("closed")


async def test_nothing_closes_undecided_and_the_reason_is_one_line(incidents, centre):
    await centre.open()
    incident = await opened(incidents)

    done = await incidents("op1", "close", incident, "--outcome", "forgotten")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "nobody decided whether to notify (decide first)"
    ]


@pytest.mark.parametrize("who", ["", "x" * 43], ids=["no token", "nobody's token"])
async def test_whoever_does_not_show_a_token_learns_nothing(incidents, centre, who):
    await centre.open()

    done = await incidents(who, "list")

    assert (done.returncode, done.stdout) == (1, "")
    assert "token" in done.stderr


async def test_a_person_of_another_site_is_refused(centre):
    await centre.open()

    done = await ponctuel(
        centre,
        *("incidents", "list", "--site", "elsewhere"),
        token=TOKENS["dpo1"],
        sites=sites(centre),
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert "not yours" in done.stderr


async def test_a_time_without_its_offset_is_refused(incidents, centre):
    await centre.open()

    done = await incidents(
        "op1", "open", "--nature", "lost", "--aware-at", "2026-11-18T09:00"
    )

    assert done.returncode == 2
    assert "offset" in done.stderr
