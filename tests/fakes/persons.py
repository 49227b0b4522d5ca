"""Persons who exercise their rights, and the officer who carries it out."""

from typing import Any
from uuid import UUID

from proxy.rights.assembling import Rights, RightsSurroundings, make_rights
from proxy.rights.config import RightsConfig
from proxy.rights.desk import Desk
from proxy.rights.notices.telling import processing
from proxy.rights.packages.assembling import Around
from proxy.rights.particulars import Window
from proxy.rights.records import NewRequest
from proxy.site import Site
from retention.rights.deadlines import Kind
from retention.rights.request import Identity, State
from tests.fakes.call_centre import CallCentre
from tests.fakes.clinic import LINE
from tests.fakes.desk import LINES, OFFICER
from tests.fakes.told import CONFIG, TODAY, policy

THEIRS = "+33612345678"
ANOTHERS = "+33698765432"
LETTERHEAD = {
    "controller": "Clinique du Parc",
    "contact": "12 rue du Parc, Lyon",
    "dpo_contact": "dpo@clinic.example",
}
PAGE = "https://clinic.example/console/packages"
AGENT = "a-104"
"""Of callers, nobody is recorded twice in a while; of agents, they are."""


def around(site: Site) -> Around:
    """What the service makes packages with."""
    return Around(
        vault=site.parts,
        seal=site.keys,
        draw_proofs=lambda: site.draw_proofs,
        processing=lambda: processing(CONFIG, policy(), TODAY),
        page=PAGE,
    )


def rights_of(site: Site, **told: Any) -> Rights:
    """As the service has it, with a letterhead."""
    given = RightsSurroundings(
        ledger=site.ledger,
        vault=site.parts,
        seal=site.keys,
        trace=site.access.trace,
        callers=site.caller_names,
        opt_outs=site.opt_outs,
        name_agent=site.keys.name_agent,
        clock=site.clock,
        config=RightsConfig(**LETTERHEAD | {"lines": LINES} | told),
        packages=around(site),
    )
    return make_rights(given)


async def asked(
    centre: CallCentre, kind: Kind, number: str = THEIRS, **whose: Any
) -> UUID:
    """A request whose person is known; their recordings are frozen.

    By their number, or by what is given instead: `agent`, or `windows`.
    """
    desk = rights_of(centre.site).desk
    whose = whose or {"number": number}
    wanted = NewRequest(kind=kind, contact="by post", **whose)
    request = await desk.receive(OFFICER, wanted)
    how = Identity.ACCOUNT if "agent" in whose else Identity.PRACTICE
    await desk.identified_otherwise(OFFICER, request.request_id, how)
    return request.request_id


async def same_caller(
    centre: CallCentre, recording: UUID, practice: str = "cardio"
) -> None:
    """As if that recording were of whoever was recorded first, in that practice."""
    await centre.rows(
        "UPDATE recorded_callers SET number_key = (SELECT number_key FROM"
        " recorded_callers ORDER BY decision_id = (SELECT decision_id FROM recordings"
        " WHERE recording_id = $1) LIMIT 1)",
        recording,
    )
    await centre.rows(
        "UPDATE recordings SET practice = $2 WHERE recording_id = $1",
        *(recording, practice),
    )


def today(centre: CallCentre) -> tuple[Window, ...]:
    """Whoever called today."""
    return (Window(centre.clock().date(), 0, 24, LINE),)


async def received(desk: Desk, kind: Kind = Kind.ACCESS, **changes: Any) -> UUID:
    """A request by somebody who says that this is their number."""
    told = {"kind": kind, "number": THEIRS} | changes
    return (await desk.receive(OFFICER, NewRequest(**told))).request_id


async def state(desk: Desk, request_id: UUID) -> State:
    return (await desk.requests.find(request_id)).standing.state
