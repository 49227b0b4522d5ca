"""However many there were: whoever decides sees today's, and finds those before it."""

import re

import pytest

from proxy.access.permissions import Role
from tests.fakes.console import enrol
from tests.fakes.forms import Forms

pytestmark = pytest.mark.acceptance
ALERT = re.compile(r'href="/console/alerts/([0-9a-f-]{36})"')
USE = re.compile(r'href="/console/emergencies/([0-9a-f-]{36})"')
OLDER = re.compile(r'href="/console(/alerts\?[^"]*after=[^"]+)"')


@pytest.fixture
async def forms(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, person)
    return forms


async def alerts(house, number):
    """One a day, the first of each ten decided on; the newest first."""
    rows = await house.rows(
        "INSERT INTO access_alerts (site_id, alert_id, rule, actor, day, is_severe,"
        " opened_at, seen, first_seq, last_seq, decided_at, decided_by, decision)"
        " SELECT 'clinic', gen_random_uuid(), 'off-hours', 't-1', day, false, day, 1,"
        " 0, 0, CASE WHEN n % 10 = 0 THEN day END,"
        " CASE WHEN n % 10 = 0 THEN 'd-1' END,"
        " CASE WHEN n % 10 = 0 THEN 'justified' END"
        " FROM generate_series(0, $1 - 1) AS n,"
        " LATERAL (SELECT date '2026-11-01' - n AS day) AS days"
        " ORDER BY n RETURNING alert_id",
        number,
    )
    return [str(row["alert_id"]) for row in rows]


async def seen(forms, path):
    """Every page from this one on: what is listed, in its order."""
    listed = []
    while path:
        answer, text = await forms.ask("GET", path)
        assert answer.status == 200, text
        listed.append(ALERT.findall(text))
        older = OLDER.search(text)
        path = older and older[1].replace("&amp;", "&")
    return listed


async def test_all_alerts_are_there_the_newest_first_page_by_page(house, forms):
    made = await alerts(house, 120)

    first, second, third = await seen(forms, "/alerts?all=1")

    assert [*first, *second, *third] == made
    assert len(first) == len(second) == 50


async def test_open_alerts_are_paged_likewise(house, forms):
    made = await alerts(house, 120)

    first, second, third = await seen(forms, "/alerts")

    assert [*first, *second, *third] == [a for n, a in enumerate(made) if n % 10]


async def test_a_place_that_is_none_is_not_looked_for(forms):
    answer, _ = await forms.ask("GET", "/alerts?after=yesterday")

    assert answer.status == 404


async def test_the_newest_two_hundred_emergency_uses_are_shown(house, forms):
    rows = await house.rows(
        "INSERT INTO glass_uses (site_id, use_id, alert_id, actor, role, recording_id,"
        " reason, used_at, until) SELECT 'clinic', gen_random_uuid(),"
        " gen_random_uuid(), 'r-1', 'rights-officer', gen_random_uuid(), '', at,"
        " at + interval '30 minutes' FROM generate_series(0, 204) AS n,"
        " LATERAL (SELECT timestamptz '2026-11-01' - n * interval '1 hour' AS at)"
        " AS ats"
        " ORDER BY n RETURNING use_id"
    )

    _, text = await forms.ask("GET", "/emergencies")

    assert USE.findall(text) == [str(row["use_id"]) for row in rows[:200]]
