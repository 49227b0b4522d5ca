"""Somebody who trains agents: what they write, and where it lies."""

import uuid
from typing import Any

from proxy.vault.analysis_form import AnalysisForm
from proxy.vault.reach import EVERYTHING
from tests.fakes.call_centre import CallCentre, wav
from tests.fakes.evidence import Call

TINA = "trainer-tina"
TOM = "trainer-tom"
REMARK = "explained every step before taking it"


def a_form(**changes: Any) -> AnalysisForm:
    usual = {
        "agent": "a-104",
        "criteria": [
            {"criterion": "greeting", "score": 8, "comment": REMARK},
            {"criterion": "clarity", "score": 6},
        ],
        "conclusion": "may train others",
    }
    return AnalysisForm.model_validate(usual | changes)


async def recorded(centre: CallCentre) -> tuple[Call, uuid.UUID]:
    """A call whose recording is kept, and the recording's id."""
    call = await centre.drawn_call(is_announced=True)
    reply = await centre.upload(call.decision_id, wav())
    assert reply.status == 201
    return call, uuid.UUID(reply.body["recording_id"])


async def analysed(centre: CallCentre, recording: uuid.UUID, who: str = TINA) -> Any:
    """An analysis of a recording; its id."""
    return await centre.site.parts.analyses.write(recording, a_form(), who, EVERYTHING)


def keys_of(centre: CallCentre, kind: str) -> list[str]:
    """The day keys of a class in the key directory, by name."""
    folder = centre.data_dir / "keys" / "clinic"
    return sorted(file.stem for file in folder.glob(f"{kind}-*.key"))
