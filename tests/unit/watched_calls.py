"""Calls as the monitors see them, made up."""

from datetime import UTC, datetime, timedelta

import numpy as np

from sampling.monitoring.observations import Adopted, End, Watched

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
CEILING = 0.02


def policy(seq=0, version=1, ceiling_ppm=20_000, **changes):
    usual = {
        "seq": seq,
        "version": version,
        "from_epoch": 0,
        "ceiling_ppm": ceiling_ppm,
        "campaign": "training",
    }
    return Adopted(**usual | changes)


def call(seq=1, **changes):
    """A call that was not drawn and not recorded, at 1.8 %."""
    usual = {
        "seq": seq,
        "epoch": 0,
        "at": START + timedelta(seconds=15 * seq),
        "stratum": "cardio_in",
        "probability": 0.018,
        "is_drawn": False,
        "is_seen": False,
    }
    return Watched(**usual | changes)


def recorded(seq=1, **changes):
    return call(
        seq, **{"is_drawn": True, "is_seen": True, "end": End.RECORDED} | changes
    )


def honest_calls(number, seed, first=1, p=0.018):
    """A site of two line groups and 50 agents whose recordings follow their draws."""
    random = np.random.default_rng(seed)
    drawn = random.random(number) < p
    agents = random.integers(0, 50, number)
    lengths = random.lognormal(5, 1, number)
    strata = ("cardio_in", "cardio_out", "other_in")
    return [
        call(
            first + n,
            stratum=strata[n % 3],
            probability=p,
            is_drawn=bool(drawn[n]),
            is_seen=bool(drawn[n]),
            end=End.RECORDED if drawn[n] else End.OPEN,
            agent=str(agents[n]),
            seconds=float(lengths[n]),
        )
        for n in range(number)
    ]
