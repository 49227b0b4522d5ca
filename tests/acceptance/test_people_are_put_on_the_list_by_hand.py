"""`ponctuel opt-outs`: who objects in writing is put on the list, unseen (R15)."""

import json
from collections import Counter
from datetime import timedelta

import pytest

from tests.fakes.call_centre import CALLER, SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import PEOPLE, TOKENS

CALLS = 40


def keeping(centre, *, is_on=True):
    sites = centre.plan()["sites"]
    sites[SITE] |= {"keep_opt_outs": is_on, "people": PEOPLE}
    return sites


@pytest.fixture
def opt_outs(centre):
    """Runs the command as somebody, who types a number."""

    async def run(action, number=CALLER, who="dpo-carla", *, is_on=True):
        return await ponctuel(
            centre,
            *("opt-outs", action, "--site", SITE, "--json"),
            said=f"{number}\n",
            token=TOKENS.get(who, who),
            sites=keeping(centre, is_on=is_on),
        )

    return run


@pytest.fixture
async def house(centre):
    await centre.open(sites=keeping(centre))
    return centre


async def excluded(house):
    return (await house.counts())["excluded", "opted_out"]


@pytest.mark.parametrize(
    ("who", "number"),
    [("dpo-carla", "+33 6 12 34 56 78"), ("op-anna", "06.12.34.56.78")],
)
async def test_who_objects_in_writing_is_not_drawn_any_more(
    house, opt_outs, who, number
):
    # The service's clock is the test's; the command's is the machine's own.
    done = await opt_outs("add", number, who)
    calls = [await house.start_call(caller=CALLER) for _ in range(CALLS)]

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"not_drawn_until"}
    assert not any(call.is_record for call in calls)
    assert await excluded(house) == CALLS


async def test_an_objection_by_hand_is_counted_once(house, opt_outs):
    for _ in range(2):
        assert (await opt_outs("add")).returncode == 0

    counts = await house.counts()
    by_stage = Counter({k: n for k, n in counts.items() if k[0] == "opt_outs"})
    assert by_stage == {("opt_outs", "after_call"): 1}


async def test_who_is_taken_off_the_list_may_be_drawn_again(house, opt_outs):
    """Also somebody whom an earlier release listed as the platform spelt the number."""
    await opt_outs("add")
    await house.rows(
        "INSERT INTO opt_outs SELECT site_id, $1, until FROM opt_outs",
        house.site.keys.name_caller(CALLER),
    )
    spellings = ("06 12 34 56 78", CALLER)
    removed = [json.loads((await opt_outs("remove", s)).stdout) for s in spellings]

    assert removed == [{"removed": True}, {"removed": False}]
    assert await house.value("SELECT count(*) FROM opt_outs") == 0
    assert (await house.drawn_call()).is_record


@pytest.mark.parametrize(
    ("action", "number"),
    [("add", ""), ("add", "+33612345678 and more"), ("remove", "3131")],
)
async def test_what_is_no_number_is_refused_without_saying_it_again(
    house, opt_outs, action, number
):
    done = await opt_outs(action, number)

    assert done.returncode == 2
    assert "8 to 15 digits" in done.stderr
    assert not number or number not in done.stdout + done.stderr
    assert await house.value("SELECT count(*) FROM opt_outs") == 0


@pytest.mark.parametrize("who", ["", "somebody-0123456789"])
async def test_nobody_in_particular_may_change_nothing(house, opt_outs, who):
    for action in ("add", "remove"):
        done = await opt_outs(action, who=who)

        assert done.returncode == 1
        assert done.stdout == ""
    assert await house.value("SELECT count(*) FROM opt_outs") == 0


async def test_where_no_list_is_kept_nobody_is_told_that_they_are_on_it(
    centre, opt_outs
):
    await centre.open(sites=keeping(centre, is_on=False))

    done = await opt_outs("add", is_on=False)

    assert done.returncode == 2
    assert "keep_opt_outs" in done.stderr
    assert await centre.value("SELECT count(*) FROM opt_outs") == 0


async def test_the_number_is_never_shown_and_never_written_down(house, opt_outs):
    done = [await opt_outs("add"), await opt_outs("remove"), await opt_outs("add")]

    said = "".join(each.stdout + each.stderr for each in done)
    kept = b"".join(
        file.read_bytes() for file in house.folder.rglob("*") if file.is_file()
    )
    rows = repr(await house.rows("SELECT * FROM opt_outs"))
    assert CALLER[1:] not in said + rows
    assert CALLER[1:].encode() not in kept


async def test_the_list_ends_three_years_after_the_day_somebody_was_added(
    house, opt_outs
):
    told = json.loads((await opt_outs("add")).stdout)["not_drawn_until"]

    [row] = await house.rows("SELECT until, current_date AS today FROM opt_outs")
    assert told == row["until"].isoformat()
    assert abs(row["until"] - row["today"] - timedelta(days=1095)) <= timedelta(days=1)
