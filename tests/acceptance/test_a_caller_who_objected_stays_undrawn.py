"""Where a site keeps the list, who refused once is not drawn again (R15, Art. 21)."""

import asyncio
from datetime import timedelta
from hashlib import sha256

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import CALLER, EXCLUDED_LINE, OUTBOUND_LINE, SITE
from tests.fakes.clinic import wav

OTHER = "+33698765432"
CALLS = 60


def keeping(centre, *, is_on=True):
    """The centre's site, with the list."""
    sites = centre.plan()["sites"]
    sites[SITE]["keep_opt_outs"] = is_on
    return sites


@pytest.fixture
async def house(centre):
    await centre.open(sites=keeping(centre))
    return centre


async def refusal(house, **changes):
    """Somebody's call that was drawn, and refused while it was announced."""
    call = await drawn(house, **changes)
    await house.tell("call.opt_out", call)
    return call


async def drawn(house, **changes):
    who = {"caller": CALLER} | changes
    while not (call := await house.start_call(**who)).is_record:
        pass
    return call


async def decisions(house, **changes):
    who = {"caller": CALLER} | changes
    calls = [await house.start_call(**who) for _ in range(CALLS)]
    return {call.decision for call in calls}


async def found_by_an_auditor(house, clock):
    site = house.site
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)
    return await asyncio.to_thread(verdict, house.folder, raw, rules, clock())


async def listed(house):
    return await house.value("SELECT count(*) FROM opt_outs")


async def excluded(house):
    return (await house.counts())["excluded", "opted_out"]


async def tables(house):
    """Everything the database holds, as bytes: binary columns in hexadecimal too."""
    names = await house.rows(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('public', 'jobs')"
    )
    texts = [
        row["line"]
        for name in names
        for row in await house.rows(f"SELECT t::text AS line FROM {name['name']} t")  # noqa: S608  # a name of ours
    ]
    return "\n".join(texts)


async def test_who_refused_once_is_not_drawn_again_and_an_auditor_sees_why(
    house, clock
):
    first = await refusal(house)

    again = await decisions(house)

    assert await house.outcome(first) == ("objected", "before_capture")
    assert again == {"skip"}
    assert await excluded(house) == CALLS
    spared = [leaf for leaf in await house.leaves("DRAW") if "x" in leaf]
    assert {(leaf["x"], leaf["T"], leaf["d"]) for leaf in spared} == {
        ("opted_out", "0" * 16, 0)
    }
    clock.advance(hours=2)
    await house.site.tend()
    found = await found_by_an_auditor(house, clock)
    assert (found["status"], found["findings"]) == (0, [])
    assert found["excluded"] == {"opted_out": CALLS}


async def test_somebody_else_is_drawn_as_before(house):
    await refusal(house)

    assert (await drawn(house, caller=OTHER)).is_record
    assert await excluded(house) == 0


async def test_a_number_is_the_same_however_it_is_punctuated(house):
    await refusal(house)

    assert await decisions(house, caller="+33 6.12-34 (56) 78") == {"skip"}
    assert await decisions(house, caller=f"sip:{CALLER}@pbx.example") == {"skip"}
    assert await excluded(house) == 2 * CALLS


async def test_a_number_is_the_same_with_and_without_its_country(house):
    await refusal(house, caller="06 12 34 56 78")

    for caller in (CALLER, "0033612345678", "33612345678"):
        assert await decisions(house, caller=caller) == {"skip"}
    assert await excluded(house) == 3 * CALLS
    assert await listed(house) == 1


async def test_a_refusal_of_an_earlier_release_counts_as_the_platform_spells_it(house):
    """It was listed by the platform's own spelling, whole."""
    for spelling in (CALLER, "0698765432"):
        await house.rows(
            "INSERT INTO opt_outs VALUES ($1, $2, $3)",
            *(SITE, house.site.keys.name_caller(spelling)),
            house.clock().date() + timedelta(days=9),
        )

    assert await decisions(house, caller=CALLER) == {"skip"}
    assert await decisions(house, caller="06 98 76 54 32") == {"skip"}


async def test_who_objected_is_not_recorded_though_a_leg_was_heard_of_first(house):
    await refusal(house)
    for number in range(200):
        who = {"root_call_id": f"root-{number}", "caller": "201"}
        if (await house.start_call(f"leg-{number}", **who)).is_record:
            break

    root = await house.start_call(f"root-{number}", caller=CALLER)

    assert not root.is_record
    assert await house.outcome(root) == ("objected", "before_capture")


async def test_of_a_call_the_site_makes_the_person_called_counts(house):
    outbound = {
        "direction": "outbound",
        "line": OUTBOUND_LINE,
        "caller": OUTBOUND_LINE,
        "callee": OTHER,
    }
    await refusal(house, **outbound)

    assert await decisions(house, **outbound) == {"skip"}
    assert await decisions(house, caller=OTHER) == {"skip"}
    assert (await drawn(house, **outbound | {"callee": CALLER})).is_record
    assert await excluded(house) == 2 * CALLS


async def test_switched_off_nothing_is_kept_of_a_caller_and_nobody_is_looked_up(centre):
    await centre.open(sites=keeping(centre, is_on=False))
    call = await drawn(centre)
    kept = await centre.value("SELECT count(caller_key) FROM calls")
    await centre.tell("call.opt_out", call)

    assert kept == 0
    assert await listed(centre) == 0
    assert (await drawn(centre)).is_record
    assert not (centre.data_dir / "keys" / SITE / "callers.key").exists()


@pytest.mark.parametrize(
    "caller", ["", "anonymous", "+266696687", "+7378742883", "3131", "client:alice"]
)
async def test_a_withheld_or_short_number_is_nobodys(house, caller):
    await refusal(house, caller=caller)

    assert await listed(house) == 0
    assert (await drawn(house, caller=caller)).is_record


async def test_the_caller_of_a_call_is_known_until_its_outcome_only(house):
    calls = [await drawn(house, caller=f"+3361234567{n}") for n in range(4)]
    recorded, hung_up, private, refused = calls
    before = await house.value("SELECT count(caller_key) FROM calls WHERE is_record")
    not_drawn = await house.value(
        "SELECT count(caller_key) FROM calls WHERE NOT is_record"
    )

    await house.tell("call.announced", recorded)
    assert (await house.upload(recorded.decision_id, wav(0.2))).status == 201
    await house.tell("call.ended", hung_up)
    await house.tell("call.private", private)
    await house.tell("call.opt_out", refused)

    assert (before, not_drawn) == (len(calls), 0)
    assert await house.value("SELECT count(caller_key) FROM calls") == 0
    assert await listed(house) == 1


async def test_no_number_and_no_hash_is_in_database_ledger_or_figures(house):
    await refusal(house)
    await drawn(house, caller=OTHER)
    await house.service.publish()
    reply = await house.ask("GET", f"{house.service.metrics_address}/metrics")
    key = await house.value("SELECT caller_key FROM opt_outs")

    held = await tables(house)
    told = repr(await house.all_leaves()) + reply.body

    for number in (CALLER, OTHER):
        for written in (number[1:], number[1:].encode().hex()):
            assert written not in held + told
        assert sha256(number.encode()).hexdigest()[:32] not in held
    assert held.count(key.hex()) == 1  # the list's own row
    assert key.hex() not in told


async def test_the_list_forgets_people_after_three_years(house, clock):
    await refusal(house)
    clock.advance(days=3 * 365 - 1)
    await house.site.opt_outs.forget_over(clock())
    kept = await listed(house)
    clock.advance(days=1)

    ended = await house.value("SELECT until <= $1::date FROM opt_outs", clock().date())
    await house.site.sweep()

    assert (kept, ended) == (1, True)
    assert await listed(house) == 0


async def test_over_but_not_yet_forgotten_is_over(house, clock):
    await refusal(house)
    await house.rows("UPDATE opt_outs SET until = $1", clock().date())

    assert (await drawn(house)).is_record


async def test_a_refusal_at_one_replica_holds_at_the_other(centre):
    sites = keeping(centre)
    one, two = await centre.open(sites=sites), await centre.open(sites=sites)
    call = await drawn(centre, service=one)
    reply = await centre.send("call.opt_out", {"call_id": call.call_id}, service=two)

    assert reply.status == 204
    for service in (one, two):
        assert await decisions(centre, service=service) == {"skip"}
    assert await excluded(centre) == 2 * CALLS


async def test_silence_where_consent_is_asked_for_is_no_objection_for_ever(centre):
    sites = keeping(centre)
    sites[SITE]["policy"] = centre.policy(consent="opt_in")
    await centre.open(sites=sites)
    silent = await drawn(centre)
    await centre.tell("call.opt_out", silent)
    agreed = await drawn(centre, caller=OTHER)
    await centre.tell("call.opt_in", agreed)
    await centre.tell("call.opt_out", agreed)

    assert await listed(centre) == 1
    assert (await drawn(centre)).is_record
    assert await decisions(centre, caller=OTHER) == {"skip"}


async def test_a_leg_puts_nobody_on_the_list(house):
    call = await drawn(house, caller="")
    await house.start_call(
        "leg-1",
        root_call_id=call.call_id,
        direction="outbound",
        callee=OTHER,
    )
    await house.tell("call.opt_out", call)

    assert await listed(house) == 0


async def test_a_call_that_is_excluded_anyway_is_not_looked_up(house):
    await refusal(house)

    await house.start_call(line=EXCLUDED_LINE)

    assert (await house.counts())["excluded", "line_excluded"] == 1
    assert await excluded(house) == 0
