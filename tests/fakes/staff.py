"""The people of a clinic, and how they bring a policy into force together."""

from typing import TYPE_CHECKING, Any

from proxy.access.people import token_digest
from proxy.access.permissions import Actor, Role
from proxy.governance.policies import Governance
from proxy.governance.versions import PolicyVersion
from proxy.policy_document import PolicyPart
from tests.fakes.clinic import SITE

if TYPE_CHECKING:
    from tests.fakes.call_centre import CallCentre

TOKENS = {
    "op-anna": "token-of-anna-0123456789",
    "op-bert": "token-of-bert-0123456789",
    "dpo-carla": "token-of-carla-0123456789",
    "dpo-dora": "token-of-dora-0123456789",
    "trainer-tina": "token-of-tina-0123456789",
    "trainer-tom": "token-of-tom-0123456789",
}
_ROLES = {"op": "operator", "dpo": "dpo", "trainer": "trainer"}
PEOPLE = {
    code: {
        "role": _ROLES[code.partition("-")[0]],
        "token_sha256": token_digest(token),
    }
    for code, token in TOKENS.items()
}


def staffed(centre: "CallCentre", **policy: Any) -> dict[str, Any]:
    """The usual site, with these people."""
    sites: dict[str, Any] = centre.plan(policy=centre.policy(**policy))["sites"]
    sites[SITE] |= {"people": PEOPLE}
    return sites


ANNA, BERT = (Actor(code, Role.OPERATOR, SITE) for code in ("op-anna", "op-bert"))
CARLA, DORA = (Actor(code, Role.DPO, SITE) for code in ("dpo-carla", "dpo-dora"))
WHY = "new colleagues to train"


async def propose(
    governance: Governance, policy: dict[str, Any], who: Actor = ANNA
) -> PolicyVersion:
    """Draft, simulate and propose."""
    made = await governance.draft(who, PolicyPart.model_validate(policy))
    await governance.note_simulated(who, made.number, made.digest, {"recordings": 12})
    return await governance.propose(who, made.number, made.digest, WHY)


async def approve(
    governance: Governance, policy: dict[str, Any], who: Actor = CARLA
) -> PolicyVersion:
    """Bring it as far as people can: the rest is time's."""
    proposed = await propose(governance, policy)
    return await governance.approve(who, proposed.number, proposed.digest)
