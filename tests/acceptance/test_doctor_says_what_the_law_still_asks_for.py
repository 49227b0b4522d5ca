"""`ponctuel doctor` names each reference that is missing, has ended, or soon will."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.fakes.call_centre import SITE
from tests.fakes.clinic import written
from tests.fakes.command_line import ponctuel

CARDIO = f"{SITE}: line group cardio"


@pytest.fixture
def today():
    """For doctor, a process with its own clock; this module was read long before."""
    return datetime.now(UTC).date()


@pytest.fixture
def told(centre, today):
    """What doctor says of a line group changed so, by the names of its checks."""

    async def told(consent="opt_out", **group):
        running = centre.policy(starts_on=today - timedelta(days=1), consent=consent)
        sites = centre.plan(policy=running)["sites"]
        sites[SITE]["line_groups"]["cardio"] |= group
        done = await ponctuel(centre, "doctor", "--json", sites=sites)
        return json.loads(done.stdout)

    return told


async def test_a_lawful_group_may_be_drawn_and_nothing_is_said_of_it(told):
    said = await told(consent="opt_in")

    assert said[CARDIO] == "ok: may be drawn"
    assert [name for name in said if name.startswith(f"{CARDIO},")] == []


async def test_a_missing_and_an_ended_reference_are_named_with_what_to_do(told, today):
    yesterday = today - timedelta(days=1)
    ended = written("dpia-2026", until=yesterday.isoformat())

    said = await told(dpia=ended, article_9=None)

    assert said[CARDIO].startswith("warn: not drawn (no_basis)")
    assert said[f"{CARDIO}, article_9"].endswith("with reference, on and author")
    assert f"ended on {yesterday}: renew it" in said[f"{CARDIO}, dpia"]
    assert f"{CARDIO}, hosting" not in said


async def test_what_ends_within_two_months_is_said_while_it_holds(told, today):
    soon = today + timedelta(days=30)
    certificate = written("hds-1", kind="hds", until=soon.isoformat())

    said = await told(hosting=certificate)

    assert said[CARDIO] == "ok: may be drawn"
    assert said[f"{CARDIO}, hosting"] == (
        "warn: hosting declaration holds for 30 more days"
    )


async def test_where_health_is_spoken_of_silence_should_not_be_consent(told):
    assert "ask callers" in (await told())[f"{CARDIO}, consent"]


async def test_where_health_is_not_spoken_of_nobody_has_to_be_asked(told):
    said = await told(article_9=written("no health data", kind="not_applicable"))

    assert f"{CARDIO}, consent" not in said
