"""Whoever can write the settings names people and opens gates. The ledger says when."""

import asyncio
import json
from hashlib import sha256

import pytest

from proxy.evidence.auditor import auditor_text
from proxy.evidence.bundle import make_bundle
from tests.fakes.auditing import verdict
from tests.fakes.call_centre import LINE, OUTBOUND_LINE, SITE
from tests.fakes.clinic import written
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import PEOPLE, TOKENS

pytestmark = pytest.mark.acceptance
ALONE = {"op-anna": PEOPLE["op-anna"]}
SAID = "settings changed: "
EVERY_KIND = [
    *("analyses", "backups", "gates", "keep_opt_outs", "lines", "people", "rights")
]


def plan(centre, **of_site):
    sites = centre.plan()["sites"]
    sites[SITE] |= {"people": ALONE} | of_site
    return sites


async def restart(centre, **of_site):
    await centre.close()
    service = await centre.open(sites=plan(centre, **of_site))
    await centre.stop_worker()
    return service


async def traces(centre):
    """Of each note the kinds, their digests now, and before."""
    texts = [leaf["text"] for leaf in await centre.leaves("NOTE")]
    return [
        [tuple(part.rstrip(")").split(" ")[::3]) for part in parts(text)]
        for text in texts
        if text.startswith(SAID)
    ]


def parts(text):
    return [
        part.replace(" (was ", " - - ") for part in text.removeprefix(SAID).split(", ")
    ]


async def kinds(centre):
    return [[kind for kind, _ in trace] for trace in await traces(centre)]


def with_role(role):
    return {"people": {"op-anna": PEOPLE["op-anna"] | {"role": role}}}


def with_group(centre, **references):
    groups = plan(centre)[SITE]["line_groups"]
    return {"line_groups": groups | {"cardio": groups["cardio"] | references}}


CHANGES = {
    "somebody is added": (["people"], lambda _: {"people": PEOPLE}),
    "somebody is gone": (["people"], lambda _: {"people": {}}),
    "an operator becomes the dpo": (["people"], lambda _: with_role("dpo")),
    "analyses are kept longer": (
        ["analyses"],
        lambda _: {"analyses": {"kept_days": 365}},
    ),
    "a gate is opened": (
        ["gates"],
        lambda centre: with_group(centre, dpia=written("another")),
    ),
    "a practice authorises": (
        ["gates"],
        lambda _: {"practices": {"cardio": {"authorisation": written("new")}}},
    ),
    "a line is let in": (
        ["lines"],
        lambda centre: {
            "lines": {n: {"group": "cardio"} for n in plan(centre)[SITE]["lines"]}
        },
    ),
    "links last less": (["rights"], lambda _: {"rights": {"link_days": 2}}),
    "objections are forgotten": (["keep_opt_outs"], lambda _: {"keep_opt_outs": True}),
}


@pytest.mark.parametrize(("changed", "change"), CHANGES.values(), ids=CHANGES)
async def test_each_change_is_noted_by_its_kind_once(centre, changed, change):
    await restart(centre)
    for _ in range(2):
        await restart(centre, **change(centre))

    assert await kinds(centre) == [EVERY_KIND, changed]
    await restart(centre)
    assert await kinds(centre) == [EVERY_KIND, changed, changed]


async def test_what_is_as_before_leaves_no_trace(centre):
    await restart(centre)
    await restart(centre)

    assert await kinds(centre) == [EVERY_KIND]


async def test_an_order_of_lines_or_words_for_a_default_is_no_change(centre):
    await restart(centre)
    lines = plan(centre)[SITE]["lines"]
    other = {number: lines[number] | {"forward_to": ""} for number in reversed(lines)}
    await restart(centre, lines=other, keep_opt_outs=False)

    assert await kinds(centre) == [EVERY_KIND]


async def test_each_trace_names_the_one_before(centre):
    await restart(centre)
    await restart(centre, people=PEOPLE)
    await restart(centre)
    texts = [leaf["text"] for leaf in await centre.leaves("NOTE")]
    first, second, third = [text for text in texts if text.startswith(SAID)]

    was = first.partition("people ")[2].partition(" ")[0]
    now, _, before = second.removeprefix(f"{SAID}people ").partition(" (was ")
    assert before == f"{was})"
    assert third.endswith(f"(was {now})")
    assert first.count("(was nothing)") == len(EVERY_KIND)


async def test_who_is_shown_the_settings_later_can_tell_that_they_were_these(centre):
    await restart(centre, people=PEOPLE)
    event = await centre.site.governance.settings.last()
    kept = event.detail["kinds"]["people"]

    shown = json.dumps({"people": PEOPLE}, sort_keys=True)

    salted = bytes.fromhex(kept["salt"]) + shown.encode()
    assert sha256(salted).hexdigest() == kept["digest"]
    assert kept["digest"] in str(await centre.leaves("NOTE"))


async def test_the_trace_gives_nobody_away(centre):
    await restart(centre, people=PEOPLE)
    await restart(centre)
    told = str(await centre.leaves("NOTE")) + str(
        [dict(row) for row in await centre.rows("SELECT * FROM policy_events")]
    )

    everybody = [person["token_sha256"] for person in PEOPLE.values()]
    for secret in (*TOKENS, *TOKENS.values(), *everybody, LINE, OUTBOUND_LINE, "dpia"):
        assert secret not in told


async def test_the_same_settings_have_another_digest_at_another_time(centre):
    """Or lines and people could be tried until one gives what is published."""
    await restart(centre)
    await restart(centre, people=PEOPLE)
    await restart(centre)
    texts = [leaf["text"] for leaf in await centre.leaves("NOTE")]
    first, _, third = [text for text in texts if text.startswith(SAID)]

    was = first.partition("people ")[2].partition(" ")[0]
    assert was not in third


async def test_the_history_and_the_doctor_tell_of_it(centre):
    await restart(centre)
    await restart(centre, people=PEOPLE)
    sites = plan(centre, people=PEOPLE)

    shown = await ponctuel(
        *(centre, "policy", "history", "--site", SITE),
        token=TOKENS["op-anna"],
        sites=sites,
    )
    done = await ponctuel(centre, "doctor", sites=sites)

    assert shown.returncode == 0, shown.stderr
    assert "file did: settings people" in shown.stdout
    [line] = [x for x in done.stdout.splitlines() if x.startswith("clinic: settings ")]
    assert "people changed" in line
    assert len(await kinds(centre)) == 2


async def test_who_acts_by_a_copy_of_the_file_leaves_the_trace_there(centre):
    """A command knows people by the file it is given, not by the service's."""
    await restart(centre)
    shown = await ponctuel(
        *(centre, "policy", "show", "--site", SITE),
        token=TOKENS["dpo-carla"],
        sites=plan(centre, people=PEOPLE),
    )

    assert shown.returncode == 0, shown.stderr
    assert await kinds(centre) == [EVERY_KIND, ["people"]]


async def test_replicas_that_start_at_once_note_it_once(centre):
    await restart(centre)
    await centre.close()

    sites = plan(centre, people=PEOPLE)
    await asyncio.gather(*(centre.open(sites=sites) for _ in range(2)))

    assert await kinds(centre) == [EVERY_KIND, ["people"]]


async def test_the_auditor_finds_nothing_wrong_with_it(centre):
    await restart(centre)
    await restart(centre, people=PEOPLE)
    await centre.start_call()
    site = centre.site
    await site.tend()
    raw = await make_bundle(site.ledger, site.publisher, site.signer, site.cosigning)
    rules = auditor_text(site.signer.key, (), 0)

    found = await asyncio.to_thread(verdict, centre.folder, raw, rules, centre.clock())

    assert found["findings"] == []
