"""Analyses over the API: trainers within their grants, agents about themselves."""

import uuid
from datetime import timedelta

import pytest

from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from proxy.access.wire import COOKIE
from tests.fakes.form_browser import FormBrowser
from tests.fakes.listeners import DPO, grant, recorded, signed_in, traced, trainer

pytestmark = pytest.mark.acceptance

FORM = {
    "agent": "a-104",
    "criteria": [{"criterion": "greeting", "score": 8, "comment": "warm"}],
    "conclusion": "well done",
}


@pytest.fixture
async def tess(house):
    return await trainer(house)


@pytest.fixture
async def recording(house):
    recording, _ = await recorded(house, agent="a-104")
    return recording


async def written(who, recording, form=None):
    body = {"recording": str(recording), "form": form or FORM}
    return await who.ask("POST", "/analyses", body)


@pytest.fixture
async def analysis(tess, recording):
    answer = await written(tess, recording)
    assert answer.status == 200, answer
    return answer.body["analysis_id"]


async def test_a_trainer_writes_corrects_and_closes_one(tess, recording, analysis):
    corrected = FORM | {"conclusion": "to be heard again"}
    assert (await written(tess, recording, corrected)).body["analysis_id"] == analysis

    shown = (await tess.ask("GET", f"/analyses/{analysis}")).body
    closed = await tess.ask("POST", f"/analyses/{analysis}/close")

    assert (shown["conclusion"], shown["agent"]) == ("to be heard again", "a-104")
    assert shown["criteria"] == FORM["criteria"]
    assert shown["call"].keys() == {"day", "seconds", "purpose", "stratum"}
    assert closed.body["recording_ends_at"]
    assert (await written(tess, recording)).problem == "final-analysis"


async def test_an_agent_reads_those_about_themselves(house, recording, analysis):
    anna = await signed_in(house, "agent-anna", Role.AGENT, agent="a-104")
    bea = await signed_in(house, "agent-bea", Role.AGENT, agent="a-105")

    [hers] = (await anna.ask("GET", "/analyses")).body["items"]
    shown = await anna.ask("GET", f"/analyses/{analysis}")

    assert hers["analysis_id"] == analysis
    assert shown.body["conclusion"] == "well done"
    assert (await bea.ask("GET", "/analyses")).body["items"] == []
    theirs = await bea.ask("GET", f"/analyses/{analysis}")
    nobodys = await bea.ask("GET", f"/analyses/{uuid.uuid4()}")
    assert (theirs.status, theirs.text) == (404, nobodys.text)
    assert (await written(anna, recording)).status == 403


async def test_it_is_read_by_its_agent_also_when_its_recording_is_gone(
    house, analysis, clock
):
    clock.advance(days=31)
    await house.site.sweep()
    assert await house.kept() == []

    anna = await signed_in(house, "agent-anna", Role.AGENT, agent="a-104")

    assert (await anna.ask("GET", f"/analyses/{analysis}")).status == 200


async def test_without_a_grant_there_are_none_and_none_is_written(
    house, recording, analysis
):
    tom = await signed_in(house, "trainer-tom2")
    await grant(house, "trainer-tom2", campaign="training-2020-01-01")

    assert (await tom.ask("GET", "/analyses")).body["items"] == []
    assert (await tom.ask("GET", f"/analyses/{analysis}")).status == 404
    assert (await tom.ask("POST", f"/analyses/{analysis}/close")).status == 404
    assert (await written(tom, recording)).problem == "object-missing"
    refused = await traced(house, Act.REFUSED)
    assert [entry.about for entry in refused] == [
        *("no-analysis", "no-analysis", "object-missing"),
    ]


async def test_a_grant_that_ends_takes_ones_own_analyses_with_it(house, recording):
    tess = await signed_in(house)
    granted = await grant(house, practice="cardio")
    analysis = (await written(tess, recording)).body["analysis_id"]

    await house.site.access.grants.end(DPO, granted)

    assert (await tess.ask("GET", f"/analyses/{analysis}")).status == 404
    assert (await tess.ask("POST", f"/analyses/{analysis}/close")).status == 404


async def test_the_dpo_reads_all_of_them_and_writes_none(house, recording, analysis):
    dora = await signed_in(house, "dpo-dora2", Role.DPO)

    assert len((await dora.ask("GET", "/analyses")).body["items"]) == 1
    assert (await dora.ask("GET", f"/analyses/{analysis}")).status == 200
    assert (await written(dora, recording)).status == 403


async def test_what_is_read_is_in_the_trace_before(house, tess, analysis):
    await tess.ask("GET", "/analyses")
    await tess.ask("GET", f"/analyses/{analysis}")

    [listed] = await traced(house, Act.LISTED)
    [viewed] = await traced(house, Act.VIEWED)
    assert (listed.actor, listed.about) == ("trainer-tess", "analyses")
    assert (str(viewed.item), viewed.about) == (analysis, "analysis")

    await house.rows("REVOKE INSERT ON access_entries FROM ponctuel_service")
    for path in ("/analyses", f"/analyses/{analysis}"):
        answer = await tess.ask("GET", path)
        assert (answer.status, "well done" in answer.text) == (503, False)


async def test_what_is_written_or_closed_is_in_the_trace_before(
    house, tess, recording, analysis
):
    await tess.ask("POST", f"/analyses/{analysis}/close")

    entries = await traced(house, Act.ANALYSIS_WRITTEN, Act.ANALYSIS_CLOSED)
    assert [(e.act, e.actor, str(e.item)) for e in entries] == [
        (Act.ANALYSIS_WRITTEN, "trainer-tess", str(recording)),
        (Act.ANALYSIS_CLOSED, "trainer-tess", analysis),
    ]


async def test_what_cannot_be_traced_is_neither_written_nor_corrected_nor_closed(
    house, tess, recording, analysis
):
    other, _ = await recorded(house)
    await house.rows("REVOKE INSERT ON access_entries FROM ponctuel_service")

    answers = [
        await written(tess, other),
        await written(tess, recording, FORM | {"conclusion": "worse"}),
        await tess.ask("POST", f"/analyses/{analysis}/close"),
    ]

    await house.rows("GRANT INSERT ON access_entries TO ponctuel_service")
    assert {answer.status for answer in answers} == {503}
    [kept] = (await tess.ask("GET", "/analyses")).body["items"]
    assert (kept["analysis_id"], kept["closed_at"]) == (analysis, None)
    shown = await tess.ask("GET", f"/analyses/{analysis}")
    assert shown.body["conclusion"] == FORM["conclusion"]


async def test_the_console_fills_in_ones_own_however_many_others_there_are(
    house, tess, recording, analysis
):
    await house.rows(
        "INSERT INTO analyses (site_id, analysis_id, recording_id, assessor, sealed,"
        " made_at, expires_at, practice, campaign, agent_key) SELECT site_id,"
        " gen_random_uuid(), recording_id, 'trainer-' || n, sealed,"
        " made_at - interval '1 hour', expires_at, practice, campaign, agent_key"
        " FROM analyses, generate_series(1, 1000) AS n"
    )
    window = FormBrowser(house.http, house.service.address)
    window.cookies[COOKIE], window.csrf = tess.secret, tess.csrf

    page = await window.post(f"/recordings/{recording}/plays", purpose="training")

    assert page.status == 200
    assert FORM["conclusion"] in page.text
    assert FORM["criteria"][0]["comment"] in page.text
    [viewed] = await traced(house, Act.VIEWED)
    assert str(viewed.item) == analysis


async def test_a_list_goes_on_where_its_last_page_ended(house, tess, clock):
    for _ in range(5):
        recording, _ = await recorded(house)
        assert (await written(tess, recording)).status == 200
        clock.now += timedelta(microseconds=1)
    everything = (await tess.ask("GET", "/analyses")).body["items"]

    pages, after = [], ""
    while after is not None:
        page = (await tess.ask("GET", f"/analyses?limit=2&after={after}")).body
        pages.append(page["items"])
        after = page["next"]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [item for page in pages for item in page] == everything


@pytest.mark.parametrize(
    "form",
    [
        FORM | {"caller": "somebody"},
        FORM | {"conclusion": "call 06 12 34 56 78"},
        FORM | {"criteria": []},
    ],
    ids=["a caller", "a number", "nothing"],
)
async def test_a_form_that_is_none_is_refused(house, tess, recording, form):
    answer = await written(tess, recording, form)

    assert (answer.status, answer.problem) == (422, "invalid-request")
    assert "12 34 56" not in answer.text
    assert await house.value("SELECT count(*) FROM analyses") == 0
