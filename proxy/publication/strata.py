"""Which strata have series of their own, and what becomes of the others' counts."""

from collections import Counter
from collections.abc import Iterable, Mapping

from proxy.metrics_contract import MAX_STRATA, OTHERS
from sampling.policy import SamplingPolicy

OTHER_IN, OTHER_OUT = OTHERS

Counts = Mapping[tuple[str, str], int]
BY_STRATUM = ("calls", "selected", "recorded")
"""The aggregates that are counted by stratum."""


def named_strata(
    of_lines: Iterable[str], policy: SamplingPolicy, counts: Counts
) -> tuple[str, ...]:
    """At most ten: those in force, then earlier ones as long as there is room.

    An earlier policy's stratum that lost its series would make `other_in` jump by all
    it ever counted, as if so many calls had come at once.
    """
    in_force = [*of_lines, *(stratum.name for stratum in policy.strata)]
    earlier = sorted({label for name, label in counts if name in BY_STRATUM})
    named = dict.fromkeys(name for name in (*in_force, *earlier) if name not in OTHERS)
    return tuple(named)[:MAX_STRATA]


def folded(counts: Counts, named: Iterable[str]) -> Counter[tuple[str, str]]:
    """The same counts, those of strata without a name of their own under `other_…`."""
    kept = {*named, *OTHERS}
    found: Counter[tuple[str, str]] = Counter()
    for (name, label), number in counts.items():
        is_other = name in BY_STRATUM and label not in kept
        found[name, other_of(label) if is_other else label] += number
    return found


def other_of(stratum: str) -> str:
    return OTHER_OUT if stratum.endswith("_out") else OTHER_IN
