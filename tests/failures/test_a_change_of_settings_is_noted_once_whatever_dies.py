"""Killed while it notes that its settings changed, or never told that it has."""

import pytest

from proxy.errors import DatabaseUnavailableError
from tests.fakes.call_centre import SITE
from tests.fakes.faulty_wire import FaultyWire
from tests.fakes.staff import PEOPLE

TRACE = "proxy.governance.settings_trace:SettingsTrace"
STEPS = {
    "before it looks": (f"{TRACE}.follow", "before"),
    "with its note, before the commit": (f"{TRACE}._note", "after"),
    "after the commit": (f"{TRACE}.follow", "after"),
}


def with_people(centre):
    sites = centre.plan()["sites"]
    sites[SITE]["people"] = PEOPLE
    return sites


async def noted(centre):
    """The kinds that each note is about, and how many events say so."""
    texts = [str(leaf["text"]) for leaf in await centre.leaves("NOTE")]
    told = [text for text in texts if text.startswith("settings changed: ")]
    events = await centre.value(
        "SELECT count(*) FROM policy_events WHERE move = 'settings'"
    )
    assert events == len(told)
    return [" people " in f" {text.partition(': ')[2]}" for text in told]


@pytest.mark.parametrize(("step", "when"), STEPS.values(), ids=STEPS)
async def test_a_service_killed_while_it_notes_a_change_has_noted_it_once(
    centre, doomed, step, when
):
    await centre.open(sites=with_people(centre))
    await centre.close()

    async with doomed(step, when):
        pass
    await centre.open()

    assert await noted(centre) == [True, True]


async def test_a_change_whose_answer_was_lost_is_noted_once(dsn, centre):
    await centre.open(sites=with_people(centre))
    await centre.close()
    async with FaultyWire(dsn) as wire:
        await centre.open(dsn=wire.dsn)
        await centre.stop_worker()
        trace = centre.site.governance.settings
        trace._kinds = {**trace._kinds, "people": "of another file"}
        wire.lose_commit_of(b"settings changed")

        with pytest.raises(DatabaseUnavailableError):
            await trace.follow()
        await trace.follow()

        assert wire.lost == 1
        assert await noted(centre) == [True, True, True]
        await wire.mend()
        await centre.close()
