"""A clinic whose people decide on policies."""

from datetime import date

from proxy.policy_document import PolicyPart
from tests.fakes.clinic import SITE
from tests.fakes.staff import PEOPLE

LOW = {
    "rate": "1%",
    "ceiling": "2%",
    "burst": 50,
    "smooth": 20,
    "starts_on": date(2026, 11, 17),
}


async def open_with(centre, policy, **changes):
    plan = centre.plan(policy=centre.policy(**policy) if policy else None, **changes)
    plan["sites"][SITE]["people"] = PEOPLE
    service = await centre.open(**plan)
    await centre.stop_worker()
    return service


def low(centre, **changes):
    """The policy it began with, but for what is changed."""
    return centre.policy(**LOW | changes)


def governance(centre):
    return centre.site.governance


async def states(centre):
    return [version.state.value for version in await governance(centre).list()]


def part(centre, **changes):
    return PolicyPart.model_validate(low(centre, **changes))
