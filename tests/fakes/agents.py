"""Agents of a call centre, and what counts as theirs."""

from proxy.app import Service
from sampling.caps import DAY_SECONDS
from tests.fakes.call_centre import Call, CallCentre
from tests.fakes.clinic import SITE


async def had(centre: CallCentre, agent: str, *days_ago: int) -> None:
    """Drawn calls of an agent, so many days ago each."""
    today = int(centre.clock().timestamp()) // DAY_SECONDS
    for ago in days_ago:
        await centre.rows(
            "INSERT INTO agent_draws VALUES ($1, $2, gen_random_uuid(), $3)",
            SITE,
            centre.site.keys.name_agent(agent),
            today - ago,
        )


async def is_theirs(centre: CallCentre, agent: str) -> list[str]:
    """The decisions that count as an agent's."""
    name = centre.site.keys.name_agent(agent)
    rows = await centre.rows(
        "SELECT decision_id FROM agent_draws WHERE agent_key = $1", name
    )
    return [str(row["decision_id"]) for row in rows]


async def reach(
    centre: CallCentre, call: Call, agent: str, *, service: Service | None = None
) -> Call:
    """A call that waited is put through to an agent, as a leg of its own."""
    return await centre.start_call(
        f"{call.call_id}-{agent}",
        service=service,
        root_call_id=call.call_id,
        agent=agent,
    )
