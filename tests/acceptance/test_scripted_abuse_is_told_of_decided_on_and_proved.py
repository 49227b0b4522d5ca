"""From forty plays in ten minutes to a signed review that every bundle holds."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from proxy.access.permissions import Role
from proxy.access.reviews.drafts import Judgement
from proxy.access.trace.acts import Act, Entry
from proxy.access.watch.alerts import Decision
from tests.fakes.auditing import verdict_on
from tests.fakes.clinic import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import CARLA, TOKENS, staffed

MORNING = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
NOVEMBER = date(2026, 11, 1)


@pytest.fixture
async def house(centre, clock):
    clock.now = MORNING
    await centre.open(sites=staffed(centre))
    await centre.stop_worker()
    return centre


async def forty_plays(house, clock, role=Role.TRAINER):
    for _ in range(40):
        entry = Entry(Act.PLAY, "t-1", role, uuid4(), "training")
        await house.site.access.trace.note(entry)
        clock.advance(seconds=15)


async def minutes_until_told(house, clock):
    """The service tends once a minute."""
    for minute in range(1, 6):
        clock.advance(minutes=1)
        await house.site.access.oversight.tend()
        if alerts := await house.site.access.oversight.alerts.list(are_open=True):
            return minute, alerts
    raise AssertionError("nobody was told within five minutes")


async def test_abuse_is_told_of_within_minutes_and_signed_for(house, clock):
    await house.site.access.oversight.tend()
    await forty_plays(house, clock)

    minutes, [alert] = await minutes_until_told(house, clock)
    assert minutes == 1
    assert (alert.actor, alert.rule, alert.seen) == ("t-1", "burst", 40)
    assert await house.rows("SELECT FROM incidents WHERE kind = 'access-abuse'")

    access = house.site.access
    await access.oversight.alerts.decide(
        CARLA, alert.alert_id, Decision.ACCESS_WITHDRAWN, last_seq=alert.last_seq
    )
    clock.advance(days=14)
    draft = await access.reviews.draft(CARLA, NOVEMBER)
    judged = {noted.place: Judgement.IN_ORDER for noted in draft.sample}
    signed = await access.reviews.sign(CARLA, NOVEMBER, judged)

    [review] = [n for n in await house.notes() if n.startswith("access review")]
    assert f"root {signed.root.hex()}, 1 alerts decided, 20 entries" in review


async def test_the_bundle_with_reviews_and_anchors_is_accepted(house, clock):
    access = house.site.access
    await forty_plays(house, clock)
    await access.oversight.tend()
    [alert] = await access.oversight.alerts.list(are_open=True)
    await access.oversight.alerts.decide(
        CARLA, alert.alert_id, Decision.REMINDED, last_seq=alert.last_seq
    )
    before = await verdict_on(house)
    clock.advance(days=14)
    await access.oversight.tend()
    draft = await access.reviews.draft(CARLA, NOVEMBER)
    judged = {noted.place: Judgement.IN_ORDER for noted in draft.sample}
    await access.reviews.sign(CARLA, NOVEMBER, judged)

    await house.site.publisher.publish()
    after = await verdict_on(house)

    kinds = [note.partition(":")[0] for note in await house.notes()]
    assert kinds == ["access log", "access log", "access review 2026-11"]
    # Nobody tended the site for days.
    assert codes(after) - codes(before) <= {"WITHHELD"}
    assert (await access.oversight.verifying.verify()).count == 0


def codes(verdict):
    return {each["code"] for each in verdict["findings"]}


async def test_the_figures_that_are_published_tell_of_it(house, clock):
    await forty_plays(house, clock)
    await house.site.access.oversight.tend()

    await house.service.publish()
    page = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    assert 'ponctuel_access_alerts_open{site="clinic"} 1.0' in page.body


# --- From the command line ------------------------------------------------------------


@pytest.fixture
def access(house):
    async def run(*words, who="dpo-carla"):
        return await ponctuel(
            house,
            *("access", *words, "--site", SITE, "--json"),
            token=TOKENS[who],
            sites=staffed(house),
        )

    return run


async def test_a_dpo_reads_decides_and_verifies_from_the_command_line(
    house, access, clock
):
    clock.now = datetime.now(UTC) - timedelta(minutes=15)
    await forty_plays(house, clock)
    await house.site.access.oversight.tend()

    told = json.loads((await access("trace", "--actor", "t-1", "--act", "play")).stdout)
    assert len(told["items"]) == 40
    alerts = json.loads((await access("alerts")).stdout)["items"]
    burst = next(each for each in alerts if each["rule"] == "burst")
    decision = ("--decision", "reminded", "--note", "A test.", "--last-seq")
    stale = await access("decide", burst["alert_id"], *decision, "0")
    assert "read it again, then decide on that" in stale.stderr
    done = await access(
        *("decide", burst["alert_id"], *decision, str(burst["last_seq"]))
    )
    assert json.loads(done.stdout)["decided_by"] == "dpo-carla"
    verified = await access("verify")
    assert (verified.returncode, json.loads(verified.stdout)["faults"]) == (0, 0)
    [looked] = await house.rows("SELECT actor FROM access_entries WHERE act = 'viewed'")
    assert looked["actor"] == "dpo-carla"


async def test_a_line_that_was_changed_is_named(house, access, clock):
    await forty_plays(house, clock)
    await house.rows("SET session_replication_role = replica")
    await house.rows(
        "UPDATE access_entries SET body = replace(body, 't-1', 't-2') WHERE seq = 17"
    )

    verified = await access("verify")

    assert verified.returncode == 1
    assert json.loads(verified.stdout)["named"] == [
        {"place": 17, "says": "it is not what was written"}
    ]


@pytest.mark.parametrize(
    "words",
    [
        ("trace",),
        ("alerts",),
        (
            *("decide", "6f1b3d34-4c0e-4f7e-9d0a-3a9d1f6f2b11"),
            *("--decision", "reminded", "--last-seq", "0"),
        ),
        ("review", "2026-10"),
        ("verify",),
    ],
    ids=lambda words: words[0],
)
async def test_an_operator_may_not(access, words):
    refused = await access(*words, who="op-anna")

    assert refused.returncode != 0
    assert "is not yours" in refused.stderr


async def test_a_month_is_shown_before_it_is_signed(house, access, clock):
    clock.now = datetime.now(UTC).replace(day=1) - timedelta(days=20)
    month = f"{clock.now:%Y-%m}"
    await forty_plays(house, clock)

    shown = json.loads((await access("review", month)).stdout)
    assert (shown["acts"]["play"], len(shown["sample"])) == (40, 20)
    unseen = await access("review", month, "--sign", "0" * 64)
    assert unseen.returncode != 0
    assert "look at the month first" in unseen.stderr
    signing = await access("review", month, "--sign", shown["root"])
    signed = json.loads(signing.stdout)

    assert signed["signed_by"] == "dpo-carla"
    assert signed["found"]["doubtful"] == 0
