"""How long what was drawn earlier is kept, once a policy keeps calls for less time.

A promise to keep something less long holds for what there is already as well; a promise
to keep it longer never does (GDPR Art. 5(1)(e)).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sampling.schedule import PolicySchedule


@dataclass(frozen=True, slots=True)
class Promise:
    """For calls drawn before `from_epoch`: the most days any of them is kept.

    Those of a stratum that is not named are kept `kept_days` at most.
    """

    from_epoch: int
    kept_days: int
    by_stratum: Mapping[str, int]


def promises(schedule: PolicySchedule, since: int, now: int) -> Iterator[Promise]:
    """What the policies promise that began to hold in the epochs `since` to `now`.

    Conditions without a day say nothing of what there is already: a policy that was
    taken away ends the drawing, and no recording. Nor does a stratum that is gone say
    where its calls would belong today. Both give their calls the longest of what there
    is.
    """
    earlier: set[str] = set()
    for entry in schedule.entries:
        policy = entry.policy
        said = [own.kept_days for own in (policy, *policy.strata) if own.has_days]
        strata = {own.name for own in policy.strata}
        if said and since <= entry.from_epoch <= now:
            longest = max(said)
            yield Promise(
                entry.from_epoch,
                policy.kept_days if policy.has_days else longest,
                {
                    **dict.fromkeys(earlier | strata, longest),
                    **{o.name: o.kept_days for o in policy.strata if o.has_days},
                },
            )
        earlier |= strata
