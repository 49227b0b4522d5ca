"""Where audio is backed up, nobody brings a policy into force that copies outlive."""

import pytest

from proxy.errors import SettingsError, UnlawfulPolicyError
from tests.fakes.call_centre import SITE
from tests.fakes.policies import governance, open_with, part
from tests.fakes.staff import ANNA, CARLA, approve

AUDIO = {"backups": {"audio_days": 7}}
LONGEST = 173


def faults(caught):
    return [(fault.field, fault.fix) for fault in caught.value.faults]


async def drafted(centre, **changes):
    return await governance(centre).draft(ANNA, part(centre, **changes))


async def test_a_draft_that_copies_would_outlive_is_refused_with_its_field(centre):
    await open_with(centre, {}, **AUDIO)

    with pytest.raises(UnlawfulPolicyError) as caught:
        await drafted(centre, kept_days=180)

    [(field, fix)] = faults(caught)
    assert field == "kept_days"
    assert f"at most {LONGEST}" in fix
    assert await drafted(centre, kept_days=LONGEST)


async def test_a_stratum_is_refused_as_well(centre):
    await open_with(centre, {}, **AUDIO)

    with pytest.raises(UnlawfulPolicyError) as caught:
        await drafted(centre, strata={"vip_in": {"kept_days": 174}})

    assert [field for field, _ in faults(caught)] == ["strata.vip_in.kept_days"]


async def test_without_copies_of_audio_180_days_may_be_drafted(centre):
    await open_with(centre, {})

    assert await drafted(centre, kept_days=180)


@pytest.mark.parametrize("step", ["propose", "approve"])
async def test_what_was_drafted_before_goes_no_further(centre, step):
    await open_with(centre, {})
    made = await drafted(centre, kept_days=180)
    words = (made.number, made.digest)
    await governance(centre).note_simulated(ANNA, *words, {"recordings": 12})
    if step == "approve":
        await governance(centre).propose(ANNA, *words, "new colleagues")
    await centre.close()
    await open_with(centre, {}, **AUDIO)

    further = {
        "propose": lambda: governance(centre).propose(ANNA, *words, "new colleagues"),
        "approve": lambda: governance(centre).approve(CARLA, *words),
    }
    with pytest.raises(UnlawfulPolicyError) as caught:
        await further[step]()

    assert [field for field, _ in faults(caught)] == ["kept_days"]


async def test_copies_begun_under_a_longer_policy_stop_the_start(centre, clock):
    """The settings file may be lower meanwhile: what people approved counts."""
    await open_with(centre, {})
    await approve(governance(centre), centre.policy(kept_days=180))
    await centre.close()

    with pytest.raises(SettingsError) as caught:
        await open_with(centre, {}, **AUDIO)

    assert caught.value.field == "backups.audio_days"
    assert f"above {LONGEST}" in str(caught.value)
    assert "lower the policy first" in caught.value.fix
    await centre.close()
    clock.advance(days=60)  # the campaign is over, but not what was drawn in it
    with pytest.raises(SettingsError):
        await open_with(centre, {}, **AUDIO)
    await centre.close()
    clock.advance(days=180)
    await open_with(centre, {}, **AUDIO)
    assert centre.service.sites[SITE]
