"""Erasure for a person, as the desk has it done, and what must be left of it."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest

from proxy.errors import ObjectMissingError
from proxy.rights.outcomes.wants import Fate
from retention.holds import Authority, Hold
from retention.rights.request import Outcome
from tests.fakes.auditing import verdict_on
from tests.fakes.call_centre import CallCentre
from tests.fakes.desk import OFFICER
from tests.fakes.persons import rights_of


async def erase(house: CallCentre, request: UUID) -> Sequence[object]:
    return await rights_of(house.site).outcomes.erasing.erase(OFFICER, request)


async def fates(house: CallCentre, request: UUID) -> list[Fate]:
    rows = await rights_of(house.site).outcomes.erasing.of(request)
    return [each.fate for each in rows]


async def answer(
    house: CallCentre,
    request: UUID,
    outcome: Outcome = Outcome.GRANTED,
    grounds: str = "",
) -> object:
    return await rights_of(house.site).desk.answer(OFFICER, request, outcome, grounds)


async def tend(house: CallCentre) -> None:
    await rights_of(house.site).tend()


async def hold(
    house: CallCentre,
    recording: UUID,
    authority: Authority = Authority.REQUISITION,
    days: int = 20,
) -> UUID:
    """By another right, placed before anybody asked for anything."""
    ends_at = house.clock() + timedelta(days=days)
    placed = Hold(authority, "PV 2026/113", "asked for by a court", ends_at)
    return await house.site.parts.holds.place(recording, placed, "dpo-1")


async def nothing_is_left(house: CallCentre, recording: UUID) -> None:
    for table in ("recordings", "recording_keys", "analyses", "recording_statements"):
        found = await house.value(
            f"SELECT count(*) FROM {table} WHERE recording_id = $1",  # noqa: S608
            recording,
        )
        assert (table, found) == (table, 0)
    assert [file for file in house.objects() if recording.hex in file.name] == []
    with pytest.raises(ObjectMissingError):
        await house.heard(str(recording))


async def the_verifier_is_clean(house: CallCentre) -> None:
    said = await verdict_on(house)
    assert (said["status"], said["findings"]) == (0, [])
