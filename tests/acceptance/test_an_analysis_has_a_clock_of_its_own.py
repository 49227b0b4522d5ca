"""What a trainer writes outlives the recording, ends on its own day, names nobody."""

import uuid
from datetime import timedelta

import asyncpg
import pytest

from proxy.errors import (
    KeyMissingError,
    ObjectMissingError,
    RestrictedError,
    TamperedError,
)
from proxy.vault.analyses import FinalAnalysisError, NoAnalysisError
from proxy.vault.reach import EVERYTHING
from retention.holds import Authority, Hold
from retention.keys import DayKey, KeyClass
from tests.fakes.call_centre import SITE
from tests.fakes.trainers import REMARK, TINA, TOM, a_form, analysed, keys_of, recorded


@pytest.fixture
async def recording(house):
    _, recording = await recorded(house)
    return recording


@pytest.fixture
def analyses(house):
    return house.site.parts.analyses


async def hold(centre, recording, days):
    until = centre.clock() + timedelta(days=days)
    order = Hold(Authority.CLAIM, "case 7", "a claim", until)
    return await centre.site.parts.holds.place(recording, order, "dpo-1")


async def test_it_says_how_the_agent_did_and_when_the_call_was_and_no_more(
    analyses, recording, clock
):
    written = await analyses.write(recording, a_form(), TINA, EVERYTHING)

    found = await analyses.show(written, EVERYTHING)

    greeting = {"criterion": "greeting", "score": 8, "comment": REMARK}
    assert found["criteria"][0] == greeting
    assert found["call"] == {
        "day": f"{clock():%Y-%m-%d}",
        "seconds": 1,
        "purpose": "training",
        "stratum": "cardio_in",
    }
    assert found.keys() == {
        *("analysis_id", "recording_id", "assessor", "made_at", "closed_at"),
        *("ends_at", "call", "agent", "criteria", "conclusion"),
    }


async def test_nothing_of_it_stands_in_clear_and_the_ledger_says_nothing_of_it(
    house, recording
):
    await analysed(house, recording)

    sealed = await house.value("SELECT sealed FROM analyses")

    assert REMARK.encode() not in sealed
    assert b"a-104" not in sealed
    leaves = str(await house.all_leaves())
    assert TINA not in leaves
    assert str(recording) not in leaves


async def test_it_still_opens_when_its_recordings_key_is_destroyed(
    house, analyses, recording, clock
):
    written = await analysed(house, recording)

    clock.advance(days=32)
    report = await house.site.sweep()

    assert (report.destroyed, report.analyses_forgotten) == (1, 0)
    assert (house.objects(), keys_of(house, "audio")) == ([], [])
    assert (await analyses.show(written, EVERYTHING))[
        "conclusion"
    ] == "may train others"


async def test_it_is_gone_on_its_day_and_its_key_the_day_after(
    house, analyses, recording, clock
):
    written = await analysed(house, recording)
    wrapped = await house.value(
        "SELECT wrapped_key FROM recording_keys WHERE kind = 'analysis'"
    )
    day = (clock() + timedelta(days=180)).date()
    key = DayKey(day, KeyClass.ANALYSIS)

    clock.advance(days=180, seconds=-1)
    await house.site.sweep()
    assert await analyses.show(written, EVERYTHING)

    clock.advance(seconds=1)
    with pytest.raises(NoAnalysisError):  # also before the sweep
        await analyses.show(written, EVERYTHING)
    assert (await house.site.sweep()).analyses_forgotten == 1
    assert keys_of(house, "analysis") == [key.name]
    clock.advance(days=1)
    await house.site.sweep()

    for table in ("analyses", "recording_keys"):
        assert (await house.sizes())[f"public.{table}"] == 0
    assert keys_of(house, "analysis") == []
    with pytest.raises(KeyMissingError):
        await house.site.keys.unwrap(key.name, [wrapped])
    gone = {"leaf": "KEK-", "day": day.isoformat(), "of": "analysis"}
    assert (await house.leaves("KEK-")).count(gone) == 1


async def test_whoever_wrote_it_corrects_it_until_it_is_closed(
    house, analyses, recording
):
    written = await analysed(house, recording)
    corrected = a_form(conclusion="to be seen again")

    assert await analyses.write(recording, corrected, TINA, EVERYTHING) == written
    assert (await analyses.show(written, EVERYTHING))[
        "conclusion"
    ] == "to be seen again"

    with pytest.raises(FinalAnalysisError):
        await analyses.close(written, TOM, EVERYTHING)
    await analyses.close(written, TINA, EVERYTHING)
    with pytest.raises(FinalAnalysisError):
        await analyses.write(recording, a_form(), TINA, EVERYTHING)
    with pytest.raises(FinalAnalysisError):
        await analyses.close(written, TINA, EVERYTHING)
    assert await house.value("SELECT count(*) FROM analyses") == 1


async def test_a_correction_moves_no_date_and_needs_no_recording(
    house, analyses, recording, clock
):
    written = await analysed(house, recording)
    before = await analyses.show(written, EVERYTHING)
    clock.advance(days=40)
    await house.site.sweep()

    await analyses.write(recording, a_form(conclusion="later"), TINA, EVERYTHING)

    after = await analyses.show(written, EVERYTHING)
    assert after == before | {"conclusion": "later"}


async def test_each_assessor_has_one_of_a_recording(house, analyses, recording):
    hers = await analysed(house, recording)
    his = await analysed(house, recording, TOM)

    listed = await analyses.list(EVERYTHING)

    assert {(row["analysis_id"], row["assessor"]) for row in listed} == {
        (hers, TINA),
        (his, TOM),
    }
    with pytest.raises(NoAnalysisError):
        await analyses.show(uuid.uuid4(), EVERYTHING)


async def test_what_is_gone_due_or_held_is_not_analysed(
    house, analyses, recording, clock
):
    with pytest.raises(ObjectMissingError):
        await analyses.write(uuid.uuid4(), a_form(), TINA, EVERYTHING)
    held = await hold(house, recording, 10)
    with pytest.raises(RestrictedError):
        await analysed(house, recording)
    await house.site.parts.holds.release(held, "dpo-1")
    clock.advance(days=30)

    with pytest.raises(ObjectMissingError):
        await analysed(house, recording)
    assert await house.value("SELECT count(*) FROM analyses") == 0


async def test_a_closed_one_ends_its_recording_a_week_later_and_renews_its_days_key(
    house, analyses, recording, clock
):
    _, other = await recorded(house)
    [before] = keys_of(house, "audio")
    written = await analysed(house, recording)
    clock.advance(days=2)
    assert await analyses.close(written, TINA, EVERYTHING) == clock() + timedelta(
        days=7
    )

    clock.advance(days=7, seconds=-1)
    assert (await house.site.sweep()).destroyed == 0
    assert await house.heard(str(recording))
    clock.advance(seconds=1)
    assert (await house.site.sweep()).destroyed == 1
    assert len(await house.leaves("DEL")) == 1
    assert await house.kept() == [str(other)]
    assert keys_of(house, "audio") == [before]

    clock.advance(days=1)
    assert (await house.site.sweep()).keys_renewed == 1
    assert keys_of(house, "audio") == [f"{before}-2"]
    assert await house.heard(str(other))
    assert await analyses.show(written, EVERYTHING)


async def test_closing_lengthens_nothing(house, analyses, recording, clock):
    ends_at = await house.value("SELECT expires_at FROM recordings")
    written = await analysed(house, recording)
    clock.advance(days=28)

    assert await analyses.close(written, TINA, EVERYTHING) == ends_at


async def test_closing_one_whose_recording_is_gone_makes_it_final_all_the_same(
    house, analyses, recording, clock
):
    written = await analysed(house, recording)
    clock.advance(days=30)
    await house.site.sweep()

    assert await analyses.close(written, TINA, EVERYTHING) is None
    assert (await analyses.show(written, EVERYTHING))["closed_at"] == clock()


async def test_a_hold_defers_the_end_that_closing_brought_nearer(
    house, analyses, recording, clock
):
    written = await analysed(house, recording)
    await hold(house, recording, 20)
    assert await analyses.close(written, TINA, EVERYTHING) == clock() + timedelta(
        days=20
    )

    clock.advance(days=19)
    assert (await house.site.sweep()).destroyed == 0
    clock.advance(days=1)
    assert (await house.site.sweep()).destroyed == 1
    assert house.objects() == []


async def test_a_shorter_time_in_the_settings_holds_for_what_is_there(
    centre, house, recording, clock
):
    await analysed(house, recording)
    until = clock() + timedelta(days=10)
    await house.close()

    shorter = centre.plan()["sites"]
    shorter[SITE]["analyses"] = {"kept_days": 10}
    await centre.open(sites=shorter)

    [row] = await centre.site.parts.analyses.list(EVERYTHING)
    assert row["ends_at"] == until
    clock.now = until
    assert await centre.site.parts.analyses.list(EVERYTHING) == []
    assert (await centre.site.sweep()).analyses_forgotten == 1
    assert (await centre.sizes())["public.analyses"] == 0


async def test_what_a_shorter_time_ends_and_nobody_deletes_is_overdue(
    centre, house, recording, clock
):
    await analysed(house, recording)
    over = clock() + timedelta(days=10)
    await house.close()
    shorter = centre.plan()["sites"]
    shorter[SITE]["analyses"] = {"kept_days": 10}
    await centre.open(sites=shorter)

    async def figures_at(now):
        return await centre.site.parts.documents.figures(now)

    second, day = timedelta(seconds=1), timedelta(days=1)
    assert await figures_at(over - second) == {"expired": 0, "overdue": 0}
    assert await figures_at(over + day - second) == {"expired": 1, "overdue": 0}
    assert await figures_at(over + day) == {"expired": 1, "overdue": 1}


async def test_what_is_marked_and_stays_for_a_day_is_overdue(house, recording, clock):
    await analysed(house, recording)
    await house.rows("UPDATE analyses SET doomed_at = $1", clock())

    clock.advance(hours=23)
    assert (await house.site.parts.documents.figures(clock()))["overdue"] == 0
    clock.advance(hours=1)
    assert (await house.site.parts.documents.figures(clock()))["overdue"] == 1


async def test_a_longer_time_in_the_settings_lengthens_nothing(
    centre, house, recording, clock
):
    written = await analysed(house, recording)
    until = (await house.site.parts.analyses.show(written, EVERYTHING))["ends_at"]
    await house.close()
    longer = centre.plan()["sites"]
    longer[SITE]["analyses"] = {"kept_days": 365}

    await centre.open(sites=longer)

    found = await centre.site.parts.analyses.show(written, EVERYTHING)
    assert found["ends_at"] == until == clock() + timedelta(days=180)


async def test_nothing_is_kept_longer_than_a_year(house, recording):
    await analysed(house, recording)

    with pytest.raises(asyncpg.CheckViolationError, match="analyses_expire"):
        await house.rows(
            "UPDATE analyses SET expires_at = made_at + interval '365 days 1 second'"
        )


async def test_one_that_was_changed_is_not_shown_and_people_are_told(
    house, analyses, recording
):
    written = await analysed(house, recording)
    await house.rows("UPDATE analyses SET sealed = set_byte(sealed, 20, 7)")

    with pytest.raises(TamperedError):
        await analyses.show(written, EVERYTHING)

    reference = await house.value("SELECT reference FROM incidents")
    assert reference == f"tampered-{written}"


async def test_one_put_in_anothers_place_does_not_open(house, analyses, recording):
    hers = await analysed(house, recording)
    his = await analysed(house, recording, TOM)
    await house.rows(
        "UPDATE analyses AS a SET sealed = b.sealed FROM analyses AS b"
        " WHERE a.analysis_id = $1 AND b.analysis_id = $2",
        hers,
        his,
    )
    await house.rows(
        "UPDATE recording_keys AS a SET wrapped_key = b.wrapped_key"
        " FROM recording_keys AS b WHERE a.recording_id = $1 AND b.recording_id = $2",
        hers,
        his,
    )

    with pytest.raises(TamperedError):
        await analyses.show(hers, EVERYTHING)


async def test_what_is_over_and_still_there_is_counted(house, recording, clock):
    await analysed(house, recording)
    clock.advance(days=182)

    assert await house.site.parts.documents.figures(clock()) == {
        "expired": 1,
        "overdue": 1,
    }
    await house.service.publish()
    page = (await house.ask("GET", house.service.metrics_address + "/metrics")).body
    assert 'ponctuel_expired_undeleted{class="analysis",site="clinic"} 1.0' in page
    assert 'ponctuel_deletions_overdue{site="clinic"} 2.0' in page
    await house.site.sweep()
    assert await house.site.parts.documents.figures(clock()) == {
        "expired": 0,
        "overdue": 0,
    }
