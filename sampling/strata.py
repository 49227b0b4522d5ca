"""Which stratum a call is counted under, and whether a policy's strata fit a site.

A call is drawn once, under one stratum, at that stratum's probability. Where several of
the policy's strata want it, the one with the highest probability has it: never the sum
of two. A call that none of them wants is counted by its line's group and its direction,
under the policy's own conditions.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from sampling.gates import OTHER_GROUP
from sampling.policy import PolicyFault, SamplingPolicy, Stratum

MOST_STRATA = 10  # counted of one site; more would make small cells
WAYS = ("in", "out")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call before its draw. `way` is "in" or "out"."""

    line_group: str
    way: str
    queue: str | None = None
    agent_group: str | None = None

    @property
    def usual_stratum(self) -> str:
        """Where it is counted unless the policy has a stratum of its own for it."""
        return f"{self.line_group}_{self.way}"


def stratum_of(policy: SamplingPolicy, facts: Facts, today: date) -> str:
    """The name a call is counted under.

    Of the strata that want it, those whose campaign runs today go first. If none of
    them runs it stays with one that does not, and is not drawn: the end of a campaign
    must not hand its calls to the policy's own conditions, which may be wider.
    """
    if not policy.strata:
        return facts.usual_stratum
    wanting = [own for own in policy.strata if _wants(own, facts)]
    if not wanting:
        return facts.usual_stratum
    running = [own for own in wanting if own.is_running(today)]
    return min(running or wanting, key=lambda own: (-own.rate_ppm, own.name)).name


def _wants(own: Stratum, facts: Facts) -> bool:
    return (
        own.name.endswith(f"_{facts.way}")
        and (not own.line_groups or facts.line_group in own.line_groups)
        and (not own.queues or facts.queue in own.queues)
        and (not own.agent_groups or facts.agent_group in own.agent_groups)
    )


def names_of(strata: Iterable[Stratum], groups: Iterable[str]) -> list[str]:
    """Every name that calls of a site with these line groups can be counted under.

    Calls of unknown lines, which are never drawn, have two more.
    """
    usual = (f"{group}_{way}" for group in groups for way in WAYS)
    return sorted({*usual, *(own.name for own in strata)})


def misfits(
    policy: SamplingPolicy, groups: Collection[str], lines: Collection[str]
) -> list[PolicyFault]:
    """Why a policy cannot be a site's that has these line groups and dialled numbers.

    Empty when it can. To be asked again whenever a site's line groups change.
    """
    found = [fault for own in policy.strata for fault in _misfits_of(own, groups)]
    if strange := len(policy.excluded_lines - set(lines)):  # not said: they are numbers
        wrong = f"{strange} of them not listed"
        found.append(PolicyFault("excluded_lines", wrong, "list each in lines"))
    return [*found, *_too_many(policy, groups)]


def _misfits_of(own: Stratum, groups: Collection[str]) -> Iterator[PolicyFault]:
    field = f"strata.{own.name}"
    for group in sorted(own.line_groups - set(groups)):
        yield PolicyFault(
            f"{field}.line_groups",
            f'"{group}" is no line group of the site',
            f"take of {', '.join(sorted(groups)) or 'none: add line_groups first'}",
        )
    named_after = own.name.rpartition("_")[0]
    if named_after == OTHER_GROUP:
        yield PolicyFault(field, "bears the name of unknown lines", "rename it")
    elif named_after in groups and not _wants_all_of(own, named_after):
        # Calls of that group it does not want would be counted under its name.
        yield PolicyFault(
            field, f"bears the name of {named_after} and wants not all of it", "rename"
        )


def _wants_all_of(own: Stratum, group: str) -> bool:
    is_wanted = not own.line_groups or group in own.line_groups
    return is_wanted and not own.queues and not own.agent_groups


def _too_many(policy: SamplingPolicy, groups: Collection[str]) -> Iterator[PolicyFault]:
    number = len(names_of(policy.strata, groups))
    if number > MOST_STRATA:
        yield PolicyFault(
            "strata",
            f"{number} with both ways of {len(groups)} line groups",
            f"at most {MOST_STRATA}: name some after a line group, or join some",
        )
