"""Whoever writes the settings file is one person: it never allows more than before."""

from datetime import date, timedelta

import pytest

from proxy.access.permissions import Actor, Role
from proxy.errors import SettingsError
from proxy.intake.documents import UnreadablePolicyError
from proxy.intake.policies import Adoption, content_of
from proxy.policy_document import PolicyPart
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import approve

pytestmark = pytest.mark.acceptance
START = date(2026, 11, 17)
USUAL = {"rate": "2%", "ceiling": "2%", "burst": 50, "smooth": 20, "starts_on": START}
RAISED = {
    "rate": {"rate": "3%", "ceiling": "3%"},
    "end": {"ends_on": START + timedelta(days=60)},
    "seconds": {"max_seconds": 900},
    "storage": {"kept_days": 90},
}


async def restart(centre, **changes):
    """A service whose file has this policy; None for none at all."""
    await centre.close()
    policy = changes.pop("policy", centre.policy(**USUAL | changes))
    service = await centre.open(policy=policy)
    await centre.stop_worker()
    return service


async def pass_hours(centre, hours):
    for _ in range(hours):
        centre.clock.advance(hours=1)
        await centre.site.tend()


async def versions(centre):
    rows = await centre.rows(
        "SELECT number, state, author, approvals FROM policy_versions ORDER BY number"
    )
    return [tuple(row) for row in rows]


async def events(centre):
    history = await centre.site.governance.history()
    of_policy = [e for e in history if e.actor == "file" and e.move != "settings"]
    return [(e.actor, e.move, e.is_refused) for e in of_policy]


async def test_a_sites_first_policy_comes_from_the_file(centre):
    await restart(centre)

    [leaf] = await centre.leaves("POLICY")
    assert (leaf["ppm"], leaf["approvals"]) == (20_000, 0)
    assert await versions(centre) == [(1, "active", "file", 0)]
    assert await events(centre) == [("file", "begin", False)]


async def test_the_file_may_lower_the_policy(centre):
    await restart(centre)
    await restart(centre, rate="1%")

    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [20_000, 10_000]
    assert await versions(centre) == [
        (1, "ended", "file", 0),
        (2, "active", "file", 0),
    ]
    assert await events(centre) == [("file", "begin", False), ("file", "lower", False)]


@pytest.mark.parametrize("change", RAISED.values(), ids=RAISED)
async def test_the_file_may_not_raise_it_and_the_old_one_stays_in_force(centre, change):
    await restart(centre)
    await restart(centre, **change)

    assert len(await centre.leaves("POLICY")) == 1
    assert centre.site.calls.policy.rate_ppm == 20_000
    assert (await centre.start_call()).decision_id
    assert (await centre.counts())["policy_refused", ""] == 1
    assert (await events(centre))[-1] == ("file", "raise", True)

    await restart(centre, **change)
    assert (await centre.counts())["policy_refused", ""] == 1


async def test_a_refused_raise_is_named_by_the_doctor(centre):
    await restart(centre)
    raised = centre.policy(**USUAL | RAISED["rate"])
    await restart(centre, **RAISED["rate"])

    done = await ponctuel(centre, "doctor", policy=raised)
    assert "clinic: policy" in done.stdout
    assert "rate, ceiling" in done.stdout
    assert "propose" in done.stdout
    assert done.returncode == 1

    done = await ponctuel(centre, "doctor", policy=centre.policy(**USUAL))
    assert "rate, ceiling" not in done.stdout


async def test_a_restart_does_not_undo_what_people_have_approved(centre):
    await restart(centre)
    await approve(centre.site.governance, centre.policy(**USUAL | RAISED["storage"]))
    await pass_hours(centre, 24)
    await restart(centre)

    assert centre.site.calls.policy.kept_days == 90
    assert len(await centre.leaves("POLICY")) == 2


async def test_what_the_file_lowers_takes_the_place_of_an_increase_that_waits(centre):
    await restart(centre)
    await approve(centre.site.governance, centre.policy(**USUAL | RAISED["rate"]))
    await restart(centre, rate="1%")
    await pass_hours(centre, 30)

    assert [state for _, state, *_ in await versions(centre)] == [
        *("ended", "withdrawn", "active"),
    ]
    assert centre.site.calls.policy.rate_ppm == 10_000


async def test_a_policy_taken_out_of_the_file_is_not_put_back_by_it(centre):
    await restart(centre)
    await restart(centre, policy=None)
    await restart(centre)

    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [20_000, 0]
    call = await centre.start_call()
    assert call.decision == "skip"
    assert (await events(centre))[-1] == ("file", "raise", True)


async def test_a_file_that_names_lines_the_site_does_not_have_stops_the_start(centre):
    with pytest.raises(SettingsError, match="excluded_lines"):
        await centre.open(policy=centre.policy(excluded_lines=["+33199999999"]))


async def test_what_callers_are_told_is_not_changed_in_the_file(centre):
    """A text that tells nobody how to refuse would make silence of everybody's."""
    await restart(centre)
    told = centre.site.calls.policy.announcement
    await restart(centre, announcement="Merci de patienter, nous arrivons.")

    assert len(await centre.leaves("POLICY")) == 1
    assert centre.site.calls.policy.announcement == told
    assert list(await centre.site.governance.file.refused()) == ["announcement"]


async def test_the_file_begins_nothing_once_people_have_begun(centre):
    await centre.open(policy=None)
    operator = Actor("op1", Role.OPERATOR, SITE)
    await centre.site.governance.draft(operator, PolicyPart(**centre.policy()))

    await restart(centre)

    assert await centre.leaves("POLICY") == []
    assert "rate" in await centre.site.governance.file.refused()


async def test_a_policy_of_a_release_without_documents_gets_the_files(
    centre, monkeypatch
):
    def as_before(adoption):
        return content_of(adoption.policy, adoption.mode, adoption.epoch_seconds)

    with monkeypatch.context() as patched:
        patched.setattr(Adoption, "leaf", property(as_before))
        await restart(centre)
    await centre.rows("UPDATE policies SET number = NULL")
    for table in ("policy_events", "policy_files", "policy_versions"):
        await centre.rows(f"DELETE FROM {table}")  # noqa: S608  # the ones above

    await restart(centre)

    assert len(await centre.leaves("POLICY")) == 1
    assert centre.site.calls.policy.announcement
    assert await versions(centre) == [(1, "active", "file", 0)]


async def test_a_document_that_is_not_its_leafs_is_not_drawn_under(centre):
    await restart(centre)
    await centre.rows(
        "UPDATE policy_versions"
        """ SET document = jsonb_set(document, '{opt_out_key}', '"1"')"""
    )
    await centre.close()

    with pytest.raises(UnreadablePolicyError, match="another document"):
        await centre.open(policy=centre.policy(**USUAL))


HIGH = {"rate": "8%", "ceiling": "8%", "burst": 20, "smooth": 20}
WORD = "above 5 % in the settings, allowed by dpo, 2024-01-05: opinion-2026, "
TOMORROW = {"reference": "opinion 7", "on": "2026-11-19", "author": "dpo"}


async def restart_with_word(centre, word, **changes):
    """Above the soft ceiling, by whose word."""
    await centre.close()
    sites = centre.plan(policy=centre.policy(**USUAL | HIGH | changes))["sites"]
    sites[SITE] |= {"dpo_approval": word} if word else {}
    service = await centre.open(sites=sites)
    await centre.stop_worker()
    return service


async def words(centre):
    notes = [leaf["text"] for leaf in await centre.leaves("NOTE")]
    return [text for text in notes if text.startswith("above 5 %")]


async def test_above_5_percent_the_ledger_says_where_the_dpo_allowed_it(centre):
    await restart(centre, **HIGH)
    await restart(centre, **HIGH)
    assert len(await words(centre)) == 1
    await restart(centre, **HIGH | {"rate": "7%"})

    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [80_000, 70_000]
    told = await words(centre)
    assert len(told) == 2
    assert all(text.startswith(WORD) for text in told)

    await restart(centre)
    assert len(await words(centre)) == 2


async def test_without_the_dpos_word_nothing_begins_and_nothing_is_written(centre):
    sites = centre.plan(policy=centre.policy(**USUAL | HIGH))["sites"]
    del sites[SITE]["dpo_approval"]

    with pytest.raises(SettingsError, match="policy propose"):
        await centre.open(sites=sites)
    assert await centre.rows("SELECT seq FROM ledger_entries") == []


async def test_nor_before_the_day_of_that_word(centre):
    await restart_with_word(centre, TOMORROW)
    assert await centre.leaves("POLICY") == []
    assert (await centre.start_call()).decision == "skip"
    assert list(await centre.site.governance.file.refused()) == ["dpo_approval"]
    assert await events(centre) == [("file", "raise", True)]
    assert (await centre.counts())["policy_refused", ""] == 1

    centre.clock.advance(days=1)
    await restart_with_word(centre, TOMORROW)

    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [80_000]
    assert list(await centre.site.governance.file.refused()) == []
    assert len(await words(centre)) == 1


async def test_what_stays_above_5_percent_is_not_lowered_without_it_either(centre):
    await restart(centre, **HIGH)
    await restart_with_word(centre, TOMORROW, rate="7%")
    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [80_000]
    assert list(await centre.site.governance.file.refused()) == ["dpo_approval"]

    centre.clock.advance(days=1)
    await restart_with_word(centre, TOMORROW, rate="7%")

    assert [leaf["ppm"] for leaf in await centre.leaves("POLICY")] == [80_000, 70_000]
    assert list(await centre.site.governance.file.refused()) == []


async def test_another_word_for_the_same_rate_is_told_too(centre):
    await restart(centre, **HIGH)
    await restart_with_word(centre, TOMORROW | {"on": "2026-11-01"})

    assert len(await centre.leaves("POLICY")) == 1
    assert [text.rpartition(": ")[2] for text in await words(centre)] == [
        "opinion-2026, a clinic of tests",
        "opinion 7",
    ]


async def test_the_doctor_says_who_allowed_it_and_when_that_does_not_hold(centre):
    policy = centre.policy(**USUAL | HIGH)
    sites = centre.plan(policy=policy)["sites"]
    sites[SITE] |= {"dpo_approval": TOMORROW | {"on": "2026-11-01"}}
    done = await ponctuel(centre, "doctor", sites=sites)
    [line] = [x for x in done.stdout.splitlines() if "dpo_approval" in x]
    assert "rate, ceiling above 5 %, allowed by dpo, 2026-11-01: opinion 7" in line

    await restart_with_word(centre, TOMORROW)
    sites[SITE] |= {"dpo_approval": TOMORROW}
    done = await ponctuel(centre, "doctor", sites=sites)
    assert "dpo_approval does not hold today: not in force" in done.stdout
    assert done.returncode == 1


async def test_the_doctor_names_each_change_of_the_policy_in_force(centre):
    """And what will hold, from when, and by whom it was decided."""
    await restart(centre)
    done = await ponctuel(centre, "doctor", policy=centre.policy(**USUAL))
    assert in_force(done) == [
        "ok: 1 from 2026-11-18 10:00 UTC, rate 0.020000, by the settings"
    ]

    await approve(centre.site.governance, centre.policy(**USUAL | RAISED["rate"]))
    done = await ponctuel(centre, "doctor", policy=centre.policy(**USUAL))
    assert in_force(done)[1:] == [
        "2 from 2026-11-19 10:00 UTC, rate 0.030000, by an operator and the dpo"
    ]

    await pass_hours(centre, 25)
    done = await ponctuel(centre, "doctor", policy=centre.policy(**USUAL))
    assert in_force(done) == [
        "ok: 2 from 2026-11-19 10:00 UTC, rate 0.030000, by an operator and the dpo"
    ]


def in_force(done):
    lines = done.stdout.splitlines()
    [line] = [line for line in lines if line.startswith("clinic: policy ")]
    return line.removeprefix("clinic: policy ").strip().split("; ")


async def test_nobody_can_try_documents_on_the_digest_that_is_published(centre):
    """Whom it excludes could be guessed from the hash of an otherwise known text."""
    await restart(centre)
    other = await centre.value("SELECT salt FROM policy_versions")

    assert len(other) == 16
    assert SITE not in str(await centre.leaves("POLICY"))
