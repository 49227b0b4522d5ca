"""What a leader does with a batch: look, decide, commit; all of it or nothing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proxy.intake.binds import Bind, ClockFaultError, StalePolicyError
from proxy.intake.drawing import (
    Batch,
    Past,
    Terms,
    call_of,
    draw_all,
    first_of_each,
    legs_of,
)
from proxy.intake.epochs import Epochs
from proxy.intake.policy_book import PolicyBook
from proxy.intake.seat import Seat, Settled
from proxy.intake.store import DrawnCall
from proxy.ledger.stopping import stop_code
from proxy.ledger.transaction import Head, LedgerWentBackError, StaleHeadError
from sampling.seed import epoch_start, epoch_to_draw_in


@dataclass(frozen=True, slots=True)
class Draws:
    """The calls of some binds, in their order, and which were drawn just now.

    None stands for a call that could not be named in the week of the draw; `nameless`
    are such binds of other replicas. `misjudged` are theirs that were judged under
    another policy than the one of the draw.
    """

    calls: Sequence[DrawnCall | None]
    fresh: frozenset[bytes]
    nameless: Sequence[UUID]
    misjudged: Sequence[UUID]


class Leader:
    """Draws for one site on whatever seat it is given."""

    def __init__(
        self, epochs: Epochs, clock: Callable[[], datetime], policies: PolicyBook
    ) -> None:
        self._epochs = epochs
        self._clock = clock
        self._policies = policies

    async def draw(
        self, seat: Seat, binds: Sequence[Bind], forwarded: Mapping[UUID, Bind]
    ) -> Draws:
        """Draw for `binds`, and answer what other replicas `forwarded` with them.

        A first try takes no lock: the head seldom moves between look and commit. If it
        has, the second try keeps all others out. A PonctuelError means: nothing drawn.
        """
        draws = await self._try(seat, binds, forwarded, is_locked=False)
        if draws is None:
            async with seat.connection.transaction():
                draws = await self._try(seat, binds, forwarded, is_locked=True)
        if draws is None:
            raise StaleHeadError
        return draws

    async def _try(
        self,
        seat: Seat,
        binds: Sequence[Bind],
        forwarded: Mapping[UUID, Bind],
        *,
        is_locked: bool,
    ) -> Draws | None:
        everyone = [*binds, *forwarded.values()]
        head, known, past = await seat.look(everyone, is_locked=is_locked)
        fresh = first_of_each(everyone, known)
        terms = await self._terms(seat, head) if fresh else None
        batch = await self._batch(seat, head, terms, fresh, past) if terms else None
        drawn = {call.call_key: call for call in batch.calls} if batch else {}
        known |= drawn
        calls = [call_of(bind, known) for bind in binds]
        # Whoever asked here hears of a draw first; then it is news to nobody else.
        news = drawn.keys() - {call.call_key for call in calls if call}
        settled = _settled(forwarded, known, news)
        if not await seat.commit(batch, legs_of(everyone, known), settled):
            return None
        undrawn = {id_: bind for id_, bind in forwarded.items() if id_ not in settled}
        nameless, misjudged = _told_apart(undrawn, terms)
        return Draws(calls, frozenset(drawn), nameless, misjudged)

    async def _batch(
        self, seat: Seat, head: Head, terms: Terms, fresh: Sequence[Bind], past: Past
    ) -> Batch | None:
        judged = [bind for each in fresh if (bind := each.under(terms.policy))]
        campaigns = {
            bind.agent_key: conditions.starts_on
            for bind in judged
            if bind.agent_key
            and (conditions := terms.policy.conditions(bind.stratum)).coverage
        }
        heard = await seat.heard(campaigns) if campaigns else {}
        batch = draw_all(head, terms, judged, heard, past)
        return batch if batch.calls else None

    async def _terms(self, seat: Seat, head: Head) -> Terms:
        if head.is_halted:
            raise LedgerWentBackError
        if head.policy_version != self._policies.version:
            await self._policies.learn(seat.connection)
        if head.policy_version > self._policies.version:
            raise StalePolicyError(f"version {head.policy_version} is in force")
        length = self._epochs.epoch_seconds
        now = self._clock()
        epoch = epoch_to_draw_in(now, head.last_epoch, length)
        if epoch is None:
            raise ClockFaultError
        key = await self._epochs.key_of(seat.connection, head.revealed_epoch, epoch)
        return Terms(
            policy=self._policies.schedule.at(epoch),
            key=key,
            epoch=epoch,
            now=max(now, epoch_start(epoch, length)),
            stop_code=stop_code(head.stops),
        )


def _told_apart(
    undrawn: Mapping[UUID, Bind], terms: Terms | None
) -> tuple[list[UUID], list[UUID]]:
    """Binds without a name in the week of the draw, and those judged otherwise."""
    version = terms.policy.version if terms else None
    nameless = [
        bind_id for bind_id, bind in undrawn.items() if bind.policy_version == version
    ]
    return nameless, [bind_id for bind_id in undrawn if bind_id not in nameless]


def _settled(
    forwarded: Mapping[UUID, Bind],
    known: Mapping[bytes, DrawnCall],
    news: Iterable[bytes],
) -> dict[UUID, Settled]:
    """The answers for other replicas; of two binds of one call the first is news."""
    left = set(news)
    settled = {}
    for bind_id, bind in forwarded.items():
        if call := call_of(bind, known):
            settled[bind_id] = Settled(call.call_key, call.call_key in left)
            left.discard(call.call_key)
    return settled
