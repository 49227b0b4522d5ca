"""`ponctuel requests` beside a running service: nothing of a person in an argument."""

import json

import pytest

from tests.fakes.api import TOKENS, asker, with_people
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.listeners import recorded
from tests.fakes.persons import LETTERHEAD, THEIRS

# Each command is a process that starts anew.
pytestmark = [pytest.mark.acceptance, pytest.mark.slow]

SAID = {"number": "06 12 34 56 78", "contact": "by letter"}
ASKED = SAID | {"kind": "access"}
NUMBER = json.dumps(SAID)


@pytest.fixture
async def requests(centre):
    sites = with_people(centre)
    sites[SITE] |= {
        "dpo_contact": LETTERHEAD["dpo_contact"],
        "rights": {name: LETTERHEAD[name] for name in ("controller", "contact")},
    }
    await centre.open(sites=sites)

    async def run(*words, said="", who="rita"):
        at_site = ("requests", *words, "--site", SITE)
        return await ponctuel(
            centre, *at_site, said=said, token=TOKENS[who], sites=sites
        )

    return run


async def done(requests, *words, said=""):
    ran = await requests(*words, "--json", said=said)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


async def test_an_erasure_is_taken_in_done_answered_and_counted(centre, requests):
    recording, _ = await recorded(centre, caller=THEIRS)

    [request] = await done(requests, "receive", "--type", "erasure", said=NUMBER)
    name = request["request_id"]
    [known] = await done(requests, "identified", name, "--how", "practice")
    assert known["state"] == "identified"
    [fate] = await done(requests, "erase", name)
    assert (fate["recording_id"], fate["fate"]) == (str(recording), "done")
    [answer] = await done(requests, "answer", name, "--outcome", "granted")
    assert request["reference"] in answer["letter"]

    [listed] = await done(requests, "list")
    assert (listed["request_id"], listed["state"]) == (name, "answered")
    [told] = await done(requests, "report", "--year", "2026")
    assert told["outcomes"]["erasure"]["granted"] == "<5"


async def test_reasons_are_read_from_standard_input(centre, requests):
    rita = asker(centre, "rita")
    request = (await rita.post("/requests", ASKED)).body
    name = request["request_id"]

    extended = await requests("extend", name, said="Two hundred recordings.\n")
    assert "Two hundred recordings." in extended.stdout
    assert request["reference"] in extended.stdout

    refused = await requests("answer", name, "--outcome", "refused", said="\n")
    assert refused.returncode == 1
    assert refused.stderr.startswith("grounds: ")
    shown = await requests("show", name)
    assert THEIRS in shown.stdout
    assert "extend" in shown.stdout


async def test_a_recipient_is_written_to_and_then_the_person_of_the_lifting(
    centre, requests
):
    recording, _ = await recorded(centre, caller=THEIRS)
    given = ("--recording", str(recording), "--recipient", "court-lyon")
    await done(
        requests, "hand-over", *given, "--purpose", "claim", "--on", "2026-11-17"
    )
    [request] = await done(requests, "receive", "--type", "restriction", said=NUMBER)
    name = request["request_id"]
    await done(requests, "identified", name, "--how", "practice")
    await done(requests, "restrict", name)

    [notice] = await done(requests, "notice", name, "--recipient", "court-lyon")
    assert str(recording) in notice["letter"]
    [lifting] = await done(requests, "lifting-told", name)
    assert request["reference"] in lifting["letter"]
