"""However calls arrive, are batched, lost and tried again, the draws are the model's.

The service below is several replicas that share one ledger: a replica that dies before
its commit leaves nothing behind and another one tries the calls again, in whatever
batches; one that dies after it has its callers ask again. Rates and ceilings are far
above the lawful ones, so that buckets run empty within a few calls.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import accumulate

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from proxy.intake.binds import Bind
from proxy.intake.drawing import Terms, draw_all, first_of_each
from proxy.intake.epochs import Tags
from proxy.ledger.entry import decode
from proxy.ledger.transaction import Head
from sampling.budget import MICRO, SITE_BUCKET, Budget
from sampling.decision import Candidate, decide
from sampling.draw import draw_value
from sampling.policy import Conditions, Purpose, SamplingPolicy, Stratum
from sampling.seed import week_at
from tests.unit import reference_model

# Many days, on a busy machine.
pytestmark = pytest.mark.timeout(600)
STRATA = ("cardio_in", "cardio_out", "other_in")
NOON = datetime(2026, 11, 17, 12, tzinfo=UTC)
ONE_RATE = 500_000
COMMITTED, LOST, ANSWER_LOST = "committed", "lost", "answer lost"


def by_tag(calls):
    return sorted(calls, key=lambda call: call[0])


@dataclass(frozen=True)
class Rules:
    """How a service draws. The mutants below differ from it in one point each."""

    decide: Callable = decide
    order: Callable = by_tag
    budget: type[Budget] = Budget


@dataclass
class Service:
    """What the replicas share. `committed` is what the model is told."""

    rules: Rules
    tokens: dict = field(default_factory=dict)
    drawn: set = field(default_factory=set)
    ledger: list = field(default_factory=list)
    committed: list = field(default_factory=list)

    def draw(self, calls, epoch, fate):
        """Try one batch, and do not commit it if it is to be lost."""
        policy = policy_of(epoch, self.rules.budget)
        fresh = {call[0]: call for call in calls if call[0] not in self.drawn}
        tokens, entries = self.tokens, []
        for tag, stratum, gate, rate in self.rules.order(fresh.values()):
            candidate = Candidate(tag, stratum, gate, rate)
            made, tokens = self.rules.decide(candidate, policy, epoch.key, tokens)
            entries.append((tag, made.threshold, made.value, made.is_record, made.code))
        if fate == LOST:
            return
        self.tokens = tokens
        self.drawn |= fresh.keys()
        self.ledger += entries
        self.committed.append(epoch.rules | {"calls": list(fresh.values())})


@dataclass
class WholeBatches(Service):
    """The service's own way with a batch: who is new, in which order, on which head."""

    known: dict = field(default_factory=dict)

    def draw(self, calls, epoch, fate):
        policy = policy_of(epoch, Budget, ONE_RATE)
        terms = Terms(policy=policy, key=epoch.key, epoch=1, now=NOON)
        fresh = first_of_each([bind_of(call) for call in calls], self.known)
        head = Head(len(self.ledger), self.tokens, 1, 0, 1)
        batch = draw_all(head, terms, fresh, {})
        if fate == LOST:
            return
        self.tokens = batch.tokens
        self.known |= {call.call_key: call for call in batch.calls}
        self.ledger += [entry_of(decode(body), epoch.key) for body in batch.bodies]
        told = [
            (bind.tags.this_week, bind.stratum, bind.gate_code, ONE_RATE)
            for bind in fresh
        ]
        self.committed.append(epoch.rules | {"calls": told})


def bind_of(call):
    tag, stratum, gate, _ = call
    tags = Tags(week_at(NOON), tag, None, None)
    return Bind(
        tags=tags, leg_key=None, connection="pbx", stratum=stratum, gate_code=gate
    )


def entry_of(leaf, key):
    tag = bytes.fromhex(leaf["c"])
    made = int(leaf["T"], 16), draw_value(key, tag), leaf["d"] == 1
    return (tag, *made, leaf.get("x"))


@dataclass(frozen=True)
class Epoch:
    """A seed and the policy's budgets: ceiling in ppm, burst, smooth.

    Of the site, and of those strata that have one of their own.
    """

    key: bytes
    figures: tuple[int, int, int]
    own_figures: dict[str, tuple[int, int, int]]

    @property
    def rules(self):
        """As the model wants them."""
        strata = {name: told(own) for name, own in self.own_figures.items()}
        return told(self.figures) | {"key": self.key, "strata": strata}


def told(figures):
    return dict(zip(("c", "B", "smooth"), figures, strict=True))


POLICY = SamplingPolicy(
    version=1,
    purpose=Purpose.TRAINING,
    rate_ppm=0,  # each call brings its own
    budget=Budget(1, 1, 1),
    starts_on=date(2026, 11, 1),
    ends_on=date(2026, 11, 29),
    max_seconds=600,
    kept_days=30,
    announcement="",
    opt_out_key="9",
)


def policy_of(epoch, budget=Budget, rate_ppm=0):
    """Strata at the very same rate, so that only their buckets are their own."""
    shared = {name: getattr(POLICY, name) for name in Conditions.__dataclass_fields__}
    shared["rate_ppm"] = rate_ppm
    strata = tuple(
        Stratum(**shared | {"budget": budget(*own)}, name=name)
        for name, own in epoch.own_figures.items()
    )
    figures = budget(*epoch.figures)
    return replace(POLICY, budget=figures, rate_ppm=rate_ppm, strata=strata)


@st.composite
def figures(draw):
    burst = draw(st.integers(1, 4))
    return draw(st.integers(0, 400_000)), burst, draw(st.integers(1, burst))


@st.composite
def epochs(draw):
    own = st.dictionaries(st.sampled_from(STRATA), figures(), max_size=2)
    return Epoch(draw(st.binary(min_size=32, max_size=32)), draw(figures()), draw(own))


calls = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.sampled_from(STRATA),
    st.sampled_from([None, None, None, None, "line_excluded"]),
    st.sampled_from([0, 18_000, 500_000, 900_000, 999_999]),
)
arrivals = st.lists(calls, min_size=1, max_size=60, unique_by=lambda call: call[0])
batches = st.tuples(
    st.integers(1, 12),  # calls taken from those who wait
    st.sampled_from([COMMITTED, COMMITTED, LOST, ANSWER_LOST]),
    st.booleans(),  # whether a new epoch, and policy, begins
    st.booleans(),  # whether callers who must ask again go to the end of the line
)


@st.composite
def days(draw):
    """A day: who calls, with retries in any place, and what befalls each batch."""
    first = draw(arrivals)
    again = draw(st.lists(st.sampled_from(first), max_size=10))
    line = draw(st.permutations(first + again))
    return (
        line,
        draw(st.lists(batches, max_size=25)),
        draw(st.lists(epochs(), min_size=5)),
    )


def live_through(day, rules, kind=Service) -> Service:
    """Let a service have this day; in the end everybody who called was answered."""
    line, fates, of_the_day = day
    service, number = kind(rules), 0
    for size, fate, moves_on, to_the_end in fates:
        batch, line = line[:size], line[size:]
        service.draw(batch, of_the_day[number % len(of_the_day)], fate)
        if fate != COMMITTED:
            line = line + batch if to_the_end else batch + line
        number += moves_on
    while line:
        batch, line = line[:5], line[5:]
        service.draw(batch, of_the_day[number % len(of_the_day)], COMMITTED)
    return service


def largest_excess(steps: Sequence[tuple[int, int]]) -> int:
    """The most micro-tokens any window took beyond what was added in it.

    `steps`: what each call took and what it added.
    """
    gains = (taken - added for taken, added in steps)
    return max(accumulate(gains, lambda best, gain: max(best, 0) + gain), default=0)


def check_ceiling(service: Service) -> None:
    """In every window of n calls: recorded <= B + c·n, for the site and each stratum.

    Where policies change within a window, B is the largest and c·n what was added.
    """
    about = {
        call[0]: {SITE_BUCKET: batch, call[1]: batch["strata"].get(call[1], batch)}
        for batch in service.committed
        for call in batch["calls"]
    }
    of = {name: [] for name in (SITE_BUCKET, *STRATA)}
    largest = dict.fromkeys(of, 0)
    for tag, _, _, is_record, _ in service.ledger:
        for name, own in about[tag].items():
            of[name].append((MICRO * is_record, own["c"]))
            largest[name] = max(largest[name], own["B"])
    for name, steps in of.items():
        assert largest_excess(steps) <= largest[name] * MICRO


def check_day(day, rules, kind=Service) -> None:
    service = live_through(day, rules, kind)

    assert service.ledger == reference_model.decisions(service.committed)
    tags = [entry[0] for entry in service.ledger]
    assert len(tags) == len(set(tags)), "a call was drawn twice"
    assert set(tags) == {call[0] for call in day[0]}, "a call was not drawn"
    check_ceiling(service)


def check_knife_edge(rules) -> None:
    """A number equal to its threshold is not below it: not recorded.

    Numbers cannot be chosen, but a bucket of absurd size can be filled so that the
    threshold becomes the call's own number, and then one more.
    """
    key = bytes(32)
    tags = (number.to_bytes(16, "big") for number in range(100))
    tag = next(tag for tag in tags if draw_value(key, tag) < 2**63)
    number = draw_value(key, tag)
    policy = replace(POLICY, budget=rules.budget(0, 2**65, 2**64))
    candidate = Candidate(tag, STRATA[0], None, rate_ppm=500_000)
    for beyond in (0, 1):
        held = (number + beyond) * 2 * MICRO
        tokens = {SITE_BUCKET: held, STRATA[0]: held}
        decision, _ = rules.decide(candidate, policy, key, tokens)
        assert decision.threshold == number + beyond
        assert decision.is_record == bool(beyond)


@given(days())
@settings(max_examples=300, deadline=None)
def test_the_draws_of_any_day_are_the_models_and_keep_the_ceiling(day):
    check_day(day, Rules())


@settings(max_examples=200, deadline=None)
@given(days())
def test_the_services_own_batches_are_the_models_too(day):
    check_day(day, Rules(), WholeBatches)


def test_a_number_that_equals_its_threshold_is_not_drawn():
    check_knife_edge(Rules())


def test_the_model_is_short_enough_to_be_read_at_once():
    assert len(inspect.getsource(reference_model).splitlines()) <= 40


class RefillsBeforeTheCap(Budget):
    """A full bucket may hold one call's share more than its size."""

    def refill(self, micro_tokens):
        return min(self.full(), micro_tokens) + self.ceiling_ppm


class WantsMoreThanAToken(Budget):
    """With exactly one token left it draws no more: >= has become >."""

    def threshold(self, micro_tokens, rate_ppm):
        return super().threshold(micro_tokens, rate_ppm) if micro_tokens > MICRO else 0


def at_or_below(candidate, policy, key, tokens):
    decision, after = decide(candidate, policy, key, tokens)
    is_record = bool(decision.threshold) and decision.value <= decision.threshold
    return replace(decision, is_record=is_record), after


def without_strata(candidate, policy, key, tokens):
    return decide(replace(candidate, stratum=SITE_BUCKET), policy, key, tokens)


def without_their_budgets(candidate, policy, key, tokens):
    return decide(candidate, replace(policy, strata=()), key, tokens)


def with_theirs_for_the_site(candidate, policy, key, tokens):
    budget = policy.conditions(candidate.stratum).budget
    return decide(candidate, replace(policy, budget=budget), key, tokens)


def gates_before_the_count(candidate, policy, key, tokens):
    decision, after = decide(candidate, policy, key, tokens)
    return decision, tokens if candidate.gate_code else after


def for_nothing(candidate, policy, key, tokens):
    decision, after = decide(candidate, policy, key, tokens)
    paid = {name: after[name] + MICRO for name in (SITE_BUCKET, candidate.stratum)}
    return decision, {**after, **paid} if decision.is_record else after


MUTANTS = {
    "it refills before it caps": Rules(budget=RefillsBeforeTheCap),
    "it wants more than one token": Rules(budget=WantsMoreThanAToken),
    "it draws a number equal to its threshold": Rules(decide=at_or_below),
    "it has no bucket for each stratum": Rules(decide=without_strata),
    "it has the site's budget for each stratum": Rules(decide=without_their_budgets),
    "it has a stratum's budget for the site": Rules(decide=with_theirs_for_the_site),
    "it does not count calls behind a closed gate": Rules(
        decide=gates_before_the_count
    ),
    "it takes no token for a recording": Rules(decide=for_nothing),
    "it draws in the order of arrival": Rules(order=list),
}


@pytest.mark.parametrize("broken", MUTANTS)
def test_it_would_be_noticed_if(broken):
    def look_for_a_difference():
        check_knife_edge(MUTANTS[broken])
        # The slowest take 50 on average; which come depends on all that is imported.
        search = settings(
            max_examples=5_000,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
        )
        search(given(days())(lambda day: check_day(day, MUTANTS[broken])))()

    with pytest.raises(AssertionError):
        look_for_a_difference()
