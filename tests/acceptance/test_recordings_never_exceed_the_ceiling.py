"""At most B + c·n recordings in any n consecutive calls, whatever the load (I3)."""

import asyncio
from itertools import accumulate

from tests.fakes.call_centre import HIGHEST, CallCentre

CALLS = 2000
AT_ONCE = 100
CEILING = 0.09
BURST = 10


async def place_calls(centre: CallCentre) -> None:
    """Calls on all replicas at once, every tenth of them asked about on both."""
    assert (HIGHEST["ceiling"], HIGHEST["burst"]) == ("9%", BURST)
    for first in range(0, CALLS, AT_ONCE):
        asked = [
            centre.start_call(f"call-{n}", service=replica)
            for n in range(first, first + AT_ONCE)
            for at, replica in enumerate(centre.services)
            if n % 10 == 0 or n % len(centre.services) == at
        ]
        await asyncio.gather(*asked)


async def test_two_busy_replicas_at_the_highest_lawful_rate_stay_below_it(centre):
    await centre.open()
    await centre.open()

    await place_calls(centre)

    draws = [leaf["d"] for leaf in await centre.leaves("DRAW")]
    assert len(draws) == CALLS
    gains = (is_record - CEILING for is_record in draws)
    worst = max(accumulate(gains, lambda best, gain: max(best, 0) + gain))
    assert worst <= BURST
    # Six standard deviations: it does draw, at about the rate it was told.
    assert 90 < sum(draws) <= BURST + CEILING * CALLS


async def test_a_restart_in_between_gives_no_second_budget(centre):
    for part in range(4):
        await centre.open()
        await asyncio.gather(
            *(centre.start_call(f"call-{part}-{n}") for n in range(100))
        )
        await centre.close()

    draws = [leaf["d"] for leaf in await centre.leaves("DRAW")]
    assert len(draws) == 400
    assert sum(draws) <= BURST + CEILING * len(draws)
