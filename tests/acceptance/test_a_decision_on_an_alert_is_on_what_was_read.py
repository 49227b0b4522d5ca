"""What is done while somebody writes their note is not decided on unread."""

import re

import pytest

from proxy.access.permissions import Role
from proxy.access.watch.rules import Rule, Sign
from tests.fakes.console import enrol
from tests.fakes.forms import Forms
from tests.fakes.listeners import signed_in

pytestmark = pytest.mark.acceptance
READ = re.compile(r'name="last_seq" value="(\d+)"')


async def grow(house, last):
    """What the watch writes down of one evening, up to this line of the trace."""
    alerts, today = house.site.access.oversight.alerts, house.clock().date()
    sign = Sign("trainer-tess", Rule.OFF_HOURS, today, last, 1, last)
    async with house.site.database.transaction() as connection:
        return (await alerts.open_in(connection, sign)).alert_id


async def test_the_form_decides_on_the_lines_it_told_of(house):
    person = await enrol(house, "dpo-dina", Role.DPO)
    forms = Forms(house.http, house.service.address)
    await forms.sign_in(house, person)
    page = f"/alerts/{await grow(house, 30)}"
    _, shown = await forms.ask("GET", page)
    fields = {"csrf": await forms.token(page), "decision": "false-alarm"}
    await grow(house, 230)

    answer, told = await forms.ask("POST", page, fields | {"last_seq": "30"})
    assert (READ.findall(shown), READ.findall(told)) == (["30"], ["230"])
    assert answer.status == 409
    assert "relisez, puis décidez" in told
    without, _ = await forms.ask("POST", page, fields)
    assert without.status == 409
    assert await house.site.access.oversight.alerts.count_open() == 1

    answer, _ = await forms.ask("POST", page, fields | {"last_seq": "230"})
    assert answer.headers["Location"] == "/console/alerts"
    assert await house.site.access.oversight.alerts.count_open() == 0


async def test_the_api_does_likewise(house):
    dina = await signed_in(house, "dpo-dina", Role.DPO)
    place = f"/access/alerts/{await grow(house, 30)}/decision"
    await grow(house, 31)

    refused = await dina.ask("POST", place, {"decision": "reminded", "last_seq": 30})
    assert (refused.status, refused.body["title"]) == (
        409,
        "More has happened since you read the alert.",
    )
    silent = await dina.ask("POST", place, {"decision": "reminded"})
    assert silent.status == 422
    done = await dina.ask("POST", place, {"decision": "reminded", "last_seq": 31})
    assert done.body["decided_by"] == "dpo-dina"
