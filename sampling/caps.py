"""How often one person may be recorded: a lower probability first, a stop only last.

A stop makes every later call of that person predictable and fills a sample with the
beginning of the month. So the probability of an agent's calls is halved until no more
than a few recordings a month are to be expected. Behind it stand a budget, which no
luck overdraws, and a share of the week. A caller is not recorded again while there is a
recording of them. Integers and whole days (UTC) only; a window counts the day it begins
in whole, so it is never shorter than it says.
"""

from dataclasses import dataclass

from sampling.budget import MICRO

AGENT_CODE = "cap_agent"
CALLER_CODE = "cap_caller"
CAP_CODES = (AGENT_CODE, CALLER_CODE)

DAY_SECONDS = 24 * 3600
WINDOW_DAYS = 30
COUNTED_DAYS = WINDOW_DAYS + 1  # today, and every day the last 30 times 24 h touch

# Recordings to be expected of one agent in 30 days. Trade practice assesses 4 to 10
# calls of an agent a month: the mean stays at its low end.
MOST_EXPECTED = 4
# The budget, in fifths of a recording, so that its refill of 6 in 30 days is one each
# day: 4 at once and 6 later are at most 10 in any 30 days, the other end.
TOKEN = 5
FULL = 4 * TOKEN
MOST_DRAWN = (FULL + WINDOW_DAYS) // TOKEN
# Of the last 7 days, once there are two: at most every tenth of the agent's own calls.
WEEK_DAYS = 7
WEEK_FREE = 2
WEEK_SHARE = 10


_STOP = 64  # halvings that leave nothing of a number of 64 bits


@dataclass(frozen=True, slots=True)
class Cap:
    """How often T is halved, and why.

    Only halvings: any other step would tell agents apart in a public leaf.
    """

    code: str | None = None
    halvings: int = 0

    @property
    def is_stop(self) -> bool:
        return self.halvings == _STOP


NO_CAP = Cap()
CALLER_STOPPED = Cap(CALLER_CODE, _STOP)
_AGENT_STOPPED = Cap(AGENT_CODE, _STOP)


@dataclass(frozen=True, slots=True)
class AgentDays:
    """One agent's calls of the last `COUNTED_DAYS` days, of which `day` is the newest.

    Days are counted since 1970-01-01. `seen`: how many calls, `day` first, then the day
    before; missing days had none. `drawn`: the day of each call drawn to be recorded,
    the oldest first.
    """

    day: int
    seen: tuple[int, ...] = ()
    drawn: tuple[int, ...] = ()

    def at(self, day: int) -> "AgentDays":
        """The same on a later day, without what is too old by then."""
        later = max(0, day - self.day)
        seen = ((0,) * min(later, COUNTED_DAYS) + self.seen)[:COUNTED_DAYS]
        newest = self.day + later
        return AgentDays(newest, seen, _since(self.drawn, newest - WINDOW_DAYS))

    def and_call(self, *, is_record: bool) -> "AgentDays":
        """With one more call today."""
        first, *others = self.seen or (0,)
        drawn = (*self.drawn, self.day) if is_record else self.drawn
        return AgentDays(self.day, (first + 1, *others), drawn)


def cap_of_agent(agent: AgentDays, rate_ppm: int) -> Cap:
    """What stands against the agent's next call on `agent.day` at this rate."""
    if is_spent(agent):
        return _AGENT_STOPPED
    halvings = halvings_of(rate_ppm, calls_a_month(agent))
    return Cap(AGENT_CODE, halvings) if halvings else NO_CAP


def is_spent(agent: AgentDays) -> bool:
    """Whether nothing is left of the agent's budget, or of the week's share."""
    return not has_token(agent) or _has_weeks_share(agent)


def calls_a_month(agent: AgentDays) -> int:
    """The agent's calls of the last 30 days, never too few.

    One who is counted for fewer days is taken to go on as begun: a new agent's first
    month would otherwise be drawn at the full rate until the budget is spent.
    """
    known_days = min(len(agent.seen), WINDOW_DAYS) or 1
    return -(-sum(agent.seen) * WINDOW_DAYS // known_days)


def halvings_of(rate_ppm: int, calls: int) -> int:
    """The fewest that leave at most `MOST_EXPECTED` recordings of `calls` calls."""
    times_too_many = -(-rate_ppm * calls // (MOST_EXPECTED * MICRO))
    return max(0, times_too_many - 1).bit_length()


def has_token(agent: AgentDays) -> bool:
    """Whether the budget allows one more; it was full when the window began.

    So in all of the window, today included, at most (20 + 30) / 5 = 10 are drawn.
    """
    left, day = FULL, agent.day - WINDOW_DAYS
    for drawn_on in agent.drawn:
        left, day = min(FULL, left + drawn_on - day) - TOKEN, drawn_on
    return min(FULL, left + agent.day - day) >= TOKEN


def _has_weeks_share(agent: AgentDays) -> bool:
    calls = sum(agent.seen[:WEEK_DAYS])
    drawn = _since(agent.drawn, agent.day - WEEK_DAYS)
    return len(drawn) >= max(WEEK_FREE, calls // WEEK_SHARE)


def _since(days: tuple[int, ...], first: int) -> tuple[int, ...]:
    return tuple(day for day in days if day >= first)
