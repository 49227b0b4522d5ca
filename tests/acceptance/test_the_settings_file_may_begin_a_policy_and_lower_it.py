"""Whoever writes the settings file is one person: it never allows more than before."""

from datetime import date, timedelta

import pytest

from proxy.access.people import Actor, Role
from proxy.errors import SettingsError
from proxy.intake.policies import Adoption, UnreadablePolicyError, content_of
from proxy.policy_document import PolicyPart
from tests.fakes.call_centre import SITE
from tests.fakes.command_line import ponctuel
from tests.fakes.staff import approve

pytestmark = [pytest.mark.timeout(60), pytest.mark.acceptance]
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
    return [(e.actor, e.move, e.is_refused) for e in history if e.actor == "file"]


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


async def test_nobody_can_try_documents_on_the_digest_that_is_published(centre):
    """Whom it excludes could be guessed from the hash of an otherwise known text."""
    await restart(centre)
    other = await centre.value("SELECT salt FROM policy_versions")

    assert len(other) == 16
    assert SITE not in str(await centre.leaves("POLICY"))
