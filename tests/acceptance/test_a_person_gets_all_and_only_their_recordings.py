"""Among a million recordings a person's are found, all of them and nobody else's (R23).

The patient called over half a year from two telephones, and the platform spelt their
numbers as it liked. Somebody in Spain has a number that ends like one of theirs.
"""

import pytest

from tests.fakes.desk import OFFICER
from tests.fakes.many_people import crowded_site, recording_of

pytestmark = pytest.mark.acceptance

SIZE = 1_000_000
MONTH = SIZE * 30 // 174
MOBILE = {
    5: "+33612345678",
    1 * MONTH: "0612345678",
    3 * MONTH: "0033612345678",
    5 * MONTH: "+33 (0)6 12-34-56-78",
}
AT_HOME = {2 * MONTH: "01 45 67 89 01", 4 * MONTH: "sip:+33145678901@pbx.example"}
IN_SPAIN = {2 * MONTH + 1: "+34612345678", 4 * MONTH + 1: "0034612345678"}
NEIGHBOURS = {7: "+33612345679", 9: "+33145678902", 11: "+33612345688"}
ASKED = ["06 12 34 56 78", "+33612345678", "33612345678", "0033 6 12 34 56 78"]


@pytest.fixture(scope="module")
def calls():
    return MOBILE | AT_HOME | IN_SPAIN | NEIGHBOURS


async def test_among_a_million_all_and_only_theirs_are_found(dsn, tmp_path, calls):
    async with crowded_site(dsn, tmp_path, SIZE) as site:
        await site.give_numbers(calls)

        async def found(number):
            items = await site.finder.by_number(OFFICER, number)
            assert {item.matched_by for item in items} <= {"number"}
            return [item.recording_id for item in items]

        def recordings(told):
            """The first call first."""
            return [recording_of(place) for place in sorted(told, reverse=True)]

        for number in ASKED:
            assert await found(number) == recordings(MOBILE)
        assert await found("01.45.67.89.01") == recordings(AT_HOME)
        assert await found("+34 612 345 678") == recordings(IN_SPAIN)
        assert await found("06 99 99 99 99") == []
        assert len(await site.finder.by_agent(OFFICER, "a-104")) == 0
        day = site.called_at(MONTH).date()
        hits = await site.finder.by_details(OFFICER, day, 0, 24)
        assert recording_of(MONTH) in {item.recording_id for item in hits}
        assert all(item.began_at.date() <= day for item in hits)
