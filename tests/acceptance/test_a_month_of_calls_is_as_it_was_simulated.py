"""A month of 40 agents over HTTP and PostgreSQL, beside the simulation of it.

What is exact is checked exactly: told the numbers of the published seeds, the
simulation draws the very calls the service drew. The service's seeds are random and
differ each time, so its figures are compared with the lowest and highest of SIMULATED
months, which a month of the same kind exceeds, at either end, once in SIMULATED times.
"""

import asyncio

import numpy as np
import pytest

from proxy.policy_document import PolicyPart
from sampling.draw import draw_value, epoch_key
from sampling.simulate import simulate
from sampling.simulation.course import lay_course
from sampling.simulation.draws import Draws
from sampling.simulation.traffic import Calls, Traffic

pytestmark = [pytest.mark.slow, pytest.mark.acceptance, pytest.mark.timeout(300)]

DAYS, AGENTS, CALLS = 28, 40, 6_000
AT_ONCE = 100
SIMULATED = 100_000
STRATUM = "cardio_in"
TRAFFIC = Traffic(
    agents=AGENTS, calls_per_agent=CALLS // AGENTS, days=DAYS, shares={STRATUM: 1}
)
SEED = 20261122


async def live_a_month(centre, clock, order):
    """Every call, in batches of a day; tells which call the service knows as which."""
    names = {}
    for day in range(DAYS):
        await centre.site.tend()
        today = np.flatnonzero(order.day == day)
        for batch in np.array_split(today, -(-len(today) // AT_ONCE)):
            asked = [
                centre.start_call(f"call-{place}", agent=f"blue-{order.agent[place]}")
                for place in batch
            ]
            for place, call in zip(batch, await asyncio.gather(*asked), strict=True):
                names[call.decision_id] = int(place)
        clock.advance(days=1)
    await centre.site.tend()
    return names


async def ledger_of(centre, names):
    """Calls in the order of the ledger: places, numbers and draws."""
    rows = await centre.rows("SELECT decision_id, draw_seq FROM calls")
    place_of = {row["draw_seq"]: names[str(row["decision_id"])] for row in rows}
    leaves = await centre.all_leaves()
    keys = {
        leaf["e"]: epoch_key(leaf["e"], bytes.fromhex(leaf["seed"]))
        for leaf in leaves
        if leaf["leaf"] == "CLOSE"
    }
    drawn = [
        (
            place_of[seq],
            draw_value(keys[leaf["e"]], bytes.fromhex(leaf["c"])),
            leaf["d"],
        )
        for seq, leaf in enumerate(leaves)
        if leaf["leaf"] == "DRAW"
    ]
    return [np.array(column, dtype=np.uint64) for column in zip(*drawn, strict=True)]


async def test_a_real_month_lies_in_the_simulated_bands_and_follows_the_same_rules(
    centre, clock
):
    policy = centre.policy(
        rate="1.2%",
        ceiling="2%",
        burst=50,
        smooth=20,
        starts_on=clock().date(),
        coverage={"calls_per_agent": CALLS // AGENTS},
    )
    order = TRAFFIC.ordered(np.random.default_rng(SEED))
    await centre.open(policy=policy, draw={"epoch_seconds": 86_400, "epochs_ahead": 2})

    names = await live_a_month(centre, clock, order)

    rules = PolicyPart.model_validate(policy).to_policy(1)
    places, numbers, draws = await ledger_of(centre, names)
    calls = Calls(order.agent[places], order.stratum[places], order.day[places])
    assert len(draws) == CALLS
    made = Draws(lay_course(rules, [STRATUM], calls, AGENTS), 1)
    made.draw(0, numbers[np.newaxis])
    assert made.recordings().call.tolist() == np.flatnonzero(draws).tolist()

    outcomes = simulate(rules, TRAFFIC, SIMULATED, SEED).outcomes
    per_agent = np.bincount(calls.agent, draws, AGENTS)
    fullest = np.convolve(draws.astype(int), np.ones(1000, dtype=int), "valid").max()
    for real, simulated in (
        (draws.sum(), outcomes.per_agent.sum(axis=1)),
        (per_agent.max(), outcomes.per_agent.max(axis=1)),
        ((per_agent == 0).sum(), (outcomes.per_agent == 0).sum(axis=1)),
        (fullest, outcomes.worst[:, 1]),
    ):
        assert simulated.min() <= real <= simulated.max()
