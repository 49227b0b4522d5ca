"""What abuse of a right to listen looks like: pure rules over lines of the trace.

CNIL deliberations on patient files ask for regular checks of who looked at what. A rule
that is met is a sign, not a verdict: somebody decides on it. Each number says why it is
what it is; they are meant to be missed by whoever does their work.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from math import exp, log
from statistics import median
from uuid import UUID

from proxy.access.hours import Hours
from proxy.access.permissions import Role
from proxy.access.trace.acts import Act
from proxy.access.watch.lines import (
    Lines,
    Seen,
    Stretch,
    crowded,
    each_alone,
    places_by_day,
    spans,
)
from proxy.access.watch.listening import Listening

# Thirty calls in ten minutes: nobody hears a call in twenty seconds, thirty times; nor
# reads what was written of it.
BURST = 30
BURST_WITHIN = timedelta(minutes=10)
# Six times the usual spread above the usual day. A normal spread is passed so once in
# a hundred million days; people's days have longer tails, so it is a few times a year.
SPREADS_ABOVE = 6
SPREAD_OF_NORMAL = 1.4826  # median distance to the median, as a standard deviation
LEAST_SPREAD = 1.0  # peers who all do the same leave no room otherwise
# Of fewer days, or of fewer people, nobody knows what is usual.
PEER_DAYS = 20
PEERS = 3
# There, sixty calls of five minutes are five hours of a day of nothing else.
WITHOUT_PEERS = 60
# Twenty calls are a day of coaching; whoever hears fewer stands out to nobody.
NEVER_BELOW = 20
# Twice to rate a call, twice to speak of it with the agent: more is about the caller.
REPEATS = 5
REPEATS_WITHIN = timedelta(hours=24)
# A link that is old is tried once or twice; ten refusals are a search.
REFUSALS = 10
REFUSALS_WITHIN = timedelta(hours=1)
# An agent's own list shows only their own calls: three others were looked for.
COLLEAGUES = 3
COLLEAGUES_WITHIN = timedelta(hours=24)
# What was begun at work is heard to its end; a play can be kept alive all night.
HEARD_OUT = timedelta(hours=1)
# Why it was refused: what is held, played elsewhere or badly asked for is their own.
_OUT_OF_REACH = frozenset({"object-missing", "no-analysis"})
# Ten of one agent in a day, and hardly any of another, were picked: unless there is
# hardly another. Of two agents one is half of everything, and nobody is picked out.
SINGLED_OUT = 10
SINGLED_SHARE = 0.8
SINGLED_WITHIN = timedelta(hours=24)
AGENTS_TO_PICK_FROM = 3
# Ten requests an hour with three looks each are a desk's fullest hour.
SEARCHES = 30
SEARCHES_WITHIN = timedelta(hours=1)
# Where nothing but an officer's word opens a voice; each time somebody else looks.
ON_THEIR_WORD = frozenset({"proved-otherwise", "proved-by-document"})
HANDED_OVER = "code-handed-over"
# Who hears what comes has such a day once in a hundred thousand.
BY_CHANCE = 1e-5
LONGEST = timedelta(hours=24)
"""No rule looks back further than this, but for what is known."""


class Rule(StrEnum):
    """The closed list of signs."""

    BURST = "burst"
    ABOVE_PEERS = "above-peers"
    OFF_HOURS = "off-hours"
    REPEATS = "repeats"
    NO_CAMPAIGN = "no-campaign"
    COLLEAGUES = "colleagues"
    SINGLED_OUT = "singled-out"
    REFUSALS = "refusals"
    SEARCHES = "searches"
    ON_THEIR_WORD = "on-their-word"
    """Somebody was said to be known, and no code to their telephone showed it."""
    CODE_HANDED_OVER = "code-handed-over"
    BREAK_GLASS = "break-glass"
    """Opened by the use itself; decided by its review."""
    SAMPLE = "sample"
    """Opened by whoever doubted an entry in a monthly review."""


# More than a mistake can explain: recordings may be in wrong hands (GDPR Art. 33). What
# has no campaign was within reach, or nobody would have heard it (permissions.py); most
# often its facts could not be noted, so it is asked about and is no incident.
SEVERE = frozenset({Rule.BURST, Rule.COLLEAGUES})


@dataclass(frozen=True, slots=True)
class Sign:
    """That somebody met a rule on a day: how many lines, from which to which."""

    actor: str
    rule: Rule
    day: date
    seen: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Known:
    """What is known besides the lines themselves."""

    hours: Hours
    days: Mapping[str, Mapping[str, Sequence[int]]]
    """By role and actor: how many they played on each day they played at all."""
    decided: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """By actor and rule: up to which place somebody has decided already."""
    recorded: Mapping[str, Mapping[bytes, int]] = field(default_factory=dict)
    """By practice and agent: how many recordings there are to choose from."""


_Finds = Callable[[Lines, Known], Iterable[Stretch]]


def signs(lines: Iterable[Seen], known: Known) -> list[Sign]:
    """Every sign in these lines, which may span days: one for a person, rule and day.

    Lines come in the order of their places.
    """
    by_actor: dict[str, list[Seen]] = defaultdict(list)
    for line in lines:
        if line.actor:
            by_actor[line.actor].append(line)
    return [sign for own in by_actor.values() for sign in _signs_of(own, known)]


def _signs_of(own: Lines, known: Known) -> Iterator[Sign]:
    actor = own[0].actor
    for rule, finds in _FINDS.items():
        decided = known.decided.get((actor, rule.value), -1)
        kept = [x for x in own if x.place > decided or x.act is Act.GLASS_BROKEN]
        found = places_by_day(finds(kept, known), known.hours)
        for day, places in found.items():
            yield Sign(actor, rule, day, len(places), min(places), max(places))


def _plays(own: Lines) -> list[Seen]:
    return [line for line in own if line.act is Act.PLAY]


def _burst(own: Lines, _: Known) -> Iterator[Stretch]:
    """Apart: whoever listens again sees what they wrote, which is one look, not two."""
    viewed = [x for x in own if x.act is Act.VIEWED and not x.is_search]
    for taken in (_plays(own), viewed):
        yield from crowded(taken, BURST, BURST_WITHIN)


def _off_hours(own: Lines, known: Known) -> Iterator[Stretch]:
    return each_alone([x for x in own if _is_off(x, known.hours)])


def _is_off(line: Seen, hours: Hours) -> bool:
    if line.act is Act.HEARD:
        return not (hours.are_on(line.at) or hours.are_on(line.at - HEARD_OUT))
    return line.act is Act.PLAY and not hours.are_on(line.at)


def _repeats(own: Lines, _: Known) -> Iterator[Stretch]:
    by_item: dict[UUID | None, list[Seen]] = defaultdict(list)
    for line in _plays(own):
        by_item[line.item].append(line)
    for of_item in by_item.values():
        yield from crowded(of_item, REPEATS, REPEATS_WITHIN)


def _no_campaign(own: Lines, _: Known) -> Iterator[Stretch]:
    """Agents hear their own, of whatever campaign; broken glass has its own alert."""
    opened: set[UUID | None] = set()
    found: list[Seen] = []
    for line in own:
        if line.act is Act.GLASS_BROKEN:
            opened.add(line.item)
        elif line.role == Role.AGENT or line.item in opened:
            continue
        elif line.act is Act.PLAY and line.campaign == "":
            found.append(line)
    return each_alone(found)


def _colleagues(own: Lines, _: Known) -> Iterator[Stretch]:
    refused = [
        line
        for line in own
        if line.role == Role.AGENT and line.item and line.about in _OUT_OF_REACH
    ]
    items: Counter[UUID | None] = Counter()
    for stretch, gone in spans(refused, COLLEAGUES_WITHIN):
        items[stretch.lines[stretch.last].item] += 1
        for line in gone:
            items[line.item] -= 1
            if not items[line.item]:
                del items[line.item]
        if len(items) >= COLLEAGUES:
            yield stretch


def _singled_out(own: Lines, known: Known) -> Iterator[Stretch]:
    if any(line.role == Role.AGENT for line in own):
        return  # agents hear themselves
    heard = Listening(known.recorded)
    for stretch, gone in spans(_plays(own), SINGLED_WITHIN):
        heard.slide(stretch.lines[stretch.last], gone)
        agent, number = heard.most
        is_most = number >= max(SINGLED_OUT, SINGLED_SHARE * heard.items)
        if agent and is_most and _is_picked(agent, number, heard):
            yield heard.of(agent)


def _is_picked(agent: bytes, number: int, heard: Listening) -> bool:
    """Whether chance alone would not give so many of this agent.

    Of what there is in the practices somebody heard: who listens to one practice
    chooses among its agents.
    """
    there = heard.there
    if len(there) < AGENTS_TO_PICK_FROM:
        return False
    share = there[agent] / there.total()
    return chance_of(number, heard.items, share) < BY_CHANCE


def chance_of(least: int, of: int, share: float) -> float:
    """No less than the chance of so many hits, of so many tries at most one each.

    Chernoff's bound on the tail of the binomial distribution; of any number of tries.
    """
    hit = least / of
    if not 0 < share < hit:
        return float(share > 0)
    missed = (1 - hit) * log((1 - hit) / (1 - share)) if hit < 1 else 0.0
    return exp(-of * (hit * log(hit / share) + missed))


def _refusals(own: Lines, _: Known) -> Iterator[Stretch]:
    refused = [line for line in own if line.act in (Act.REFUSED, Act.SIGN_IN_FAILED)]
    return crowded(refused, REFUSALS, REFUSALS_WITHIN)


def _searches(own: Lines, _: Known) -> Iterator[Stretch]:
    """For persons' recordings, by number, call times or agent."""
    sought = [line for line in own if line.is_search]
    return crowded(sought, SEARCHES, SEARCHES_WITHIN)


def _on_their_word(own: Lines, _: Known) -> Iterator[Stretch]:
    return each_alone([x for x in _requests(own) if x.purpose in ON_THEIR_WORD])


def _code_handed_over(own: Lines, _: Known) -> Iterator[Stretch]:
    return each_alone([x for x in _requests(own) if x.purpose == HANDED_OVER])


def _requests(own: Lines) -> Iterator[Seen]:
    return (line for line in own if line.act is Act.REQUEST)


def _above_peers(own: Lines, known: Known) -> Iterator[Stretch]:
    of_day: dict[tuple[str, date], list[Seen]] = defaultdict(list)
    for line in _plays(own):
        of_day[line.role, known.hours.day_of(line.at)].append(line)
    for (role, _), lines in of_day.items():
        of_role = known.days.get(role, {})
        peers = {who: days for who, days in of_role.items() if who != lines[0].actor}
        most = usual_limit(peers)
        if len(lines) > (WITHOUT_PEERS if most is None else most):
            yield Stretch(lines, 0, len(lines) - 1)


def usual_limit(peers: Mapping[str, Sequence[int]]) -> float | None:
    """More plays in a day than this are not usual; None where nobody knows."""
    days = [count for each in peers.values() for count in each]
    if len(peers) < PEERS or len(days) < PEER_DAYS:
        return None
    middle = median(days)
    spread = SPREAD_OF_NORMAL * median(abs(count - middle) for count in days)
    return max(NEVER_BELOW, middle + SPREADS_ABOVE * max(spread, LEAST_SPREAD))


_FINDS: Mapping[Rule, _Finds] = {
    Rule.BURST: _burst,
    Rule.ABOVE_PEERS: _above_peers,
    Rule.OFF_HOURS: _off_hours,
    Rule.REPEATS: _repeats,
    Rule.NO_CAMPAIGN: _no_campaign,
    Rule.COLLEAGUES: _colleagues,
    Rule.SINGLED_OUT: _singled_out,
    Rule.REFUSALS: _refusals,
    Rule.SEARCHES: _searches,
    Rule.ON_THEIR_WORD: _on_their_word,
    Rule.CODE_HANDED_OVER: _code_handed_over,
}
