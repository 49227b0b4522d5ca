"""Who does thousands of things is looked at as fast as anybody, and as closely.

The rules over windows of time are held against what they mean: every window, whole.
"""

import time
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.hours import Hours
from proxy.access.trace.acts import Act
from proxy.access.watch import rules
from proxy.access.watch.lines import Seen
from proxy.access.watch.rules import Known, Rule, Sign, chance_of, signs

MORNING = datetime(2026, 11, 18, 9, 0, tzinfo=UTC)
AGENTS = [b"agent-%d" % n for n in range(5)]
THERE = {
    "cardio": dict.fromkeys(AGENTS, 40),
    "dental": {AGENTS[0]: 70, AGENTS[1]: 1},
    "": {AGENTS[2]: 5},
}


# --- What they mean -------------------------------------------------------------------


def every(lines, most, within):
    for start in range(len(lines) - most + 1):
        stretch = lines[start : start + most]
        if stretch[-1].at - stretch[0].at <= within:
            yield stretch


def windows(lines, within):
    start = 0
    for end, line in enumerate(lines):
        while line.at - lines[start].at > within:
            start += 1
        yield lines[start : end + 1]


def colleagues(own):
    sought = [x for x in own if x.item and x.about in ("object-missing", "no-analysis")]
    for stretch in windows(
        [x for x in sought if x.role == "agent"], rules.COLLEAGUES_WITHIN
    ):
        if len({x.item for x in stretch}) >= rules.COLLEAGUES:
            yield stretch


def singled_out(own, recorded):
    if any(x.role == "agent" for x in own):
        return
    for stretch in windows([x for x in own if x.act is Act.PLAY], timedelta(hours=24)):
        items = {(x.agent, x.item) for x in stretch if x.agent}
        there = Counter()
        for practice in {x.practice for x in stretch}:
            there.update(recorded.get(practice or "", {}))
        for agent, number in Counter(agent for agent, _ in items).most_common(1):
            is_most = number >= max(10, 0.8 * len(items)) and len(there) >= 3
            if is_most and (
                chance_of(number, len(items), there[agent] / there.total())
                < rules.BY_CHANCE
            ):
                yield [x for x in stretch if x.agent == agent]


def whole_windows(own, recorded):
    """By rule, every stretch of lines that meets it."""
    plays = [x for x in own if x.act is Act.PLAY]
    viewed = [x for x in own if x.act is Act.VIEWED and not x.is_search]
    refused = [x for x in own if x.act in (Act.REFUSED, Act.SIGN_IN_FAILED)]
    of_item = defaultdict(list)
    for each in plays:
        of_item[each.item].append(each)
    ten, hour, day = timedelta(minutes=10), timedelta(hours=1), timedelta(hours=24)
    return {
        Rule.BURST: [*every(plays, 30, ten), *every(viewed, 30, ten)],
        Rule.REPEATS: [s for x in of_item.values() for s in every(x, 5, day)],
        Rule.COLLEAGUES: [*colleagues(own)],
        Rule.SINGLED_OUT: [*singled_out(own, recorded)],
        Rule.REFUSALS: [*every(refused, 10, hour)],
        Rule.SEARCHES: [*every([x for x in own if x.is_search], 30, hour)],
    }


def meant(own, known):
    for rule, stretches in whole_windows(own, known.recorded).items():
        of_day = defaultdict(set)
        for stretch in stretches:
            day = known.hours.day_of(stretch[-1].at)
            of_day[day].update(x.place for x in stretch)
        for day, places in of_day.items():
            yield Sign("who", rule, day, len(places), min(places), max(places))


# --- That they say it -----------------------------------------------------------------

PLAYED = (Act.PLAY, "")
DONE = (
    PLAYED,
    (Act.VIEWED, "analysis"),
    (Act.VIEWED, "find-by-details"),
    (Act.REFUSED, "object-missing"),
    (Act.SIGN_IN_FAILED, ""),
)


def runs_of(what, agents, practices):
    """So often the same, so many seconds apart; then the next."""
    run = {
        "times": st.integers(1, 35),
        "apart": st.sampled_from([-5, 0, 15, 20, 300, 1500, 6000, 40_000]),
        "what": st.sampled_from(what),
        "items": st.sampled_from([0, 0, 1, 3, 12]),
        "agents": st.sampled_from(agents),
        "practice": st.sampled_from(practices),
    }
    return st.lists(st.fixed_dictionaries(run), max_size=8)


RUNS = runs_of(DONE, [(), AGENTS], ["cardio", "dental", "", None])
OF_FEW = runs_of([PLAYED], [AGENTS[3:4], AGENTS[:1], AGENTS], ["cardio", "dental"])


def done(runs, role):
    """Line after line, as the trace has them; a clock may go back a little."""
    at, lines = MORNING, []
    for run in runs:
        act, about = run["what"]
        for n in range(run["times"]):
            at += timedelta(seconds=run["apart"])
            item = UUID(int=1 + n % run["items"]) if run["items"] else uuid4()
            agents = run["agents"]
            lines.append(
                Seen(
                    place=len(lines),
                    at=at,
                    act=act,
                    actor="who",
                    role=role,
                    item=item,
                    campaign="training",
                    practice=run["practice"],
                    agent=agents[n % len(agents)] if agents else None,
                    about=about,
                )
            )
    return lines


@given(RUNS | OF_FEW, st.sampled_from(["trainer", "agent"]))
def test_each_sign_is_what_its_rule_means_line_for_line(runs, role):
    lines, known = done(runs, role), Known(Hours(), {}, recorded=THERE)

    told = {
        (sign.rule, sign.day): sign
        for sign in signs(lines, known)
        if sign.rule in whole_windows([], {})
    }

    assert told == {(sign.rule, sign.day): sign for sign in meant(lines, known)}


def test_a_picked_colleague_is_told_of_after_whoever_else_was_heard():
    """Those who were heard a day ago count no more, whichever was most then."""
    before = {"times": 30, "apart": 1500, "what": PLAYED, "items": 0}
    others = before | {"agents": AGENTS, "practice": "cardio"}
    one = before | {"agents": AGENTS[3:4], "practice": "cardio", "apart": 3000}
    lines, known = done([others, one], "trainer"), Known(Hours(), {}, recorded=THERE)

    told = [sign for sign in signs(lines, known) if sign.rule is Rule.SINGLED_OUT]

    assert told
    assert told == [x for x in meant(lines, known) if x.rule is Rule.SINGLED_OUT]


# --- At what cost ---------------------------------------------------------------------


def seconds_for(number, act, role):
    """Of the processor, for so many lines a second apart; the best of three."""
    lines = [
        Seen(
            place=n,
            at=MORNING + timedelta(seconds=n),
            act=act,
            actor="who",
            role=role,
            item=UUID(int=n + 1),
            practice="cardio",
            agent=AGENTS[n % 5],
            about="object-missing",
        )
        for n in range(number)
    ]
    known, taken = Known(Hours(), {}, recorded=THERE), []
    for _ in range(3):
        began = time.process_time()
        assert signs(lines, known)
        taken.append(time.process_time() - began)
    return min(taken)


@pytest.mark.alone
@pytest.mark.parametrize(
    ("act", "role"), [(Act.PLAY, "trainer"), (Act.REFUSED, "agent")]
)
def test_eight_times_the_lines_take_eight_times_as_long_and_not_sixty_four(act, role):
    few, many = seconds_for(500, act, role), seconds_for(4000, act, role)

    assert many < 3 * 8 * few
