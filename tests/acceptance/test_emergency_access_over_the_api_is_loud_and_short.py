"""Breaking the glass, hearing one recording, and being reviewed: all over HTTP."""

import pytest

from proxy.access.permissions import Role
from tests.fakes.call_centre import SITE
from tests.fakes.listeners import recorded, signed_in
from tests.fakes.overseen import REASON
from tests.fakes.staff import staffed


@pytest.fixture
async def house(centre):
    sites = staffed(centre)
    sites[SITE]["access"] = {"break_glass": True}
    await centre.open(sites=sites)
    await centre.stop_worker()
    return centre


@pytest.fixture
async def tess(house):
    """A trainer whom nobody granted anything."""
    return await signed_in(house)


@pytest.fixture
async def dana(house):
    return await signed_in(house, "dpo-dana", Role.DPO)


async def broken(who, recording, reason=REASON):
    body = {"recording": str(recording), "reason": reason}
    return await who.ask("POST", "/break-glass", body)


async def test_one_recording_is_heard_for_half_an_hour_and_no_other(house, tess, clock):
    opened, audio = await recorded(house)
    shut, _ = await recorded(house)
    assert (await tess.begin(opened, "case")).status == 404

    assert (await broken(tess, opened)).status == 201
    address = await tess.play(opened, "case")
    heard = b"".join(
        piece.content for piece in await tess.hear_all(address, len(audio))
    )

    assert heard == audio
    assert (await tess.begin(shut, "case")).status == 404
    clock.advance(minutes=14)
    await signed_in(house)
    clock.advance(minutes=14)
    late = await signed_in(house)
    clock.advance(minutes=3)
    assert (await late.begin(opened, "case")).status == 404


async def test_whoever_reviews_reads_why_and_says_whether_it_was_right(
    house, tess, dana
):
    recording, _ = await recorded(house)
    use = (await broken(tess, recording)).body

    [alert] = (await dana.ask("GET", "/access/alerts?are_open=true")).body["items"]
    assert (alert["rule"], alert["actor"]) == ("break-glass", "trainer-tess")
    read = await dana.ask("GET", f"/break-glass/{use['use_id']}")
    assert read.body["reason"] == REASON
    path = f"/break-glass/{use['use_id']}/review"
    reviewed = await dana.ask("POST", path, {"outcome": "justified"})
    assert reviewed.body["reviewed_by"] == "dpo-dana"

    listed = await dana.ask("GET", "/break-glass")
    assert [each["outcome"] for each in listed.body["items"]] == ["justified"]
    trace = await dana.ask("GET", f"/access/trace?item={recording}")
    acts = [each["act"] for each in trace.body["items"]]
    assert acts == ["glass-broken", "viewed", "glass-reviewed"]


async def test_who_is_not_reviewed_in_time_is_shut_out(house, tess, clock):
    recording, _ = await recorded(house)
    use = (await broken(tess, recording)).body
    clock.advance(hours=72)

    shut_out = await (await signed_in(house)).ask("GET", "/recordings")
    assert (shut_out.status, shut_out.problem) == (401, "suspended")

    again = await signed_in(house, "dpo-dana", Role.DPO)
    path = f"/break-glass/{use['use_id']}/review"
    assert (await again.ask("POST", path, {"outcome": "justified"})).status == 200
    assert (await (await signed_in(house)).ask("GET", "/recordings")).status == 200


@pytest.mark.parametrize(
    ("reason", "problem"),
    [("now", "break-glass-reason"), ("call 06 12 34 56 78 about this", "words")],
)
async def test_a_reason_that_is_none_is_refused(house, tess, reason, problem):
    recording, _ = await recorded(house)

    refused = await broken(tess, recording, reason)

    assert (refused.status, refused.problem) == (422, problem)


async def test_who_showed_the_second_factor_long_ago_shows_it_again(house, tess, clock):
    recording, _ = await recorded(house)
    clock.advance(minutes=6)

    refused = await broken(tess, recording)

    assert (refused.status, refused.problem) == (403, "stale-factor")


async def test_the_reason_is_in_no_ledger_log_or_figure(house, tess):
    recording, _ = await recorded(house)
    await broken(tess, recording)
    await house.service.publish()

    page = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    assert 'ponctuel_break_glass_total{site="clinic"} 1.0' in page.body
    assert 'ponctuel_break_glass_unreviewed{site="clinic"} 1.0' in page.body
    leaves = repr(await house.all_leaves())
    assert "complaint" not in leaves + page.body


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ("since=2026-11-18T00:00:00Z&until=2026-11-19T00:00:00%2B01:00", 200),
        ("act=play&actor=trainer-tess&after=999999999999999999", 200),
        ("since=0001-01-01T00:00:00%2B14:00", 422),
        ("until=9999-12-31T23:59:59-14:00", 422),
        ("act=listened", 422),
        ("actor=Jean%20Dupont", 422),
    ],
)
async def test_the_trace_answers_what_can_be_asked(dana, question, status):
    assert (await dana.ask("GET", f"/access/trace?{question}")).status == status


async def test_a_month_is_shown_and_signed(dana, clock):
    clock.advance(days=14)
    again = await signed_in(dana.centre, "dpo-dana", Role.DPO)

    assert (await again.ask("GET", "/access/reviews/2026-13")).status == 404
    assert (await again.ask("GET", "/access/reviews/2099-01")).status == 409
    draft = await again.ask("GET", "/access/reviews/2026-11")
    assert (draft.status, draft.body["sample"]) == (200, [])
    body = {"judged": {}}
    signed = await again.ask("POST", "/access/reviews/2026-11", body)
    assert signed.body["signed_by"] == "dpo-dana"
    listed = await again.ask("GET", "/access/reviews")
    assert [each["month"] for each in listed.body["items"]] == ["2026-11-01"]


async def test_an_agent_may_not(house):
    recording, _ = await recorded(house)
    agent = await signed_in(house, "agent-abe", Role.AGENT, "abe")

    assert (await broken(agent, recording)).status == 403
