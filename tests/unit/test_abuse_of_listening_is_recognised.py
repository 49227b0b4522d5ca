"""The signs of abuse, one by one: what meets them, and what work looks like."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from math import comb
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.hours import Hours
from proxy.access.trace.acts import Act
from proxy.access.watch import rules
from proxy.access.watch.rules import (
    Known,
    Rule,
    Seen,
    Sign,
    chance_of,
    signs,
    usual_limit,
)

WEDNESDAY = datetime(2026, 11, 18, 10, 0, tzinfo=UTC)
ITEM = UUID(int=7)
QUIET: Mapping[str, Mapping[str, Sequence[int]]] = {}
AGENTS = [b"agent-%d" % n for n in range(1, 8)]
SEVEN_ALIKE = {"cardio": dict.fromkeys(AGENTS, 40)}
PEERS = {"trainer": {f"t-{n}": [4, 5, 5, 6, 7, 8, 9] for n in range(2, 7)}}


def line(minutes: float, act: Act = Act.PLAY, **changes) -> Seen:
    """What t-1 did so many minutes after ten (UTC) on a Wednesday."""
    fields = {
        "place": int(minutes * 1000) + 1_000_000,
        "at": WEDNESDAY + timedelta(minutes=minutes),
        "act": act,
        "actor": "t-1",
        "role": "trainer",
        "item": uuid4(),
        "campaign": "training-2026-11-02",
        "practice": "cardio",
        "agent": uuid4().bytes,
    }
    return Seen(**fields | changes)


def known(days=QUIET, **changes) -> Known:
    return Known(Hours(), days, **changes)


def found(lines, about: Known | None = None) -> set[Rule]:
    return {sign.rule for sign in signs(lines, about or known())}


def test_a_day_of_work_has_no_sign():
    day = [line(15 * n) for n in range(20)]
    refused = [line(400, Act.REFUSED), line(401, Act.SIGN_IN_FAILED)]

    assert found([*day, *refused], known(PEERS)) == set()
    assert found([]) == set()


# --- Too much -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plays", "seconds", "is_sign"),
    [(30, 600, True), (29, 600, False), (30, 601, False)],
)
def test_thirty_plays_in_ten_minutes(plays, seconds, is_sign):
    step = seconds / 60 / (plays - 1)

    assert (Rule.BURST in found([line(step * n) for n in range(plays)])) is is_sign


def test_one_sign_tells_of_the_whole_burst():
    burst = [line(n / 6) for n in range(40)]

    [sign] = signs(burst, known())

    assert sign == Sign(
        "t-1", Rule.BURST, date(2026, 11, 18), 40, burst[0].place, burst[-1].place
    )


def test_ranges_of_one_play_are_not_plays():
    assert found([line(n / 10, Act.HEARD) for n in range(60)]) == set()


@pytest.mark.parametrize(("views", "is_sign"), [(30, True), (29, False)])
def test_whoever_reads_every_analysis_by_a_script(views, is_sign):
    read = [line(n / 3, Act.VIEWED, about="analysis") for n in range(views)]

    assert (Rule.BURST in found(read)) is is_sign


def test_to_hear_again_what_one_has_analysed_is_one_look_and_not_two():
    day = [line(n / 2, act) for n in range(20) for act in (Act.PLAY, Act.VIEWED)]

    assert found(day) == set()


def test_what_two_people_did_is_not_added_up():
    both = [line(n / 4, actor=f"t-{n % 2}") for n in range(40)]

    assert found(both) == set()


@pytest.mark.parametrize(("plays", "is_sign"), [(20, False), (21, True)])
def test_more_in_a_day_than_peers_ever_do(plays, is_sign):
    day = [line(10 * n) for n in range(plays)]

    assert (Rule.ABOVE_PEERS in found(day, known(PEERS))) is is_sign


def test_what_is_usual_is_not_known_of_few_people_or_few_days():
    few_people = {"trainer": {f"t-{n}": [5] * 20 for n in range(2, 4)}}
    few_days = {"trainer": {f"t-{n}": [5] * 3 for n in range(2, 7)}}
    day = [line(10 * n) for n in range(60)]

    assert found(day, known(few_people)) == set()
    assert found(day, known(few_days)) == set()


def test_somebody_without_peers_hears_no_endless_number_either():
    """Never thirty in ten minutes, and all day long."""
    day = [line(8 * n) for n in range(61)]

    assert found(day) == {Rule.ABOVE_PEERS}
    assert found(day[:60]) == set()


def test_nobody_is_their_own_peer():
    alone = {"trainer": {"t-1": [60] * 28}}

    assert usual_limit({}) is None
    assert found([line(10 * n) for n in range(40)], known(alone)) == set()


@given(
    st.lists(
        st.lists(st.integers(1, 60), min_size=7, max_size=28), min_size=3, max_size=9
    ),
    st.integers(10**3, 10**6),
)
def test_one_persons_excess_hardly_moves_what_is_usual(days, excess):
    """A mean would follow whoever exaggerates; a median does not."""
    peers = {f"t-{n}": each for n, each in enumerate(days)}
    outdone = {**peers, "t-0": [*days[0][:-1], excess]}

    for usual in (usual_limit(peers), usual_limit(outdone)):
        assert usual is None or rules.NEVER_BELOW <= usual <= 60 + 6 * 1.4826 * 60


# --- At the wrong time, again and again -----------------------------------------------


@pytest.mark.parametrize(
    ("at", "is_sign"),
    [
        (datetime(2026, 11, 18, 5, 59, tzinfo=UTC), True),  # 06:59 in Paris
        (datetime(2026, 11, 18, 6, 0, tzinfo=UTC), False),
        (datetime(2026, 11, 18, 19, 59, tzinfo=UTC), False),
        (datetime(2026, 11, 18, 20, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 15, 19, 0, tzinfo=UTC), True),  # 21:00, in summer
        (datetime(2026, 11, 21, 10, 0, tzinfo=UTC), True),  # a Saturday
    ],
    ids=str,
)
def test_a_play_when_nobody_works(at, is_sign):
    assert (Rule.OFF_HOURS in found([line(0, at=at)])) is is_sign


@pytest.mark.parametrize(
    ("at", "is_sign"),
    [
        (datetime(2026, 11, 18, 20, 59, tzinfo=UTC), False),  # 21:59 in Paris
        (datetime(2026, 11, 18, 21, 0, tzinfo=UTC), True),
        (datetime(2026, 11, 21, 10, 0, tzinfo=UTC), True),  # a Saturday
    ],
    ids=str,
)
def test_what_was_begun_at_work_is_heard_to_its_end_and_not_all_night(at, is_sign):
    assert (Rule.OFF_HOURS in found([line(0, Act.HEARD, at=at)])) is is_sign


def test_a_site_may_work_at_other_hours():
    at_night = Hours(zone="Indian/Reunion", opens=time(0), closes=time(23, 59))
    every_day = Hours(has_weekends=True)
    saturday = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)

    assert at_night.are_on(datetime(2026, 11, 18, 1, 0, tzinfo=UTC))
    assert every_day.are_on(saturday)


@pytest.mark.parametrize(("times", "is_sign"), [(4, False), (5, True)])
def test_the_same_recording_again_and_again(times, is_sign):
    again = [line(200 * n, item=ITEM) for n in range(times)]

    assert (Rule.REPEATS in found(again)) is is_sign


# --- The wrong recordings -------------------------------------------------------------


def test_a_recording_of_no_campaign():
    assert found([line(0, campaign="")]) == {Rule.NO_CAMPAIGN}
    assert found([line(0, campaign=None)]) == set()


def test_agents_hear_their_own_calls_of_whatever_campaign():
    assert found([line(0, campaign="", role="agent")]) == set()


def test_what_was_opened_by_breaking_the_glass_has_its_own_alert():
    opened = [line(0, Act.GLASS_BROKEN, item=ITEM), line(1, item=ITEM, campaign="")]

    assert found(opened) == set()


def looked_for(minutes: float, about: str = "object-missing", **changes) -> Seen:
    return line(minutes, Act.REFUSED, role="agent", about=about, **changes)


@pytest.mark.parametrize(("tries", "is_sign"), [(2, False), (3, True)])
def test_an_agent_who_tries_colleagues_calls(tries, is_sign):
    tried = [looked_for(60 * n) for n in range(tries)]

    assert (Rule.COLLEAGUES in found(tried)) is is_sign


def test_an_agent_whose_own_link_is_old_tries_no_colleagues_call():
    stale = [looked_for(n, item=ITEM) for n in range(5)]

    assert found(stale) == set()


@pytest.mark.parametrize(
    "why", ["restricted", "wrong-use", "too-many-plays", "play-spent", "no-range"]
)
def test_an_agent_who_is_refused_their_own_calls_tries_no_colleagues(why):
    assert found([looked_for(60 * n, why) for n in range(5)]) == set()


@pytest.mark.parametrize(
    ("of_one", "of_others", "is_sign"), [(10, 2, True), (9, 0, False), (10, 5, False)]
)
def test_a_colleague_who_is_singled_out(of_one, of_others, is_sign):
    one = [line(10 * n, agent=b"agent-7") for n in range(of_one)]
    others = [line(5 + 10 * n, agent=AGENTS[n]) for n in range(of_others)]
    day = sorted([*one, *others], key=lambda each: each.place)

    assert (Rule.SINGLED_OUT in found(day, known(recorded=SEVEN_ALIKE))) is is_sign


@pytest.mark.parametrize(
    ("there", "is_sign"),
    [
        ({"cardio": {b"agent-7": 50, b"agent-1": 50}}, False),
        ({"cardio": {b"agent-7": 90, b"agent-1": 5, b"agent-2": 5}}, False),
        ({"cardio": {b"agent-7": 20, b"agent-1": 40, b"agent-2": 40}}, True),
        ({"cardio": {b"agent-7": 50}, "dental": SEVEN_ALIKE["cardio"]}, False),
        ({}, False),
    ],
    ids=["of two", "most calls are theirs", "of three", "alone in it", "none left"],
)
def test_who_is_nearly_all_there_is_to_hear_is_not_singled_out(there, is_sign):
    day = [line(10 * n, agent=b"agent-7") for n in range(10)]

    assert (Rule.SINGLED_OUT in found(day, known(recorded=there))) is is_sign


@given(
    st.integers(1, 60).flatmap(lambda of: st.tuples(st.integers(1, of), st.just(of))),
    st.floats(0.01, 0.99),
)
def test_what_chance_gives_is_never_taken_for_less_than_it_is(hits, share):
    least, of = hits
    tail = sum(
        comb(of, n) * share**n * (1 - share) ** (of - n) for n in range(least, of + 1)
    )

    assert tail <= chance_of(least, of, share) * (1 + 1e-9)
    assert chance_of(of, of, share) == pytest.approx(share**of)


def test_whoever_hears_very_many_in_a_day_is_still_looked_at():
    day = [line(n / 4, agent=b"agent-7") for n in range(1500)]

    assert Rule.SINGLED_OUT in found(day, known(recorded=SEVEN_ALIKE))
    assert chance_of(1400, 1500, 0.2) == 0
    assert chance_of(5, 10, 0) == 0


def test_agents_hear_themselves_alone():
    own = [line(10 * n, agent=b"agent-7", role="agent") for n in range(12)]

    assert found(own) == set()


# --- Refused --------------------------------------------------------------------------


@pytest.mark.parametrize(("refusals", "is_sign"), [(9, False), (10, True)])
@pytest.mark.parametrize("act", [Act.REFUSED, Act.SIGN_IN_FAILED])
def test_many_refusals_in_an_hour(act, refusals, is_sign):
    refused = [line(6 * n, act) for n in range(refusals)]

    assert (Rule.REFUSALS in found(refused)) is is_sign


def test_refusals_of_nobody_in_particular_are_nobodys():
    assert found([line(n, Act.SIGN_IN_FAILED, actor="") for n in range(50)]) == set()


# --- Once -----------------------------------------------------------------------------


def test_what_was_decided_on_is_no_sign_again_and_what_comes_after_is():
    night = [
        line(60 * n, at=WEDNESDAY + timedelta(hours=12, minutes=n)) for n in (0, 1)
    ]
    decided = {("t-1", "off-hours"): night[0].place}

    [sign] = signs(night, known(decided=decided))

    assert (sign.first, sign.seen) == (night[1].place, 1)
    assert signs(night[:1], known(decided=decided)) == []


LINES = st.lists(
    st.builds(
        line,
        st.integers(0, 3000),
        st.sampled_from([Act.PLAY, Act.REFUSED, Act.SIGN_IN_FAILED, Act.GLASS_BROKEN]),
        actor=st.sampled_from(["t-1", "t-2", "a-1"]),
        role=st.sampled_from(["trainer", "agent", "dpo"]),
        item=st.one_of(st.none(), st.integers(1, 5).map(lambda n: UUID(int=n))),
        campaign=st.sampled_from(["", None, "training-2026-11-02"]),
        agent=st.sampled_from([None, b"a", b"b"]),
    ),
    max_size=80,
).map(lambda lines: sorted(lines, key=lambda each: each.place))


@given(LINES)
def test_there_is_one_sign_for_a_person_a_rule_and_a_day(lines):
    told = signs(lines, known(PEERS))

    keys = [(sign.actor, sign.rule, sign.day) for sign in told]
    assert len(set(keys)) == len(keys)
    places = {each.place for each in lines}
    assert all({sign.first, sign.last} <= places and sign.seen > 0 for sign in told)


@given(LINES, st.data())
def test_more_of_the_same_takes_no_sign_away(lines, data):
    """So nobody hides a sign among others; a singled-out colleague can be hidden."""
    cut = data.draw(st.integers(0, len(lines)))
    before = {(s.actor, s.rule) for s in signs(lines[:cut], known())}
    after = {(s.actor, s.rule) for s in signs(lines, known())}

    assert {key for key in before - after if key[1] is not Rule.SINGLED_OUT} == set()


# --- Requests of persons --------------------------------------------------------------


def searched(minutes: float) -> Seen:
    return line(minutes, Act.VIEWED, role="rights_officer", about="find-by-details")


def test_search_after_search_for_persons_is_a_sign():
    assert Rule.SEARCHES not in found([searched(2 * n) for n in range(29)])
    assert found([searched(2 * n) for n in range(30)]) == {Rule.SEARCHES}
    assert found([searched(5 * n) for n in range(60)]) == set()


@pytest.mark.parametrize(
    ("purpose", "rules"),
    [
        ("proved-otherwise", {Rule.ON_THEIR_WORD}),
        ("proved-by-document", {Rule.ON_THEIR_WORD}),
        ("code-handed-over", {Rule.CODE_HANDED_OVER}),
        ("code-confirmed", set()),
        ("link-issued", set()),
    ],
)
def test_what_rests_on_an_officers_word_is_looked_at_each_time(purpose, rules):
    done = line(1, Act.REQUEST, role="rights_officer", purpose=purpose)

    assert found([done]) == rules
    assert (
        found([done], known(decided={("t-1", r.value): done.place for r in rules}))
        == set()
    )
