"""`ponctuel analyses`: who may, what a form may not hold, what is seen of it."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.call_centre import SITE, wav
from tests.fakes.command_line import ponctuel
from tests.fakes.listeners import grant
from tests.fakes.staff import TOKENS, staffed

FORM = {
    "agent": "a-104",
    "criteria": [{"criterion": "greeting", "score": 8, "comment": "warm"}],
    "conclusion": "well done",
}


@pytest.fixture
async def house(centre, clock):
    # A command has the machine's clock.
    clock.now = datetime.now(UTC)
    await centre.open(sites=staffed(centre))
    await grant(centre, "trainer-tina")
    return centre


@pytest.fixture
async def recording(house):
    call = await house.drawn_call(is_announced=True)
    return (await house.upload(call.decision_id, wav())).body["recording_id"]


@pytest.fixture
def analyses(house):
    async def run(*words, who="trainer-tina", said="", as_json=True):
        return await ponctuel(
            house,
            *("analyses", *words, "--site", SITE, *["--json"][: int(as_json)]),
            token=TOKENS.get(who, who),
            said=said if isinstance(said, str) else json.dumps(said),
            sites=staffed(house),
        )

    return run


async def test_a_trainer_writes_one_closes_it_and_the_dpo_reads_it(
    house, analyses, recording
):
    written = await analyses("write", recording, "--form", "-", said=FORM)
    assert written.returncode == 0, written.stderr
    assert "Name or describe no caller" in written.stderr
    analysis = json.loads(written.stdout)["analysis"]

    closed = await analyses("close", analysis)
    assert closed.returncode == 0, closed.stderr
    ends_at = datetime.fromisoformat(json.loads(closed.stdout)["recording_ends_at"])
    assert ends_at < datetime.now(UTC) + timedelta(days=7, minutes=5)
    assert ends_at == await house.value("SELECT expires_at FROM recordings")

    [line] = (await analyses("list", who="dpo-carla")).stdout.splitlines()
    assert json.loads(line)["analysis_id"] == analysis
    shown = json.loads((await analyses("show", analysis, who="dpo-carla")).stdout)
    assert (shown["agent"], shown["criteria"]) == ("a-104", FORM["criteria"])
    readable = (await analyses("show", analysis, as_json=False)).stdout
    assert "greeting      8/10  warm\n" in readable


async def test_a_form_may_lie_in_a_file(house, analyses, recording):
    file = house.folder / "form.json"
    file.write_text(json.dumps(FORM))

    done = await analyses("write", recording, "--form", file)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("who", ["op-anna", "dpo-carla"])
async def test_nobody_else_writes_one(analyses, recording, who):
    done = await analyses("write", recording, "--form", "-", said=FORM, who=who)

    assert done.returncode == 1
    assert "analyses:write" in done.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (FORM | {"caller": "somebody"}, "caller: Extra inputs are not permitted (rem"),
        (FORM | {"agent": "0612345678"}, "agent: looks like a telephone number"),
        (FORM | {"conclusion": "call 06 12 34 56 78"}, "somebody's number (leave it"),
        ("Anna said:", "--form: it cannot be read"),
        ("[" * 200_000, "--form: it cannot be read: it is longer than 100,000 bytes"),
        ("[" * 90_000, "--form: it cannot be read"),
    ],
    ids=["a caller", "an agent's number", "a number", "text", "too much", "too deep"],
)
async def test_a_form_that_is_none_is_refused_and_says_why(
    house, analyses, recording, said, told
):
    done = await analyses("write", recording, "--form", "-", said=said)

    assert done.returncode == 2
    assert told in done.stderr
    assert "12 34 56" not in done.stderr
    assert await house.value("SELECT count(*) FROM analyses") == 0
